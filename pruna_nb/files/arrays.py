"""Arrays of numbers as pictures: numpy's, and what turns into one, such as a torch tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_CHANNELS = frozenset({1, 3, 4})
_FLAT, _DEEP = 2, 3
# What a picture's values may be; floats overshoot a little where they were resampled.
_RANGES: dict[str, tuple[float, float]] = {"u": (0, 255), "i": (0, 255), "f": (-0.25, 1.25)}


def image_of(value: Any) -> Image.Image:
    """Return an array as a picture.

    Parameters
    ----------
    value : array_like
        Height x width, or height x width x 1, 3 or 4 channels. Booleans are black and white;
        uint16 counts as 16 bits, and its upper byte is kept; other whole numbers go from 0 to
        255; floats go from 0 to 1, and NaN is refused. Channels before height, as torch has
        them, are refused: which of the axes is meant cannot be told from the numbers.

    Raises
    ------
    ValueError
        If it is none of these; nothing is guessed, since what is guessed wrong is paid for.
    """
    import numpy as np
    from PIL import Image

    try:
        array = np.asarray(value)
    except Exception as error:  # noqa: BLE001 - such as of a tensor on a GPU, or one that needs its gradient
        message = f"{type(value).__name__} cannot be read as an array: {error}"
        raise ValueError(message) from None
    shape = array.shape
    channels = 1 if array.ndim == _FLAT else shape[-1] if array.ndim == _DEEP else 0
    if channels not in _CHANNELS or not array.size:
        message = f"An array of shape {shape} is not a picture; give height x width (x 1, 3 or 4)."
        if len(shape) == _DEEP and shape[0] in _CHANNELS:
            message += " With the channels first, turn it: .transpose(1, 2, 0), in torch .permute."
        raise ValueError(message)
    if array.ndim == _DEEP and channels == 1:
        array = array[:, :, 0]
    kind = array.dtype.kind
    if kind == "b":
        array = array.astype("uint8") * 255
    elif kind == "u" and array.dtype.itemsize == 2:  # noqa: PLR2004 - 16 bits
        largest = int(array.max())
        if 0 < largest <= 255:  # noqa: PLR2004 - 8 bits
            message = (
                f"An array of uint16 with {largest} as its largest value is ambiguous: "
                "as 16 bits it is black. Give .astype('uint8') if it goes from 0 to 255."
            )
            raise ValueError(message)
        array = array >> 8
    else:
        low, high = _RANGES.get(kind, (0, 0))
        # Not `min < low or max > high`: with NaN in the array every comparison is false.
        if kind not in _RANGES or not (array.min() >= low and array.max() <= high):
            message = (
                f"An array of {array.dtype} is not a picture unless it goes from 0 to 255, as "
                "floats from 0 to 1 (and without NaN), or as uint16 from 0 to 65535."
            )
            raise ValueError(message)
        if kind == "f":
            # float16 has 11 bits: 255 times a value would be rounded before it is rounded here.
            array = (array.clip(0.0, 1.0).astype("float64") * 255).round()
    return Image.fromarray(np.ascontiguousarray(array.astype("uint8")))
