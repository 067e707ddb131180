"""Each sample's progress through a script."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from inspect_ai.tool import ToolInfo
from inspect_ai.util import Store, store

from ._ids import CallIds
from ._steps import Say, ScriptStep, expects_tool_call


class Play:
    """Progress of one sample through the script.

    Args:
        number: Number of the sample, in the order of first requests.
        steps: The script.
    """

    def __init__(self, number: int, steps: tuple[ScriptStep, ...]) -> None:
        self.number = number
        self.steps = steps
        self.position = 0
        self.main_requests = 0
        self.last_say = "Done."
        self.tools: list[ToolInfo] | None = None
        self._answers = 0
        self._tool_calls = 0

    def is_main(self, tools: Sequence[ToolInfo]) -> bool:
        """Return whether a request takes a step of the script.

        Args:
            tools: The offered tools.
        """
        if tools:
            return True
        return self.tools is None and not expects_tool_call(self.steps[self.position :])

    def take(self) -> ScriptStep:
        """Return the next step, or a repetition of the last text after the end of the script."""
        if self.position >= len(self.steps):
            return Say(self.last_say)
        self.position += 1
        return self.steps[self.position - 1]

    def shared_tools(self, tools: list[ToolInfo]) -> list[ToolInfo]:
        """Return the previous request's tools if they are equal, to save memory.

        Inspect copies tools for each request, and a CLI's take hundreds of kilobytes.

        Args:
            tools: The tools of this request.
        """
        if tools and tools != self.tools:
            self.tools = tools
        return (self.tools or tools) if tools else tools

    def call_ids(self, ids: CallIds, count: int) -> list[str]:
        """Return the ids of an answer's tool calls.

        Args:
            ids: Returns the id of each call.
            count: Number of calls in the answer.
        """
        answer = self._answers
        self._answers += 1
        return [self._call_id(ids(answer, call)) for call in range(count)]

    def _call_id(self, id: str | None) -> str:
        self._tool_calls += 1
        return f"call_{self.number}_{self._tool_calls}" if id is None else id


class Plays:
    """Plays of all samples, each stored as long as the sample's store exists.

    Inspect's store is the only public object that belongs to a single run of a single sample. It identifies the
    sample and stays unchanged, as changes would appear in the sample's transcript and log.
    """

    def __init__(self) -> None:
        # Not a WeakKeyDictionary: stores compare by content and aren't hashable.
        self._plays: dict[int, tuple[weakref.ref[Store], Play]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._plays)

    def number(self) -> int | None:
        """Return the running sample's number, or None before its first request."""
        entry = self._plays.get(id(store()))
        return entry[1].number if entry else None

    def current(self, steps: tuple[ScriptStep, ...]) -> Play:
        """Return the running sample's play.

        Args:
            steps: The script to start with the sample's first request.
        """
        sample_store = store()
        key = id(sample_store)
        if key not in self._plays:

            def forget(_: Any) -> None:
                self._plays.pop(key, None)

            self._plays[key] = (weakref.ref(sample_store, forget), Play(self._count, steps))
            self._count += 1
        return self._plays[key][1]
