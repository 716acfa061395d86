"""What a model is: its fields, its output, its limit and its price."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from pruna_nb.errors import SettingsError
from pruna_nb.redact import mask_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

Output = Literal["image", "video", "zip", "unknown"]
FieldType = Literal["string", "integer", "number", "boolean", "array"]

# The lowest published limit of an image model, for models whose limit is not published.
DEFAULT_REQUESTS_PER_MINUTE: Final = 150

# Requests and seconds, for one key, of the endpoints beside predictions, as published.
ENDPOINT_LIMITS: Final[Mapping[str, tuple[int, float]]] = MappingProxyType(
    {"status": (30_000, 60.0), "delivery": (10_000, 60.0), "files": (10_000, 60.0)}
)

_FIELD_TYPES = ("string", "integer", "number", "boolean", "array")
_MEDIA_KINDS = ("image", "video", "audio", "zip")
# A model that the catalogue does not know names no secret field, and may take this one.
_ALWAYS_SECRET = frozenset({"hf_api_token"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model's input.

    Attributes
    ----------
    name : str
        The API's own name.
    type : {"string", "integer", "number", "boolean", "array"}
        The JSON type of the value.
    required : bool
        Whether every prediction needs it.
    default : object
        What the service uses if it is left out. Lists are tuples here.
    has_default : bool
        Whether a default is published; if not, `default` is None and means nothing.
    choices : tuple
        The allowed values; empty if all are.
    minimum, maximum : float or None
        The range, both ends included.
    multiple_of : int or None
        The step.
    min_items, max_items : int or None
        How many items a list may have.
    item_type : str or None
        The JSON type of a list's items.
    media : tuple of str
        The kinds of file it accepts: "image", "video", "audio", "zip"; empty for plain values.
    secret : bool
        Whether the value must never be shown.
    only_when : mapping or None
        Other fields' values without which this one is not allowed.
    unit : str
        Of the value, where it has one.
    help : str
        One sentence.
    """

    name: str
    type: FieldType
    required: bool = False
    default: Any = None
    has_default: bool = False
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    item_type: str | None = None
    media: tuple[str, ...] = ()
    secret: bool = False
    only_when: Mapping[str, Any] | None = field(default=None, hash=False)
    unit: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model charges, in USD.

    Attributes
    ----------
    unit : {"image", "second"}
        What is charged: an output image, or a second of output video.
    usd : float or None
        For one image.
    usd_max : float or None
        The most that one image costs, where a range is published.
    usd_per_extra_garment : float or None
        For each garment after the first (try-on).
    usd_by_resolution : mapping or None
        For one second of video, by the field ``resolution``.
    draft_usd_by_resolution : mapping or None
        The same for a draft.
    """

    unit: Literal["image", "second"]
    usd: float | None = None
    usd_max: float | None = None
    usd_per_extra_garment: float | None = None
    usd_by_resolution: Mapping[str, float] | None = field(default=None, hash=False)
    draft_usd_by_resolution: Mapping[str, float] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the service.

    Attributes
    ----------
    name : str
        The value of the header ``Model``.
    task : str
        Such as "text-to-image".
    output : {"image", "video", "zip", "unknown"}
        The kind of its output.
    requests_per_minute : int or None
        The limit for one key; None if it is not published (see `limit_for`).
    try_sync : bool
        Whether single calls may wait for the result in the request itself.
    price : Price or None
        None if it is not published.
    fields : mapping of str to Field
        The fields of its input, in the service's order.
    known : bool
        Whether the catalogue knows its fields. If not, inputs are sent unchecked.
    note : str
        A remark; mostly empty.
    unchecked : bool
        Whether a call lets fields, choices and ranges pass that the catalogue does not know.
    """

    name: str
    task: str
    output: Output
    requests_per_minute: int | None
    try_sync: bool
    price: Price | None
    # A mapping has no hash, and a model is a key where its rules are kept.
    fields: Mapping[str, Field] = field(hash=False, repr=False)
    known: bool = True
    note: str = ""
    # How a call uses the model makes no other model of it, so it counts in no comparison.
    unchecked: bool = field(default=False, compare=False, repr=False)

    @property
    def checked(self) -> bool:
        """Whether an input is held against the catalogue, not against the types alone."""
        return self.known and not self.unchecked

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the fields that a prediction needs."""
        return tuple(name for name, field in self.fields.items() if field.required)

    @property
    def media_fields(self) -> tuple[Field, ...]:
        """The fields that take files."""
        return tuple(field for field in self.fields.values() if field.media)

    @property
    def secret_names(self) -> frozenset[str]:
        """The names of the fields whose values must never be shown."""
        return _ALWAYS_SECRET | {name for name, field in self.fields.items() if field.secret}

    def secrets_in(self, values: Mapping[str, Any]) -> list[str]:
        """Return the texts of an input that must never be shown."""
        return [values[name] for name in self.secret_names if isinstance(values.get(name), str)]

    def masked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return an input with its secrets masked."""
        return mask_fields(values, self.secret_names)


