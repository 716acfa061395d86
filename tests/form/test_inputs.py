"""Controls are what the catalogue says, and send what a person changed."""

from __future__ import annotations

import ipywidgets as w
import pytest

from pruna_nb.catalog import all_models, check_input, get_model
from pruna_nb.form.inputs import make_input
from pruna_nb.form.labels import help_of, label_of
from pruna_nb.settings.scopes import Scope

MODELS = [model.name for model in all_models()]


@pytest.fixture
def make():
    """Make the control of a model's field."""
    return lambda model, field: make_input(get_model(model).fields[field], Scope())


@pytest.mark.parametrize("name", MODELS)
def test_every_field_of_every_model_has_a_control_that_sends_nothing_by_itself(name, make):
    for field in get_model(name).fields.values():
        value = make(name, field.name).value()
        assert value is None or field.only_when, f"{field.name} sends {value!r}"


@pytest.mark.parametrize("name", MODELS)
def test_what_a_control_sends_by_itself_fits_its_model(name, make):
    fields = get_model(name).fields
    given = {each: make(name, each).value() for each in fields if fields[each].only_when}
    problems = check_input(get_model(name), {k: v for k, v in given.items() if v is not None})
    assert [problem for problem in problems if problem.kind not in {"missing", "only_when"}] == []


@pytest.mark.parametrize(
    ("model", "field", "kind"),
    [
        ("p-image", "prompt_upsampling", w.Checkbox),
        ("p-image-ideogram", "prompt_upsampling", w.Dropdown),
        ("p-image", "lora_scale", w.FloatSlider),
        ("p-image", "width", w.BoundedIntText),
        ("p-video", "duration", w.IntSlider),
        ("p-video", "resolution", w.Dropdown),
        ("p-video", "fps", w.Dropdown),
        ("flux-dev", "num_inference_steps", w.Text),
        ("p-image-trainer", "learning_rate", w.Text),
        ("z-image-turbo-lora", "lora_scales", w.Textarea),
        ("qwen-image", "negative_prompt", w.Textarea),
        ("p-image", "lora_weights", w.Text),
    ],
)
def test_a_field_has_the_control_that_suits_it(make, model, field, kind):
    assert type(make(model, field).widget) is kind


@pytest.mark.parametrize(
    ("model", "field", "typed", "sent"),
    [
        ("p-image", "lora_scale", 1.25, 1.25),
        ("p-image", "prompt_upsampling", True, True),
        ("p-video", "fps", 48, 48),
        ("flux-dev", "num_inference_steps", "12", 12),
        ("flux-dev", "num_inference_steps", "28", None),
        ("flux-dev", "guidance", "4", 4),
        ("flux-dev", "guidance", "2.25", 2.25),
        ("flux-dev", "guidance", "a lot", "a lot"),
        ("p-image-trainer", "learning_rate", "0.0005", 0.0005),
        ("z-image-turbo-lora", "lora_scales", "0.5\n\n1", [0.5, 1]),
        ("z-image-turbo-lora", "lora_weights", " a/b \nc/d", ["a/b", "c/d"]),
        ("p-image", "lora_weights", "  ", None),
        ("p-image-ideogram", "prompt_upsampling", False, False),
    ],
)
def test_a_control_sends_what_was_typed_in_the_field_s_type(make, model, field, typed, sent):
    control = make(model, field)
    control.widget.value = typed
    assert control.value() == sent
    assert type(control.value()) is type(sent)


def test_text_that_is_no_number_is_named_by_the_catalogue_s_check():
    problems = check_input(get_model("flux-dev"), {"prompt": "a", "guidance": "a lot"})
    assert [problem.field for problem in problems] == ["guidance"]


def test_a_control_goes_back_to_its_state(make):
    for model, field, state in [
        ("p-image", "lora_scale", 2.0),
        ("flux-dev", "guidance", 4.5),
        ("z-image-turbo-lora", "lora_scales", [0.5, 1]),
        ("p-video", "resolution", "1080p"),
    ]:
        control = make(model, field)
        control.restore(state)
        again = make(model, field)
        again.restore(control.state())
        assert again.value() == control.value() == state


def test_a_state_of_another_model_s_field_leaves_the_default(make):
    control = make("p-image-ideogram", "image_size")
    control.restore(1024)
    assert control.value() is None


def test_a_change_is_told(make):
    control, told = make("p-image", "lora_scale"), []
    control.on_change(lambda: told.append(control.value()))
    control.widget.value = 2.0
    assert told == [2.0]


def test_a_secret_leaves_the_widget_at_once_and_is_never_a_state(make):
    control, told = make("p-image", "hf_api_token"), []
    control.on_change(lambda: told.append(control.value()))
    field = control.secret.widget
    field.value = " hf_sesame "
    assert told == ["hf_sesame"]
    assert field.value == ""
    assert control.state() is None
    assert "hf_sesame" not in repr(field.get_state())


def test_names_and_help_are_said_in_words():
    field = get_model("p-image").fields["width"]
    assert label_of("fps") == "FPS"
    assert help_of(field) == "Pixels across. 256 to 1440; in steps of 16 (pixels)."
    assert "1 to 5 files" in help_of(get_model("p-image-edit").fields["images"])
