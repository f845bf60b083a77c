"""Names of colours, and how much of a picture has each.

Belongs here: which colour is called what. Does not: what is made of the names (`tags.py`).

The names are the eleven basic colour terms of B. Berlin and P. Kay, "Basic Color Terms", 1969. Their borders are drawn in hue,
saturation and value, once for each of 32 x 32 x 32 colours.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

NAMES = ("black", "white", "grey", "red", "orange", "brown", "yellow", "green", "blue", "purple", "pink")

_BITS = 5
_LEVELS = 1 << _BITS
_BLACK_BELOW, _WHITE_ABOVE, _GREY_BELOW = 0.18, 0.85, 0.14
_HUES = ((15, "red"), (45, "orange"), (68, "yellow"), (170, "green"), (258, "blue"), (295, "purple"), (345, "pink"), (361, "red"))
"""Upper borders in degrees."""


def shares(pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Share of each colour, 0-1, largest first, without those that do not occur.

    Args:
        pixels: uint8 [height, width, 3], RGB.
    """
    levels = (pixels >> (8 - _BITS)).astype(np.uint16)
    cells = (levels[..., 0] << 2 * _BITS) | (levels[..., 1] << _BITS) | levels[..., 2]
    counts = np.bincount(_name_of_cell()[cells.ravel()], minlength=len(NAMES)) / cells.size
    return {NAMES[place]: float(counts[place]) for place in np.argsort(-counts, kind="stable") if counts[place]}


@cache
def _name_of_cell() -> npt.NDArray[np.uint8]:
    """uint8 [32768], place in `NAMES` by red, green, blue at five bits each."""
    axis = (np.arange(_LEVELS) + 0.5) / _LEVELS
    red, green, blue = (part.ravel() for part in np.meshgrid(axis, axis, axis, indexing="ij"))
    value = np.maximum(np.maximum(red, green), blue)
    spread = value - np.minimum(np.minimum(red, green), blue)
    hue = _hue(red, green, blue, value, spread)
    names = np.empty(value.size, np.uint8)
    for upper, name in reversed(_HUES):
        names[hue < upper] = NAMES.index(name)
    warm = np.isin(names, [NAMES.index(name) for name in ("red", "orange", "yellow")])
    brown = warm & (hue >= 8) & (hue < 60) & (value < 0.62)
    pink = (hue >= 330) | (hue < 15)
    names[brown] = NAMES.index("brown")
    names[pink & (value > 0.75) & (spread < 0.5 * value)] = NAMES.index("pink")
    faint = spread < _GREY_BELOW * np.maximum(value, 0.35)
    names[faint] = NAMES.index("grey")
    names[faint & (value > _WHITE_ABOVE)] = NAMES.index("white")
    names[value < _BLACK_BELOW] = NAMES.index("black")
    return names


def _hue(
    red: npt.NDArray[np.float64],
    green: npt.NDArray[np.float64],
    blue: npt.NDArray[np.float64],
    value: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Degrees, 0-360; 0 where there is no colour."""
    width = np.where(spread == 0, 1, spread)
    hue = np.select(
        [value == red, value == green], [((green - blue) / width) % 6, (blue - red) / width + 2], (red - green) / width + 4
    )
    degrees: npt.NDArray[np.float64] = np.where(spread == 0, 0, hue * 60)
    return degrees
