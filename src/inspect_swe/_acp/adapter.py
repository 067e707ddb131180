"""The contract of CLIs that speak ACP, as plain values, and the models that their adapters name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from inspect_ai.model import ChatMessage, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import MCPServerConfig

from .._contract.adapter import Adapter, File, LaunchContext


@dataclass(frozen=True)
class AcpLaunch:
    """The launch of a CLI as an ACP agent on its stdin and stdout.

    Args:
        argv: Command.
        env: Variables on top of those of the headless launch.
        files: Files to write before the start.
        meta: `_meta` of the requests that open a session.
        mode: Mode of the session; None for the CLI's default.
        session_servers: MCP servers to pass when a session is opened; the others are in the CLI's configuration.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    mode: str | None = None
    session_servers: tuple[MCPServerConfig, ...] = ()


class AcpAdapter(Adapter, ABC):
    """An adapter whose CLI speaks ACP."""

    outlived: ClassVar[bool] = False
    """Whether commands survive the cancellation of their turn, because each leads its own POSIX session."""

    reopens: ClassVar[str] = ""
    """Shell commands to run in the private folder before a session is reopened."""

    settles: ClassVar[str] = ""
    """Shell commands to run in the private folder before a session is archived: they wait until it is on disk."""

    @abstractmethod
    def acp_launch(self, context: LaunchContext, asks: bool) -> AcpLaunch:
        """Return the launch; `asks` makes the CLI request permission before tool calls."""

    def seeded_session(self, context: LaunchContext, messages: Sequence[ChatMessage]) -> File:
        """Return a session file that holds these messages. Adapters that cannot seed a session don't override this."""
        raise NotImplementedError


def name_models(roles: Mapping[str, str | Model | None]) -> tuple[dict[str, str | None], dict[str, Model]]:
    """Give each model a name that the CLI can request.

    Args:
        roles: Models by role.

    Returns:
        The names by role, and the `Model` objects by name.
    """
    names: dict[str, str | None] = {}
    models: dict[str, Model] = {}
    for role, model in roles.items():
        if isinstance(model, Model):
            # A unique name: the served model may have the same name but other settings.
            name = names[role] = f"{model.name.rsplit('/', 1)[-1]}-{role}"
            models[name] = model
        else:
            names[role] = model
    return names, models


def untitled() -> Model:
    """Return a free mock model that answers a CLI's requests for a session title."""
    output = ModelOutput.from_content("mockllm/untitled", '{"title": "Session"}')
    output.usage = ModelUsage()
    return get_model("mockllm/untitled", memoize=False, custom_outputs=lambda *args, **kwargs: output)
