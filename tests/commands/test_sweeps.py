"""``pruna-nb generate --sweep`` makes each row of a table with several values."""

from __future__ import annotations

import pandas as pd
import pytest

from pruna_nb import cli


@pytest.fixture
def words(tmp_path):
    table = tmp_path / "words.csv"
    table.write_text("prompt\na fox\nan owl\n", encoding="utf-8")
    return table


def test_a_sweep_of_the_command_line_makes_rows_whose_values_are_columns(
    service, words, tmp_path, capsys
):
    out = tmp_path / "out"
    asked = ["generate", str(words), "--prompt-col", "prompt", "-o", str(out), "--quiet"]
    sweeps = ["--sweep", "aspect_ratio=1:1,16:9", "--sweep", "seed=1-2", "--sweep",
              "model=p-image,flux-dev"]  # fmt: skip
    assert cli.main([*asked, *sweeps, "--dry-run"]) == 0
    assert "16 rows: 16 new" in capsys.readouterr().out
    assert cli.main([*asked, *sweeps]) == 0
    made = pd.read_csv(out / "words.csv")
    columns = ["row", "prompt", "aspect_ratio", "seed"]
    assert list(made.columns[:4]) == columns
    assert made[columns].to_numpy().tolist() == [
        [row, prompt, ratio, seed]
        for row, prompt in enumerate(["a fox", "an owl"])
        for _ in ["p-image", "flux-dev"]
        for ratio in ["1:1", "16:9"]
        for seed in [1, 2]
    ]
    assert made["model"].tolist() == [name for name in ["p-image", "flux-dev"] for _ in "1234"] * 2
    assert len(list(out.glob("*.jpg"))) == 16
    assert (
        cli.main([*asked, "--sweep", "aspect_ratio=1:1,16:9", "--sweep", "seed=1,2", "--zip"]) == 0
    )
    zipped = pd.read_csv(out / "words.csv")
    assert zipped[["aspect_ratio", "seed"]].to_numpy().tolist() == [["1:1", 1], ["16:9", 2]] * 2
    assert zipped["cached"].all()
    assert cli.main([*asked, "--aspect-ratio", "1:1", "--seed", "1-2"]) == 0
    ranged = pd.read_csv(out / "words.csv")
    assert ranged[["row", "seed", "cached"]].to_numpy().tolist() == [
        [row, seed, True] for row in (0, 1) for seed in (1, 2)
    ]
    assert service.charged == 16


@pytest.mark.parametrize(
    ("sweeps", "told"),
    [
        (["seed"], "--sweep takes FIELD=VALUE,VALUE"),
        (["seed="], "seed= is an empty list"),
        (["seed=1,x", "aspect_ratio=1:1,9:1"], "seed, value 2 of 2"),
        (["seed=1,1"], "seed= has 1 twice"),
        (["seed=1", "seed=2"], "--sweep seed= is given twice"),
        (["seed=8-1"], "seed: the range '8-1' is reversed; write 1-8"),
        (["hf_api_token=abc,def"], "not hf_api_token"),
        (["samples=1,2"], "not samples"),
        (["seed=1,2", "aspect_ratio=1:1", "--zip"], "seed= has 2 values, aspect_ratio= has 1"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_told_before_anything_is_sent(
    *, service, words, tmp_path, capsys, sweeps, told
):
    given = [part for one in sweeps for part in ([one] if one == "--zip" else ["--sweep", one])]
    asked = ["generate", str(words), "--prompt-col", "prompt", "--out", str(tmp_path / "out")]
    try:
        code = cli.main([*asked, *given, "--quiet"])
    except SystemExit as refused:
        code = refused.code
    assert code in {1, 2}
    said = capsys.readouterr().err
    assert told in said
    assert "abc" not in said
    assert service.charged == 0
