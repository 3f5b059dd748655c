"""The pictures and files that the sandbox agent shows: small, drawn at their first use."""

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw

_FINER = 2
"""Shapes are drawn that much larger and shrunk, which smooths their edges."""
_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class SampleFile:
    """A thing that can be fetched."""

    content: bytes
    content_type: str


def _canvas(width: int, height: int, top: _Colour, bottom: _Colour) -> Image.Image:
    """Return a gradient from top to bottom, in the finer size."""
    column = Image.new("RGB", (1, 256))
    for row in range(256):
        share = row / 255
        mixed = [round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)]
        column.putpixel((0, row), (mixed[0], mixed[1], mixed[2]))
    return column.resize((width * _FINER, height * _FINER), Image.Resampling.BICUBIC)


def _encoded(picture: Image.Image, form: str) -> bytes:
    small = picture.resize(
        (picture.width // _FINER, picture.height // _FINER), Image.Resampling.LANCZOS
    )
    content = io.BytesIO()
    small.save(content, form, quality=88)
    return content.getvalue()


def _ridge(
    width: int, height: int, level: float, waves: tuple[float, ...]
) -> list[tuple[float, float]]:
    """Return the outline of a range of hills, closed at the bottom."""
    line = [
        (
            float(x),
            height * (level - 0.05 * sum(math.sin(x / width * wave + wave) for wave in waves)),
        )
        for x in range(0, width + 8, 8)
    ]
    return [*line, (float(width), float(height)), (0.0, float(height))]


def _lighthouse() -> SampleFile:
    """Return a lighthouse among hills at dusk."""
    picture = _canvas(960, 640, (28, 30, 74), (250, 150, 98))
    width, height = picture.size
    lit = picture.copy()
    ImageDraw.Draw(lit).polygon([(330, 490), (width, 250), (width, 690)], fill=(255, 236, 180))
    picture = Image.blend(picture, lit, 0.35)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((1200, 690, 1420, 910), fill=(255, 226, 160))
    draw.polygon(_ridge(width, height, 0.66, (5.0, 11.0)), fill=(120, 72, 110))
    draw.polygon(_ridge(width, height, 0.76, (7.0, 13.0)), fill=(72, 46, 92))
    for share in range(5):  # of the tower, from its top: white and red by turns
        upper, lower = 520 + share * 140, 660 + share * 140
        a, b = 36 + share * 6, 42 + share * 6
        corners = [(330 - a, upper), (330 + a, upper), (330 + b, lower), (330 - b, lower)]
        draw.polygon(corners, fill=(196, 58, 60) if share % 2 else (244, 240, 232))
    draw.rectangle((290, 460, 370, 520), fill=(255, 222, 120))
    draw.polygon([(276, 460), (384, 460), (330, 390)], fill=(196, 58, 60))
    draw.polygon(_ridge(width, height, 0.87, (4.0, 9.0)), fill=(36, 26, 60))
    return SampleFile(_encoded(picture, "PNG"), "image/png")


def _waves() -> SampleFile:
    """Return the sea by day."""
    picture = _canvas(960, 640, (132, 202, 240), (242, 250, 255))
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    draw.ellipse((1400, 130, 1620, 350), fill=(255, 240, 170))
    for number in range(6):
        level = 0.52 + number * 0.09
        shade = (20 + number * 4, 150 - number * 20, 190 - number * 16)
        draw.polygon(_ridge(width, height, level, (9.0 + number * 3, 21.0)), fill=shade)
    draw.polygon([(640, 640), (1000, 640), (930, 740), (710, 740)], fill=(120, 66, 44))
    draw.polygon([(810, 300), (810, 620), (1010, 620)], fill=(252, 250, 244))
    draw.polygon([(794, 340), (794, 620), (660, 620)], fill=(236, 104, 84))
    return SampleFile(_encoded(picture, "JPEG"), "image/jpeg")


def _chart() -> SampleFile:
    """Bars and a line."""
    picture = _canvas(960, 640, (250, 251, 254), (232, 238, 248))
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    bottom, left = height - 140, 140
    for line in range(6):
        level = bottom - line * 200
        draw.line((left, level, width - 100, level), fill=(206, 214, 228), width=3)
    values = (3.1, 4.4, 3.8, 6.2, 7.0, 8.4, 7.6)
    points: list[tuple[float, float]] = []
    for number, value in enumerate(values):
        x, y = float(left + 60 + number * 230), bottom - value * 110
        blue = (64 + number * 16, 110 + number * 10, 220)
        draw.rounded_rectangle((x, y, x + 140, bottom), 18, fill=blue)
        points.append((x + 70, y - 70 - 20 * (number % 2)))
    draw.line(points, fill=(238, 110, 72), width=10, joint="curve")
    for x, y in points:
        draw.ellipse((x - 16, y - 16, x + 16, y + 16), fill=(238, 110, 72))
    return SampleFile(_encoded(picture, "PNG"), "image/png")


_REPORT = (
    (28, "Lighthouses of the coast"),
    (13, "A short report by the sandbox agent."),
    (13, "Seven lights were visited between spring and autumn."),
    (13, "All of them were lit, and all of their keepers had tea."),
)


def _report() -> SampleFile:
    """One page of PDF."""
    lines, drop = [], 90
    for size, text in _REPORT:
        lines.append(f"BT /F1 {size} Tf 72 {842 - drop} Td ({text}) Tj ET")
        drop += size + 14
    drawing = "\n".join(lines)
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    content, places = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{text}\nendobj\n"
    entries = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{entries}"
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(content)}\n%%EOF\n"
    )
    return SampleFile((content + end).encode("ascii"), "application/pdf")


def _planets() -> SampleFile:
    """Return a table."""
    rows = (
        "planet,radius_km,moons",
        "Mercury,2440,0",
        "Venus,6052,0",
        "Earth,6371,1",
        "Mars,3390,2",
        "Jupiter,69911,95",
        "Saturn,58232,146",
        "Uranus,25362,28",
        "Neptune,24622,16",
    )
    return SampleFile("".join(f"{row}\r\n" for row in rows).encode(), "text/csv")


_MADE: Mapping[str, Callable[[], SampleFile]] = {
    "lighthouse.png": _lighthouse,
    "waves.jpg": _waves,
    "chart.png": _chart,
    "report.pdf": _report,
    "planets.csv": _planets,
}


@cache
def sample_file(name: str) -> SampleFile | None:
    """Return the exhibit of that name, None when there is none."""
    make = _MADE.get(name)
    return None if make is None else make()
