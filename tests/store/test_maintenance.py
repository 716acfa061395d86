"""``pruna_nb.cache``: what is kept, and what may go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import errors

PROMPTS = pd.DataFrame({"prompt": ["a lion", "a fox", "an owl"]})


@pytest.fixture
def made(service):
    return PROMPTS.pruna.generate("prompt", progress=False)


def test_info_counts_outputs_and_bytes(made):
    info = pruna_nb.cache.info()
    assert (info.entries, info.files) == (3, 3)
    assert info.bytes == sum(Path(path).stat().st_size for path in made["output"])
    assert "3 outputs" in str(info)


def test_info_of_a_folder_that_is_not_there_makes_none(tmp_path):
    with pruna_nb.configure(cache_dir=tmp_path / "none"):
        assert pruna_nb.cache.info().entries == 0
    assert not (tmp_path / "none").exists()


def test_verify_finds_what_is_gone_or_damaged_and_the_next_run_fetches_it_again(made, service):
    gone, damaged, _ = made["output"]
    Path(gone).unlink()
    Path(damaged).write_bytes(b"\xff\xd8\xff no picture any more")
    assert set(pruna_nb.cache.verify()) == {gone, damaged}
    again = PROMPTS.pruna.generate("prompt", progress=False)
    assert again["cached"].tolist() == [True, True, True]
    assert service.charged == 3
    assert pruna_nb.cache.verify() == []


def test_clear_drops_all_outputs_and_keeps_the_journal(made):
    assert pruna_nb.cache.clear() > 0
    assert pruna_nb.cache.info().files == 0
    assert pruna_nb.journal()["state"].tolist() == ["delivered"] * 3


def test_prune_drops_what_was_not_used_for_long(made, service):
    database = pruna_nb.cache.database_of(pruna_nb.settings.current().cache_dir)
    path = Path(made["output"][0])
    long_ago = time.time() - 40 * 86400
    os.utime(path, (long_ago, long_ago))
    database.change("UPDATE item SET used_at = ? WHERE media LIKE ?", [long_ago, f"%{path.name}"])
    freed = pruna_nb.cache.prune(older_than="30d")
    assert freed > 0
    assert not path.exists()
    assert pruna_nb.cache.info().entries == 2


def test_prune_keeps_no_more_bytes_than_it_is_told(made):
    for path in made["output"]:
        os.utime(path, (0, 0))
    most = max(Path(path).stat().st_size for path in made["output"])
    pruna_nb.cache.prune(keep_bytes=most)
    assert pruna_nb.cache.info().bytes <= most
    assert pruna_nb.cache.info().entries == 1


@pytest.mark.parametrize("arguments", [{}, {"older_than": "a while"}, {"older_than": -1.0}])
def test_prune_says_what_it_needs(arguments, made):
    with pytest.raises(errors.InputError):
        pruna_nb.cache.prune(**arguments)


def test_prune_drops_thumbnails_before_it_drops_an_output(made):
    made.pruna.grid().html()
    before = pruna_nb.cache.info()
    assert before.thumbnail_bytes > 0
    pruna_nb.cache.prune(keep_bytes=before.bytes)
    after = pruna_nb.cache.info()
    assert (after.entries, after.thumbnail_bytes) == (3, 0)


def test_clear_drops_thumbnails_too(made):
    made.pruna.grid().html()
    pruna_nb.cache.clear()
    assert pruna_nb.cache.info().thumbnail_bytes == 0


# --------------------------------------------------- what is not the cache's own


def own_files(folder):
    """Give what lies in a folder: files with their bytes, links with where they lead."""
    return {
        path: path.readlink() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def look_after():
    """Do all that deletes anything, thoroughly."""
    pruna_nb.cache.verify()
    pruna_nb.cache.prune(older_than=0)
    pruna_nb.cache.prune(keep_bytes=0)
    pruna_nb.cache.clear()


NAME = "ab" + "0" * 62
THEIRS = [
    "media/holiday.jpg",
    "media/2024/beach.jpg",
    "media/ab/beach.jpg",
    "media/ab/notes.txt",
    f"media/ab/{NAME}",
    f"media/ab/{NAME}.txt",
    f"media/ab/{NAME[:-1]}.jpg",
    f"media/cd/{NAME}.jpg",
    f"media/{NAME}.jpg",
    f"media/ab/deeper/{NAME}.jpg",
    "media/parts/mine.part",
    "thumbs/me.webp",
    "thumbs/ab/me.webp",
    f"thumbs/ab/{'0' * 38}.webp",
    "thumbs/deeper/still/me.jpg",
]


@pytest.mark.parametrize("when", ["before", "after"])
def test_files_of_the_users_own_in_the_cache_folder_stay(when, service):
    folder = pruna_nb.settings.current().cache_dir

    def place():
        for name in THEIRS:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"mine")
            os.utime(folder / name, (0, 0))

    if when == "before":
        place()
        # As another tool that names files by their bytes would have put it there.
        (folder / f"media/ab/{NAME}.jpg").write_bytes(b"mine too")
    out = PROMPTS.pruna.generate("prompt", progress=False)
    out.pruna.grid().html()
    place()
    mine = {folder / name for name in THEIRS}
    if when == "before":
        mine.add(folder / f"media/ab/{NAME}.jpg")
    assert pruna_nb.cache.info().entries == 3
    look_after()
    assert {path for path in mine if path.exists()} == mine
    assert not any(Path(path).exists() for path in out["output"])
    assert set((folder / "thumbs").rglob("*.webp")) <= mine


def test_nothing_is_deleted_through_a_link(made, tmp_path):
    folder = pruna_nb.settings.current().cache_dir
    theirs = tmp_path / "theirs"
    (theirs / "ab").mkdir(parents=True)
    for name in (f"ab/{NAME}.jpg", f"{NAME}.jpg", f"{'0' * 38}.webp"):
        (theirs / name).write_bytes(b"mine")
        os.utime(theirs / name, (0, 0))
    assert not (folder / "media" / "ab").exists()  # none of the three outputs begins so
    (folder / "media" / "ab").symlink_to(theirs)
    (folder / "media" / "cd").mkdir(exist_ok=True)
    linked = folder / "media" / "cd" / ("cd" + "1" * 62 + ".jpg")
    linked.symlink_to(theirs / f"{NAME}.jpg")
    (folder / "thumbs").mkdir(exist_ok=True)
    (folder / "thumbs" / "ab").symlink_to(theirs)
    before = own_files(theirs)
    look_after()
    assert own_files(theirs) == before
    assert linked.is_symlink()


def test_nothing_is_deleted_where_the_media_folder_is_itself_a_link(service, tmp_path):
    folder = pruna_nb.settings.current().cache_dir
    theirs = tmp_path / "theirs"
    (theirs / "ab").mkdir(parents=True)
    (theirs / "ab" / f"{NAME}.jpg").write_bytes(b"mine")
    folder.mkdir(parents=True)
    (folder / "media").symlink_to(theirs)
    PROMPTS.pruna.generate("prompt", progress=False)
    before = own_files(theirs)
    look_after()
    assert own_files(theirs) == before


HOSTILE = [
    "/{victim}",
    "../../{victim}",
    "../media/../../{victim}",
    "{link}",
    "{pipe}",
    "/dev/zero",
    "",
    None,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_somebody_elses_database_names_is_not_opened_and_not_deleted(name, made, service):
    folder = pruna_nb.settings.current().cache_dir
    victim = folder.parent / "letter.jpg"
    victim.write_bytes(b"\xff\xd8\xff a letter")
    status = victim.stat()
    link = folder / "media" / "ab" / f"{NAME}.jpg"
    pipe = folder / "media" / "ac" / ("ac" + "0" * 62 + ".jpg")
    for path in (link, pipe):
        path.parent.mkdir(exist_ok=True)
    link.symlink_to(victim)
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
    given = name and name.format(
        victim="letter.jpg" if name.startswith(".") else str(victim).lstrip("/"),
        link=link.relative_to(folder / "media").as_posix(),
        pipe=pipe.relative_to(folder / "media").as_posix(),
    )
    database = pruna_nb.cache.database_of(folder)
    database.change(
        "UPDATE item SET media = ?, size = ?, mtime_ns = ?",
        [given, status.st_size, status.st_mtime_ns],
    )
    charged = service.charged
    assert PROMPTS.pruna.estimate("prompt").cached == 0
    assert len(pruna_nb.cache.verify()) == 1
    look_after()
    assert victim.read_bytes() == b"\xff\xd8\xff a letter"
    assert link.is_symlink()
    assert pruna_nb.cache.info().entries == 0
    assert service.charged == charged


def test_a_folder_that_the_cache_made_says_so(made):
    media = pruna_nb.settings.current().cache_dir / "media"
    assert "made by pruna_nb" in (media / ".pruna_nb").read_text()


def test_temporary_files_of_others_are_not_swept_away(made):
    from pruna_nb.files.media_store import MediaStore

    media = pruna_nb.settings.current().cache_dir / "media"
    theirs = media / "parts" / "download.part"
    theirs.write_bytes(b"mine")
    os.utime(theirs, (0, 0))
    MediaStore(media).sweep()
    assert theirs.exists()
