"""Half a character, as text has it that was cut inside an emoji, is refused before it costs."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.api.client import Client
from pruna_nb.catalog import check_input, find_model
from pruna_nb.errors import InputError

FOX = "\N{FOX FACE}"
HALF = json.loads('"a fox \\ud83e"')
CALLS = {
    "a column": {"prompt_col": "text"},
    "a template": {"prompt": "see {text}"},
    "a template's own text": {"prompt": f"{HALF} {{other}}"},
    "a list": {"prompt_col": "other", "model": "qwen-image", "extra_lora_weights_col": "several"},
    "a field of an unknown model": {
        "prompt_col": "other", "model": "sketch-9", "unchecked": True, "mood_col": "text",
    },
    "a dict for an unknown model": {
        "prompt_col": "other", "model": "sketch-9", "unchecked": True, "mood_col": "nested",
    },
    "an address": {"prompt_col": "other", "model": "p-image-edit", "images_col": "address"},
}  # fmt: skip


@pytest.fixture
def broken():
    """Return a frame with a good row and one whose texts are cut."""
    cells = {
        "text": ["a hen", HALF],
        "other": ["a hen", "a hen"],
        "several": [["a"], ["a", HALF]],
        "nested": [{"a": ["b"]}, {"a": [HALF]}],
        "address": ["http://example.com/a.png", f"http://example.com/{HALF}.png"],
    }
    return pd.DataFrame(cells, index=["good", "bad"], dtype=object)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_row_of_it_is_refused_and_named_before_anything_is_sent(call, broken, generate, service):
    with pytest.raises(InputError, match=r"row 'bad': .*half a character at position") as raised:
        generate(broken, **call)
    json.dumps(raised.value.problems, ensure_ascii=False).encode()  # the error itself can be shown
    assert service.accepted == []


def test_whole_characters_of_every_plane_are_sent(generate, asked):
    generate(pd.DataFrame({"prompt": [f"größe {FOX} 狐 \x00"]}), "prompt")
    assert asked("prompt") == [f"größe {FOX} 狐 \x00"]


def test_a_secret_is_not_shown_where_it_is_broken(generate, frame, service):
    with pytest.raises(InputError) as raised:
        generate(frame, "prompt", hf_api_token=f"hf_secret{HALF}")
    assert "hf_secret" not in str(raised.value)
    assert service.accepted == []


def test_a_single_generate_a_client_and_a_comparison_refuse_it_too(service):
    with pytest.raises(InputError, match="half a character"):
        pruna_nb.generate(HALF)
    with pytest.raises(InputError, match="half a character"):
        pruna_nb.compare([HALF, "a hen"], seeds=1, progress=False)
    with pytest.raises(InputError, match="half a character"):
        pruna_nb.explore(prompt=[HALF])
    with Client() as client, pytest.raises(InputError):
        client.create("p-image", {"prompt": HALF})
    assert service.accepted == []


def test_the_last_door_refuses_what_no_check_knows(service):
    from pruna_nb.api.endpoints import Endpoints
    from pruna_nb.settings import current

    with pytest.raises(InputError, match="Nothing was sent"):
        Endpoints.of(current()).create("p-image", {"prompt": HALF})
    assert service.accepted == []


def test_a_column_that_is_not_sent_may_hold_it_and_is_shown(generate, tmp_path, service):
    frame = pd.DataFrame({"prompt": ["a hen"], "note": pd.Series([HALF], dtype=object)})
    out = generate(frame, "prompt")
    assert out["note"].tolist() == [HALF]
    out.pruna.grid(caption_col="note", title=HALF).save(tmp_path / "sheet.png")
    assert "\ufffd" in out.pruna.table().html()
    assert pruna_nb.read_sheet(tmp_path / "sheet.png")["prompt"].tolist() == ["a hen"]


def test_a_caption_of_it_is_refused_by_row(generate, tmp_path, service):
    frame = pd.DataFrame({"prompt": ["a hen"], "note": pd.Series([HALF], dtype=object)})
    out = generate(frame, "prompt")
    with pytest.raises(InputError, match="row 0: the caption holds half a character"):
        out.pruna.to_zip(tmp_path / "a.zip", caption_col="note")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize(
    "value", [HALF, [HALF], {"a": HALF}, {HALF: 1}, [{"a": [HALF]}]], ids=ascii
)
def test_it_is_found_in_whatever_an_unknown_field_holds(value):
    model = find_model("sketch-9", unchecked=True)
    (problem,) = check_input(model, {"mood": value})
    assert problem.kind == "text"
