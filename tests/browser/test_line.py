"""The line of a run in JupyterLab: it moves, ends as one sentence, and is all that is saved."""

from __future__ import annotations

import pytest

from tests.helpers.pages import has_count, is_seen, is_unseen
from tests.helpers.runs import end_predictions

pytestmark = pytest.mark.browser

RUN = """import ipywidgets
import pandas as pd
import pruna_nb
df = pd.DataFrame({"prompt": [f"a lighthouse, number {n}" for n in range(6)], "edit": "at night"})
out = df.pruna.generate("prompt")"""
CHAIN = 'last = df.pruna.generate("prompt").pruna.edit("edit")'
WIDGET = """shown = ipywidgets.Output()
display(shown)
with shown:
    df.pruna.generate("prompt", seed=2)"""
# what a widget leaves behind, and what tqdm writes
DEAD = ("%|", "it/s", "model not found", "widget-view+json", " of 6 rows")


def test_the_line_of_a_run_moves_ends_and_is_all_that_is_saved(lab):
    lab.service.configure(latency=600)
    book = lab.open(lab.write("line", RUN, CHAIN, WIDGET), theme="dark", width=700)
    page = book.page
    book.run(0, "text=of 6 rows")
    book.shoot("line-moving")
    lab.service.configure(latency=0)
    end_predictions(lab.service)
    page.get_by_text("6 rows: 6 new, 0 cached, 0 failed; 0.03 USD").wait_for()
    has_count(page.get_by_text("of 6 rows"), 0)
    book.run(1, "text=6 rows in 2 steps: 6 new, 6 cached, 0 failed; 0.06 USD")
    steps = page.get_by_text("p-image-edit: 6 rows: 6 new")
    is_unseen(steps)
    page.locator("summary").click()
    is_seen(steps)
    book.run(2, "text=6 rows: 6 new >> nth=2")  # below that of the chain and of its second step
    has_count(page.get_by_text("of 6 rows"), 0)
    book.shoot("line")
    book.save("6 rows in 2 steps")
    cells = book.saved_outputs()
    # one line a run, also where a widget takes it in, and one for a whole chain
    assert [len(outputs) for outputs in cells[:2]] == [1, 1]
    assert not any(dead in str(outputs) for outputs in cells[:2] for dead in DEAD)
    again = lab.open(lab.copy(book, "line-untrusted", trusted=False), width=700)
    again.page.get_by_text("6 rows: 6 new, 0 cached, 0 failed; 0.03 USD").first.wait_for()
    is_seen(again.page.get_by_text("6 rows in 2 steps"))
    again.shoot("line-untrusted")
    assert not any(dead in again.page.locator(".jp-Notebook").inner_text() for dead in DEAD)
