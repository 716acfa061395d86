"""Rows and pairs: what is made, and what is judged against what."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.comparison.pairs import fingerprint, make_pairs, make_rows, votes_name
from pruna_nb.comparison.variants import Variant, read_variants
from pruna_nb.errors import InputError

TWO = read_variants({"plain": "a fox", "studio": "a fox, studio light"})


def prompts_of(rows):
    return [(row.variant, row.request["prompt"]) for row in rows]


def test_a_number_of_seeds_means_the_first_ones_for_both_sides():
    rows = make_rows(TWO, seeds=3)
    assert [(row.variant, row.request["seed"]) for row in rows] == [
        (name, seed) for seed in (1, 2, 3) for name in ("plain", "studio")
    ]


def test_seeds_none_sends_no_seed():
    assert all("seed" not in row.request for row in make_rows(TWO, seeds=None))


def test_lists_among_the_fields_make_their_product():
    rows = make_rows(TWO, seeds=2, fields={"aspect_ratio": ["1:1", "16:9"], "guidance": (3, 7)})
    assert len(rows) == 2 * 2 * 2 * 2
    settings = {(row.request["aspect_ratio"], row.request["guidance"]) for row in rows}
    assert settings == {("1:1", 3), ("1:1", 7), ("16:9", 3), ("16:9", 7)}


def test_a_field_that_takes_a_list_keeps_it():
    (first, *_) = make_rows(TWO, seeds=1, fields={"images": ["a.png", "b.png"]})
    assert first.request["images"] == ["a.png", "b.png"]
    spread = make_rows(TWO, seeds=1, fields={"images": [["a.png"], ["b.png"]]})
    assert [row.request["images"] for row in spread] == [["a.png"]] * 2 + [["b.png"]] * 2


def test_templates_are_filled_from_each_item():
    variants = read_variants({"photo": "a photo of {subject}", "studio": "{subject}, studio light"})
    rows = make_rows(variants, seeds=None, prompts=[{"subject": "a fox"}, {"subject": "a cat"}])
    assert prompts_of(rows) == [
        ("photo", "a photo of a fox"),
        ("studio", "a fox, studio light"),
        ("photo", "a photo of a cat"),
        ("studio", "a cat, studio light"),
    ]
    assert all("subject" not in row.request for row in rows)


def test_a_text_fills_a_templates_only_placeholder():
    variants = read_variants({"photo": "a photo of {subject}", "plain": "{prompt}"})
    rows = make_rows(variants, seeds=None, prompts=["a fox"])
    assert prompts_of(rows) == [("photo", "a photo of a fox"), ("plain", "a fox")]


def test_a_column_gives_prompts_and_seeds():
    table = pd.DataFrame({"prompt": ["a fox", "a cat"], "seed": [5, 7]})
    variants = read_variants(["a {x}", "b {x}"])
    rows = make_rows(variants, seeds=table["seed"], prompts=table["prompt"])
    assert [row.request["seed"] for row in rows] == [5, 5, 7, 7, 5, 5, 7, 7]
    assert all(type(row.request["seed"]) is int for row in rows)
    assert {row.request["prompt"] for row in rows} == {"a a fox", "b a fox", "a a cat", "b a cat"}


def test_a_table_in_the_prompts_place_is_not_read_as_the_names_of_its_columns():
    with pytest.raises(InputError, match=r'df\["prompt"\]'):
        make_rows(TWO, seeds=1, prompts=pd.DataFrame({"prompt": ["a fox"]}))


def test_models_are_compared_over_a_list_of_prompts():
    variants = read_variants(["p-image", "flux-dev"])
    rows = make_rows(variants, seeds=[5], prompts=["a fox", "a cat"])
    assert [(row.request["model"], row.request["prompt"]) for row in rows] == [
        ("p-image", "a fox"),
        ("flux-dev", "a fox"),
        ("p-image", "a cat"),
        ("flux-dev", "a cat"),
    ]


def test_one_prompt_for_all_may_be_given_as_a_field():
    variants = read_variants([{"guidance": 3}, {"guidance": 7}])
    one = make_rows(variants, seeds=1, fields={"prompt": "a fox"})
    assert {row.request["prompt"] for row in one} == {"a fox"}
    with pytest.raises(InputError, match="not both"):
        make_rows(variants, seeds=1, prompts=["a fox"], fields={"prompt": "a fox"})


def test_an_items_other_keys_are_input_fields():
    variants = read_variants({"night": "make it night", "snow": "make it snow"})
    rows = make_rows(variants, seeds=1, prompts=[{"images": ["a.png"]}, {"images": ["b.png"]}])
    assert [row.request["images"] for row in rows] == [["a.png"]] * 2 + [["b.png"]] * 2


def test_files_of_an_item_are_said_in_words_and_not_by_their_bytes():
    from PIL import Image

    variants = read_variants({"night": "make it night", "snow": "make it snow"})
    items = [
        {"images": [b"\x89PNG", Path("folder/a.png")], "thing": "fox"},
        {"images": [Image.new("RGB", (2, 2))]},
    ]
    rows = make_rows(variants, seeds=1, prompts=items)
    assert [row.item for row in rows[::2]] == [
        "images: 4 bytes, a.png, thing: fox",
        "images: Image",
    ]


def test_a_variants_own_settings_win():
    variants = read_variants([{"guidance": 3}, {"model": "flux-dev"}])
    rows = make_rows(variants, seeds=1, fields={"prompt": "a fox", "guidance": 5})
    assert [(r.request["model"], r.request["guidance"]) for r in rows] == [
        ("p-image", 3),
        ("flux-dev", 5),
    ]


def test_equal_items_are_judged_once():
    variants = read_variants(["a photo of {x}", "{x}, studio light"])
    assert len(make_rows(variants, seeds=1, prompts=["fox", "fox", "cat"])) == 4


@pytest.mark.parametrize(
    ("variants", "more", "words"),
    [
        (["a {x}", "b"], {}, "must fill {x}"),
        (["a {x}", "b {x}"], {"prompts": [{"x": 1}, {"y": 2}]}, "item 1 of prompts must fill {x}"),
        (["a fox", "{prompt}, studio"], {"prompts": ["a cat"]}, "takes nothing from prompts"),
        ([{"guidance": 3}, {"guidance": 7}], {"fields": {"guidance": [1, 2]}}, "sets it too"),
        ([{"seed": 3}, {"seed": 7}], {}, "seeds=None"),
        (["a fox", {"prompt": "a fox"}], {}, "ask for the same thing"),
        (["a", "b"], {"seeds": 0}, "seeds"),
        (["a", "b"], {"seeds": True}, "seeds"),
        (["a", "b"], {"seeds": [1.5]}, "seeds"),
        (["a", "b"], {"seeds": []}, "seeds"),
        (["a {x}", "b {x}"], {"prompts": []}, "empty"),
        (["a {x}", "b {x}"], {"prompts": "fox"}, "list"),
        (["a {x}", "b {x}"], {"prompts": [3]}, "each is a text"),
        (["a", "b"], {"fields": {"aspect_ratio": []}}, "empty list"),
        (["a", {"images": object()}], {}, "cannot use object"),
    ],
)
def test_a_design_that_cannot_be_is_refused(variants, more, words):
    with pytest.raises(InputError, match=words.replace("{", r"\{").replace("}", r"\}")):
        make_rows(read_variants(variants), **more)


def test_every_problem_is_told_at_once():
    variants = read_variants(["a {x}", {"prompt": "b {y}", "guidance": 3}])
    with pytest.raises(InputError) as error:
        make_rows(variants, fields={"guidance": [1, 2]})
    assert len(error.value.problems) == 3


def test_a_secret_changes_no_digest():
    def digests(token):
        variants = [
            Variant("a", {"prompt": "x", "hf_api_token": token}),
            Variant("b", {"prompt": "y"}),
        ]
        rows = make_rows(variants, seeds=1)
        return [row.digest for row in rows], votes_name(*variants, "p-image")  # type: ignore[call-arg]

    assert digests("one") == digests("two")


def test_pictures_in_memory_are_told_apart_by_their_pixels():
    from PIL import Image

    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    assert fingerprint(red) == fingerprint(red.copy()) != fingerprint(blue)
    assert fingerprint(Image.new("RGB", (8, 2), "red")) != fingerprint(red)
    assert fingerprint(b"one") != fingerprint(b"two")
    assert fingerprint(Path("a.png")) == fingerprint("a.png")


def test_more_seeds_keep_the_pairs_that_were_there():
    def keys(seeds):
        return {pair.key for pair in make_pairs(make_rows(TWO, seeds=seeds))}

    assert keys(4) < keys(8)


def test_names_and_order_of_variants_change_neither_pairs_nor_their_files_name():
    def named(variants):
        rows = make_rows(read_variants(variants), seeds=2)
        digest = votes_name(*read_variants(variants), "p-image")  # type: ignore[call-arg]
        return {pair.key for pair in make_pairs(rows)}, digest

    assert named({"a": "fox", "b": "cat"}) == named({"cats": "cat", "foxes": "fox"})


def designs():
    return st.fixed_dictionaries(
        {
            "variants": st.integers(2, 5),
            "seeds": st.integers(1, 6),
            "settings": st.integers(1, 3),
            "items": st.integers(1, 3),
            "salt": st.text(max_size=5),
        }
    )


def made(design):
    variants = [Variant(f"v{n}", {"prompt": f"{{x}} {n}"}) for n in range(design["variants"])]
    rows = make_rows(
        variants,
        seeds=design["seeds"],
        prompts=[f"item {n}" for n in range(design["items"])],
        fields={"guidance": list(range(design["settings"]))},
    )
    return rows, make_pairs(rows, salt=design["salt"])


@given(designs())
def test_each_two_variants_meet_once_in_each_cell_and_nowhere_else(design):
    rows, pairs = made(design)
    cells = design["seeds"] * design["settings"] * design["items"]
    k = design["variants"]
    assert len(rows) == cells * k
    assert len(pairs) == cells * k * (k - 1) // 2
    assert len({pair.key for pair in pairs}) == len(pairs)
    assert len({frozenset((pair.left, pair.right)) for pair in pairs}) == len(pairs)
    for pair in pairs:
        left, right = rows[pair.left], rows[pair.right]
        assert left.cell == right.cell
        assert left.variant != right.variant
        assert left.request["seed"] == right.request["seed"]


@given(designs())
def test_each_two_variants_take_each_side_equally_often(design):
    rows, pairs = made(design)
    sides = Counter((rows[pair.left].variant, rows[pair.right].variant) for pair in pairs)
    for one, two in list(sides):
        assert abs(sides[one, two] - sides[two, one]) <= 1


@given(designs(), st.data())
def test_whoever_stops_early_has_seen_each_two_variants_equally_often(design, data):
    rows, pairs = made(design)
    judged = pairs[: data.draw(st.integers(0, len(pairs)))]
    met = Counter(frozenset((rows[p.left].variant, rows[p.right].variant)) for p in judged)
    everyone = {frozenset((rows[p.left].variant, rows[p.right].variant)) for p in pairs}
    counts = [met[each] for each in everyone]
    assert max(counts) - min(counts) <= 1


@given(designs())
def test_the_same_design_gives_the_same_pairs(design):
    assert made(design)[1] == made(design)[1]


def test_another_salt_gives_other_sides_and_another_order():
    rows = make_rows(TWO, seeds=20)
    one, two = make_pairs(rows, salt="ann"), make_pairs(rows, salt="bob")
    assert one != two
    assert {pair.key for pair in one} == {pair.key for pair in two}
    assert [(p.key, p.left) for p in sorted(one, key=lambda p: p.key)] != [
        (p.key, p.left) for p in sorted(two, key=lambda p: p.key)
    ]


def test_the_left_side_does_not_tell_which_side_comes_next():
    rows = make_rows(TWO, seeds=64)
    lefts = "".join(rows[pair.left].variant[0] for pair in make_pairs(rows))
    assert lefts.count("p") == 32
    assert lefts not in {"ps" * 32, "sp" * 32}
    # Of 63 neighbours about half differ; a strict alternation would have 63.
    assert 20 < sum(a != b for a, b in pairwise(lefts)) < 44
