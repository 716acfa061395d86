"""The command line's tables: what is sent is what they say, and they lead back to their files."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pruna_nb import cli
from tests.helpers.media import picture


def run(*arguments, out="out"):
    return cli.main(["generate", *map(str, arguments), "--out", str(out), "--quiet"])


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in a working folder, with the tables in it."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def sent(service, field="prompt"):
    return sorted(entry["input"].get(field) for entry in service.accepted)


@pytest.mark.parametrize(
    ("name", "contents", "prompts"),
    [
        ("d.csv", "sku,price\n007,1.10\n", ["label 007 at 1.10"]),
        ("d.csv", "sku,price\n1,1920\n2,\n", ["label 1 at 1920"]),
        ("d.tsv", "sku\tprice\n+4930\t1E5\n", ["label +4930 at 1E5"]),
        ("d.jsonl", '{"sku": "007", "price": "2024-05-01"}\n', ["label 007 at 2024-05-01"]),
        ("d.jsonl", '{"sku": 1, "price": 7}\n{"sku": 2}\n', ["label 1 at 7"]),
        ("d.json", '[{"sku": "NA", "price": 9007199254740993}]', ["label NA at 9007199254740993"]),
        ("d.csv", "sku,price\n1,1.0\n2,2.5\n", ["label 1 at 1.0", "label 2 at 2.5"]),
        ("d.csv", "sku,price\n1.0,2.0\n", ["label 1.0 at 2.0"]),
        # pandas wrote 1920 so, beside a cell that is empty
        ("d.csv", "sku,price\n1,1920.0\n2,\n", ["label 1 at 1920"]),
    ],
)  # fmt: skip
def test_a_template_gets_the_cells_as_they_stand(service, here, name, contents, prompts):
    (here / name).write_text(contents)
    assert run(name, "--prompt", "label {sku} at {price}") == 0
    assert sent(service) == prompts


@pytest.mark.parametrize(
    ("price", "format_", "prompt"),
    [
        ("1.10", ":.2f", "1.10"),
        ("3", ":.2f", "3.00"),
        ("1.0", ":05.1f", "001.0"),
        ("07", ":03", "007"),
    ],
)
def test_a_number_that_stays_text_takes_a_format(service, here, price, format_, prompt):
    (here / "d.csv").write_text(f"price\n{price}\n1.10\n007\n")
    assert run("d.csv", "--prompt", f"for {{price{format_}}}") == 0
    assert f"for {prompt}" in sent(service)
    assert (here / "out" / "d.csv").read_text().splitlines()[1].startswith(f"{price},")


def test_a_column_for_a_template_and_a_field_is_read_by_each_in_its_way(service, here):
    (here / "d.csv").write_text("n\n1.0\n2.0\n")
    assert run("d.csv", "--prompt", "version {n}", "--set", "seed_col=n") == 0
    assert sent(service) == ["version 1.0", "version 2.0"]
    assert sent(service, "seed") == [1, 2]


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("d.csv", "prompt,seed\n1920,007\n1984,8\n"),
        ("d.jsonl", '{"prompt": 1920, "seed": "007"}\n{"prompt": 1984, "seed": 8}\n'),
    ],
)
def test_a_prompt_of_digits_is_text_and_a_seed_of_text_is_a_number(service, here, name, contents):
    (here / name).write_text(contents)
    assert run(name, "--prompt-col", "prompt", "--set", "seed_col=seed") == 0
    assert sent(service) == ["1920", "1984"]
    assert sent(service, "seed") == [7, 8]
    written = (here / "out" / name).read_text()
    assert written.splitlines()[-2].startswith(contents.splitlines()[-2].rstrip("}"))


def test_a_switch_and_a_number_are_read_as_people_write_them(service, here):
    (here / "d.csv").write_text("p,on,strength\na fox,TRUE,0.50\nan owl,false,1\n")
    columns = ["--set", "go_fast_col=on", "--set", "guidance_scale_col=strength"]
    assert run("d.csv", "--prompt-col", "p", "--model", "z-image-turbo", *columns) == 0
    inputs = {entry["input"]["prompt"]: entry["input"] for entry in service.accepted}
    assert inputs["a fox"] == {"prompt": "a fox", "go_fast": True, "guidance_scale": 0.5}
    assert inputs["an owl"] == {"prompt": "an owl", "go_fast": False, "guidance_scale": 1}
    assert "a fox,TRUE,0.50," in (here / "out" / "d.csv").read_text()


def test_a_column_of_two_uses_is_read_by_each_as_it_takes_it(service, here):
    (here / "d.csv").write_text("n\n007\n12\n")
    columns = ["--set", "seed_col=n"]
    assert run("d.csv", "--prompt", "agent {n}", *columns) == 0
    assert run("d.csv", "--prompt-col", "n", *columns, out="o2") == 0
    inputs = sorted(
        (entry["input"]["prompt"], entry["input"]["seed"]) for entry in service.accepted
    )
    assert inputs == [("007", 7), ("12", 12), ("agent 007", 7), ("agent 12", 12)]
    for out in ("out", "o2"):
        assert (here / out / "d.csv").read_text().splitlines()[1].startswith("007,/")


def test_a_ragged_table_sends_nothing(service, here, capsys):
    (here / "p.csv").write_text("prompt\na red fox, in fresh snow\nan owl, at night\n")
    assert run("p.csv", "--prompt-col", "prompt") == 1
    assert "line 2 has 2, line 3 has 2" in capsys.readouterr().err
    assert service.charged == 0


@pytest.mark.parametrize("template", ["{price", "{}", "a }"])
def test_a_template_that_cannot_be_read_is_told_once(service, here, capsys, template):
    (here / "p.csv").write_text("price\n1\n")
    assert run("p.csv", "--prompt", template) == 1
    assert capsys.readouterr().err.count("cannot be read") == 1
    assert service.charged == 0


def test_a_text_file_needs_no_column_and_gets_a_csv(service, here):
    (here / "p.txt").write_text("a fox, in snow\n\nan owl\n")
    assert run("p.txt") == 0
    assert sent(service) == ["a fox, in snow", "an owl"]
    assert pd.read_csv(here / "out" / "p.csv")["prompt"].tolist() == ["a fox, in snow", "an owl"]


@pytest.mark.parametrize("name", ["p.CSV", "p.csv.gz", "p.xlsx", "p.json", "p.ndjson"])
def test_each_kind_is_written_as_the_kind_that_was_read(service, here, name):
    from pruna_nb.tables.files import read_table, write_table

    write_table(pd.DataFrame({"prompt": ["a fox"], "note": ["007"]}), here / name)
    assert run(name, "--prompt-col", "prompt") == 0
    made = read_table(here / "out" / name.lower())
    assert made["note"].tolist() == ["007"]
    assert Path(made["output"][0]).is_file()


def test_the_table_holds_the_cells_as_they_were(service, here):
    rows = ["=1+1,007,TRUE,,  a  ,1.0", '"two\nlines","a, b",1E5,"say ""hi""",-5,2.50']
    (here / "p.csv").write_text("\n".join(["prompt,b,c,d,e,f", *rows]) + "\n")
    assert run("p.csv", "--prompt-col", "prompt", "--no-escape-formulas") == 0
    read = pd.read_csv(here / "out" / "p.csv", dtype=str, keep_default_na=False)
    before = pd.read_csv(here / "p.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(read[list(before)], before)


def test_what_begins_a_formula_is_escaped_and_sent_as_it_was_when_read_again(service, here):
    (here / "p.csv").write_text("prompt,n\n=A1 in neon,-5\n'=x,1\n- a fox,2\n")
    assert run("p.csv", "--prompt-col", "prompt", out="o1") == 0
    text = (here / "o1" / "p.csv").read_text()
    assert re.findall(r"^('*[=-].*?,-?\d),", text, re.MULTILINE) == [
        "'=A1 in neon,-5", "''=x,1", "'- a fox,2",
    ]  # fmt: skip
    assert run("o1/p.csv", "--prompt-col", "prompt", out="o2") == 0
    assert sent(service) == ["'=x", "- a fox", "=A1 in neon"]


@pytest.mark.parametrize("change", ["copy", "subset", "edit", "move"])
def test_escaped_cells_come_back_wherever_their_rows_went(service, here, change):
    (here / "p.csv").write_text("prompt,n\n=A1 in neon,-5\n'=x,1\n")
    assert run("p.csv", "--prompt-col", "prompt", out="o1") == 0
    table = here / "o1" / "p.csv"
    if change == "copy":
        table = shutil.copy(table, here / "copied.csv")
    elif change == "subset":
        pd.read_csv(table).head(1).to_csv("chosen.csv", index=False)
        table = "chosen.csv"
    elif change == "edit":
        table.write_text(table.read_text().replace("-5", "-6"))
    else:
        shutil.move("o1", "moved")
        table = "moved/p.csv"
    assert run(table, "--prompt-col", "prompt", out="o2") == 0
    assert sent(service) == ["'=x", "=A1 in neon"]


def test_a_table_of_somebody_elses_keeps_its_apostrophes(service, here):
    (here / "p.csv").write_text("prompt\n'=A1 in neon\n")
    assert run("p.csv", "--prompt-col", "prompt") == 0
    assert sent(service) == ["'=A1 in neon"]


@pytest.mark.usefixtures("service")
def test_a_command_that_was_killed_before_it_noted_its_files_knows_them_again(here):
    (here / "p.csv").write_text("prompt\na fox\n")
    assert run("p.csv", "--prompt-col", "prompt") == 0
    before = {name: (here / "out" / name).read_bytes() for name in (".pruna_nb.json", "p.csv")}
    (here / "p.csv").write_text("prompt\nan owl\n")
    assert run("p.csv", "--prompt-col", "prompt") == 0
    for name, content in before.items():
        (here / "out" / name).write_bytes(content)
    assert run("p.csv", "--prompt-col", "prompt") == 0
    assert names("out") == [".pruna_nb.json", "0.jpg", "p.csv"]


def test_a_cell_that_is_too_long_for_a_path_is_told(service, here, capsys):
    (here / "p.csv").write_text(f"photo\n{'x' * 5000}\n")
    assert run("p.csv", "--model", "p-image-edit", "--prompt", "x",
               "--set", "images_col=photo") == 1  # fmt: skip
    assert "row 0: The file 'xxx" in capsys.readouterr().err
    assert service.charged == 0


@pytest.mark.usefixtures("service")
def test_outputs_are_found_from_any_folder(here, monkeypatch, tmp_path):
    (here / "p.csv").write_text("prompt\na fox\nan owl\n")
    assert run("p.csv", "--prompt-col", "prompt", out="o1") == 0
    monkeypatch.chdir(tmp_path)
    made = pd.read_csv(here / "o1" / "p.csv")
    assert all(Path(path).is_file() for path in made["output"])
    page = made.pruna.grid()._repr_html_()
    assert "gone" not in page
    assert page.count("data:image") >= 2


def test_outputs_are_found_when_the_working_folder_is_gone(service, here, monkeypatch):
    (here / "visit").mkdir()
    (here / "p.csv").write_text("prompt\na fox\n")
    monkeypatch.chdir(here / "visit")
    assert run("../p.csv", "--prompt-col", "prompt", out="../out") == 0
    monkeypatch.chdir(here)
    (here / "visit").rmdir()
    assert pd.read_csv("out/p.csv")["output"].tolist() == [str(here / "out" / "0.jpg")]
    assert Path(pd.read_csv("out/p.csv")["output"][0]).is_file()


def test_a_chain_edits_the_tables_own_files_and_no_others(service, here):
    (here / "p.csv").write_text("prompt\na fox\n")
    assert run("p.csv", "--prompt-col", "prompt", out="o1") == 0
    (here / "0.jpg").write_bytes(picture())
    edit = ["--model", "p-image-edit", "--prompt", "at night", "--set", "images_col=output"]
    assert run("o1/p.csv", *edit, out="o2") == 0
    made = pd.read_csv("o2/p.csv")
    assert made["step1_output"].tolist() == [str(here / "o1" / "0.jpg")]
    assert made["output"].tolist() == [str(here / "o2" / "0.jpg")]
    shutil.move(here / "o1", here / "moved")  # the same files, so the same request
    assert run("moved/p.csv", *edit, out="o3") == 0
    assert service.charged == 2


def test_a_relative_output_is_never_another_file_in_the_working_folder(service, here, capsys):
    (here / "o1").mkdir()
    (here / "o1" / "p.csv").write_text(
        "prompt,output,status,prediction_id\na fox,0.jpg,succeeded,x\n"
    )
    (here / "0.jpg").write_bytes(picture())
    assert run("o1/p.csv", "--model", "p-image-edit", "--prompt", "at night",
               "--set", "images_col=output", "--prefix", "b_", out="o2") == 1  # fmt: skip
    assert str(here / "o1" / "0.jpg") in capsys.readouterr().err
    assert service.charged == 0


def test_a_file_beside_the_table_is_taken_and_two_of_a_name_are_told(service, here, capsys):
    (here / "in").mkdir()
    (here / "in" / "p.csv").write_text("photo\ncat.jpg\n")
    (here / "in" / "cat.jpg").write_bytes(picture())
    edit = ["in/p.csv", "--model", "p-image-edit", "--prompt", "x", "--set", "images_col=photo"]
    assert run(*edit) == 0
    assert (here / "out" / "p.csv").read_text().startswith("photo,output,")
    assert "\ncat.jpg," in (here / "out" / "p.csv").read_text()
    (here / "cat.jpg").write_bytes(picture(seed=1))
    assert run(*edit, out="o2") == 1
    assert "another one in the working folder" in capsys.readouterr().err
    assert service.charged == 1


def test_an_output_that_is_another_predictions_by_now_is_told(service, here, capsys):
    (here / "p.csv").write_text("prompt\na fox\n")
    assert run("p.csv", "--prompt-col", "prompt", out="o1") == 0
    shutil.copy("o1/p.csv", "chosen.csv")
    (here / "p.csv").write_text("prompt\na cow\n")
    assert run("p.csv", "--prompt-col", "prompt", out="o1") == 0
    assert run("chosen.csv", "--model", "p-image-edit", "--prompt", "x",
               "--set", "images_col=output", out="o2") == 1  # fmt: skip
    assert "another prediction by now" in capsys.readouterr().err
    assert service.charged == 2


@pytest.mark.usefixtures("service")
def test_files_of_an_earlier_run_are_not_left_among_this_ones(here):
    (here / "t.csv").write_text("prompt\na fox\na hen\nan owl\n")
    assert run("t.csv", "--prompt-col", "prompt") == 0
    (here / "out" / "mine.jpg").write_bytes(b"mine")
    (here / "t.csv").write_text("prompt\na cow\n")
    assert run("t.csv", "--prompt-col", "prompt") == 0
    assert names("out") == [".pruna_nb.json", "0.jpg", "mine.jpg", "t.csv"]


@pytest.mark.usefixtures("service")
def test_two_tables_in_one_folder_keep_their_files_apart(here):
    for name, animal in [("a.csv", "fox"), ("b.csv", "owl")]:
        (here / name).write_text(f"prompt\na {animal}\n")
        assert run(name, "--prompt-col", "prompt") == 0
    first, second = (pd.read_csv(f"out/{name}")["output"][0] for name in ("a.csv", "b.csv"))
    assert (Path(first).name, Path(second).name) == ("0.jpg", "0-2.jpg")
    assert run("a.csv", "--prompt-col", "prompt") == 0
    assert names("out") == [".pruna_nb.json", "0-2.jpg", "0.jpg", "a.csv", "b.csv"]


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("kind", ["file", "link", "dangling", "folder", "edited"])
@pytest.mark.parametrize("name", ["0.jpg", "p.csv"])
def test_out_writes_over_nothing_that_it_did_not_make(here, kind, name):
    (here / "p.csv").write_text("prompt\na fox\n")
    out, other = here / "out", here / "other"
    out.mkdir()
    other.write_bytes(b"theirs")
    if kind == "file":
        (out / name).write_bytes(b"theirs")
    elif kind == "link":
        (out / name).symlink_to(other)
    elif kind == "dangling":
        (out / name).symlink_to(here / "nowhere")
    elif kind == "folder":
        (out / name).mkdir()
    else:
        assert run("p.csv", "--prompt-col", "prompt") == 0
        (out / name).write_bytes(b"theirs")
    assert run("p.csv", "--prompt-col", "prompt") == 0
    assert other.read_bytes() == b"theirs"
    assert not (here / "nowhere").exists()
    if kind in {"file", "edited"}:
        assert (out / name).read_bytes() == b"theirs"
    else:
        assert (out / name).is_dir() or (out / name).is_symlink()
    made = pd.read_csv(out / ("p-2.csv" if name == "p.csv" else "p.csv"))
    assert made["status"].tolist() == ["succeeded"]
    before = names(out)
    assert run("p.csv", "--prompt-col", "prompt") == 0  # and again: its own files are known
    assert names(out) == before


@pytest.mark.usefixtures("service")
def test_a_picture_that_only_the_folder_has_stays(here, tmp_path):
    (here / "p.csv").write_text("prompt\na fox\n")
    assert run("p.csv", "--prompt-col", "prompt") == 0
    shutil.rmtree(tmp_path / "cache")
    (here / "p.csv").write_text("prompt\nan owl\n")
    fox = (here / "out" / "0.jpg").read_bytes()
    assert run("p.csv", "--prompt-col", "prompt") == 0
    assert (here / "out" / "0.jpg").read_bytes() == fox
    assert pd.read_csv("out/p.csv")["output"][0].endswith("0-2.jpg")


@pytest.mark.parametrize(
    "contents", ["{", '{"pruna_nb files 99": {}}', "[]", "{}", '{"pruna_nb files 1": {"a": {}}}']
)
def test_a_list_of_outputs_that_is_another_file_is_told_before_anything_is_sent(
    service, here, capsys, contents
):
    (here / "p.csv").write_text("prompt\na fox\n")
    (here / "out").mkdir()
    (here / "out" / ".pruna_nb.json").write_text(contents)
    assert run("p.csv", "--prompt-col", "prompt") == 1
    assert "choose another folder. Nothing was sent." in capsys.readouterr().err
    assert service.charged == 0


def test_a_list_of_outputs_of_somebody_else_removes_nothing_outside(service, here):
    (here / "p.csv").write_text("prompt\na fox\n")
    assert run("p.csv", "--prompt-col", "prompt") == 0
    victim = here / "victim.jpg"
    shutil.copy(here / "out" / "0.jpg", victim)
    listed = json.loads((here / "out" / ".pruna_nb.json").read_text())
    listed["pruna_nb files 1"]["../victim.jpg"] = listed["pruna_nb files 1"]["0.jpg"]
    (here / "out" / ".pruna_nb.json").write_text(json.dumps(listed))
    assert run("p.csv", "--prompt-col", "prompt") == 0
    assert victim.exists()


TRAINER = ["--model", "p-image-trainer", "--set", "image_data=https://127.0.0.1/a.zip"]


def test_a_secret_is_read_from_the_environment_or_stdin(here, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_secret_one")
    assert cli.read_field("hf_api_token=env:HF_TOKEN") == ("hf_api_token", "hf_secret_one")
    monkeypatch.setattr(sys, "stdin", io.StringIO("hf_secret_two\nmore\n"))
    assert cli.read_field("hf_api_token=-") == ("hf_api_token", "hf_secret_two")
    monkeypatch.setenv("OTHER", "12345")
    assert cli.read_field("civitai_api_key=env:OTHER") == ("civitai_api_key", "12345")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hf_api_token=hf_secret", "hf_api_token=env:VARIABLE"),
        ("hf_api_token=", "hf_api_token=env:VARIABLE"),
        ("some_token=hf_secret", "some_token=env:VARIABLE"),
        ("hf_api_token:hf_secret", "FIELD=VALUE"),
        ("hf_api_token=env:NOT_SET_HERE", "NOT_SET_HERE is empty"),
    ],
)
def test_a_secret_in_the_open_is_refused_and_not_repeated(service, here, capsys, text, says):
    (here / "p.csv").write_text("prompt\na fox\n")
    with pytest.raises(SystemExit) as refused:
        run("p.csv", "--prompt-col", "prompt", "--set", text)
    said = capsys.readouterr().err
    assert refused.value.code == 2
    assert says in said
    assert "hf_secret" not in said
    assert service.charged == 0


