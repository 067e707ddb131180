"""The view of a run that collectors read."""

from __future__ import annotations

from typing import Protocol

from .._contract.adapter import Adapter, LaunchContext
from .._contract.options import AgentOptions
from .._sandbox.workspace import Workspace


class RunView(Protocol):
    """A run's attributes for its collectors, as `Session` provides them."""

    @property
    def adapter(self) -> Adapter:
        """The CLI's adapter."""

    @property
    def options(self) -> AgentOptions:
        """The user's options."""

    @property
    def workspace(self) -> Workspace:
        """The sandbox."""

    @property
    def context(self) -> LaunchContext:
        """The adapter's view of the sandbox."""

    @property
    def version(self) -> str | None:
        """The CLI's version."""

    @property
    def resumes(self) -> bool:
        """True if the call resumes from a checkpoint."""
