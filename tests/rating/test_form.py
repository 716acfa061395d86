"""The form that rates: what is clicked and typed is stored at once."""

from __future__ import annotations

import pytest

from pruna_nb.errors import InputError


def stars(form):
    return [button.icon for button in form._stars]


def told(out):
    rated = out.pruna.ratings()
    return list(zip(rated["rating"].astype(object).tolist()[:3], rated["tags"][:3], strict=True))


def test_a_key_rates_and_shows_the_next_and_the_frame_has_it(out):
    form = out.pruna.rate()
    assert form.number == 0
    form._lightbox._field.value = "4"
    assert (form.number, stars(form)) == (1, ["star-o"] * 5)
    form._stars[1].click()
    assert form.number == 2
    form.open(0)
    assert stars(form) == ["star"] * 4 + ["star-o"]
    assert form.frame["rating"].tolist()[:2] == [4, 2]
    form._lightbox._field.value = "0"
    assert (form.number, stars(form)) == (0, ["star-o"] * 5)
    assert repr(form) == "<RatingForm: 1 of 3 pictures rated>"
    again = out.pruna.rate()
    assert again.number == 0  # the first that is not rated


def test_tags_are_typed_taken_away_and_offered_to_the_next(out):
    form = out.pruna.rate(rows=["a", "b"])
    form._tags.value = ["sharp", "for <b>the</b> shop"]
    form._tags.value = ["for <b>the</b> shop"]
    assert told(out)[0][1] == "for <b>the</b> shop"
    assert "<b>the" not in form._head.value
    form.open(1)
    (offer,) = form._known.children
    offer.click()
    assert told(out)[1][1] == "for <b>the</b> shop"
    assert form._known.children == ()


def test_where_widgets_cannot_be_shown_the_call_is_named(out):
    form = out.pruna.rate()
    assert "out.pruna.rate(5, tags=['cover'], rows=[0, 2])" in form._repr_html_()
    assert "<button" not in form._repr_html_()


def test_the_overview_opens_what_is_clicked(out):
    form = out.pruna.rate()
    assert form._overview.value.count("<img") == 3
    assert "pruna-rating-2" in form._overview.value
    next(each for each in form.box.children if "pruna-rating-2" in each._dom_classes).click()
    assert form.number == 2


def test_what_cannot_be_stored_is_said_and_the_form_stays(out, monkeypatch):
    form = out.pruna.rate()
    from pruna_nb.settings import current

    folder = current().cache_dir
    (folder / "ratings").write_text("a file in the way")
    form._stars[4].click()
    assert "This was not stored" in form._status.value
    assert form.number == 0
    assert stars(form) == ["star-o"] * 5


def test_without_outputs_the_way_on_is_said(out):
    with pytest.raises(InputError, match="no output to rate"):
        out.pruna.rate(rows="d")
    with pytest.raises(InputError, match="there is no row 'z'"):
        out.pruna.rate(rows="z")