def test_all_that_is_wrong_with_a_command_is_told_at_once(service, here, capsys):
    (here / "p.csv").write_text("prompt\na,b\n")
    (here / "out").write_text("a file")
    with pytest.raises(SystemExit):
        run("p.csv", "--set", "seed", "--set", "progress=no", "--set", "x_token=abc",
            "--set", "sed=7", "--timeout", "-3", "--samples", "0")  # fmt: skip
    said = capsys.readouterr().err
    for part in [
        "not 'seed'",
        "--quiet",
        "x_token=env:",
        "line 2 has 2",
        "not a writable folder",
        "sed: p-image has no such field",
        "-3 was given",
        "0 was given",
    ]:
        assert part in said
    assert service.charged == 0


COMMAND = "import sys; from pruna_nb.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("screen", ["closed pipe", "cp1252", "no stdout"])
def test_a_finished_run_is_0_whatever_becomes_of_its_last_words(service, here, screen, monkeypatch):
    (here / "世界").mkdir()
    (here / "p.csv").write_text("prompt\na fox\n")
    command = [sys.executable, "-c", COMMAND, "generate", "p.csv", "--prompt-col", "prompt",
               "--out", "世界/out"]  # fmt: skip
    environment = os.environ | {"PRUNA_API_KEY": "k", "PRUNA_API_URL": service.url}
    reading, writing = os.pipe()
    os.close(reading)
    if screen == "cp1252":
        environment["PYTHONIOENCODING"] = "cp1252"
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert b"\\u4e16" in done.stdout
    elif screen == "closed pipe":
        done = subprocess.run(
            command, env=environment, stdout=writing, stderr=subprocess.PIPE, check=False
        )
    else:
        shell = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
        done = subprocess.run(shell, env=environment, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 0, done.stderr
    assert service.charged == 1
    assert (here / "世界" / "out" / "0.jpg").is_file()


def test_a_column_of_the_users_own_is_not_written_over_unseen(service, here, capsys):
    (here / "p.csv").write_text("prompt,status,error\na fox,good,none of mine\n")
    assert run("p.csv", "--prompt-col", "prompt") == 1
    assert "--prefix" in capsys.readouterr().err
    assert service.charged == 0
    assert run("p.csv", "--prompt-col", "prompt", "--prefix", "made_") == 0
    made = pd.read_csv("out/p.csv")
    assert made.loc[0, ["status", "error", "made_status"]].tolist() == [
        "good",
        "none of mine",
        "succeeded",
    ]
    assert run("out/p.csv", "--prompt-col", "prompt", "--prefix", "made_", out="o2") == 0
    assert service.charged == 1
