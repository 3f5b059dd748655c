"""As what Telegram can show a file, by what is in it."""

import warnings
from pathlib import Path

from bridge.telegram.files.send import Shape

MOST_PHOTO_BYTES = 10 * 1024 * 1024
MOST_SIDES = 10_000
"""Width and height together, in pixels."""
MOST_RATIO = 20
_PHOTOS = ("JPEG", "MPO", "PNG", "WEBP")
# PIL's, for the whole process and once: a filter for a while is no other thread's to undo.
warnings.filterwarnings("ignore", module=r"PIL\.")


def shape_of(path: Path) -> Shape:
    """Return a photo within Telegram's limits, a moving picture, or else a file. Reads the head only."""
    from PIL import Image  # seldom needed, and large

    try:
        with Image.open(path, formats=("JPEG", "PNG", "WEBP", "GIF")) as image:
            kind, (width, height) = image.format, image.size
    except Exception:  # noqa: BLE001  # broken heads end in any of them
        return Shape.DOCUMENT
    fits = width + height <= MOST_SIDES
    if kind == "GIF" and fits:
        return Shape.ANIMATION
    fits = fits and max(width, height) <= MOST_RATIO * min(width, height)
    small = path.stat().st_size <= MOST_PHOTO_BYTES
    return Shape.PHOTO if kind in _PHOTOS and fits and small else Shape.DOCUMENT
