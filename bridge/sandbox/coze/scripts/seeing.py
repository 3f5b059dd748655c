"""What the agent says of the pictures, recordings and files it was given, before it answers."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.sandbox.coze.scripts.steps import (
    Attachment,
    Completed,
    Delta,
    Script,
    Steps,
    Turn,
    pieces,
)

_WORDS = {
    "image": ("I see a picture", "I see {} pictures"),
    "audio": ("I hear a recording", "I hear {} recordings"),
    "file": ("I have a file", "I have {} files"),
}


def noticed(attachments: Sequence[Attachment]) -> str:
    """Return one sentence for each kind of attachment, naming every one; "" when there are none."""
    sentences = []
    for kind, (one, many) in _WORDS.items():
        names = [item.name for item in attachments if item.kind == kind]
        if names:
            words = one if len(names) == 1 else many.format(len(names))
            sentences.append(f"{words}: {', '.join(names)}")
    return "\n".join(sentences)


def noticing(script: Script) -> Script:
    """Return the script, whose first answer begins with what the agent noticed."""

    def played(turn: Turn) -> Steps:
        head, first = noticed(turn.attachments) + "\n\n", ""
        steps = script(turn)
        step = next(steps)
        while True:
            if not first and isinstance(step, Delta) and step.text:
                first = step.key
                yield from (Delta(first, piece) for piece in pieces(head))
            if isinstance(step, Completed) and step.key == first and step.content is not None:
                step = replace(step, content=head + step.content)
            outputs = yield step
            try:
                step = steps.send(outputs)
            except StopIteration:
                return

    return played
