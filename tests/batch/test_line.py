"""A run's line in a real kernel, and what of it stands in the notebook's file."""

from __future__ import annotations

import re
import textwrap

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = [
    # Of jupyter_client's own, while its sockets are closed.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
CELLS = {
    "set up": """
        import os, signal, threading, time
        import ipywidgets, pandas as pd, pruna_nb
        from IPython.utils.capture import capture_output
        service = pruna_nb.use_emulator(latency=0.8)
        frame = pd.DataFrame({"prompt": ["a fox", "a hare", "an owl"], "edit": "at night"})
        """,
    "one": "out = frame.pruna.generate('prompt')",
    "cached": "again = frame.pruna.generate('prompt')",
    "chain": """
        new = frame.assign(prompt=frame["prompt"] + " in snow")
        last = new.pruna.generate("prompt").pruna.edit("edit").pruna.upscale(target=2)
        """,
    "two": """
        for place in ("sea", "wood"):
            frame.assign(prompt=frame["prompt"] + place).pruna.generate("prompt")
        """,
    "failed": """
        service.configure(faults={"failed": {"first": 1}})
        failed = frame.pruna.generate("prompt", seed=2)
        service.configure(faults={})
        """,
    "retried": "failed = failed.pruna.retry()",
    "refused": """
        service.configure(faults={"quota": {"probability": 1.0}})
        frame.pruna.generate("prompt", seed=3)
        """,
    "interrupted": """
        service.configure(faults={}, latency=20)
        charged = service.charged

        def press():
            while service.charged < charged + 3:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press).start()
        frame.pruna.generate("prompt", seed=4)
        """,
    "thread": """
        service.configure(latency=0.3)
        thread = threading.Thread(target=frame.pruna.generate, args=["prompt"], kwargs={"seed": 5})
        thread.start()
        thread.join()
        """,
    "widget": """
        with ipywidgets.Output() as shown:
            frame.pruna.generate("prompt", seed=6)
        """,
    "captured": """
        with capture_output() as taken:
            frame.pruna.generate("prompt", seed=7)
        [each.data["text/plain"] for each in taken.outputs]
        """,
    "silent": "out = frame.pruna.generate('prompt', seed=8, progress=False)",
}


PICTURES = "p-image", "p-image-edit", "p-image-upscale"


class Client(NotebookClient):
    """A client that also keeps each message of a cell, of which a notebook's file has the last."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.messages = {}

    def process_message(self, msg, cell, cell_index):
        self.messages.setdefault(cell_index, []).append((msg["msg_type"], msg["content"]))
        return super().process_message(msg, cell, cell_index)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Return the executed cells by name, as they are saved, and the messages of each."""
    folder = tmp_path_factory.mktemp("notebook")
    codes = [textwrap.dedent(code).strip() for code in CELLS.values()]
    book = new_notebook(cells=list(map(new_code_cell, codes)))
    client = Client(book, timeout=120, allow_errors=True, resources={"metadata": {"path": folder}})
    client.execute()
    nbformat.write(book, folder / "executed.ipynb")
    saved = nbformat.read(folder / "executed.ipynb", as_version=4)
    messages = {name: client.messages.get(place, []) for place, name in enumerate(CELLS)}
    return dict(zip(CELLS, saved.cells, strict=True)), messages


def displayed(notebook, name):
    """Return the text of each output that a cell displays; there is nothing else of a run."""
    texts = []
    for each in notebook[0][name].outputs:
        assert each.output_type in {"display_data", "error"}
        if each.output_type == "display_data":
            assert set(each.data) == {"text/html", "text/plain"}
            assert each.data["text/plain"] in each.data["text/html"]
            assert "%" not in each.data["text/html"]
            texts.append(each.data["text/plain"])
    return texts


def test_a_run_leaves_its_closing_line_and_nothing_else(notebook):
    (line,) = displayed(notebook, "one")
    assert re.fullmatch(r"3 rows: 3 new, 0 cached, 0 failed; 0.015 USD; \d+\.\d s", line)
    (line,) = displayed(notebook, "cached")
    assert line.startswith("3 rows: 0 new, 3 cached, 0 failed; 0.00 USD; ")


def test_the_line_moves_while_the_run_goes_on(notebook):
    messages = notebook[1]["one"]
    ids = {
        content["transient"]["display_id"]
        for kind, content in messages
        if kind in {"display_data", "update_display_data"}
    }
    assert len(ids) == 1
    (first, *_) = [content for kind, content in messages if kind == "display_data"]
    assert first["data"]["text/plain"].startswith("p-image: 0 of 3 rows; 0 new, ")
    assert "update_display_data" in dict(messages)


def test_a_chain_has_one_line_that_adds_up_and_unfolds_into_its_steps(notebook):
    (line,) = displayed(notebook, "chain")
    assert line.startswith("3 rows in 3 steps: 9 new, 0 cached, 0 failed; 0.075 USD; ")
    (output,) = notebook[0]["chain"].outputs
    steps = re.findall(r"<div>(p-image[^:<]*): 3 rows: 3 new", output.data["text/html"])
    assert tuple(steps) == PICTURES


def test_runs_that_are_no_chain_have_a_line_each(notebook):
    lines = displayed(notebook, "two")
    assert [line[:13] for line in lines] == ["3 rows: 3 new"] * 2


def test_what_failed_is_counted_and_a_retry_has_a_line_in_its_own_cell(notebook):
    (line,) = displayed(notebook, "failed")
    assert line.startswith("3 rows: 2 new, 0 cached, 1 failed; 0.01 USD (up to 0.005 USD more")
    (line,) = displayed(notebook, "retried")
    assert line.startswith("1 row: 1 new, 0 cached, 0 failed; 0.005 USD; ")


@pytest.mark.parametrize(
    ("name", "error", "why"),
    [
        ("refused", "QuotaError", "Stopped by an error"),
        ("interrupted", "KeyboardInterrupt", "Interrupted"),
    ],
)
def test_the_line_of_a_run_that_was_stopped_says_what_is_kept(notebook, name, error, why):
    (line,) = displayed(notebook, name)
    assert line.startswith("3 rows: 0 new, 0 cached, ")
    assert line.endswith(f"{why}: 0 of 3 rows are done and kept; run again to go on.")
    assert [each.ename for each in notebook[0][name].outputs if "ename" in each] == [error]


def test_a_run_in_a_thread_has_its_line_in_the_cell_that_started_it(notebook):
    (line,) = displayed(notebook, "thread")
    assert line.startswith("3 rows: 3 new")


def test_an_output_widget_and_a_capture_get_the_closing_line_once(notebook):
    shown = [content for kind, content in notebook[1]["widget"] if kind == "display_data"]
    assert [each["data"]["text/plain"][:13] for each in shown] == ["3 rows: 3 new"]
    assert "update_display_data" not in dict(notebook[1]["widget"])
    (output,) = notebook[0]["captured"].outputs
    assert output.data["text/plain"].count("3 rows: 3 new") == 1
    assert " of 3 rows" not in output.data["text/plain"]


def test_without_progress_a_cell_shows_nothing(notebook):
    assert notebook[0]["silent"].outputs == []
