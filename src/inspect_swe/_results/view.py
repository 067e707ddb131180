"""What collectors read of a run."""

from __future__ import annotations

from typing import Protocol

from .._contract.adapter import Adapter, Site
from .._contract.options import AgentOptions
from .._sandbox.workspace import Workspace


class RunView(Protocol):
    """A run as its collectors see it: `Session` has all of this."""

    @property
    def adapter(self) -> Adapter:
        """Knowledge of the CLI."""

    @property
    def options(self) -> AgentOptions:
        """What the user asked for."""

    @property
    def workspace(self) -> Workspace:
        """The sandbox."""

    @property
    def site(self) -> Site:
        """What the adapter knows of the sandbox."""

    @property
    def version(self) -> str | None:
        """The CLI's version."""

    @property
    def resumes(self) -> bool:
        """Whether the call resumes from a checkpoint."""
