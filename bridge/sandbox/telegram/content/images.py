"""Pictures as Telegram keeps them: always JPEG, in several sizes. Pure."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

LONGEST_SIDES = (90, 320, 800, 1280)
"""Of the smaller sizes; a size that would not be smaller is left out."""
LONGEST_SIDE = 2560
"""Of the largest size: bigger pictures are made smaller."""
MOST_SIDES = 10_000
"""Width and height together."""
MOST_RATIO = 20
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_QUALITY = 87


class NoPicture(ValueError):
    """The bytes are no picture that can be read."""


class WrongDimensions(ValueError):
    """It is a picture, but too large or too narrow for a photo."""


@dataclass(frozen=True)
class Picture:
    """One size of a photo, in pixels."""

    width: int
    height: int
    content: bytes


def dimensions(content: bytes) -> tuple[int, int]:
    """Return a picture's width and height in pixels. Raises NoPicture."""
    return _opened(content).size


def photo_sizes(content: bytes) -> list[Picture]:
    """Return all sizes of a photo, the largest last; a JPEG that is small enough is the largest itself.

    Raises NoPicture, and WrongDimensions for width and height over 10000 together or one over 20
    times the other.
    """
    image = _opened(content)
    width, height = image.size
    if width + height > MOST_SIDES or max(width, height) > MOST_RATIO * min(width, height):
        raise WrongDimensions(f"{width} x {height}")
    try:
        image.load()
        plain = _on_white(image)
    except (OSError, ValueError, SyntaxError) as problem:
        raise NoPicture(str(problem)) from problem
    upright = plain.size == image.size
    kept = image.format == "JPEG" and max(width, height) <= LONGEST_SIDE and upright
    smaller = [_scaled(plain, side) for side in LONGEST_SIDES if side < max(width, height)]
    original = Picture(width, height, content) if kept else _scaled(plain, LONGEST_SIDE)
    return [*smaller, original]


def _opened(content: bytes) -> Image.Image:
    """Return an image of which only the beginning was read yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=_FORMATS)
    except Image.DecompressionBombError as problem:
        raise WrongDimensions(str(problem)) from problem
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as problem:
        raise NoPicture("These bytes are no picture.") from problem


def _on_white(image: Image.Image) -> Image.Image:
    """Return the first frame, turned as a camera meant it, without transparency."""
    upright = ImageOps.exif_transpose(image)
    if "A" not in upright.getbands() and "transparency" not in upright.info:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    plain = Image.new("RGB", layer.size, "white")
    plain.paste(layer, mask=layer.getchannel("A"))
    return plain


def _scaled(image: Image.Image, longest: int) -> Picture:
    smaller = image.copy()
    smaller.thumbnail((longest, longest))
    written = io.BytesIO()
    smaller.save(written, "JPEG", quality=_QUALITY)
    return Picture(*smaller.size, written.getvalue())
