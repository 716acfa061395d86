"""What was typed stays when a cell is run again, unless the code says otherwise."""

from __future__ import annotations

import numpy as np

from pruna_nb import settings
from pruna_nb.form.memory import Memory, this_place


def test_what_was_typed_is_there_again():
    place = object()
    Memory(place, {"prompt": "a"}).keep("prompt", "b")
    assert Memory(place, {"prompt": "a"}).typed == {"prompt": "b"}


def test_code_that_was_changed_wins_over_what_was_typed():
    place = object()
    before = Memory(place, {"prompt": "a", "seed": "1"})
    before.keep("prompt", "typed")
    before.keep("seed", "5")
    before.keep("steps", 9)
    assert Memory(place, {"prompt": "new", "seed": "1"}).typed == {"seed": "5", "steps": 9}


def test_places_do_not_share_what_was_typed():
    Memory("one", {}).keep("prompt", "a")
    assert Memory("two", {}).typed == {}


def test_values_that_cannot_be_compared_count_as_new():
    place = object()
    given = {"images": [np.zeros(3)]}
    Memory(place, given).keep("images", ["a.png"])
    assert Memory(place, {"images": [np.zeros(3)]}).typed == {}


def test_without_a_notebook_there_is_no_place_and_nothing_is_kept():
    assert this_place(("explore", "p-image")) is None
    Memory(None, {}).keep("prompt", "a")
    assert Memory(None, {}).typed == {}


def test_a_cell_that_runs_again_is_the_same_place(monkeypatch):
    shell = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    shell.run(cell="abc", message="1")
    first, second = this_place("x"), this_place("x")
    shell.run(cell="abc", message="2")
    assert (this_place("x"), this_place("x")) == (first, second)
    assert first != second
    shell.run(cell="other", message="3")
    assert this_place("x") not in {first, second}


def test_where_no_cell_is_named_the_call_names_the_place(monkeypatch):
    shell = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    assert this_place(("explore", "p-image")) == ("call", ("explore", "p-image"))


class Shell:
    """A notebook's shell, as far as it tells which cell runs."""

    kernel = object()

    def __init__(self):
        self._parent = {}

    def run(self, cell, message):
        self._parent = {"metadata": {"cellId": cell}, "header": {"msg_id": message}}

    def get_parent(self):
        return self._parent


CELL_OF_A_FORM = """
import pruna_nb
form = pruna_nb.explore(prompt="a <b>fox</b>", seed=[1, 2], hf_api_token="hf_sesame")
"""


class Kernel:
    """A kernel of IPython's, which runs cells as JupyterLab does."""

    def __enter__(self):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel()
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code, cell="a-cell"):
        """Run a cell; return what it printed."""
        message = self.client.session.msg("execute_request", {"code": code, "silent": False})
        message["metadata"]["cellId"] = cell
        self.client.shell_channel.send(message)
        printed = []
        while True:
            said = self.client.get_iopub_msg(timeout=90)
            if said["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = said["content"]
            assert said["msg_type"] != "error", content["traceback"]
            if said["msg_type"] == "stream":
                printed.append(content["text"])
            if said["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(printed)


LOOK = """
rows = form.history
print(rows["round"].tolist(), rows["seed"].tolist(), rows["status"].tolist())
print(form.selected["seed"].tolist(), form.kept["seed"].tolist(), form.frame["seed"].tolist())
print(round(float(rows["cost_usd"].sum()), 3), form.fields["seed"].value)
print(form)
"""


def test_a_restarted_kernel_has_the_rounds_the_selection_and_what_was_typed(
    service, tmp_path, monkeypatch, until
):
    now = settings.current()
    for name, value in {
        "PRUNA_API_URL": service.url,
        "PRUNA_API_KEY": "kernel-key-of-mine",
        "PRUNA_NB_CACHE_DIR": str(now.cache_dir),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }.items():
        monkeypatch.setenv(name, value)
    with Kernel() as kernel:
        kernel.run(CELL_OF_A_FORM)
        kernel.run("form.generate(); form.wait()", cell="b")
        kernel.run("form.fields['seed'].value = 3; form.generate(); form.wait()", cell="b")
        kernel.run("form._board.tiles[0].choose.value = True; form.keep()", cell="b")
        before = kernel.run(LOOK, cell="b")
        kernel.run(CELL_OF_A_FORM)
        assert kernel.run(LOOK, cell="b") == before
        files = now.cache_dir.rglob
        until(lambda: any('"seed": "3"' in each.read_text() for each in files("typed.json")))
        assert service.charged == 3
        rows = "import pandas as pd, pruna_nb; df = pd.DataFrame({'a': ['mug', 'pen']})\n"
        rows += "form = df.pruna.explore(prompt='a {red|blue} {a}', seed=1)"
        kernel.run(rows, cell="c")
        kernel.run("form.generate(); form.wait()", cell="b")
    assert service.charged == 7
    with Kernel() as kernel:
        kernel.run(CELL_OF_A_FORM)
        assert kernel.run(LOOK, cell="b") == before
        kernel.run("form.generate(); form.wait()", cell="b")
        assert "[1, 1, 2, 3]" in kernel.run(LOOK, cell="b")
        kernel.run(CELL_OF_A_FORM, cell="another")
        assert kernel.run("print(len(form.history['round'].unique()))", cell="b") == "1\n"
        kernel.run(rows, cell="c")
        assert "'a red mug', 'a blue mug', 'a red pen'" in kernel.run(
            "print(form.history['prompt'].tolist())", cell="b"
        )
        kernel.run(rows.replace("pen", "cup"), cell="c")
    with Kernel() as kernel:  # other rows: what was made of the earlier ones is not theirs
        kernel.run(rows.replace("pen", "cup"), cell="c")
        told = kernel.run("print(form.history[['prompt', 'status']].to_numpy())", cell="b")
        assert "pen" not in told.replace("pending", "")
        assert told.count("succeeded") == 2  # of the row that is the same, from the cache
    assert service.charged == 7
    written = "".join(path.read_text() for path in now.cache_dir.rglob("forms/**/*.json"))
    assert "a <b>fox</b>" in written
    assert "hf_sesame" not in written
    assert "kernel-key-of-mine" not in written
