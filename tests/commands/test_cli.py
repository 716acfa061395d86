"""The command line does what the README says of it."""

from __future__ import annotations

import inspect
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest
import requests

import pruna_nb
from pruna_nb import cli, emulator
from tests.helpers.runs import end_predictions


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "in" / "prompts.csv"
    path.parent.mkdir()
    table = pd.DataFrame({"prompt": ["a lion", "a fox", ""], "seed": [1, 2, 3]})
    table.to_csv(path, index=False)
    return path


def test_generate_writes_a_file_a_row_and_the_table_beside_them(service, prompts, tmp_path):
    out = tmp_path / "out"
    code = cli.main([
        "generate", str(prompts), "--prompt-col", "prompt", "--set", "seed_col=seed",
        "--set", "aspect_ratio=1:1", "--out", str(out), "--quiet",
    ])  # fmt: skip
    assert code == 0
    table = pd.read_csv(out / "prompts.csv")
    assert table["status"].tolist() == ["succeeded", "succeeded", "skipped"]
    assert table["output"].tolist()[:2] == [str(out / "0.jpg"), str(out / "1.jpg")]
    assert (out / "0.jpg").read_bytes() != (out / "1.jpg").read_bytes()
    sent = sorted((entry["input"] for entry in service.accepted), key=lambda given: given["seed"])
    assert sent == [
        {"prompt": "a lion", "seed": 1, "aspect_ratio": "1:1"},
        {"prompt": "a fox", "seed": 2, "aspect_ratio": "1:1"},
    ]


@pytest.mark.parametrize("suffix", ["tsv", "jsonl", "parquet"])
def test_generate_reads_and_writes_each_kind_of_table(service, tmp_path, suffix):
    table = pd.DataFrame({"prompt": ["a lion"]})
    path = tmp_path / f"prompts.{suffix}"
    write = {
        "tsv": lambda: table.to_csv(path, sep="\t", index=False),
        "jsonl": lambda: table.to_json(path, orient="records", lines=True),
        "parquet": lambda: table.to_parquet(path),
    }
    write[suffix]()
    out = tmp_path / "out"
    assert (
        cli.main(["generate", str(path), "--prompt-col", "prompt", "--out", str(out), "--quiet"])
        == 0
    )
    read = {
        "tsv": lambda file: pd.read_csv(file, sep="\t"),
        "jsonl": lambda file: pd.read_json(file, lines=True),
        "parquet": pd.read_parquet,
    }
    made = read[suffix](out / path.name)
    assert made["status"].tolist() == ["succeeded"]
    assert (out / made["output"][0]).is_file()


def test_an_interrupted_run_leaves_its_files_and_its_table(tmp_path, capsys):
    limits = {"p-image": (5, 1.0)}
    table = tmp_path / "many.csv"
    pd.DataFrame({"prompt": [f"p{number}" for number in range(40)]}).to_csv(table, index=False)
    out = tmp_path / "out"
    asked = ["generate", str(table), "--prompt-col", "prompt", "--out", str(out), "--quiet"]

    def press(service):
        while service.charged < 12:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with (
        emulator.running(fast=True, limits=limits) as service,
        pruna_nb.configure(api_key="k", base_url=service.url, limits=limits),
    ):
        threading.Thread(target=press, args=[service]).start()
        assert cli.main(asked) == 130
        assert "rows are done and kept; run again to go on" in capsys.readouterr().err
        part = pd.read_csv(out / "many.csv")
        made = part["status"] == "succeeded"
        assert 5 <= made.sum() < 40
        assert set(part["status"]) == {"succeeded", "pending"}
        assert all((out / name).is_file() for name in part.loc[made, "output"])
        assert cli.main(asked) == 0
        assert service.charged == 40
    assert (pd.read_csv(out / "many.csv")["status"] == "succeeded").all()


def test_a_dry_run_says_the_price_and_sends_nothing(service, prompts, capsys):
    assert cli.main(["generate", str(prompts), "--prompt-col", "prompt", "--dry-run"]) == 0
    assert "3 rows: 2 new, 0 cached, 0 duplicates, 1 skipped; 0.01 USD" in capsys.readouterr().out
    assert service.charged == 0


def test_a_run_above_the_budget_sends_nothing_and_says_so(service, prompts, capsys, tmp_path):
    code = cli.main([
        "generate", str(prompts), "--prompt-col", "prompt", "--max-cost", "0.005",
        "--out", str(tmp_path / "out"), "--quiet",
    ])  # fmt: skip
    assert code == 1
    assert "--max-cost 0.005" in capsys.readouterr().err
    assert service.charged == 0


