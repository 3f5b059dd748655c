"""What a run is asked, and which script answers it."""

from dataclasses import dataclass, field, replace

from bridge.sandbox.coze.scripts import chosen_without_nodes
from bridge.sandbox.coze.scripts.steps import Turn
from bridge.sandbox.coze_projects.faults import RunFailure
from bridge.sandbox.coze_projects.files.prompts import PromptMaker
from bridge.sandbox.coze_projects.playing.scripts import (
    FailAs,
    ProjectScript,
    ProjectSteps,
    failing,
)
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import Run


@dataclass(eq=False)
class Question:
    """The question of one run."""

    run: Run
    turn: Turn
    """With the words of the question only."""
    script: ProjectScript | None
    """None leaves the choice to the words."""
    quirks: Quirks
    failure: RunFailure | None
    _broken: list[str] = field(default_factory=list)

    async def prepared(self) -> Turn:
        """Fetch the files, and return what the agent is given."""
        prompt = await PromptMaker(self.quirks).prompt(self.run.text, self.run.files)
        self.run.prompt, self.run.seen = prompt.whole, prompt.seen
        self._broken = prompt.broken_pictures
        seen = tuple(prompt.attachments)
        return replace(self.turn, question=prompt.text, attachments=seen)

    def played(self, turn: Turn) -> ProjectSteps:
        """Answer what the agent was given; the words of a document choose no script."""
        if self._broken:
            yield FailAs("301008", "invalid image", "end")
            return
        asked = replace(turn, question=self.run.text)
        script: ProjectScript = self.script or chosen_without_nodes(asked)
        if self.failure is not None:
            failure = FailAs(self.failure.code, self.failure.message, self.failure.shape)
            script = failing(script, failure, self.failure.after)
        yield from script(turn)
