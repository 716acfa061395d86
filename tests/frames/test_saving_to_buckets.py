"""Outputs saved at an address: the same files, names and rules as in a folder of this machine."""

from __future__ import annotations

import json
import sys
import traceback

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.cli import main
from pruna_nb.errors import InputError, MissingExtraError, StorageError
from tests.helpers.storages import contents, opened, put, remove

FRAME = pd.DataFrame({"prompt": ["a red fox", "a blue whale"], "sku": ["A-1", "B/2"]})


@pytest.fixture
def out(generate):
    return generate(FRAME, "prompt", seed=3, aspect_ratio="1:1")


def test_it_writes_what_a_local_folder_gets_and_a_second_call_writes_nothing(
    out, tmp_path, bucket, capsys
):
    how = {"name": "pets/{sku}", "layout": "imagefolder"}
    local = out.pruna.save(tmp_path / "here", **how)
    here = {
        path.relative_to(tmp_path / "here").as_posix(): path.read_bytes()
        for path in (tmp_path / "here").rglob("*")
        if path.is_file()
    }
    saved = out.pruna.save(f"{bucket}/folder/", **how)
    assert contents(f"{bucket}/folder") == here
    assert sorted(here) == ["metadata.jsonl", "pets/A-1.jpg", "pets/B_2.jpg"]
    assert saved["file"].tolist() == [
        f"{bucket}/folder/pets/A-1.jpg",
        f"{bucket}/folder/pets/B_2.jpg",
    ]
    assert local["file"].map(lambda path: path.rpartition("/")[2]).tolist() == [
        "A-1.jpg",
        "B_2.jpg",
    ]
    assert "file" not in out.columns
    assert f"Saved 2 files in {bucket}/folder." in capsys.readouterr().out
    again = out.pruna.save(f"{bucket}/folder", **how)
    assert again.equals(saved)
    assert contents(bucket) == {f"folder/{name}": data for name, data in here.items()}


def test_an_object_of_another_content_is_never_overwritten(out, bucket):
    put(bucket, "A-1.jpg", b"somebody's picture")
    size = len(contents(out.pruna.save(f"{bucket}/other", name="x")["file"][0][:-5])["x.jpg"])
    put(bucket, "B_2.jpg", b"x" * size)  # of the same length, perhaps
    saved = out.pruna.save(bucket, name="{sku}")
    assert saved["file"].tolist() == [f"{bucket}/A-1-2.jpg", f"{bucket}/B_2-2.jpg"]
    assert out.pruna.save(bucket, name="{sku}").equals(saved)
    assert contents(bucket)["A-1.jpg"] == b"somebody's picture"
    assert contents(bucket)["B_2.jpg"] == b"x" * size


def test_a_name_that_is_taken_meanwhile_is_not_overwritten(out, bucket, monkeypatch):
    from pruna_nb.files.buckets import Bucket

    monkeypatch.setattr(Bucket, "list", lambda self, *folder: {})
    put(bucket, "A-1.jpg", b"somebody's picture")
    with pytest.raises(StorageError, match=r"A-1.jpg was written by somebody else meanwhile"):
        out.pruna.save(bucket, name="{sku}")
    assert contents(bucket)["A-1.jpg"] == b"somebody's picture"


def test_a_dataset_in_a_bucket_grows_by_what_is_saved_there(out, memory):
    for row in (0, 1):
        out.iloc[[row]].pruna.save(memory, name="{sku}", layout="imagefolder")
    lines = contents(memory)["metadata.jsonl"].decode().splitlines()
    assert [json.loads(line)["file_name"] for line in lines] == ["A-1.jpg", "B_2.jpg"]


def test_an_upload_that_is_interrupted_leaves_no_half_file(out, memory, monkeypatch):
    def broken(self, local, path, **how):
        with self.open(path, "wb") as file:
            file.write(b"half")
        raise ConnectionResetError("the line broke")

    with monkeypatch.context() as patch:
        patch.setattr(type(opened(memory)[0]), "put_file", broken)
        with pytest.raises(StorageError, match="the line broke") as caught:
            out.pruna.save(memory, name="{sku}")
    assert "equal files are left" in caught.value.__notes__[0]
    assert contents(memory) == {}
    assert out.pruna.save(memory, name="{sku}")["file"].notna().all()