def test_rows_that_fail_give_exit_code_1_and_their_errors(service, prompts, capsys, tmp_path):
    service.configure(faults={"failed": 1.0})
    code = cli.main(
        [
            "generate",
            str(prompts),
            "--prompt-col",
            "prompt",
            "--out",
            str(tmp_path / "out"),
            "--quiet",
        ]
    )
    assert code == 1
    assert "failed:" in capsys.readouterr().out


def test_the_tables_own_folder_is_not_written_over(service, prompts, capsys):
    code = cli.main(
        [
            "generate",
            str(prompts),
            "--prompt-col",
            "prompt",
            "--out",
            str(prompts.parent),
            "--quiet",
        ]
    )
    assert code == 1
    assert "written over" in capsys.readouterr().err
    assert service.charged == 0


def test_without_a_key_it_says_how_to_get_on(prompts, capsys, tmp_path):
    code = cli.main(
        [
            "generate",
            str(prompts),
            "--prompt-col",
            "prompt",
            "--out",
            str(tmp_path / "out"),
            "--quiet",
        ]
    )
    said = capsys.readouterr().err
    assert code == 1
    assert "PRUNA_API_KEY" in said
    assert "pruna-nb demo" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=7", ("seed", 7)),
        ("turbo=true", ("turbo", True)),
        ("aspect_ratio=16:9", ("aspect_ratio", "16:9")),
    ],
)
def test_a_value_is_json_where_it_can_be_and_text_elsewhere(text, expected):
    assert cli.read_field(text) == expected


def test_a_set_without_a_value_is_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["generate", "x.csv", "--set", "seed"])
    assert "FIELD=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(("suffix", "comma"), [("csv", ","), ("tsv", "\t")])
def test_a_prompt_that_reads_null_is_a_prompt(service, tmp_path, suffix, comma):
    table = tmp_path / f"words.{suffix}"
    table.write_text(f"prompt{comma}country\nnull{comma}NA\n", encoding="utf-8")
    out = tmp_path / "out"
    assert cli.main(["generate", str(table), "--prompt-col", "prompt", "--out", str(out)]) == 0
    assert service.accepted[0]["input"]["prompt"] == "null"
    assert comma.join(["null", "NA", str(out / "0.jpg")]) in (out / table.name).read_text()


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ("prompt\nein Löwe\n".encode("latin-1"), "save it as UTF-8"),
        (b"prompt;seed\na, b;1\na, b, c;2\n", "separated by ';'"),
    ],
)
def test_a_table_that_cannot_be_read_says_what_to_do(tmp_path, capsys, contents, says):
    table = tmp_path / "words.csv"
    table.write_bytes(contents)
    out = str(tmp_path / "out")
    assert cli.main(["generate", str(table), "--prompt-col", "prompt", "--out", out]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("budget", ["nan", "-1", "inf", "nine", "$20"])
def test_a_budget_that_is_no_amount_is_refused(service, prompts, capsys, budget):
    with pytest.raises(SystemExit) as refused:
        cli.main(["generate", str(prompts), "--prompt-col", "prompt", "--max-cost", budget])
    assert refused.value.code == 2
    assert "--max-cost must be 0 USD or more" in capsys.readouterr().err
    assert service.charged == 0


@pytest.mark.parametrize("below", ["", "deeper"])
def test_an_out_that_takes_no_files_is_told_before_anything_is_spent(
    service, prompts, capsys, tmp_path, below
):
    out = tmp_path / "a file"
    out.touch()
    command = ["generate", str(prompts), "--prompt-col", "prompt", "--out", str(out / below)]
    assert cli.main(command) == 1
    assert "is not a writable folder" in capsys.readouterr().err
    assert service.charged == 0


def test_a_demo_into_what_is_no_folder_says_so(tmp_path, capsys):
    (tmp_path / "demo").touch()
    assert cli.main(["demo", "--out", str(tmp_path / "demo")]) == 1
    said = capsys.readouterr()
    assert "is not a writable folder" in said.err
    assert said.out == ""


def test_an_out_that_goes_away_is_told_with_what_is_kept(service, prompts, capsys, tmp_path):
    out = tmp_path / "out"
    command = ["generate", str(prompts), "--prompt-col", "prompt", "--out", str(out), "--quiet"]
    service.configure(latency=600)

    def take_away():
        while service.charged < 2:
            time.sleep(0.01)
        out.rename(tmp_path / "elsewhere")
        end_predictions(service)

    away = threading.Thread(target=take_away)
    away.start()
    assert cli.main(command) == 1
    away.join()
    said = capsys.readouterr().err
    assert "cannot be written any more" in said
    assert "in the cache" in said
    assert cli.main(command) == 0
    assert service.charged == 2


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("progress=false", "--quiet"),
        ("max_cost_usd=1", "--max-cost"),
        ("model=p-image", "--model"),
        ("background=true", "not a model field"),
    ],
)
def test_a_set_of_what_has_an_option_names_the_option(service, prompts, capsys, text, instead):
    with pytest.raises(SystemExit) as refused:
        cli.main(["generate", str(prompts), "--prompt-col", "prompt", "--set", text])
    assert refused.value.code == 2
    assert instead in capsys.readouterr().err


