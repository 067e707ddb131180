"""The view of a run that collectors read."""

from __future__ import annotations

from typing import Protocol

from .._contract.adapter import Adapter, LaunchContext
from .._contract.options import AgentOptions
from .._sandbox.workspace import Workspace


class RunView(Protocol):
    """A run's attributes for its collectors, as `Session` has them."""

    adapter: Adapter
    options: AgentOptions
    workspace: Workspace
    context: LaunchContext
    resumes: bool

    @property
    def version(self) -> str | None:
        """The CLI's version."""
