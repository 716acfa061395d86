"""The repr of ``df.pruna``: what the frame holds, what it cost, and what to do next."""

from __future__ import annotations

import pandas as pd

import pruna_nb

QUIET = {"progress": False}


def test_a_frame_without_results_says_how_to_price_and_make_them(frame):
    assert repr(frame.assign(note="x").pruna) == (
        "<pruna: 3 rows, no outputs yet. Columns of text: 'prompt', 'note'.>\n"
        "  the price, before you pay: df.pruna.estimate('prompt')\n"
        "  make the outputs: out = df.pruna.generate('prompt')"
    )
    assert repr(frame["prompt"].pruna).endswith("make the outputs: out = series.pruna.generate()")
    assert 'df.pruna.generate(prompt="a fox")' in repr(pd.DataFrame({"n": [1]}).pruna)
    assert repr(pd.DataFrame().pruna).startswith("<pruna: 0 rows, no outputs yet.>")


def test_results_are_counted_by_status_with_their_cost_and_the_way_on(frame, generate, service):
    generate(frame.head(1), "prompt")
    service.configure(faults={"failed": {"first": 1}})
    out = generate(frame.assign(prompt=["a lion", "a fox", None]), "prompt")
    assert repr(out.pruna) == (
        "<pruna: 3 rows by p-image: 1 succeeded (1 cached), 1 failed, 1 skipped; 0.00 USD.>\n"
        "  1 failed: out.pruna.retry()\n"
        "  see why: out.pruna.failed()\n"
        "  look at them: out.pruna.grid()\n"
        '  keep them as files: out.pruna.save("pictures")'
    )
    html = out.pruna._repr_html_()
    assert "1 failed: <code>out.pruna.retry()</code>" in html
    service.configure(faults={})
    eval(repr(out.pruna).splitlines()[1].split(": ")[1], {"out": out})  # noqa: S307 - our own words
    assert service.charged == 3  # the first two, and the failed one again


def test_each_step_of_a_chain_is_told_and_a_prefix_is_part_of_the_way_on(generate, frame, tmp_path):
    edited = generate(frame, "prompt").pruna.edit(prompt="at night", **QUIET)
    assert repr(edited.pruna).splitlines()[0] == (
        "<pruna: 3 rows by p-image-edit: 3 succeeded; 0.03 USD. "
        "Beside it, step1_output by p-image: 3 succeeded; 0.015 USD.>"
    )
    thrice = edited.pruna.edit(prompt="in snow", **QUIET)
    assert repr(thrice.pruna).count("Beside it") == 1
    edited.to_csv(tmp_path / "out.csv")
    back = pd.read_csv(tmp_path / "out.csv", index_col=0)
    assert repr(back.pruna) == repr(edited.pruna)
    named = generate(frame, "prompt", prefix="x_")
    assert "out.pruna.grid(output_col='x_output')" in repr(named.pruna)
    assert "out.pruna.save(\"pictures\", output_col='x_output')" in repr(named.pruna)
    lost = named.assign(x_status=["lost", "pending", "on sale"])
    assert "2 failed, or without an output yet: out.pruna.retry(prefix='x_')" in repr(lost.pruna)
    assert "1 of another status" in repr(lost.pruna)


def test_an_output_that_was_taken_out_of_the_table_is_counted_apart(
    generate, frame, capsys, tmp_path
):
    generate(frame.head(1), "prompt")
    out = generate(frame, "prompt")
    out.iloc[0, out.columns.get_loc("output")] = None
    assert "p-image: 2 succeeded, 1 taken out of the table; 0.01 USD.>" in repr(out.pruna)
    capsys.readouterr()
    out.pruna.save(tmp_path / "kept")
    said = capsys.readouterr().out
    assert "1 row without an output (1 taken out of the table)." in said


def test_pictures_that_were_read_from_a_folder_are_counted_too(generate, frame, tmp_path):
    generate(frame, "prompt").pruna.save(tmp_path / "shop")
    back = pruna_nb.read_outputs(tmp_path / "shop")
    assert repr(back.pruna).startswith("<pruna: 3 rows by p-image: 3 succeeded.>")


def test_what_a_stranger_wrote_into_a_frame_is_text(frame):
    strange = frame.assign(output="a.png", status="<script>", model="<b>$x$</b>", cost_usd="much")
    strange.columns = ["<img src=x>", *strange.columns[1:]]
    html = strange.pruna._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<img" not in strange.rename(columns={"status": "x"}).pruna._repr_html_()
    assert repr(strange.pruna)
