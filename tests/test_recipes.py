"""The pages that hand frames to other libraries run whole, and what they make is what they say."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import threading
from pathlib import Path

import pytest
from PIL import Image

import pruna_nb
import pruna_nb.emulator
from pruna_nb.comparison import vote_form

HOW_TO = Path(__file__).parents[1] / "docs/how-to"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def emulator(monkeypatch, tmp_path):
    """Run an emulator that draws little, which the pages take for that of `use_emulator`."""
    monkeypatch.chdir(tmp_path)
    with pruna_nb.emulator.running(fast=True, latency=0.0) as service:
        monkeypatch.setattr(pruna_nb, "use_emulator", lambda: None)
        with pruna_nb.configure(api_key="secret-key", base_url=service.url):
            yield service


@pytest.fixture
def outside(monkeypatch):
    """Count what any process would ask of the world: all proxies lead here, and answer nothing."""
    asked, over = [], threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"

        def accept():
            while True:
                connection, _ = server.accept()
                with connection:
                    if over.is_set():
                        return
                    asked.append(connection.recv(200))

        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, address)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1,localhost")
        for name in ("HF_ENDPOINT", "WANDB_BASE_URL"):
            monkeypatch.setenv(name, address)
        thread = threading.Thread(target=accept)
        thread.start()
        yield asked
        over.set()
        socket.create_connection(server.getsockname()).close()
        thread.join()


def size_of(file):
    with Image.open(file) as picture:
        return picture.size


def blocks_of(page):
    return BLOCK.findall((HOW_TO / page).read_text())


def run(blocks, names):
    for number, block in enumerate(blocks):
        exec(compile(block, f"block {number}", "exec"), names)  # noqa: S102 - our own pages
    return names


def test_a_dataset_comes_back_with_pictures_that_need_no_file_of_this_machine(
    emulator, outside, monkeypatch, tmp_path
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # it is read when the package is imported
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    datasets = pytest.importorskip("datasets")
    names = run(blocks_of("hugging-face-datasets.md"), {})
    assert emulator.charged == 4  # two prompts, and their edits
    for path in names["made"]["output"].to_pylist()[:2]:
        Path(path).unlink()
    for kept in (datasets.load_from_disk("pictures"), names["read"]):
        assert kept.features["image"] == datasets.Image()
        assert kept["prompt"][:] == ["a lighthouse at dusk", "a fox in the snow", None]
        assert kept["seed"][:] == [1, 2, 3]
        assert [image and image.size for image in kept["image"]] == [(168, 96)] * 2 + [None]
        assert kept["error"][2] == "prompt is empty"
    assert names["done"].num_rows == 2
    assert sorted(names["folder"]["prompt"]) == ["a fox in the snow", "a lighthouse at dusk"]
    assert names["night"]["status"].to_pylist() == ["succeeded", "succeeded", "skipped"]
    again = pruna_nb.wrap(names["again"].remove_columns("image").with_format("arrow")[:]).retry()
    assert again["status"].to_pylist() == ["succeeded", "succeeded", "skipped"]
    assert outside == []


def test_sql_picks_prompts_and_sums_the_costs_of_groups(emulator, capsys):
    duckdb = pytest.importorskip("duckdb", "2")
    run(blocks_of("duckdb.md"), {})
    assert emulator.charged == 4
    page = (HOW_TO / "duckdb.md").read_text()
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    words = [re.findall(r"[\w.]+", line) for line in shown.splitlines() if "0.01" in line]
    told = [re.findall(r"[\w.]+", line) for line in capsys.readouterr().out.splitlines()]
    assert words
    assert [line for line in words if line not in told] == []
    with duckdb.connect("shop.duckdb") as shop:
        kept = shop.sql("select sku, status, added from pictures join products using (sku)")
        assert {status for _, status, _ in kept.fetchall()} == {"succeeded"}
    assert {path.stem for path in Path("shop").iterdir()} == {
        "K-2-1_1", "K-2-16_9", "V-3-1_1", "V-3-16_9",
    }  # fmt: skip


def test_an_offline_run_of_wandb_has_every_picture_and_no_key_and_nothing_leaves(
    emulator, outside, monkeypatch, tmp_path
):
    wandb = pytest.importorskip("wandb")
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "data"))
    try:
        names = run(blocks_of("log-to-wandb.md"), {})
    finally:
        wandb.teardown()
    assert outside == []
    (table,) = Path("wandb").glob("offline-run-*/files/media/table/*.json")
    rows = json.loads(table.read_text())
    assert rows["columns"] == ["prompt", "picture", "seed", "cost_usd", "status"]
    assert [(row[0], row[2], row[3]) for row in rows["data"]] == [
        (prompt, seed, 0.005)
        for prompt in ("a lighthouse at dusk", "a fox in the snow")
        for seed in (1, 2)
    ]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    kept = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    for output in names["out"]["output"]:
        assert Path(output).read_bytes() in kept
    assert not any(b"secret-key" in each for each in written)


def test_thumbnails_stand_in_the_table_and_a_prompt_is_text(emulator):
    pytest.importorskip("great_tables")
    run(blocks_of("great-tables.md"), {})
    page = Path("report.html").read_text()
    assert len(page) < 100_000
    assert "an &lt;b&gt;owl&lt;/b&gt;" in page
    assert "<b>owl" not in page
    pictures = re.findall(r'src="data:image/webp;base64,([^"]+)"', page)
    sizes = [size_of(io.BytesIO(base64.b64decode(each))) for each in pictures]
    assert sorted(sizes) == [(120, 120)] * 3 + [(168, 96)] * 3
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []


def test_figures_hold_every_picture_and_the_bars_are_the_costs_and_the_votes(emulator, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(vote_form, "TOO_SOON", 0)
    *before, last = blocks_of("matplotlib.md")
    names = run(before[:1], {})
    shown = [axis.images[0].get_array().shape[1::-1] for axis in names["axes"].flat]
    assert shown == [size_of(path) for path in names["out"]["output"]]
    assert len(set(shown)) == 3
    run(before[1:], names)
    spent = {"p-image": 0.03, "flux-dev": 0.01, "z-image-turbo": 0.01}  # a row: 0.005 USD
    assert dict(names["costs"]) == pytest.approx(spent)
    vote = names["comparison"].vote()
    vote.start()
    for verdict in ("left", "right", "tie"):
        assert vote.vote(verdict, side_by_side=True)
    run([last], names)
    assert names["wins"].sum() == 3
    assert names["wins"]["neither"] == 1
    assert sorted(bar.get_width() for bar in names["axis"].patches) == sorted(names["wins"])
    for name in ("pictures", "costs", "votes"):
        assert size_of(f"{name}.webp")[0] >= 600
    names["plt"].close("all")