def test_every_argument_of_generate_that_is_no_field_is_known():
    given = inspect.signature(pd.DataFrame.pruna.generate).parameters  # type: ignore[attr-defined]
    assert set(cli.GENERATE_ARGUMENTS) == set(given) - {"self", "fields"}


def test_a_refresh_pays_again(service, prompts, tmp_path):
    command = ["generate", str(prompts), "--prompt-col", "prompt", "--quiet"]
    command += ["--out", str(tmp_path / "out")]
    assert cli.main(command) == 0
    assert cli.main([*command, "--cache", "refresh", "--timeout", "60"]) == 0
    assert service.charged == 4


def test_without_a_command_it_lists_them(capsys):
    assert cli.main([]) == 2
    assert "generate" in capsys.readouterr().err


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as said:
        cli.main(["--version"])
    assert said.value.code == 0
    assert capsys.readouterr().out.split()[1] == pruna_nb.__version__


def test_models_lists_all_of_them(capsys):
    assert cli.main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if re.match(r"(p-|flux|wan|qwen|z-|vace)", line)]) == 26


def test_the_demo_makes_its_pictures_once_and_shows_where_they_are(tmp_path, capsys):
    assert cli.main(["demo", "--out", str(tmp_path / "demo")]) == 0
    said = capsys.readouterr().out
    assert "28 rows: 28 new, 0 cached, 0 failed; 0.14 USD" in said
    assert "28 rows: 0 new, 28 cached, 0 failed; 0.00 USD" in said
    assert "Charged by the emulator: 28 predictions, then 0." in said
    assert (tmp_path / "demo" / "sheet.png").stat().st_size > 100_000
    assert "<html" in (tmp_path / "demo" / "index.html").read_text()


def test_the_emulator_serves_until_it_is_told_to_stop():
    code = "import sys; from pruna_nb.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "emulator", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        answer = requests.post(
            f"{url}/v1/predictions",
            json={"input": {"prompt": "a lion"}},
            headers={"apikey": "any", "Model": "p-image"},
            timeout=30,
        )
        assert answer.status_code == 201
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
        process.stdout.close()
        guard.cancel()
    assert code == 0


def test_a_table_of_samples_names_each_row_and_sample_once(service, tmp_path):
    table = tmp_path / "words.csv"
    table.write_text("prompt,row\na fox,first\nan owl,second\n", encoding="utf-8")
    out = tmp_path / "out"
    asked = ["generate", str(table), "--prompt-col", "prompt", "--samples", "2", "--out", str(out)]
    assert cli.main([*asked, "--quiet"]) == 0
    made = pd.read_csv(out / "words.csv")
    assert list(made.columns[:4]) == ["row2", "sample", "prompt", "row"]
    assert made["row2"].tolist() == [0, 0, 1, 1]
    assert made["sample"].tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_refused_in_words(port, capsys):
    with pytest.raises(SystemExit) as refused:
        cli.main(["emulator", "--port", port])
    assert refused.value.code == 2
    assert "pruna-nb emulator: error" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(service, capsys):
    assert cli.main(["emulator", "--port", str(service.port)]) == 1
    assert f"port {service.port} cannot be used" in capsys.readouterr().err


def test_a_limit_that_is_no_number_is_no_traceback(capsys):
    assert cli.main(["emulator", "--limit", "p-image", "many", "60"]) == 1
    assert "'many' is not a number" in capsys.readouterr().err


def test_all_options_that_are_wrong_are_told_at_once(service, prompts, capsys):
    command = ["generate", str(prompts), "--prompt-col", "promt", "--max-cost", "nan", "--cache",
               "us", "--on-lost", "resent", "--timeout", "soon", "--samples", "2.5", "--model",
               "p-imag", "--set", "seed"]  # fmt: skip
    with pytest.raises(SystemExit) as refused:
        cli.main(command)
    assert refused.value.code == 2
    told = capsys.readouterr().err
    for part in ("--max-cost must", "'us' was given", "Did you mean 'resend'", "'soon' was given",
                 "2.5 was given", "no model 'p-imag'", "'promt'", "--set takes FIELD"):  # fmt: skip
        assert part in told, part
    assert service.charged == 0


def test_the_package_is_the_command_line_too():
    command = [sys.executable, "-m", "pruna_nb", "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert said.stdout.startswith("pruna-nb ")
