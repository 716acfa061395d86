"""A gap in a column changes nothing of its other rows: not what is sent, nor what is paid."""

from __future__ import annotations

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.arguments import Problems
from pruna_nb.errors import InputError
from pruna_nb.frames.call import read_call
from pruna_nb.frames.requests import make_requests

WHOLE = ["int64", "int16", "uint32", "Int64", "UInt8", "object", "category", "int64[pyarrow]"]
FLAGS = ["bool", "boolean", "object", "category", "bool[pyarrow]"]
KEYS = [
    "cda6245eb5227787",
    "e2a7d5df43b2a4f2",
    "1624391c41a83725",
    "978fd46debe8ca3f",
    "428820a9360ee633",
    "cf1f04d3993a3b59",
]
"""What 0.1.0 called the requests of the last test, worked out with its code."""
TEXTS = ["object", "str", "string", "category", "string[pyarrow]"]


def requests(frame, *, model="p-image", prompt_col=None, prompt=None, **fields):
    problems = Problems()
    call = read_call(
        model,
        problems,
        prompt_col=prompt_col,
        prompt=prompt,
        unchecked=model == "sketch-9",
        fields=fields,
    )
    made = make_requests(frame, call, "service", problems)
    problems.check()
    return made


def of_rows(frame, rows, **call):
    made = requests(frame, **call)
    return [(made[row].key, made[row].input) for row in rows]


def gapped(values, dtype, gaps):
    """Return a column as pandas holds it, and the same with rows that have no cell in it."""
    full = pd.Series(values, dtype=dtype)
    places = [place for place in range(len(values) + len(gaps)) if place not in gaps]
    spread = full.set_axis(places).reindex(range(len(values) + len(gaps)))
    return full, spread, places


@st.composite
def columns(draw, dtypes, cells):
    values = draw(st.lists(cells, min_size=1, max_size=4))
    total = len(values) + draw(st.integers(1, 3))
    gaps = draw(st.permutations(range(total)))[: total - len(values)]
    return gapped(values, draw(st.sampled_from(dtypes)), set(gaps))


@given(columns(WHOLE, st.integers(0, 100)))
def test_a_gap_among_whole_numbers_changes_no_other_request(column):
    full, spread, places = column
    before, after = (
        pd.DataFrame({"prompt": "a fox", "n": cells}, index=cells.index) for cells in (full, spread)
    )
    for call in (
        {"prompt": "{n} pots, {n:03d}, {n:.1f}"},
        {"prompt_col": "prompt", "seed_col": "n"},
        {"prompt_col": "prompt", "model": "sketch-9", "depth_col": "n"},
    ):
        assert of_rows(after, places, **call) == of_rows(before, range(len(before)), **call)


@given(columns(FLAGS, st.booleans()))
def test_a_gap_among_booleans_changes_no_other_request(column):
    full, spread, places = column
    before, after = (
        pd.DataFrame({"prompt": "a fox", "up": cells}, index=cells.index)
        for cells in (full, spread)
    )
    for call in (
        {"prompt": "{up} or not"},
        {"prompt_col": "prompt", "prompt_upsampling_col": "up"},
    ):
        assert of_rows(after, places, **call) == of_rows(before, range(len(before)), **call)


@given(columns(TEXTS, st.sampled_from(["fox", "007", "1920", "nan", "1.10"])))
def test_a_gap_among_texts_changes_no_other_request_and_skips_its_own(column):
    full, spread, places = column
    before, after = (pd.DataFrame({"thing": cells}) for cells in (full, spread))
    for call in ({"prompt": "a {thing}"}, {"prompt_col": "thing"}):
        assert of_rows(after, places, **call) == of_rows(before, range(len(before)), **call)
        skipped = {row for row, made in enumerate(requests(after, **call)) if made.key is None}
        assert skipped == set(range(len(after))) - set(places)


def test_a_row_alone_asks_for_what_it_asks_for_among_others(generate, service, asked):
    csv = "city,year\nParis,1920\nRome,\nBonn,1930\n"
    whole = pd.read_csv(io.StringIO(csv.replace("Rome,\n", "")))
    generate(whole, prompt="{city} in {year}")
    assert sorted(asked("prompt")) == ["Bonn in 1930", "Paris in 1920"]
    gap = pd.read_csv(io.StringIO(csv))
    out = generate(gap, prompt="{city} in {year}")
    assert out["status"].tolist() == ["succeeded", "skipped", "succeeded"]
    assert out["error"].iloc[1] == "column 'year' of the template is empty"
    generate(gap.dropna().head(1), prompt="{city} in {year}")
    assert service.charged == 2


@pytest.mark.parametrize(
    "missing",
    [
        None,
        float("nan"),
        pd.NA,
        pd.NaT,
        np.float32("nan"),
        np.datetime64("NaT", "ns"),
        Decimal("NaN"),
    ],
    ids=repr,
)
def test_a_missing_cell_of_any_kind_is_no_word_anywhere(missing, generate, service):
    frame = pd.DataFrame(
        {"text": ["a fox", missing], "shape": [missing, "1:1"], "seed": [missing, 1]}, dtype=object
    )
    by_column = generate(frame, "text", aspect_ratio_col="shape", seed_col="seed")
    by_template = generate(frame, prompt="{text}!")
    assert (
        by_column["status"].tolist() == by_template["status"].tolist() == ["succeeded", "skipped"]
    )
    assert [row["input"] for row in service.accepted] == [
        {"prompt": "a fox"},
        {"prompt": "a fox!"},
    ]


