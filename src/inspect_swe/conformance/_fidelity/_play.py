"""The script's progress in the conversations of one run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from inspect_ai.tool import ToolInfo

from ._record import Prompt, Speaker
from ._script import Answer, MadeCall, call_of

SUB_AGENT_MARK = "Count the lines of notes.txt"
"""Beginning of the task that the script gives to a sub-agent."""

SUMMARY = "Summary: notes.txt was read ✓, the sub-agent counted 3 lines. What remains: say that the work is done."
_COMPACTS = re.compile(r"summar|compact|checkpoint|handoff|state_snapshot", re.IGNORECASE)
_SIDE = Answer("A title")


@dataclass
class Play:
    """The answers that are still to be given.

    Args:
        root: Answers in the agent's own conversation.
        sub_agent: Answers in the sub-agent's conversation.
        ids: Prefix of the calls' ids.
    """

    root: Sequence[Answer]
    sub_agent: Sequence[Answer] = ()
    _places: dict[Speaker, int] = field(default_factory=dict)
    _is_full: bool = False

    def speaker(self, prompt: Prompt, tools: Sequence[ToolInfo]) -> Speaker:
        """Return the conversation that a request belongs to."""
        if self._is_full and _COMPACTS.search(prompt.last):
            return "compaction"
        if not tools:
            return "side"
        return "sub-agent" if SUB_AGENT_MARK in prompt.opening else "root"

    def answer(self, speaker: Speaker) -> Answer:
        """Return the next answer in a conversation; after its end, a last word."""
        match speaker:
            case "compaction":
                self._is_full = False
                return Answer(f"<summary>\n{SUMMARY}\n</summary>")
            case "side" | "probe":
                return _SIDE
        steps, place = (self.root if speaker == "root" else self.sub_agent), self._places.get(speaker, 0)
        self._places[speaker] = place + 1
        answer = steps[place] if place < len(steps) else Answer("All of it is done.")
        self._is_full |= answer.full
        return answer

    def made_calls(self, answer: Answer, tools: Sequence[ToolInfo], result: str, prefix: str) -> list[MadeCall]:
        """Return the calls of an answer, with ids.

        Raises:
            ScriptError: A tool of the script is not offered.
        """
        made = [call_of(call, tools, result) for call in answer.calls]
        return [MadeCall(f"{prefix}{index:02}", *each) for index, each in enumerate(made)]
