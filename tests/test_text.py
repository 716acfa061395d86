"""Text of unknown origin is shown, and does nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.text import counted, cut, escaped, isolated, megabytes, visible, visible_line

ANYTHING = st.text(st.characters(codec=None), max_size=400)


def test_markup_is_shown_as_text():
    assert escaped("<script>alert('x')</script>", 100) == (
        "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"
    )


def test_control_characters_get_a_visible_sign():
    assert visible("a\x00b\x1b[31mc\x7f\x85d") == "a\u2400b\u241b[31mc\u2421\u27e8U+0085\u27e9d"


@pytest.mark.parametrize("mark", ["\u202e", "\u202a", "\u2066", "\u2069", "\u200f", "\u061c"])
def test_a_mark_that_turns_the_direction_is_named(mark):
    assert visible(f"a{mark}b") == f"a\u27e8U+{ord(mark):04X}\u27e9b"


def test_half_of_a_surrogate_pair_becomes_the_replacement_character():
    assert visible("a\ud800b") == "a\ufffdb"


def test_letters_that_need_joiners_keep_them():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert visible(family) == family


def test_lines_and_tabs_become_one_space():
    assert visible("a\r\n\tb\u2028c") == "a b c"


def test_a_short_text_is_not_cut():
    assert cut("a red fox", 9) == "a red fox"


def test_a_text_is_cut_between_words():
    assert cut("a small red fox", 10) == "a small…"


def test_a_long_word_is_cut_inside():
    assert cut("x" * 50, 10) == "x" * 9 + "…"


def test_an_accent_is_not_parted_from_its_letter():
    assert cut("abcde\u0301fgh", 6) == "abcd…"


def test_a_family_is_not_parted():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert cut(f"ab{family}cd", 5) == "ab…"


def test_a_prompt_of_100_000_characters_is_cut():
    assert visible_line("fox " * 25_000, 140).endswith("fox…")
    assert len(visible_line("fox " * 25_000, 140)) <= 140


def test_a_prompt_that_begins_with_100_000_spaces_ends_in_an_ellipsis():
    assert visible_line(" " * 100_000 + "fox", 140) == "…"


def test_direction_is_isolated():
    assert isolated("שועל", 20) == "<bdi>שועל</bdi>"


@given(ANYTHING, st.integers(1, 300))
def test_any_text_is_shown_within_its_limit_and_can_be_encoded(text, limit):
    shown = visible_line(text, limit)
    assert len(shown) <= limit
    assert shown.encode("utf-8").decode("utf-8") == shown


@given(ANYTHING)
def test_nothing_invisible_is_left_but_joiners(text):
    hidden = {c for c in visible(text) if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}}
    assert hidden == set()
    assert not set(visible(text)) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(ANYTHING)
def test_no_text_ends_an_attribute_or_begins_an_element(text):
    assert not set(escaped(text, 500)) & set("<>\"'")


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 pictures"), (1, "1 picture"), (1200, "1,200 pictures")]
)
def test_numbers_agree_with_their_nouns(number, said):
    assert counted(number, "picture") == said


@pytest.mark.parametrize(
    ("size", "said"), [(1_000_000, "1.0 MB"), (2_345_678, "2.3 MB"), (64_200, "64 kB"), (5, "1 kB")]
)
def test_sizes_are_said_in_the_unit_that_suits(size, said):
    assert megabytes(size) == said
