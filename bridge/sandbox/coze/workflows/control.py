"""What a test or the sandbox puts into the workspace: applications, chatflows, user variables."""

from collections.abc import Collection, Mapping

from bridge.sandbox.coze.assertions import HOME
from bridge.sandbox.coze.resources.variables import Variable
from bridge.sandbox.coze.scripts import Script, script_named
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.library import DEFAULT_CONVERSATION, App, Input, Workflow


class WorkflowControl:
    """The part of the emulator that has no agents in it."""

    state: State

    def add_app(
        self,
        app_id: str,
        conversation_names: Collection[str] = (DEFAULT_CONVERSATION,),
        published: bool = True,
    ) -> App:
        """Add a low-code application, or replace the one with that id."""
        app = App(app_id, tuple(conversation_names), published)
        self.state.library.apps[app_id] = app
        return app

    def add_chatflow(
        self,
        workflow_id: str,
        name: str = "Sandbox chatflow",
        *,
        app_id: str = "",
        bot_ids: Collection[str] | None = None,
        inputs: Mapping[str, Input | str] | None = None,
        published: bool = True,
        script: Script | str | None = None,
        conversation_name: str = DEFAULT_CONVERSATION,
        account: str = HOME,
    ) -> Workflow:
        """Add a chatflow, or replace the one with that id.

        With `app_id` it lives in that application, which is added when it is not there; otherwise
        in the library, where any bot or application may run it, or only the `bot_ids`. `inputs`
        maps names to an `Input` or its type; None takes any. `script` is what it always does.
        """
        return self._add(
            Workflow(
                workflow_id,
                name,
                chatflow=True,
                app_id=app_id,
                bot_ids=None if bot_ids is None else frozenset(bot_ids),
                inputs=_declared(inputs),
                published=published,
                conversation_name=conversation_name,
                script=script_named(script) if isinstance(script, str) else script,
                account=account,
                created_at=self.state.now(),
            )
        )

    def add_workflow(
        self,
        workflow_id: str,
        name: str = "Sandbox workflow",
        *,
        app_id: str = "",
        bot_ids: Collection[str] | None = None,
        inputs: Mapping[str, Input | str] | None = None,
        published: bool = True,
        script: Script | str | None = None,
        account: str = HOME,
    ) -> Workflow:
        """Add a workflow without a conversation, or replace the one with that id.

        Its script is asked what the parameter `input` says, or the first that is a text.
        """
        return self._add(
            Workflow(
                workflow_id,
                name,
                chatflow=False,
                app_id=app_id,
                bot_ids=None if bot_ids is None else frozenset(bot_ids),
                inputs=_declared(inputs),
                published=published,
                script=script_named(script) if isinstance(script, str) else script,
                account=account,
                created_at=self.state.now(),
            )
        )

    def _add(self, workflow: Workflow) -> Workflow:
        if workflow.app_id and workflow.app_id not in self.state.library.apps:
            self.add_app(workflow.app_id)
        self.state.library.workflows[workflow.workflow_id] = workflow
        return workflow

    def add_variable(
        self,
        owner_id: str,
        keyword: str,
        default: str = "",
        description: str = "",
        enabled: bool = True,
    ) -> Variable:
        """Define a user variable of a bot or an application."""
        variable = Variable(keyword, default, description, enabled)
        self.state.variables.define(owner_id, variable)
        return variable


def _declared(inputs: Mapping[str, Input | str] | None) -> Mapping[str, Input] | None:
    if inputs is None:
        return None
    return {name: Input(one) if isinstance(one, str) else one for name, one in inputs.items()}
