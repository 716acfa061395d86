"""What opens a door in an address (signatures, tokens) is masked where people read and keep it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import errors, settings
from pruna_nb.api.urls import resolve
from pruna_nb.redact import redact_addresses, redact_values
from tests.faults.servers import Server, reply
from tests.helpers.media import picture

SIGNED = [
    "https://b.example/x.png?X-Amz-Credential=AKIA{s}&X-Amz-Signature={s}&X-Amz-Expires=60",
    "https://a.example/x.png?sv=2024-01-01&se=2030-01-01&sp=r&sig={s}",
    "https://g.example/x.png?X-Goog-Signature={s}&GoogleAccessId=me",
    "https://c.example/x.png?Policy=abc&Signature={s}&Key-Pair-Id=K1",
    "https://t.example/x.png?token={s}",
    "https://t.example/x.png?w=10&access_token={s}#frag",
    "https://u:{s}@t.example/x.png",
    "https://z.example/x.png?q={s}",
]
SECRET = "0123456789abcdef0123456789abcdef"
pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("quickly")]


@pytest.mark.parametrize("form", SIGNED)
def test_the_secret_part_of_an_address_is_masked_and_the_rest_is_kept(form):
    address = form.format(s=SECRET)
    shown = redact_addresses(f"see {address} and ask")
    assert SECRET not in shown
    assert shown.startswith("see https://")
    assert ".example/x.png" in shown
    assert shown.endswith(" and ask")


@pytest.mark.parametrize(
    "text",
    [
        "a fox",
        "https://example.org/picture.png",
        "https://example.org/x.png?width=100&format=webp&page=2",
        "what is 1 ? token=abc",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text):
    assert redact_addresses(text) == text


def test_an_address_in_a_prompt_is_kept_as_it_was():
    prompt = f"a poster that says {SIGNED[4].format(s=SECRET)} in red"
    assert redact_values({"prompt": prompt, "n": 1}) == {"prompt": prompt, "n": 1}


def test_an_address_of_the_service_that_is_refused_is_told_without_its_signature():
    for address in (f"http://evil.example/x?sig={SECRET}", f"https://10.0.0.1/x?sig={SECRET}"):
        with pytest.raises(errors.ReplyError) as caught:
            resolve("https://api.pruna.ai", address)
        assert SECRET not in str(caught.value)
    with pytest.raises(errors.ReplyError) as caught:
        resolve("https://api.pruna.ai", f"https://a b/x?sig={SECRET}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("ending", ["succeeded", "failed", "refused", "lost"])
def test_a_signed_input_and_output_stand_in_nothing_that_is_shown_or_saved(ending, tmp_path):
    signed = SIGNED[0].format(s=SECRET)
    sent = []

    def answer(asked):
        if asked.method == "POST":
            sent.append(json.loads(asked.body)["input"]["images"])
            if ending == "refused":
                message = f"cannot fetch {signed}"
                return reply(400, {"error": {"code": "BAD", "message": message}})
            return None if ending == "lost" else reply(201, {"id": f"id-{len(sent)}"})
        if "status" in asked.path and ending == "failed":
            return reply(200, {"status": "failed", "error": f"cannot fetch {signed}"})
        if "status" in asked.path:
            url = f"/v1/out.png?X-Amz-Signature={SECRET}"
            return reply(200, {"status": "succeeded", "generation_url": url})
        return reply(200, picture("PNG"))

    frame = pd.DataFrame({"prompt": ["a fox"]})
    with Server(answer) as server, settings.configure(api_key="k", base_url=server.url):
        out = frame.pruna.generate("prompt", model="p-image-edit", images=[signed], progress=False)
        shown = [str(out.attrs), out.to_json(), str(pruna_nb.journal().to_dict())]
        shown += [out.pruna.grid()._repr_html_(), out.pruna.table()._repr_html_()]
        out.pruna.grid().save(tmp_path / "page.html")
        shown.append((tmp_path / "page.html").read_text())
        if ending == "succeeded":
            single = pruna_nb.generate("a lion", model="p-image-edit", images=[signed])
            shown += [repr(single), single._repr_html_(), str(single.prediction.input)]
    assert sent[0] == [signed], "what is sent is whole"
    for text in shown:
        assert SECRET not in text
    kept = settings.current().cache_dir
    if ending != "lost":  # what is open keeps the address of its output, to fetch it
        for path in kept.rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
