"""``pruna-nb retry``: each row without an output is requested as the table's command was told."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb import cli, emulator, settings
from pruna_nb.emulator.faults import FAULTS


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in" / "p.csv"
    path.parent.mkdir()
    path.write_text("prompt,number\n007,1\na fox,2\nan owl,3\n", encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def asked(table, out, *more):
    return ["generate", str(table), "--out", str(out), "--quiet", *more]


def inputs(service):
    return sorted((entry["input"] for entry in service.accepted), key=json.dumps)


CALLS = {
    "a column": (["--prompt-col", "prompt", "--seed", "7"], 3),
    "one column for two fields": (["--prompt-col", "prompt", "--seed-col", "number"], 3),
    "a template": (["--prompt", "{prompt}, {number}"], 3),
    "samples": (["--prompt-col", "prompt", "--samples", "2"], 6),
    "a sweep": (["--prompt-col", "prompt", "--sweep", "aspect_ratio=1:1,16:9"], 6),
    "a sweep of models": (["--prompt-col", "prompt", "--sweep", "model=p-image,flux-dev"], 6),
    "a prefix": (["--prompt-col", "prompt", "--prefix", "my_"], 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_lost_and_failed_rows_are_requested_as_the_command_was_told(service, table, out, name):
    more, count = CALLS[name]
    prefix = ["--prefix", "my_"] if "--prefix" in more else []
    assert cli.main(asked(table, out / "whole", *more, "--cache", "off")) == 0
    meant = inputs(service)
    service.configure(faults={"reset_after": {"first": 1}, "failed": {"first": 1, "after": 1}})
    assert cli.main(asked(table, out, *more, "--cache", "off")) == 1
    column = f"{'my_' if prefix else ''}status"
    states = pd.read_csv(out / "p.csv")[column].tolist()
    assert sorted(states) == ["failed", "lost", *["succeeded"] * (count - 2)]
    before = len(service.accepted)
    assert cli.main(["retry", str(out / "p.csv"), "--quiet", "--cache", "off", *prefix]) == 0
    assert set(pd.read_csv(out / "p.csv")[column]) == {"succeeded"}
    assert len(service.accepted) == before + 2  # nothing that succeeded is bought again
    assert {json.dumps(each) for each in inputs(service)} == {json.dumps(each) for each in meant}
    assert pd.read_csv(out / "p.csv", dtype=str)["prompt"][0] == "007"


def test_a_column_that_two_fields_read_is_fitted_again_for_each(service, table, out):
    table.write_text("prompt\n007\n8\n", encoding="utf-8")
    service.configure(faults={"reset_after": {"first": 2}})
    both = ["--prompt-col", "prompt", "--seed-col", "prompt"]
    assert cli.main(asked(table, out, *both)) == 1
    assert cli.main(["retry", str(out / "p.csv"), "--quiet"]) == 0
    assert inputs(service)[-2:] == [{"prompt": "8", "seed": 8}, {"prompt": "8", "seed": 8}]
    assert "prompt as seed" not in pd.read_csv(out / "p.csv").columns


@pytest.mark.parametrize("how", ["--images-col=photo", "--images=a.png"])
def test_files_are_found_from_another_working_folder(service, table, out, monkeypatch, how):
    Image.new("RGB", (64, 64)).save(table.parent / "a.png")
    table.write_text("prompt,photo\na fox,a.png\n", encoding="utf-8")
    monkeypatch.chdir(table.parent)
    service.configure(faults={"reset_after": {"first": 1}})
    edit = ["--model", "p-image-edit", "--prompt-col", "prompt", how]
    assert cli.main(asked(table, out, *edit)) == 1
    monkeypatch.chdir(out)
    assert cli.main(["retry", "p.csv", "--quiet"]) == 0
    assert pd.read_csv("p.csv")["photo"].tolist() == ["a.png"]


def test_a_run_that_was_stopped_is_finished_by_retry(tmp_path, capsys):
    limits = {"p-image": (5, 1.0)}
    table, out = tmp_path / "many.csv", tmp_path / "out"
    pd.DataFrame({"prompt": [f"p{number}" for number in range(20)]}).to_csv(table, index=False)

    def press(service):
        while service.charged < 6:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with (
        emulator.running(fast=True, limits=limits) as service,
        pruna_nb.configure(api_key="k", base_url=service.url, limits=limits),
    ):
        threading.Thread(target=press, args=[service]).start()
        assert cli.main(asked(table, out, "--prompt-col", "prompt", "--cache", "off")) == 130
        done = (pd.read_csv(out / "many.csv")["status"] == "succeeded").sum()
        assert 0 < done < 20
        assert cli.main(["retry", str(out / "many.csv"), "--quiet", "--cache", "off"]) == 0
    assert (pd.read_csv(out / "many.csv")["status"] == "succeeded").all()


def test_a_table_of_an_earlier_release_says_which_command_to_run(service, table, out, capsys):
    service.configure(faults={"reset_after": {"first": 1}})
    assert cli.main(asked(table, out, "--prompt-col", "prompt")) == 1
    manifest = out / ".pruna_nb.json"
    content = json.loads(manifest.read_bytes())
    assert content["pruna_nb files 1"]["p.csv"].pop("call")
    manifest.write_text(json.dumps(content), encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["retry", str(out / "p.csv"), "--quiet"]) == 1
    said = capsys.readouterr().err
    assert "Run the `pruna-nb generate ...` again" in said
    assert "retry(" not in said
    assert cli.main(asked(table, out, "--prompt-col", "prompt")) == 0


def test_a_secret_is_not_kept_with_the_call(service, table, out, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret_word")
    service.configure(faults={"reset_after": {"first": 1}})
    secret = ["--unchecked", "--set", "hf_api_token=env:HF_TOKEN"]
    assert cli.main(asked(table, out, "--prompt-col", "prompt", *secret)) == 1
    assert "hf_secret_word" not in (out / ".pruna_nb.json").read_text(encoding="utf-8")


def test_where_nothing_is_to_retry_that_is_said(service, table, out, capsys):
    assert cli.main(asked(table, out, "--prompt-col", "prompt")) == 0
    capsys.readouterr()
    assert cli.main(["retry", str(out / "p.csv"), "--quiet"]) == 0
    assert capsys.readouterr().out.count("Nothing to retry") == 1
    assert cli.main(["retry", str(out / "p.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["succeeded"] == 3
    pd.read_csv(out / "p.csv").pruna.retry()
    assert "Nothing to retry" in capsys.readouterr().out
    assert service.charged == 3


def test_each_failure_names_its_row_and_the_summary_has_counts_and_cost(
    service, table, out, capsys
):
    service.configure(faults={"failed": {"first": 1}})
    assert cli.main(asked(table, out, "--prompt-col", "prompt")) == 1
    said = capsys.readouterr().out
    states = pd.read_csv(out / "p.csv")["status"]
    assert f"\n  row {states.tolist().index('failed')}: failed: MODEL_ERROR" in said
    assert "3 rows (2 succeeded, 1 failed; " in said
    assert " USD): files and table in" in said


def test_a_failed_sample_is_named_by_its_row_and_sample(service, table, out, capsys):
    service.configure(faults={"failed": {"first": 1}})
    assert cli.main(asked(table, out, "--prompt-col", "prompt", "--samples", "2")) == 1
    place = pd.read_csv(out / "p.csv")["status"].tolist().index("failed")
    named = f"row {place} (row {place // 2}, sample {place % 2 + 1}): failed"
    assert named in capsys.readouterr().out


def test_mistakes_are_told_in_the_words_of_a_shell(service, table, out, capsys):
    table.write_text("prompt,status\na fox,mine\n", encoding="utf-8")
    assert cli.main(asked(table, out, "--prompt-col", "prompt")) == 1
    said = capsys.readouterr().err
    assert "'status' is a column of your own" in said
    assert "Rename them in the table's file, or give --prefix" in said
    assert "df." not in said
    settings.reset()  # of the session's key too
    settings.configure(base_url=service.url)
    assert cli.main(asked(table, out, "--prompt-col", "prompt", "--prefix", "my_")) == 1
    said = capsys.readouterr().err
    assert "`pruna-nb login`, or set PRUNA_API_KEY" in said
    assert "pruna_nb." not in said
    assert cli.main(asked(table, out, "--prompt-col", "prompt", "--model", "p-imgae")) == 1
    said = capsys.readouterr().err
    assert "give --unchecked; `pruna-nb models` lists" in said


def test_a_lost_row_is_told_the_command_that_sends_it_again(service, table, out, capsys):
    service.configure(faults={"reset_after": {"first": 1}})
    assert cli.main(asked(table, out, "--prompt-col", "prompt")) == 1
    assert "Run `pruna-nb retry`, or run again" in capsys.readouterr().out


def test_the_help_of_the_emulator_lists_the_faults(capsys):
    with pytest.raises(SystemExit):
        cli.main(["emulator", "--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in FAULTS)
