"""As what Telegram can show a file, by what is in it."""

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from bridge.telegram.outgoing import Shape

MOST_PHOTO_BYTES = 10 * 1024 * 1024
MOST_SIDES = 10_000
"""Width and height together, in pixels."""
MOST_RATIO = 20
_PHOTOS = ("JPEG", "PNG", "WEBP")


def shape_of(path: Path) -> Shape:
    """A photo within Telegram's limits, a moving picture, or else a file. Reads the head only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as one of billions of pixels
            with Image.open(path) as image:
                kind, (width, height) = image.format, image.size
    except (UnidentifiedImageError, OSError, ValueError, Warning, Image.DecompressionBombError):
        return Shape.DOCUMENT
    except (SyntaxError, TypeError, OverflowError):  # the library's words for broken heads
        return Shape.DOCUMENT
    if kind == "GIF":
        return Shape.ANIMATION
    fits = width + height <= MOST_SIDES and max(width, height) <= MOST_RATIO * min(width, height)
    small = path.stat().st_size <= MOST_PHOTO_BYTES
    return Shape.PHOTO if kind in _PHOTOS and fits and small else Shape.DOCUMENT
