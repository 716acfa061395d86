"""`pruna_nb.compare` against the emulator: what is sent, paid, refused and taken up again."""

import os
import signal
import subprocess
import sys

import pytest

import pruna_nb
from pruna_nb.errors import BudgetError, InputError
from pruna_nb.settings import current

TWO = {"plain": "a fox", "studio": "a fox, studio light"}
VOTER = """
import pruna_nb
comparison = pruna_nb.compare(
    {"plain": "a fox", "studio": "a fox, studio light"}, seeds=6, progress=False
)
clock = iter(range(10, 10_000, 2))
form = comparison.vote()
form._clock = lambda: next(clock)
form.start()
while form.current is not None:
    form.vote("left", side_by_side=True)
    print(form.current and form.current.key, flush=True)
    if len(form._judged) == 3:
        input()
"""


@pytest.fixture
def compare(service):
    def compare(variants=TWO, **more):
        return pruna_nb.compare(variants, progress=False, **more)

    return compare


def sent(service):
    return [(row["input"]["prompt"], row["input"].get("seed")) for row in service.accepted]


def test_both_sides_get_the_same_seeds_and_a_second_run_pays_nothing(compare, service):
    compare(seeds=2)
    assert sorted(sent(service)) == sorted((prompt, n) for prompt in TWO.values() for n in (1, 2))
    again = compare(seeds=2)
    assert len(service.accepted) == 4
    assert again.frame["cached"].all()
    assert again.frame["cost_usd"].sum() == 0


def test_a_variant_that_comes_later_is_all_that_is_paid_for(compare, service):
    compare(seeds=2)
    compare({**TWO, "night": "a fox at night"}, seeds=2)
    assert sorted(sent(service)[4:]) == [("a fox at night", 1), ("a fox at night", 2)]


def test_a_picture_that_failed_is_made_by_the_next_run_and_no_other(compare, service):
    service.configure(faults={"failed": {"first": 1}})
    first = compare(seeds=2)
    assert (first.frame["status"] == "failed").sum() == 1
    assert first.pairs == 1
    second = compare(seeds=2)
    assert (second.frame["status"] == "succeeded").all()
    assert second.pairs == 2
    assert len(service.accepted) == 5


def test_a_budget_is_for_all_models_together_and_tells_the_price_first(compare, service):
    # 0.005 USD each, for both models.
    with pytest.raises(BudgetError, match=r"cost 0\.02 USD \(4 new, 0 cached\).*Nothing was sent"):
        compare(["p-image", "flux-dev"], prompt="a fox", seeds=2, max_cost_usd=0.015)
    assert service.accepted == []
    compare(["p-image", "flux-dev"], prompt="a fox", seeds=1, max_cost_usd=0.01)
    with pytest.raises(BudgetError, match=r"cost 0\.01 USD \(2 new, 2 cached\)"):
        compare(["p-image", "flux-dev"], prompt="a fox", seeds=2, max_cost_usd=0)


@pytest.mark.parametrize(
    ("variants", "more", "words"),
    [
        (
            ["p-image", "z-image-turbo"],
            {"aspect_ratio": ["16:9"], "prompt": "a fox"},
            "z-image-turbo takes no aspect_ratio: as p-image does, set it for those variants alone",
        ),
        (["a fox", "a cat"], {"aspect_ratoi": "1:1"}, "did you mean aspect_ratio"),
        (
            [{"image": "a.png"}, {"image": "b.png"}],
            {"model": "p-image-upscale"},
            "p-image-upscale takes no seed: without seeds in common, seeds=None",
        ),
    ],
)
def test_a_field_that_a_model_lacks_is_refused_with_what_to_do(
    compare, service, variants, more, words
):
    with pytest.raises(InputError, match=words) as error:
        compare(variants, **more)
    assert "_col" not in str(error.value)
    assert service.accepted == []


def test_models_with_different_fields_are_compared_by_variants_of_settings(compare, service):
    variants = {
        "p": {"model": "p-image", "aspect_ratio": "16:9"},
        "z": {"model": "z-image-turbo", "width": 1344, "height": 768},
    }
    comparison = compare(variants, prompt="a fox", seeds=2)
    assert comparison.pairs == 2
    assert (comparison.frame["status"] == "succeeded").all()


def test_an_input_that_is_refused_is_named_by_its_row_in_the_frame(compare, service):
    variants = ["p-image", {"model": "flux-dev", "guidance": "much"}]
    with pytest.raises(InputError, match="row 1: guidance"):
        compare(variants, prompt="a fox", seeds=1)
    assert service.accepted == []


def test_votes_without_a_vote_are_a_frame_with_columns(compare):
    votes = compare(seeds=1, aspect_ratio=["1:1"]).votes
    assert len(votes) == 0
    assert {"seed", "aspect_ratio", "winner", "names_seen"} <= set(votes)
    assert votes["winner"].value_counts().empty


def test_a_kernel_that_is_killed_while_it_votes_keeps_what_was_voted(compare, service):
    environment = {
        **os.environ,
        "PRUNA_API_URL": service.url,
        "PRUNA_API_KEY": "test-key",
        "PRUNA_NB_CACHE_DIR": str(current().cache_dir),
        "PRUNA_NB_STATE_DIR": str(current().state_dir),
    }
    with subprocess.Popen(
        [sys.executable, "-c", VOTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as voter:
        following = [voter.stdout.readline().strip() for _ in range(3)][-1]
        voter.send_signal(signal.SIGKILL)
    comparison = compare(seeds=6)
    assert len(service.accepted) == 12
    form = comparison.vote()
    form.start()
    # The pair that was on the screen when it died, on the sides that it had.
    assert form.current.key == following
    assert (comparison.votes["verdict"] == "left").sum() == 3
    assert form.undo()
    assert len(comparison.votes) == 2
