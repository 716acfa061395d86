"""A token in an input opens doors: it goes to the service, and nowhere else."""

from __future__ import annotations

import io
import json
import logging
import traceback

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.arguments import Problems
from pruna_nb.errors import InputError
from pruna_nb.frames.call import read_call
from pruna_nb.frames.call_attrs import attrs_of

QUIET = {"progress": False}
TOKEN = "hf_Tk9vdEFSZWFsVG9rZW4"
FIELDS = {"lora_weights": "https://example.com/tok.safetensors", "hf_api_token": TOKEN}


@pytest.fixture
def frame():
    return pd.DataFrame({"prompt": ["a tok lion", "a tok fox"]})


@pytest.fixture
def out(frame, service):
    return frame.pruna.generate("prompt", model="p-image-lora", **FIELDS, **QUIET)


def everything_in(folder):
    """Return all bytes of all files of a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_token_reaches_the_service_which_masks_it(out, service):
    assert out["status"].tolist() == ["succeeded"] * 2
    assert [row["input"]["hf_api_token"] for row in service.accepted] == ["***"] * 2


def test_the_token_is_in_no_file_of_the_cache_and_the_journal(out, tmp_path):
    kept = everything_in(tmp_path)
    assert b"tok.safetensors" in kept
    assert TOKEN.encode() not in kept


def test_the_token_is_not_in_the_frame_nor_in_its_attrs(out, tmp_path):
    out.to_parquet(tmp_path / "out.parquet")
    assert TOKEN not in out.to_csv()
    assert TOKEN not in repr(out.attrs)
    assert TOKEN.encode() not in (tmp_path / "out.parquet").read_bytes()


def test_the_token_is_not_in_what_the_journal_shows(out):
    assert TOKEN not in pruna_nb.journal().to_csv()


@pytest.mark.usefixtures("out")
def test_another_token_for_the_same_request_is_not_paid_for_again(frame, service):
    fields = {**FIELDS, "hf_api_token": "hf_another"}
    again = frame.pruna.generate("prompt", model="p-image-lora", **fields, **QUIET)
    assert again["cached"].tolist() == [True, True]
    assert service.charged == 2


def test_a_frame_with_a_token_is_retried_with_the_arguments_given_again(frame, service):
    service.configure(faults={"failed": {"first": 1}})
    out = frame.pruna.generate("prompt", model="p-image-lora", **FIELDS, **QUIET)
    with pytest.raises(InputError, match="files and secrets are never kept there"):
        out.pruna.retry(**QUIET)
    again = out.pruna.retry("prompt", model="p-image-lora", **FIELDS, **QUIET)
    assert again["status"].tolist() == ["succeeded"] * 2


@pytest.mark.parametrize("token", [[TOKEN], {"token": TOKEN}, TOKEN.encode()])
def test_a_token_of_the_wrong_type_is_not_shown_in_the_error(token, frame, service):
    with pytest.raises(InputError, match="hf_api_token") as raised:
        frame.pruna.generate("prompt", model="p-image-lora", hf_api_token=token, **QUIET)
    assert TOKEN not in "".join(traceback.format_exception(raised.value))
    tokens = frame.assign(token=[[TOKEN]] * 2)
    with pytest.raises(InputError, match="hf_api_token") as raised:
        tokens.pruna.generate("prompt", model="p-image-lora", hf_api_token_col="token", **QUIET)
    assert TOKEN not in "".join(traceback.format_exception(raised.value))


def test_a_call_shows_no_token():
    call = read_call("p-image-lora", Problems(), prompt_col="prompt", fields=FIELDS)
    assert TOKEN not in repr(call)
    assert attrs_of(call) is None


def test_a_models_unknown_to_the_catalogue_keeps_the_token_to_itself_too(frame, service, tmp_path):
    service.configure(extra_models=["sketch-9"])
    out = frame.pruna.generate("prompt", model="sketch-9", unchecked=True, **FIELDS, **QUIET)
    assert out["status"].tolist() == ["succeeded"] * 2
    assert TOKEN.encode() not in everything_in(tmp_path)
    assert TOKEN not in repr(out.attrs)


def test_neither_key_nor_token_are_logged_printed_or_told_in_errors(frame, service, capsys):
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        service.configure(faults={"failed": {"first": 1}})
        out = frame.pruna.generate("prompt", model="p-image-lora", **FIELDS)
        service.configure(keys=["another-key"])
        with pytest.raises(pruna_nb.errors.AuthenticationError) as raised:
            frame.pruna.generate("prompt", model="p-image", **FIELDS)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    told = log.getvalue() + "".join(capsys.readouterr()) + out.to_csv()
    told += "".join(traceback.format_exception(raised.value)) + raised.value.frame.to_csv()
    assert out["status"].tolist().count("failed") == 1
    assert TOKEN not in told
    assert "test-key" not in told


def test_a_token_from_a_column_is_masked_as_well(frame, service, tmp_path):
    tokens = frame.assign(token=TOKEN)
    out = tokens.pruna.generate("prompt", model="p-image-lora", hf_api_token_col="token", **QUIET)
    assert out["status"].tolist() == ["succeeded"] * 2
    assert TOKEN.encode() not in everything_in(tmp_path)
    assert TOKEN not in repr(out.attrs)


def test_a_column_of_tokens_is_in_no_record_dataset_or_table(frame, service, tmp_path, capsys):
    signed = "https://example.com/a.png?X-Amz-Signature=f00dcafe"
    tokens = frame.assign(token=TOKEN, source=signed)
    out = tokens.pruna.generate("prompt", model="p-image-lora", hf_api_token_col="token", **QUIET)
    out.pruna.save(tmp_path / "dataset", layout="imagefolder")
    lines = (tmp_path / "dataset" / "metadata.jsonl").read_text(encoding="utf-8")
    record = out.pruna.record()
    told = json.dumps(record) + lines + out.pruna.table().html()
    assert TOKEN not in told
    assert "f00dcafe" not in told
    assert json.loads(lines.splitlines()[0])["source"] == signed.replace("f00dcafe", "***")
    assert record["left_out"] == ["token"]
    with pytest.raises(InputError, match="does not hold the cells of token"):
        pruna_nb.rerun(record, **QUIET)


def test_an_address_that_was_masked_is_never_sent(service):
    signed = "https://example.com/a.png?X-Amz-Signature=f00dcafe"
    frame = pd.DataFrame({"photo": [[signed], [signed]], "change": ["by night", "in snow"]})
    service.configure(faults={"failed": {"first": 1}})
    out = frame.pruna.edit("change", "photo", **QUIET)
    again = out.pruna.retry(**QUIET)  # by its call: the record has not the whole address
    assert again["status"].tolist() == ["succeeded"] * 2
    assert [row["input"]["images"] for row in service.accepted] == [[signed]] * 3
    history = pruna_nb.history()
    for run in (
        lambda: history.pruna.edit("prompt", "images", prefix="new_", **QUIET),
        lambda: pruna_nb.generate(
            "a fox", model="p-image-lora", lora_weights="https://***@example.com/x"
        ),
    ):
        with pytest.raises(
            InputError, match=r"holds an address with \*\*\* in place of its secret"
        ):
            run()
    assert service.charged == 3
