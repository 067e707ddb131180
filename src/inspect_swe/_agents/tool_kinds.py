"""Kinds of the tools that a CLI offers to the model by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from .._contract.adapter import ToolKind


def tool_kinds(**names: str) -> Mapping[str, ToolKind]:
    """Return the kind of each tool, given the tools' names by kind.

    Reading a background command's output is "read". Feeding or ending one, or running other tools unseen, is "execute".
    Sub-agents, plans and goals are "think", and everything else is "other". Names from other versions do no harm.

    Args:
        **names: The names of all tools of a kind, separated by spaces.
    """
    return {name: cast(ToolKind, kind) for kind, listed in names.items() for name in listed.split()}