class TestLargeNumbers:
    @pytest.mark.parametrize("seed", [2**53, 2**53 + 1, 2**62])
    @pytest.mark.parametrize("samples", [1, 2])
    def test_a_seed_that_went_through_a_float_is_refused_in_its_row(
        self, seed, samples, generate, service
    ):
        frame = pd.DataFrame({"prompt": ["a", "b", "c"], "n": [seed, None, 7]}, index=list("xyz"))
        with pytest.raises(InputError, match=r"row 'x'.*seed: .*last digits.*\"Int64\"") as raised:
            generate(frame, "prompt", seed_col="n", samples=samples)
        assert len(raised.value.problems) == 1
        assert service.charged == 0

    @pytest.mark.parametrize("dtype", ["int64", "Int64", "object", "int64[pyarrow]"])
    def test_a_large_seed_in_a_column_of_whole_numbers_is_sent_to_the_last_digit(
        self, dtype, generate, asked
    ):
        frame = pd.DataFrame({"prompt": ["a"], "n": pd.Series([2**53 + 1], dtype=dtype)})
        generate(frame, "prompt", seed_col="n")
        generate(frame, "prompt", seed_col="n", samples=2)
        assert asked("seed") == [2**53 + 1, 2**53 + 2]

    def test_a_large_whole_number_beside_a_gap_is_refused_in_a_template(
        self, generate, asked, service
    ):
        full = pd.DataFrame({"id": [2**60, 2**60 + 1, 7]})
        with pytest.raises(InputError, match=r"row 0.*last digits") as raised:
            generate(full.reindex(range(4)), prompt="post {id}")
        assert len(raised.value.problems) == 2
        assert service.charged == 0
        generate(full.astype("Int64").reindex(range(4)), prompt="post {id}")
        assert sorted(asked("prompt")) == [f"post {2**60}", f"post {2**60 + 1}", "post 7"]

    @pytest.mark.parametrize("samples", [1, 2])
    def test_seeds_with_a_fraction_are_refused_all_at_once(self, samples, generate, service):
        frame = pd.DataFrame({"prompt": ["a", "b", "c"], "n": [3.7, 1, "7"]})
        with pytest.raises(InputError) as raised:
            generate(frame, "prompt", seed_col="n", samples=samples)
        assert [problem.split(":")[0] for problem in raised.value.problems] == ["row 0", "row 2"]
        assert service.charged == 0


def test_decimals_are_the_numbers_that_they_say(generate, asked):
    frame = pd.DataFrame(
        {
            "prompt": ["a"],
            "n": [Decimal("7.0")],
            "scale": [Decimal("0.5")],
            "price": [Decimal("3.50")],
        }
    )
    generate(frame, "prompt", seed_col="n", lora_scale_col="scale")
    generate(frame, prompt="{price} EUR")
    assert asked() == [{"prompt": "a", "seed": 7, "lora_scale": 0.5}, {"prompt": "3.50 EUR"}]


def test_a_float32_says_in_a_prompt_what_the_table_shows(generate, asked):
    generate(pd.DataFrame({"x": np.array([0.1, 2], dtype="float32")}), prompt="{x} m")
    assert sorted(asked("prompt")) == ["0.1 m", "2 m"]


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "object"])
def test_a_date_is_written_as_python_writes_it_or_as_its_format_says(dtype, generate, asked):
    day = pd.Series([np.datetime64("2024-05-01", "ns"), None], dtype=dtype)
    generate(pd.DataFrame({"day": day}), prompt="{day}, {day:%d %B %Y}")
    assert asked("prompt") == ["2024-05-01 00:00:00, 01 May 2024"]


def test_requests_have_the_keys_that_earlier_versions_gave_them():
    """What was paid for then is found again: the keys are those that 0.1.0 wrote."""
    frame = pd.DataFrame(
        {
            "prompt": ["a lion", "größe {x} 🦊"],
            "seed": [1, 2],
            "year": [1920, 1930],
            "price": [3.5, 20.25],
            "day": pd.to_datetime(["2024-05-01", "2024-05-02"]),
            "lora": [1.0, 0.5],
            "ratio": ["1:1", None],
        }
    )
    template = "{prompt} of {year} for {price:.2f} {{ok}} {price} {day}"
    keys = [
        (made.key or "")[:16]
        for call in (
            {"prompt_col": "prompt", "seed_col": "seed", "aspect_ratio_col": "ratio"},
            {"prompt": template, "seed": 7},
            {"prompt_col": "prompt", "lora_scale_col": "lora", "seed_col": "seed"},
        )
        for made in requests(frame, **call)
    ]
    assert keys == KEYS