def test_what_is_wrong_is_said_at_once_before_anything_is_written(out, memory, monkeypatch):
    with pytest.raises(InputError) as caught:
        out.pruna.save(memory, name="{no}", layout="no", format="no", storage_options="no")
    told = str(caught.value)
    for part in ("storage_options must be a dict", "'{no}'", "layout", "format='no'"):
        assert part in told
    assert contents(memory) == {}
    with pytest.raises(InputError, match="fsspec knows no nosuch://"):
        out.pruna.save("nosuch://place/folder")
    with pytest.raises(InputError, match="names no place"):
        out.pruna.save("s3://")
    with pytest.raises(InputError, match="user or password") as caught:
        out.pruna.save("ftp://me:hidden-word@host/folder")
    assert "hidden-word" not in str(caught.value)
    with pytest.raises(InputError, match="is one of this machine"):
        out.pruna.save("folder", storage_options={"key": "x"})
    registry = pytest.importorskip("fsspec.registry")
    for missing in ("fsspec", "s3fs"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            patch.delitem(registry._registry, "s3", raising=False)
            with pytest.raises(MissingExtraError, match=r"install 'pruna_nb\[storage\]' s3fs"):
                out.pruna.save("s3://bucket/folder")


def test_a_bucket_that_is_not_there_is_an_error_and_is_not_made(out, s3):
    missing = f"{s3}-missing/folder"
    with pytest.raises(StorageError, match="cannot be written"):
        out.pruna.save(missing)
    assert not opened(s3)[0].exists(f"{s3}-missing")


def test_options_reach_the_storage_and_are_not_shown(out, s3, monkeypatch, shared_s3):
    host, port = shared_s3.get_host_and_port()
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    options = {
        "key": "testing",
        "secret": "a-secret-of-the-bucket",
        "endpoint_url": f"http://{host}:{port}",
    }
    saved = out["output"].pruna.save(f"{s3}/pets", name="{seed}", storage_options=options)
    assert saved["file"].tolist() == [f"{s3}/pets/3.jpg", f"{s3}/pets/3-2.jpg"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint_url"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
    assert sorted(contents(s3)) == ["pets/3-2.jpg", "pets/3.jpg"]
    with pytest.raises(StorageError) as caught:
        out.pruna.save("s3://no-such-bucket-here", storage_options=options)
    assert options["secret"] not in "".join(traceback.format_exception(caught.value))


def test_the_command_line_reads_a_table_of_a_bucket_and_saves_there(
    service, tmp_path, s3, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    table = f"{s3}/tables/pets.csv"
    put(s3, "tables/pets.csv", FRAME.to_csv(index=False).encode())
    how = ["--prompt-col", "prompt", "--quiet"]
    for wrong in (table.replace("pets", "none"), table.replace(".csv", ".doc")):
        assert main(["generate", wrong, "--out", "made", *how]) != 0
    assert main(["generate", table, "--out", f"{s3}/made", *how]) != 0
    told = capsys.readouterr().err
    assert f"There is no file '{s3}/tables/none.csv'" in told
    assert "`pruna-nb save` puts the outputs of the table there" in told
    assert service.accepted == []
    assert main(["generate", table, "--out", "made", *how]) == 0
    remove(s3, "tables/pets.csv")
    assert main(["save", "made/pets.csv", f"{s3}/pets", "--name", "{sku}"]) == 0
    assert f"Saved 2 files in {s3}/pets." in capsys.readouterr().out
    assert sorted(contents(s3)) == ["pets/A-1.jpg", "pets/B_2.jpg"]
    assert main(["save", "made/pets.csv", "nosuch://x/pets"]) == 1
    assert "fsspec knows no nosuch://" in capsys.readouterr().err
    assert pruna_nb.cache.info().entries == 2
