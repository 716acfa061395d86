"""What IPython offers at the Tab key, asked as a notebook asks it."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import start_new_kernel

import pruna_nb
from pruna_nb import completion


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell()
    completion.register(shell)
    completion.register(shell)  # as %load_ext does after the import
    frame = pd.DataFrame({"prompt": ["a fox"], "color": ["red"], "my seed": [1]})
    shell.user_ns.update(
        df=frame, words=frame["prompt"], pruna_nb=pruna_nb, pn=pruna_nb, generate=pruna_nb.generate
    )
    return shell


def offered(shell, code):
    """Return the texts and the code that each would make, for a cell with | as the cursor."""
    cursor = code.index("|")
    whole = code[:cursor] + code[cursor + 1 :]
    with provisionalcompleter():
        found = list(shell.Completer.completions(whole, cursor))
    return {each.text: whole[: each.start] + each.text + whole[each.end :] for each in found}


@pytest.mark.parametrize(
    ("code", "some"),
    [
        ('df.pruna.generate("prompt", model="|")', {"p-image", "p-video", "qwen-image"}),
        ('df.pruna.generate("prompt", model="p-im|', {"p-image", "p-image-edit"}),
        ("out = df.pruna.generate(\n    'prompt',\n    model='p-video|", {"p-video"}),
        ('pruna_nb.generate("a fox", model="z|', {"z-image-turbo"}),
        ('pn.explore(model="p-ima|', {"p-image"}),
        ('generate(["a fox"], model="p-ima|', {"p-image"}),
        ('pruna_nb.get_model("p-vid|', {"p-video"}),
        ('words.pruna.generate(model="p-vid|', {"p-video"}),
        ('df.pruna.generate("prompt", aspect_ratio="|', {"16:9", "1:1", "custom"}),
        ('df.pruna.generate("prompt", aspect_ratio="16|', {"16:9"}),
        ('df.pruna.generate("prompt", cache="r|', {"refresh"}),
        ('df.pruna.generate("prompt", model=["p-image", "z|', {"z-image-turbo"}),
        ('df.pruna.generate("prompt", sweep="z|', {"zip"}),
        ('pn.explore("p-image", rows=["prompt", "asp|', {"aspect_ratio"}),
        ("df.pruna.generate('prompt', on_lost='|')", {"report", "resend"}),
        ('df.pruna.generate(prompt_col="|', {"prompt", "color", "my seed"}),
        ('df.pruna.generate("pro|', {"prompt"}),
        ('df.pruna.generate("prompt", seed_col="my|', {"my seed"}),
        ('df.pruna.edit("prompt", ["col|', {"color"}),
        ('df.pruna.generate("prompt").pruna.edit("color", "out|', {"output"}),
        ('df.head(3).pruna.grid(rows="col|', {"color"}),
        ('df.pruna.generate(prompt="a {co|', {"color"}),
        ('df.pruna.generate(prompt="a {color} {|', {"prompt", "color", "my seed"}),
    ],
)
def test_a_string_is_completed_by_what_it_may_be_and_nothing_else(shell, code, some):
    found = offered(shell, code)
    assert some <= set(found)
    begun = code.partition("|")[0]
    for text, whole in found.items():
        assert whole.startswith(begun)
        assert whole == begun[: len(begun) - overlap(begun, text)] + text + code.partition("|")[2]


def overlap(begun, text):
    """Return how many of the last letters are the first of the text."""
    return max(
        (n for n in range(len(text) + 1) if begun.lower().endswith(text[:n].lower())), default=0
    )


def test_the_fields_of_the_named_model_are_keywords(shell):
    of_image = set(offered(shell, "df.pruna.generate('prompt', |)"))
    assert {"aspect_ratio=", "seed=", "seed_col=", "model=", "max_cost_usd="} <= of_image
    assert "duration=" not in of_image
    of_video = set(offered(shell, 'df.pruna.generate("prompt", |, model="p-video")'))
    assert {"duration=", "resolution=", "fps_col="} <= of_video
    given = completion.offer('df.pruna.generate("prompt", model="p-video", ', ")", shell.user_ns)
    assert "model=" not in given.texts
    assert "reference_image=" in offered(shell, "df.pruna.edit('prompt', ref|")
    assert "seed_col=" not in offered(shell, "pruna_nb.generate('a fox', se|")
    assert {"seed="} <= set(offered(shell, "pruna_nb.generate('a fox', se|"))


def test_a_model_behind_the_cursor_or_in_a_variable_counts(shell):
    shell.user_ns["chosen"] = "p-video"
    found = offered(shell, 'df.pruna.generate("prompt", resolution="|", model="p-video")')
    assert {"720p", "1080p"} <= set(found)
    assert "720p" in offered(shell, 'df.pruna.generate("prompt", model=chosen, resolution="|')


def test_a_value_without_its_quotes_is_offered_with_them(shell):
    assert '"16:9"' in offered(shell, "df.pruna.generate('prompt', aspect_ratio=|")
    assert {"True", "False"} <= set(offered(shell, "pruna_nb.generate('x', prompt_upsampling=|"))


@pytest.mark.parametrize(
    ("code", "some", "others"),
    [
        ("%%pruna --as|", {"--aspect-ratio"}, {"--prompt"}),
        ("%%pruna |", {"--model", "--seed", "--max-cost-usd", "--estimate"}, {"--prompt"}),
        ("%%pruna --model p-v|", {"p-video"}, {"p-image"}),
        ("%%pruna --model=p-v|", {"p-video"}, {"p-image"}),
        ("%%pruna --aspect-ratio 16:9,|", {"1:1", "16:9"}, {"--seed"}),
        ("%%pruna --model p-image,p-v|", {"p-video"}, {"p-image"}),
        ("%%pruna --rows prompt,asp|", {"aspect_ratio"}, {"seed"}),
        ("%%pruna --model p-image,p-image-pro --rep|", {"--replace"}, {"--rows"}),
        ("%%pruna --model p-video --res|\na fox", {"--resolution"}, {"--aspect-ratio"}),
        ("%%pruna --estimate --s|", {"--seed", "--size"}, {"--estimate"}),
        ("%pruna |", {"models", "cost"}, {"--seed"}),
        ("%pruna mo|", {"models"}, {"cost"}),
    ],
)
def test_the_options_of_the_magics_are_completed(shell, code, some, others):
    found = set(offered(shell, code))
    assert some <= found
    assert not others & found


@pytest.mark.parametrize(
    "code",
    [
        "|", "x = '|", "# df.pruna.generate('|", "df.generate(model='|", "print(model='|",
        "df.pruna.nothing('|", "%%pruna --seed 1\na fox in {|", "df['|", "f(a, [b, {c: '|",
        "(((|", "]]]|",
    ],
)  # fmt: skip
def test_what_is_not_of_the_package_is_left_to_others(code):
    before, _, after = code.partition("|")
    names = {"df": pd.DataFrame({"a": [1]}), "print": print}
    found = completion.offer(before, after, names)
    assert found is None or found.texts == []


def test_a_cell_in_the_middle_of_being_written_never_breaks_completion(shell):
    code = 'df.pruna.generate("prompt", model="p-video", seed_col="my seed", a=[1, {"b": (2,)}])'
    for end in range(len(code) + 1):
        completion.offer(code[:end], code[end:], shell.user_ns)
        completion.offer(code[end:], "", shell.user_ns)


@pytest.mark.parametrize(
    ("name", "fields", "others"),
    [
        (
            "pruna_nb.generate",
            ["prompt : string, required", "aspect_ratio : string, one of '1:1'"],
            True,
        ),
        ("df.pruna.generate", ["width : integer, 256 to 1440", "p-video\n"], True),
        ("df.pruna.edit", ["images : image files", "Fields of p-image-edit"], False),
        ("words.pruna.generate", ["Fields of p-image\n"], True),
    ],
)
def test_the_help_of_a_verb_lists_the_fields_of_its_models(shell, name, fields, others):
    told = shell.object_inspect_text(name, detail_level=0)
    assert all(field in told for field in fields)
    assert ("Fields of other models" in told) is others


def test_the_fields_are_those_of_the_catalogue_of_now(shell):
    pruna_nb.register_model("p-sketch", fields={"line": {"type": "integer", "minimum": 1}})
    assert "p-sketch\n    line" in shell.object_inspect_text("pruna_nb.generate")
    assert "p-sketch" in offered(shell, "pruna_nb.generate('x', model='p-sk|")
    assert "line=" in offered(shell, "pruna_nb.generate(model='p-sketch', |")


def test_importing_the_package_in_ipython_is_enough_and_the_extension_adds_no_second():
    shell = InteractiveShell.instance()
    try:
        completion.register_running()
        pruna_nb.load_ipython_extension(shell)
        ours = [
            each
            for each in shell.Completer.custom_matchers
            if each.__module__ == completion.__name__
        ]
        assert len(ours) == 1
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_real_kernel_completes_and_explains_after_an_import_alone(tmp_path):
    env = os.environ | {"PRUNA_NB_CACHE_DIR": str(tmp_path / "cache")}
    manager, client = start_new_kernel(kernel_name="python3", env=env)
    try:
        code = "import pandas as pd, pruna_nb; df = pd.DataFrame({'prompt': ['a fox']})"
        client.execute_interactive(code, timeout=60)
        reply = client.complete('x = 1\ndf.pruna.generate("pr', reply=True, timeout=60)["content"]
        assert reply["matches"] == ["prompt"]
        assert reply["cursor_end"] - reply["cursor_start"] == 2
        code = 'df.pruna.generate("prompt", model="p-vid"'
        reply = client.complete(code, len(code) - 1, reply=True, timeout=60)["content"]
        assert reply["matches"][0] == "p-video"
        reply = client.inspect("df.pruna.generate", reply=True, timeout=60)["content"]
        assert "aspect_ratio : string, one of '1:1'" in reply["data"]["text/plain"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
