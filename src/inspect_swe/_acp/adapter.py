"""What a CLI needs to be told so that it speaks ACP. Plain values, as in the contract of all agents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from inspect_ai.model import ChatMessage
from inspect_ai.tool import MCPServerConfig

from .._contract.adapter import Adapter, File, Site


@dataclass(frozen=True)
class AcpLaunch:
    """A CLI as an ACP agent on its stdin and stdout.

    Args:
        argv: Its command.
        env: Variables on top of the launch's own.
        files: Files to write before it is started.
        meta: `_meta` of the requests that open a session.
        mode: The session's mode; None leaves it as it is.
        announced: MCP servers to be told with the session; the others are in its configuration.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    mode: str | None = None
    plugin_agent: tuple[MCPServerConfig, ...] = ()


class AcpAdapter(Adapter, ABC):
    """An adapter whose CLI speaks ACP."""

    outlived: ClassVar[bool] = False
    """Whether commands go on after their turn was cancelled, as sessions (in the kernel's sense) of their own."""

    reopens: ClassVar[str] = ""
    """Shell commands to be run in the private folder before a session is opened again."""

    settles: ClassVar[str] = ""
    """Shell commands to be run in the private folder before a session is packed: they wait until it is written."""

    @abstractmethod
    def acp_launch(self, site: Site, asks: bool) -> AcpLaunch:
        """How it is started; `asks` says whether it shall ask for permission before it calls tools."""

    def planted(self, site: Site, messages: Sequence[ChatMessage]) -> File:
        """The file that the CLI would have kept a conversation in; one without this method begins with none."""
        raise NotImplementedError
