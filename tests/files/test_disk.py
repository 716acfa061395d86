"""Folders are their user's alone, whatever the umask; one that others can write is not trusted."""

from __future__ import annotations

import logging
import os
import stat

import pytest

import pruna_nb
from pruna_nb import errors
from pruna_nb.files import disk

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o002, 0o077, 0o277], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_folder_and_those_above_it_are_made_for_the_user_alone(tmp_path):
    disk.make_private(tmp_path / "a" / "b" / "c")
    assert {mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")} == {0o700}


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022])
def test_all_that_a_call_leaves_on_the_disk_is_the_users_alone(service, tmp_path, mask):
    before = os.umask(mask)
    try:
        output = pruna_nb.generate("a lion")
        output._repr_html_()
        comparison = pruna_nb.compare({"a": "a teapot", "b": "a pot"}, seeds=1, progress=False)
        assert comparison.vote() is not None
    finally:
        os.umask(before)
    for name in ("cache", "state"):
        for path in [tmp_path / name, *(tmp_path / name).rglob("*")]:
            assert mode(path) & 0o077 == 0, path


def test_a_cache_folder_that_everybody_can_write_is_refused_before_anything_is_sent(
    service, tmp_path
):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with (
        pruna_nb.configure(cache_dir=folder),
        pytest.raises(errors.CacheError, match=r"mode 777.*chmod 700.*PRUNA_NB_CACHE_DIR"),
    ):
        pruna_nb.generate("a lion")
    assert service.counts["predictions"] == 0
    folder.chmod(0o700)
    with pruna_nb.configure(cache_dir=folder):
        pruna_nb.generate("a lion")
    assert service.charged == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs another user's folder")
def test_another_users_folder_is_refused_except_by_root(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    disk.check_private(folder)
    pid = os.fork()
    if pid == 0:
        tmp_path.chmod(0o711)
        os.seteuid(54321)
        try:
            disk.check_private(folder)
        except errors.CacheError as error:
            os._exit(0 if "number 12345" in str(error) else 2)
        except OSError:  # a folder above it may be root's alone
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize(("bits", "told"), [(0o1777, 1), (0o775, 0), (0o755, 0), (0o700, 0)])
def test_a_folder_that_a_group_can_write_is_told_once(tmp_path, caplog, bits, told):
    """A group with the user's own number is the user's alone."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(bits)
    with caplog.at_level(logging.WARNING, "pruna_nb"):
        disk.make_private(folder)
        disk.make_private(folder)
    assert len(caplog.records) == told


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / ("n" * 250 + ".txt")  # as long as a name may be
    with disk.replacing(path) as file:
        file.write(b"first")
        assert not path.exists()

    def fail():
        with disk.replacing(path) as file:
            file.write(b"half of the sec")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("private", "bits"), [(True, 0o600), (False, 0o644)])
def test_a_replaced_file_is_for_the_user_alone_where_that_is_asked_for(tmp_path, private, bits):
    before = os.umask(0o022)
    try:
        with disk.replacing(tmp_path / "a", private=private) as file:
            file.write(b"a")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == bits
