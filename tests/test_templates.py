"""The syntax of prompt templates, which frames, comparisons and magics share."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pruna_nb
from pruna_nb.errors import ColumnError, InputError
from pruna_nb.magics import fill_prompt
from pruna_nb.templates import is_missing, parse, replaced, value_text, variants

MISSING = [
    None,
    math.nan,
    pd.NA,
    pd.NaT,
    np.float32("nan"),
    np.datetime64("NaT", "ns"),
    Decimal("NaN"),
    Decimal("sNaN"),
]


def filled(template, **values):
    return parse(template, values).fill(values)


class TestParsing:
    @pytest.mark.parametrize(
        ("template", "prompt"),
        [
            ("a {color} mug", "a red mug"),
            ("{{color}} is {color}", "{color} is red"),
            ("{{{color}}}", "{red}"),
            ("a {{ and a }}", "a { and a }"),
            ('{"scene": {"subject": "{color} fox"}}', '{"scene": {"subject": "red fox"}}'),
            (
                '{ "scene": [{"a": {}}, {"b": "{color}"}] }',
                '{ "scene": [{"a": {}}, {"b": "red"}] }',
            ),
            ("{'subject': '{color}'}", "{'subject': 'red'}"),
            ('{\n  "subject": "{color}"\n}', '{\n  "subject": "red"\n}'),
            ('{{"subject": {{"of": "{color}"}}}}', '{"subject": {"of": "red"}}'),
        ],
    )
    def test_braces_are_names_text_or_json(self, template, prompt):
        assert filled(template, color="red") == prompt

    @pytest.mark.parametrize(
        "name",
        ["first name", "item.name", "2", "price (EUR)", "größe", "a-b", "x[0]", "a!r", "a:b"],
    )
    def test_any_name_that_there_is_can_be_filled(self, name):
        assert parse(f"a {{{name}}}!", {name}).fill({name: "fox"}) == "a fox!"
        assert parse(f"a {{{name}:>5}}!", {name}).fill({name: "fox"}) == "a   fox!"

    def test_the_longest_name_counts_where_several_could_be_meant(self):
        assert filled("{a:b:>3}", **{"a": "x", "a:b": "y"}) == "  y"
        assert filled("{a:>3}", **{"a": "x", "a:b": "y"}) == "  x"

    @pytest.mark.parametrize(
        "template",
        ["a {color", "color} mug", "{}", "{ }", "{a{b}}", "{a:{b}}", '{"a": 1', "{{a}", "x }}} y"],
    )
    def test_what_cannot_be_read_is_refused_and_says_how_to_write_a_brace(self, template):
        with pytest.raises(
            InputError, match=r"cannot be read: .* Write {{ and }} for literal braces"
        ):
            parse(template)

    def test_a_name_that_nobody_knows_is_kept_for_whoever_fills_it(self):
        assert parse('{colour} {row["a"]}').names == ("colour", 'row["a"]')

    def test_a_value_with_braces_is_not_filled_again(self):
        assert filled("{a}", a="{b}", b="no") == "{b}"

    @given(st.text(alphabet='{}"a :'))
    def test_a_template_is_read_or_refused_and_never_breaks(self, template):
        try:
            read = parse(template, {"a"})
        except InputError:
            return
        assert read.renamed({"a": "b"}).count("b") == sum(
            not isinstance(part, str) and part.name == "a" for part in read.parts
        )

    @given(st.text())
    def test_text_whose_braces_are_doubled_is_sent_as_it_was(self, text):
        assert filled(text.replace("{", "{{").replace("}", "}}")) == text

    @given(
        st.dictionaries(
            st.text(alphabet="ab "),
            st.recursive(
                st.integers() | st.text(alphabet="ab: ,'"),
                lambda inner: st.dictionaries(st.text(alphabet="ab "), inner) | st.lists(inner),
                max_leaves=6,  # as deep as before, and drawn in a tenth of the time
            ),
            min_size=1,
            max_size=3,
        )
    )
    def test_json_is_sent_as_it_was(self, value):
        assert filled(json.dumps(value)) == json.dumps(value)


class Color(enum.StrEnum):
    RED = "red"


class TestValues:
    @pytest.mark.parametrize(
        ("value", "spec", "text"),
        [
            (1920, "", "1920"),
            (1920.0, "", "1920"),
            (np.float64(1920), "", "1920"),
            (np.int8(3), "", "3"),
            (-0.0, "", "0"),
            (3.5, "", "3.5"),
            (np.float32(0.1), "", "0.1"),
            (1e20, "g", "1e+20"),
            (2**60, "", str(2**60)),
            (math.inf, "", "inf"),
            (True, "", "True"),
            (np.True_, "", "True"),
            (20, ".2f", "20.00"),
            (20.0, ".2f", "20.00"),
            (7.0, "03d", "007"),
            (1920.0, ",", "1,920"),
            (20, ".3", "20.0"),
            (20.0, ".3", "20.0"),
            (Decimal("3.50"), "", "3.50"),
            (Decimal("3.5"), ".2f", "3.50"),
            (pd.Timestamp("2024-05-01"), "", "2024-05-01 00:00:00"),
            (pd.Timestamp("2024-05-01"), "%d %B", "01 May"),
            (dt.date(2024, 5, 1), "", "2024-05-01"),
            (np.str_("a"), "", "a"),
            (Color.RED, "", "red"),
            ("1.10", ".2f", "1.10"),
            ("2.675", ".2f", "2.68"),
            ("007", "", "007"),
            ("7", "03d", "007"),
            ("7", "05", "00007"),
            ("1000000", ",", "1,000,000"),
            ("Bob", ">5", "  Bob"),
        ],
    )
    def test_a_value_is_written_as_its_table_shows_it(self, value, spec, text):
        assert value_text(value, spec) == text

    @pytest.mark.parametrize("value", [["a"], {"a": 1}, b"a", np.array([1, 2]), object(), {1}])
    def test_what_is_no_text_is_refused(self, value):
        with pytest.raises(InputError, match=r"\{a\} in the template does not fit .*of type"):
            filled("{a}", a=value)

    @pytest.mark.parametrize("spec", [".2f", "03d", "05", ",", "+"])
    def test_text_that_is_no_number_takes_no_format_of_numbers(self, spec):
        with pytest.raises(InputError, match="does not fit 'n/a'"):
            filled(f"{{a:{spec}}}", a="n/a")

    @pytest.mark.parametrize("spec", ["", ",", "03d"])
    @pytest.mark.parametrize("value", [2.0**53, float(2**60 + 1), np.float64(1e20)])
    def test_a_whole_number_that_lost_its_last_digits_is_refused(self, value, spec):
        with pytest.raises(InputError, match="last digits"):
            filled(f"{{a:{spec}}}", a=value)

    @pytest.mark.parametrize("value", MISSING, ids=repr)
    def test_a_missing_value_is_never_a_word(self, value):
        assert is_missing(value)
        with pytest.raises(InputError, match="it is empty"):
            filled("{a}", a=value)

    @pytest.mark.parametrize(
        "value", ["", "nan", 0, False, [], np.array([math.nan, 1.0])], ids=repr
    )
    def test_what_is_there_is_not_missing(self, value):
        assert not is_missing(value)


TEMPLATES = {
    "{a} {b:.1f}": "1920 2.5",
    "{{a}} {a}": "{a} 1920",
    '{"year": {"of": "{a}"}}': '{"year": {"of": "1920"}}',
    "{item}": "x",
}


class TestOneDialect:
    """The same template gives the same prompt at every door, or is refused at every door."""

    VALUES = {"a": 1920.0, "b": 2.5, "item": "x"}  # noqa: RUF012 - never changed

    @pytest.mark.parametrize(("template", "prompt"), TEMPLATES.items())
    def test_frames_comparisons_and_magics_send_the_same(self, service, template, prompt):
        pd.DataFrame([self.VALUES]).pruna.generate(prompt=template, progress=False)
        pruna_nb.compare(
            {"one": template, "two": template + "!"},
            seeds=None,
            prompts=[{name: self.VALUES[name] for name in parse(template).names}],
            progress=False,
        )
        assert [row["input"]["prompt"] for row in service.accepted] == [prompt, prompt + "!"]
        assert fill_prompt(template, self.VALUES) == prompt

    @pytest.mark.parametrize("template", ["a {", "a }", "{}", "{c}", "{a.b}", "{a:{b}}", "{a:%}x}"])
    def test_what_one_refuses_all_refuse(self, service, template):
        refused = (InputError, ColumnError)
        with pytest.raises(refused):
            pd.DataFrame([self.VALUES]).pruna.generate(prompt=template, progress=False)
        with pytest.raises(refused):
            pruna_nb.compare([template, "a fox"], prompts=[self.VALUES], progress=False)
        with pytest.raises(refused):
            fill_prompt(template, self.VALUES)
        assert service.charged == 0

    @pytest.mark.parametrize("blank", [*MISSING, "", " ", "\n"], ids=repr)
    def test_what_leaves_nothing_to_write_is_sent_by_none(self, service, blank):
        row = {"a": "pots", "b": blank}
        made = pd.DataFrame([row]).pruna.generate(prompt="{a} {b}", progress=False)
        assert made["status"].tolist() == ["skipped"]
        with pytest.raises(InputError, match=r"item 0 of prompts is empty where \{b\}"):
            pruna_nb.compare(["{a} {b}", "{a}, {b}"], prompts=[row], progress=False)
        with pytest.raises(InputError, match="'b' is empty"):
            fill_prompt("{a} {b}", row)
        assert service.charged == 0


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("a {red|blue} {animal}", ["a red {animal}", "a blue {animal}"]),
        ("{a|b}{c|d}", ["ac", "ad", "bc", "bd"]),
        ("a {very |}dark fox", ["a very dark fox", "a dark fox"]),
        ("a {red|} fox", ["a red fox", "a fox"]),
        ("{{red|blue}} | {{", ["{{red|blue}} | {{"]),
        ("{{{red|blue}}}", ["{{red}}", "{{blue}}"]),
        ("{a||b|c}", ["a|b", "c"]),
        ("{price:|>8}", ["{price:|>8}"]),
        ("{left|right}", ["{left|right}"]),
        ('{"a": "x|y", "b": "a {red|blue} fox"}', None),
    ],
)
def test_a_choice_makes_a_template_of_each_of_its_words(template, made):
    found = variants(template, ["left|right", "price"])
    assert found == (made or [template.replace("{red|blue}", word) for word in ("red", "blue")])


def test_too_many_combinations_are_counted_and_not_made():
    with pytest.raises(InputError, match="1,267,650,600,228,229,401,496,703,205,376 combinations"):
        variants("{a|b}" * 100)


def test_search_and_replace_keeps_the_prompt_and_adds_a_variant_for_each_word():
    prompts = ["a fox in the snow", "an owl"]
    assert replaced(prompts, 'fox -> cat, "dog, wet"\nsnow->rain') == [
        "a fox in the snow",
        "a fox in the rain",
        "a cat in the snow",
        "a cat in the rain",
        "a dog, wet in the snow",
        "a dog, wet in the rain",
        "an owl",
    ]


@pytest.mark.parametrize("rule", ["fox", "-> cat", "fox ->", "fox -> ,", "bear -> cat"])
def test_a_rule_that_replaces_nothing_says_why(rule):
    with pytest.raises(InputError, match=r"^replace: "):
        replaced(["a fox"], rule)
