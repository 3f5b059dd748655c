"""Real files for journeys: pictures by Pillow, a recording of silence, a small PDF."""

import io

from PIL import Image, ImageDraw

from bridge.sandbox.coze.resources.ogg import opus_stream


def picture(width: int = 640, height: int = 480, kind: str = "JPEG") -> bytes:
    """A picture with something on it."""
    image = Image.new("RGB", (width, height), "navy")
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill="gold")
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


def voice(seconds: float = 2.0) -> bytes:
    """OGG/Opus without a sound."""
    return opus_stream([b"\xf8\xff\xfe"] * round(seconds * 50))


PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
