"""What a rendered text shows: its formats with what stands under each."""

from bridge.telegram.markdown.streaming import render


def shown(markdown: str, *, preview: bool = False) -> list[tuple[str, str]]:
    """Pairs of an entity's type and the text under it, in the order of their places."""
    drawn = render(markdown, preview=preview)
    raw = drawn.text.encode("utf-16-le")
    return [
        (one.type, raw[2 * one.offset : 2 * (one.offset + one.length)].decode("utf-16-le"))
        for one in drawn.entities
    ]
