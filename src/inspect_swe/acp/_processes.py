"""Commands that an agent leaves running when its turn is cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from .._sandbox.workspace import Workspace


async def end_commands(workspace: Workspace, argv: Sequence[str]) -> None:
    """End them."""