def limit_for(model: Model) -> tuple[int, float]:
    """Return the limit of a model for one key: requests, and the seconds of their window.

    A model whose limit is not published gets the lowest published limit of an image model.

    Examples
    --------
    >>> from pruna_nb.catalog import get_model
    >>> limit_for(get_model("p-image"))
    (250, 60.0)
    """
    return (model.requests_per_minute or DEFAULT_REQUESTS_PER_MINUTE, 60.0)


def parse_ratio(text: object) -> Fraction | None:
    """Return an aspect ratio or a size as width over height.

    Parameters
    ----------
    text : object
        Such as "16:9", "832*480" or "1344x768".

    Returns
    -------
    Fraction or None
        None if it is not a ratio, such as "custom", "match_input_image" or None.

    Examples
    --------
    >>> parse_ratio("16:9")
    Fraction(16, 9)
    >>> parse_ratio("custom") is None
    True
    """
    if not isinstance(text, str):
        return None
    from fractions import Fraction

    # The service writes a video's size as 832*480; people write 832x480.
    for separator in (":", "*", "x"):
        width, is_there, height = text.partition(separator)
        if is_there and _is_count(width) and _is_count(height):
            return Fraction(int(width), int(height))
    return None


def _is_count(text: str) -> bool:
    # int() of thousands of digits is slow, and of more than 4,300 an error.
    return re.fullmatch(r"\s*[1-9][0-9]{0,8}\s*", text) is not None


def field_from_spec(name: str, spec: Mapping[str, Any], *, required: bool) -> Field:
    """Return the field that an entry of models.json describes.

    Raises
    ------
    SettingsError
        If the entry has an unknown key, type or kind of media.
    """
    known = set(Field.__dataclass_fields__) - {"name", "required", "has_default"}
    if unknown := sorted(set(spec) - known):
        msg = f"field {name!r}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        raise SettingsError(msg)
    kind = spec.get("type")
    if kind not in _FIELD_TYPES:
        msg = f"field {name!r}: type {kind!r} is not one of {', '.join(_FIELD_TYPES)}"
        raise SettingsError(msg)
    media = spec.get("media", ())
    media = (media,) if isinstance(media, str) else tuple(media)
    if strange := [name for name in media if name not in _MEDIA_KINDS]:
        msg = f"field {name!r}: media {strange} is not one of {', '.join(_MEDIA_KINDS)}"
        raise SettingsError(msg)
    # JSON's null is a default too, so `has_default` is read from the key, not from the value.
    default = spec.get("default")
    only_when = spec.get("only_when")
    return Field(
        **{
            **spec,
            "name": name,
            "type": cast("FieldType", kind),
            "required": required,
            # A field is hashed with its model, and a list has no hash.
            "default": tuple(default) if isinstance(default, list) else default,
            "has_default": "default" in spec,
            "choices": tuple(spec.get("choices", ())),
            "media": media,
            "only_when": MappingProxyType(dict(only_when)) if only_when else None,
        }
    )


def model_from_spec(name: str, spec: Mapping[str, Any]) -> Model:
    """Return the model that an entry of models.json describes.

    Raises
    ------
    SettingsError
        If a field's specification is wrong, or a required field is not among the fields.
    """
    required = tuple(spec.get("required", ()))
    specs: Mapping[str, Mapping[str, Any]] = spec["fields"]
    if missing := [field for field in required if field not in specs]:
        msg = f"model {name!r}: required but not among the fields: {', '.join(missing)}"
        raise SettingsError(msg)
    price = spec.get("price")
    return Model(
        name=name,
        task=spec["task"],
        output=spec["output"],
        requests_per_minute=spec["requests_per_minute"],
        try_sync=spec["try_sync"],
        price=Price(**price) if price else None,
        fields=MappingProxyType(
            {
                field: field_from_spec(field, fields_spec, required=field in required)
                for field, fields_spec in specs.items()
            }
        ),
        known=bool(specs),
        note=spec.get("note", ""),
    )
