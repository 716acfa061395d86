"""The progress panel in a notebook: renewed from a thread, and plain HTML at the end."""

from __future__ import annotations

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import settings
from pruna_nb.widgets.panel import facts
from pruna_nb.widgets.saved_copy import bundle

WIDGET = "application/vnd.jupyter.widget-view+json"


class Handle:
    """A display handle that notes what it is told."""

    def __init__(self):
        self.bundles = []

    def update(self, bundle, *, raw):
        assert raw
        self.bundles.append(bundle)


@pytest.fixture
def shown(monkeypatch):
    """Note what is displayed, in place of a notebook."""
    displayed, handle = [], Handle()

    def display(what, **how):
        displayed.append((what, how))
        return handle

    monkeypatch.setattr("IPython.display.display", display)
    return displayed, handle


def test_the_panel_follows_the_run_and_leaves_html_that_the_notebook_keeps(service, shown, until):
    displayed, handle = shown
    service.configure(faults={"refuse_429": {"wait": 0.1}})
    frame = pd.DataFrame({"prompt": ["a <b>fox</b>", "an owl"]})
    run = frame.pruna.generate("prompt", background=True)
    run.progress._ipython_display_()
    service.configure(faults={})  # the run cannot be over before it is shown
    data, how = displayed[0]
    assert WIDGET in data
    assert how == {"raw": True, "display_id": True}
    run.result(30)
    until(lambda: handle.bundles and WIDGET not in handle.bundles[-1])
    assert set(handle.bundles[-1]) == {"text/html", "text/plain"}
    assert "2 of 2" in handle.bundles[-1]["text/html"]
    # a click opens each of them: the widget's own view is gone
    assert handle.bundles[-1]["text/html"].count("<summary") == 2
    assert "alt='a new picture: a &lt;b&gt;fox" in handle.bundles[-1]["text/html"]


def test_a_host_without_widgets_gets_the_panel_as_html_that_is_renewed(
    service, shown, until, monkeypatch
):
    displayed, handle = shown
    monkeypatch.setattr("pruna_nb.widgets.panel._UNSEEN_SECONDS", 0)
    settings.configure(limits={"p-image": (1, 60.0)})  # the second picture is a minute away
    frame = pd.DataFrame({"prompt": ["a <b>fox</b>", "an owl"]})
    run = frame.pruna.generate("prompt", background=True)
    run.progress._ipython_display_()
    assert "of 2" in displayed[0][0]["text/html"]
    until(lambda: handle.bundles and "1 of 2" in handle.bundles[-1]["text/html"])
    assert WIDGET in handle.bundles[-1]
    run.cancel()
    run.result(30)
    until(lambda: WIDGET not in handle.bundles[-1])
    assert run.progress._repr_html_() == handle.bundles[-1]["text/html"]


def test_a_panel_that_a_front_end_shows_is_not_displayed_again(service, shown, until, monkeypatch):
    _, handle = shown
    monkeypatch.setattr("pruna_nb.widgets.panel._UNSEEN_SECONDS", 0)

    def shown_at_once(box, plain, html):
        box._view_count = 1  # as a front end does
        return bundle(box, plain, html)

    monkeypatch.setattr("pruna_nb.widgets.saved_copy.bundle", shown_at_once)
    service.configure(faults={"refuse_429": {"wait": 0.1}})
    run = pd.DataFrame({"prompt": ["a fox"]}).pruna.generate("prompt", background=True)
    run.progress._ipython_display_()
    service.configure(faults={})  # the run cannot be over before it is shown
    run.result(30)
    until(lambda: handle.bundles)
    assert all(WIDGET not in data for data in handle.bundles)


def test_a_picture_of_the_panel_is_seen_large_and_stays_until_it_is_closed(
    service, shown, until, monkeypatch
):
    _, handle = shown
    boxes = []
    monkeypatch.setattr(
        "pruna_nb.widgets.saved_copy.bundle", lambda box, *_: boxes.append(box) or {"text/html": ""}
    )
    settings.configure(limits={"p-image": (1, 60.0)})  # the second picture is a minute away
    frame = pd.DataFrame({"prompt": ["a <b>fox</b>", "an owl"], "seed": [1, 2]})
    run = frame.pruna.generate("prompt", seed_col="seed", background=True)
    run.progress._ipython_display_()
    panel, gallery, stop, large, doors = boxes[0].children
    until(lambda: "onclick" in gallery.value)
    doors.children[0].click()
    words = " ".join(str(part.value) for part in large.children if hasattr(part, "value"))
    assert "a &lt;b&gt;fox&lt;/b&gt;" in words or "an owl" in words
    assert "<b>fox" not in words
    assert "0.005 USD" in words
    assert large.layout.display == ""
    select, keep = large.children[0].children[3:5]
    select.click()
    keep.click()
    assert (select.description, keep.description) == ("Selected", "Kept")
    assert run.selected["status"].tolist() == ["succeeded"]
    assert pruna_nb.history(kept=True)["seed"].tolist() == run.selected["seed"].tolist()
    run.cancel()
    run.result(30)
    until(lambda: stop.disabled and "canceled" in panel.value)
    assert not handle.bundles
    large.children[0].children[-1].click()  # Close
    until(lambda: handle.bundles)
    # what the notebook keeps has no handlers: they would be dead there
    assert "<img" in handle.bundles[-1]["text/html"]
    assert "onclick" not in handle.bundles[-1]["text/html"]


def test_the_panel_of_a_run_that_is_over_is_plain_html(service, shown):
    displayed, _ = shown
    frame = pd.DataFrame({"prompt": ["a fox"]})
    run = frame.pruna.generate("prompt", background=True)
    run.result(30)
    run.progress._ipython_display_()
    what, _ = displayed[0]
    assert set(what) == {"text/html", "text/plain"}
    assert "1 of 1" in what["text/html"]


def test_the_panel_s_button_cancels_the_run(service, shown, monkeypatch):
    displayed, _ = shown
    service.configure(latency=60)
    made = []
    import ipywidgets

    button = ipywidgets.Button
    monkeypatch.setattr(
        "ipywidgets.Button", lambda **given: made.append(button(**given)) or made[-1]
    )
    run = pd.DataFrame({"prompt": ["a fox"]}).pruna.generate("prompt", background=True)
    run.progress._ipython_display_()
    made[0].click()
    assert run.result(30)["status"].tolist() == ["pending"]
    assert displayed


def test_a_panel_that_was_canceled_tells_what_was_paid_for_and_is_not_here(service, until):
    service.configure(latency=60)
    frame = pd.DataFrame({"prompt": ["a fox", "an owl"]})
    run = frame.pruna.generate("prompt", background=True)
    until(lambda: run._run.in_flight == 2)
    run.cancel()
    run.result(30)
    told = dict(facts(run._run))
    assert (told["cost"], told["not delivered"]) == ("0.01 USD", "2, 0.01 USD")
    # Nothing was finished: what was never made has no rate.
    assert told["rate"] == "0 a minute"
