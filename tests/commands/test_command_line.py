"""The commands as a shell runs them: their options, their output, their exit codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb import cli, settings
from tests.faults.servers import Server, free_port, reply


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in" / "prompts.csv"
    path.parent.mkdir()
    path.write_text("prompt,ratio\na lion,1:1\na fox,16:9\n,\n", encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def run(capsys, *arguments):
    """Run a command that goes well, and return what it prints."""
    code = cli.main([*map(str, arguments)])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([*map(str, arguments)])
    assert ended.value.code == 2
    return capsys.readouterr().err


def inputs(service):
    return sorted((entry["input"] for entry in service.accepted), key=json.dumps)


def test_each_field_of_the_model_is_an_option_and_so_is_its_column(service, table, out, capsys):
    run(capsys, "generate", table, "--prompt-col", "prompt", "--seed", "007", "--quiet",
        "--aspect-ratio-col", "ratio", "--prompt-upsampling", "--out", out)  # fmt: skip
    same = {"prompt_upsampling": True}
    assert inputs(service) == sorted(
        [
            {"prompt": "a fox", "aspect_ratio": "16:9", "seed": 7, **same},
            {"prompt": "a lion", "aspect_ratio": "1:1", "seed": 7, **same},
        ],
        key=json.dumps,
    )


def test_options_are_those_of_the_model_that_is_named_wherever_it_stands(service, out, capsys):
    picture = ["generate", "--prompt", "a fox", "--guidance", "3.5", "--out", out, "--quiet"]
    assert "--guidance" in refused(capsys, *picture)
    run(capsys, *picture, "--model", "flux-dev")
    assert inputs(service) == [{"prompt": "a fox", "guidance": 3.5}]
    with pytest.raises(SystemExit):
        cli.main(["generate", "--model=flux-dev", "--help"])
    assert "--guidance" in capsys.readouterr().out


def test_a_field_that_is_given_twice_or_misspelt_is_refused(service, table, capsys):
    asked = ["generate", table, "--prompt-col", "prompt"]
    assert "twice" in refused(capsys, *asked, "--seed", "1", "--set", "seed=2")
    assert "--aspect-ratio" in refused(capsys, *asked, "--aspct-ratio", "1:1")
    assert "Did you mean generate" in refused(capsys, "generat", table)
    assert "'nine'" in refused(capsys, *asked, "--limit", "nine")
    assert service.accepted == []


def test_one_prompt_is_sent_as_it_stands(service, out, capsys):
    run(capsys, "generate", "--prompt", "a {red} fox, 7", "--out", out, "--quiet")
    assert inputs(service) == [{"prompt": "a {red} fox, 7"}]
    assert pd.read_csv(out / "prompt.csv")["output"].tolist() == [str(out / "0.jpg")]
    assert "name a TABLE" in refused(capsys, "generate")
    assert cli.main(["generate", "a fox's den", "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert 'There is no file "a fox\'s den". If it is a prompt, say so: --prompt' in said
    both = ["generate", "--prompt", "an owl", "--prompt-col", "title", "--out", out]
    assert "--prompt-col is a column of a TABLE" in refused(capsys, *both)
    assert service.charged == 1


STDIN = {
    "a prompt a line": ([], "a lion\na fox\nan owl\n"),
    "csv": (["--format", "csv"], "prompt,n\na lion,1\na fox,2\nan owl,3\n"),
    "jsonl": (
        ["--format", "jsonl"],
        '{"prompt": "a lion"}\n{"prompt": "a fox"}\n{"prompt": "x"}\n',
    ),
}


@pytest.mark.parametrize("kind", STDIN)
def test_a_table_comes_from_standard_input_and_is_cut_to_its_first_rows(
    service, out, capsys, monkeypatch, kind
):
    how, content = STDIN[kind]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    run(capsys, "generate", "-", *how, "--prompt-col", "prompt", "--limit", "2", "--out", out,
        "--quiet")  # fmt: skip
    assert [sent["prompt"] for sent in inputs(service)] == ["a fox", "a lion"]


def test_the_result_is_json_where_that_is_asked_for(service, table, out, capsys):
    service.configure(faults={"failed": {"first": 1}})
    asked = [str(table), "--prompt-col", "prompt", "--json"]
    price = json.loads(run(capsys, "estimate", *asked))
    assert (price["rows"], price["new"], price["cost_usd"]) == (3, 2, 0.01)
    assert cli.main(["generate", *asked, "--out", str(out), "--quiet"]) == 1
    result = json.loads(capsys.readouterr().out)
    states = [result[name] for name in ("rows", "succeeded", "failed", "skipped")]
    assert states == [3, 1, 1, 1]
    assert [row["status"] for row in result["results"]].count("succeeded") == 1
    assert result["table"] == str(out / "prompts.csv")


def test_a_retry_mends_the_table_where_it_is(service, table, out, capsys):
    service.configure(faults={"failed": {"first": 1}})
    asked = ["generate", str(table), "--prompt-col", "prompt", "--out", str(out), "--quiet"]
    assert cli.main(asked) == 1
    made = out / "prompts.csv"
    run(capsys, "retry", made, "--quiet")
    after = pd.read_csv(made)
    assert after["status"].tolist() == ["succeeded", "succeeded", "skipped"]
    assert after["ratio"].tolist()[:2] == ["1:1", "16:9"]
    assert sorted(path.name for path in out.glob("*.*") if path.suffix != ".json") == [
        "0.jpg",
        "1.jpg",
        "prompts.csv",
    ]
    assert service.charged == 3
    run(capsys, "retry", made, "--quiet")  # nothing is left to do
    assert service.charged == 3
    assert cli.main(["retry", str(table)]) == 1
    said = capsys.readouterr().err
    assert "has no column 'output'" in said
    assert "generate first" not in said  # of a table that was not read there is nothing to say


def test_what_was_made_is_shown_and_saved(service, table, out, tmp_path, capsys):
    run(capsys, "generate", table, "--prompt-col", "prompt", "--out", out, "--quiet")
    page, sheet = tmp_path / "grid.html", tmp_path / "sheet.png"
    run(capsys, "grid", out / "prompts.csv", "--rows", "prompt", "--out", page)
    run(capsys, "grid", out / "prompts.csv", "--out", sheet, "--size", "64")
    with Image.open(sheet) as light:
        assert min(light.convert("RGB").getpixel((0, 0))) > 200
    assert run(capsys, "grid", out / "prompts.csv", "--out", sheet, "--dark") == f"{sheet}\n"
    with Image.open(sheet) as dark:
        assert max(dark.convert("RGB").getpixel((0, 0))) < 60
    assert page.read_text(encoding="utf-8").count("<img") >= 2
    assert sheet.read_bytes().startswith(b"\x89PNG")
    run(capsys, "save", out / "prompts.csv", tmp_path / "mine", "--name", "{prompt}")
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"a lion.jpg", "a fox.jpg"}


def test_a_folder_that_was_moved_is_shown_saved_and_retried(service, table, out, tmp_path, capsys):
    service.configure(faults={"failed": {"first": 1}})
    assert cli.main(["generate", str(table), "--prompt-col", "prompt", "--out", str(out)]) == 1
    moved, mine = out.rename(tmp_path / "moved") / "prompts.csv", tmp_path / "mine"
    page = tmp_path / "grid.html"
    run(capsys, "grid", moved, "--out", page)
    assert page.read_text(encoding="utf-8").count("<img") == 1
    run(capsys, "save", moved, mine)
    assert len([*mine.iterdir()]) == 1
    run(capsys, "retry", moved, "--quiet")
    outputs = pd.read_csv(moved)["output"].dropna().tolist()
    assert outputs == [str(moved.with_name(name)) for name in ("0.jpg", "1.jpg")]
    assert service.charged == 3
    moved.with_name("0.jpg").unlink()
    assert cli.main(["save", str(moved), str(mine)]) == 1
    assert "1 output could not be read" in capsys.readouterr().out


def test_models_the_journal_and_the_cache_are_looked_at(service, table, out, capsys):
    assert "aspect_ratio" in run(capsys, "models", "p-image")
    assert len(json.loads(run(capsys, "models", "--json"))) == 26
    assert run(capsys, "journal") == "Nothing was sent.\n"
    asked = ["generate", table, "--prompt-col", "prompt", "--tag", "spring"]
    run(capsys, *asked, "--out", out, "--quiet")
    entries = json.loads(run(capsys, "journal", "--json"))
    assert [entry["state"] for entry in entries] == ["delivered", "delivered"]
    made = json.loads(run(capsys, "history", "--prompt", "lion", "--since", "1h", "--json"))
    assert [row["prompt"] for row in made] == ["a lion"]
    assert "a fox" in run(capsys, "history", "--tag", "spring")
    run(capsys, "history", "--out", out / "all.csv")
    assert len(pd.read_csv(out / "all.csv")) == 2
    (spent,) = json.loads(run(capsys, "costs", "--by", "tag", "--json"))
    assert (spent["tag"], spent["predictions"], spent["cost_usd"]) == ("spring", 2, 0.01)
    assert "p-image" in run(capsys, "costs", "--by", "model", "--by", "day")
    either = ["--tag", "spring", "--tag", "autumn", "--model", "p-image", "--model", "flux-dev"]
    (spent,) = json.loads(run(capsys, "costs", *either, "--json"))
    assert spent["predictions"] == 2
    for other in (["--tag", "autumn"], ["--tag", "spring", "--model", "flux-dev"]):
        assert run(capsys, "costs", *other) == "Nothing was spent.\n"
    assert json.loads(run(capsys, "cache", "info", "--json"))["entries"] == 2
    assert "0 files gone" in run(capsys, "cache", "verify")
    assert "Freed" in run(capsys, "cache", "clear", "--yes")
    assert pruna_nb.cache.info().entries == 0


def test_the_doctor_says_what_is_wrong_and_what_to_do(service, tmp_path, capsys, monkeypatch):
    report = run(capsys, "doctor")
    assert "accepted by the service" in report
    assert str(settings.current().cache_dir) in report
    assert "[emulator]" in report
    assert service.accepted == []
    with Server(lambda _: reply(401, {"message": "unknown key"})) as other:
        with pruna_nb.configure(base_url=other.url):
            assert cli.main(["doctor"]) == 1
        assert "not accepted" in capsys.readouterr().out
    with pruna_nb.configure(base_url=f"http://127.0.0.1:{free_port()}"):
        assert cli.main(["doctor", "--json"]) == 1
        findings = json.loads(capsys.readouterr().out)
        assert any("could not be asked" in each["state"] for each in findings)
        assert cli.main(["doctor", "--offline"]) == 0
    (tmp_path / "file").touch()
    with pruna_nb.configure(cache_dir=tmp_path / "file" / "cache"):
        assert cli.main(["doctor", "--offline"]) == 1
    assert "PRUNA_NB_CACHE_DIR" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [["--version"], ["--help"], ["generate", "--help"], ["x"]])
def test_help_needs_no_pandas(asked):
    script = (
        "import sys\nfrom pruna_nb.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "assert not {'pandas', 'numpy', 'sqlite3', 'PIL'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *asked], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_commands_options_and_models_complete_in_a_shell():
    def completed(*words):
        environment = {
            **os.environ,
            "_PRUNA_NB_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        done = subprocess.run(
            [Path(sys.executable).with_name("pruna-nb")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert completed("pruna-nb", "gen") == {"generate"}
    assert "p-image-edit" in completed("pruna-nb", "generate", "--model", "p-im")
    assert completed("pruna-nb", "generate", "--aspect") >= {"--aspect-ratio"}
