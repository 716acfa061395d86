"""The magics, in a shell of IPython's."""

from __future__ import annotations

import atexit
import math
import re

import numpy as np
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import pruna_nb
from pruna_nb import settings
from pruna_nb.arguments import Problems
from pruna_nb.errors import AuthenticationError, BudgetError, InputError
from pruna_nb.magics import fill_prompt, read_options_line


@pytest.fixture(scope="module")
def _shell(tmp_path_factory):
    """Return a shell with the extension loaded: it takes longer to make than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
        shell.run_line_magic("load_ext", "pruna_nb")
        yield shell
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()


@pytest.fixture
def shell(_shell):
    """Return the shell, with no variable of an earlier test."""
    known = dict(_shell.user_ns)
    yield _shell
    _shell.user_ns.clear()
    _shell.user_ns.update(known)


@pytest.fixture
def pruna(shell, service):
    """Run a cell of prompts below a line of options."""
    return lambda line, cell: shell.run_cell_magic("pruna", line, cell)


def test_a_line_is_a_prompt_and_options_are_axes(pruna, shell, service):
    grid = pruna("--model p-image --aspect-ratio 16:9,1:1 --seed 1,2", "a fox\nan owl, at night\n")
    frame = shell.user_ns["_pruna"]
    assert service.charged == 8
    assert len(grid) == 8
    assert frame["prompt"].tolist() == ["a fox"] * 4 + ["an owl, at night"] * 4
    assert frame["aspect_ratio"].tolist() == ["16:9", "16:9", "1:1", "1:1"] * 2
    assert frame["seed"].tolist() == [1, 2] * 4
    assert "the frame is in _pruna" in repr(grid)


def test_lists_in_step_are_taken_together_and_what_does_not_fit_is_refused(pruna, shell, service):
    grid = pruna("--zip --aspect-ratio 1:1,1:1,16:9 --seed 1-3", "a fox\nan owl")
    frame = shell.user_ns["_pruna"]
    pairs = [("1:1", 1), ("1:1", 2), ("16:9", 3)]
    assert list(zip(frame["aspect_ratio"], frame["seed"], strict=True)) == pairs * 2
    assert (len(grid), service.charged) == (6, 6)
    assert [unit.places for unit in grid.layout().units] == [(0, 1, 2)] * 2  # no empty cell
    with pytest.raises(UsageError, match="one length; aspect_ratio= has 1 value, seed= has 2"):
        pruna("--zip --aspect-ratio 1:1 --seed 1,2", "a fox")
    assert service.charged == 6


def test_tags_of_the_line_are_in_the_journal(pruna, service):
    pruna("--tag spring --tag sale", "a fox")
    assert pruna_nb.journal()["tag"].tolist() == ["spring, sale"]


def test_a_record_is_run_again_by_a_line(pruna, shell, service, tmp_path):
    pruna("--seed 1,2", "a fox")
    shell.user_ns["_pruna"].pruna.record(tmp_path / "a run.json")
    grid = shell.run_line_magic("pruna", f'rerun "{tmp_path}/a run.json" --out again --quiet')
    assert (len(grid), service.charged) == (2, 2)
    assert shell.user_ns["again"]["cached"].all()
    for wrong in (
        "rerun",
        f"rerun {tmp_path}/none.json",
        "rerun a.json --max-cost-usd x",
        "rerun a b",
    ):
        with pytest.raises((UsageError, ValueError)):
            shell.run_line_magic("pruna", wrong)


def test_variables_of_the_notebook_fill_the_prompts(pruna, shell, service):
    shell.user_ns.update(animal="fox", count=np.int64(3), price=2.5)
    pruna("--out made", "{count} {animal}s for {price:.2f}, {{really}}")
    assert service.accepted[0]["input"]["prompt"] == "3 foxs for 2.50, {really}"
    assert shell.user_ns["made"]["status"].tolist() == ["succeeded"]
    assert "_pruna" not in shell.user_ns


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("a {animl}", "no variable 'animl'. Did you mean animal?"),
        ("a {animal.__class__}", "no variable 'animal.__class__'"),
        ("a {animal[0]}", "no variable 'animal[0]'"),
        ("a {0}", "no variable '0'"),
        ("a {colours}", "is of type list; use text, numbers or dates"),
        ("a {animal", "Write {{ and }}"),
        ("a {animal:{width}}", "cannot be read"),
        ("a {gap}", "The variable 'gap' is empty (nan); give it a value"),
        ("a {animal:.2f}", "does not fit"),
    ],
)
def test_a_prompt_that_cannot_be_filled_says_why(prompt, error):
    with pytest.raises(InputError) as caught:
        fill_prompt(prompt, {"animal": "fox", "colours": ["red"], "width": 3, "gap": math.nan})
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--sede 1", "Did you mean --seed?"),
        ("--seed one", "'one' is not a whole number"),
        ("--aspect-ratio 17:9 --lora-scale 9", "'17:9' is not allowed"),
        ("--lora-scale", "--lora-scale needs a value"),
        ("--prompt-upsampling maybe", "give True or False"),
        ("a fox", "Unexpected 'a'"),
        ("--model p-imag", "Did you mean p-image"),
        ("--out 1st", "is not a variable name"),
        ("--max-cost-usd much", "takes a number"),
        ("--lora-weights 'a", "cannot be read"),
        ("--max-cost-usd nan", "takes a number above 0, not 'nan'"),
        ("--max-cost-usd -1", "takes a number above 0"),
        ("--size 0", "takes a number above 0"),
        ("--size inf", "takes a number above 0"),
        ("--seed=", "--seed needs a value"),
        ("--model=", "--model needs a value"),
        ("--out=", "--out needs a value"),
        ("--estimate=no", "--estimate takes no value"),
        ("--size 64 --size 128", "--size is given twice"),
        ("--model p-image,p-imag", "Did you mean p-image"),
        ("--model p-image,p-image-pro --lora-scale 1", "p-image-pro has no such field"),
        ("--lora-scale 1,9", "9 is out of range"),
        ("--rows sede", "Did you mean 'seed'"),
        ("--rows seed --cols seed", "name 'seed' twice"),
        ("--replace 'bear -> cat'", "no prompt holds 'bear'"),
        ("--prompt 'an owl'", "Put prompts on the lines below"),
        ("--out class", "is not a variable name"),
    ],
)
def test_a_mistake_is_said_in_one_line_and_nothing_is_sent(pruna, service, line, error):
    with pytest.raises(UsageError) as caught:
        pruna(line, "a fox")
    assert error in str(caught.value)
    assert service.charged == 0


def test_without_a_prompt_the_model_says_that_it_needs_one(pruna):
    with pytest.raises(UsageError, match="p-image needs a prompt"):
        pruna("", " \n")


def fields_of(line):
    problems = Problems()
    fields = read_options_line(line, problems).fields
    problems.check()
    return fields


def test_fields_have_the_types_that_the_model_takes(tmp_path):
    line = (
        "--model p-image-edit --images a.png --images 'b c.png' --turbo no --seed 1 2 "
        "--reference-image 2"
    )
    assert fields_of(line) == {
        "images": ["a.png", "b c.png"], "turbo": False, "seed": [1, 2], "reference_image": "2",
    }  # fmt: skip
    line = "--model p-video --fps 48 --duration=10 --draft --resolution 1080p"
    assert fields_of(line) == {
        "fps": 48, "duration": 10, "draft": True, "resolution": "1080p",
    }  # fmt: skip


def test_values_of_an_axis_may_be_given_one_by_one(pruna, shell):
    pruna("--seed 1 --aspect-ratio 1:1 --seed 3-4 --aspect-ratio 3:2", "a fox")
    assert shell.user_ns["_pruna"]["seed"].tolist() == [1, 3, 4] * 2
    assert shell.user_ns["_pruna"]["aspect_ratio"].tolist() == ["1:1"] * 3 + ["3:2"] * 3


def test_an_estimate_sends_nothing(pruna, service, capsys):
    assert pruna("--estimate --seed 1-3", "a fox") is None
    assert capsys.readouterr().out.startswith("3 rows: 3 new, 0 cached")
    assert service.charged == 0


def test_a_cell_above_its_budget_is_refused(pruna, service):
    with pytest.raises(BudgetError):
        pruna("--seed 1-3 --max-cost-usd 0.01", "a fox")
    assert service.charged == 0


def test_an_error_of_the_account_is_said_without_the_magic_s_own_lines(shell, service, capsys):
    shell.run_cell("%%pruna --seed 1-3 --max-cost-usd 0.01\na fox")
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert said.startswith("BudgetError: 3 new predictions would cost 0.015 USD")
    assert "magics.py" not in said
    service.configure(keys=["another"])
    shell.run_cell("%%pruna --quiet\na fox")
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert said.startswith("AuthenticationError: 401")
    assert "0 of 1 rows are done and kept; run again to go on." in said


def test_what_was_made_before_a_stop_is_in_the_variable(pruna, shell, service):
    service.configure(keys=["another"])
    with pytest.raises(AuthenticationError):
        pruna("--quiet", "a fox")
    assert shell.user_ns["_pruna"]["status"].tolist() == ["pending"]


def test_quiet_shows_no_bar(pruna, capsys):
    pruna("--quiet", "a fox")
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "")


def test_models_are_a_frame(shell):
    assert "p-image" in shell.run_line_magic("pruna", "models").index


def test_cost_tells_what_was_sent_and_that_the_cache_is_free(pruna, shell, service):
    pruna("--seed 1-3", "a fox")
    pruna("--seed 1-4", "a fox")
    costs = shell.run_line_magic("pruna", "cost")
    assert costs.index.tolist() == ["this session", "last 24 hours", "last 30 days"]
    assert costs["predictions"].tolist() == [4, 4, 4]
    assert costs["cost_usd"].tolist() == pytest.approx([0.02] * 3)


def test_cost_keeps_what_failed_apart(pruna, shell, service):
    service.configure(faults={"failed": {"first": 1}})
    pruna("--seed 1,2", "a fox")
    costs = shell.run_line_magic("pruna", "cost").loc["this session"]
    assert (costs["cost_usd"], costs["perhaps_usd"]) == (0.005, 0.005)


def test_cost_of_another_service_is_not_counted(pruna, shell, service):
    pruna("", "a fox")
    settings.configure(base_url="https://api.pruna.ai")
    assert shell.run_line_magic("pruna", "cost")["predictions"].tolist() == [0, 0, 0]


def test_the_magic_alone_says_how_it_is_used(shell, capsys):
    shell.run_line_magic("pruna", "")
    assert "%%pruna [--model p-image]" in capsys.readouterr().out
    with pytest.raises(UsageError, match="%pruna models and %pruna cost"):
        shell.run_line_magic("pruna", "modles")


def test_a_hostile_prompt_is_text_in_the_grid(pruna):
    html = pruna("", "<script>alert(1)</script> for $5 and $6").html()
    assert "<script" not in html
    assert "mathjax_ignore" in html


@pytest.mark.parametrize("size", ["5000", "15", "4097", "0.5"])
def test_a_size_that_the_grid_does_not_take_is_told_before_anything_is_sent(pruna, service, size):
    with pytest.raises(UsageError, match="out of range"):
        pruna(f"--quiet --size {size}", "a cow")
    assert service.charged == 0


def test_all_mistakes_of_a_cell_are_told_at_once(pruna, service):
    line = "--model p-image --size 5000 --max-cost-usd nan --out 1st --sede 1 --aspect-ratio 17:9"
    with pytest.raises(UsageError) as raised:
        pruna(line, "a {colour} cow\na {size} cow")
    told = str(raised.value)
    for part in ("--size 5000", "--max-cost-usd takes", "'1st'", "--seed?", "'17:9'", "'colour'",
                 "'size'"):  # fmt: skip
        assert part in told, part
    assert service.charged == 0


def test_models_and_any_field_are_axes_of_one_run_and_one_grid(pruna, shell, service, capsys):
    line = "--model p-image,p-image-lora --lora-scale 0.5,1 --seed 7 --rows model --quiet"
    grid = pruna(line, "a {red|blue} fox")
    frame = shell.user_ns["_pruna"]
    assert service.charged == len(grid) == 8
    assert frame[["prompt", "model", "lora_scale"]].drop_duplicates().shape == (8, 3)
    assert set(frame["seed"]) == {7}  # the choice changes no seed
    assert grid.row_name == ("model",)
    assert grid.col_name == ("prompt", "lora_scale")
    assert [cell.row_value for cell in grid.cells].count(("p-image-lora",)) == 4
    assert capsys.readouterr().out == ""


def test_the_price_of_each_model_is_told_before_a_run(pruna, service, capsys):
    line = "--model p-image --model p-image-pro --max-cost-usd 0.05"
    assert pruna(f"{line} --estimate", "a {red|blue|<b>} fox") is None
    told = capsys.readouterr().out
    # 3 x 0.005 and 3 x 0.01 USD
    assert "6 new" in told
    assert "p-image: 0.015 USD, p-image-pro: 0.03 USD" in told
    assert "3 prompts: a red fox; a blue fox; a <b> fox" in told
    with pytest.raises(BudgetError):
        pruna(line.replace("0.05", "0.04"), "a {red|blue|green} fox")
    assert service.charged == 0
    pruna(line, "a fox")
    assert "p-image: 0.005 USD" in capsys.readouterr().out


def test_lists_of_the_notebook_and_replacements_make_prompts(pruna, shell, service):
    shell.user_ns.update(animals=["fox", "owl"], colour="red")
    pruna("--replace 'snow -> rain' --quiet", "a {colour} {animals} in snow, {{x|y}}")
    prompts = shell.user_ns["_pruna"]["prompt"].tolist()
    assert prompts == [
        f"a red {animal} in {place}, {{x|y}}"
        for animal in ("fox", "owl")
        for place in ("snow", "rain")
    ]
    shell.user_ns["animals"] = []
    with pytest.raises(UsageError, match="'animals' is an empty list"):
        pruna("", "a {animals}")
