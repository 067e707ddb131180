"""The agents under comparison: their models, and the conversation that each one holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inspect_ai.tool import ToolInfo

from ...testing import ScriptError, call, shell
from ...testing._match import find_tool, plain_value
from ...testing._steps import _SUBMIT
from ._files import BOOK, LOST_BOOK
from ._play import SUB_AGENT_MARK
from ._script import Answer, Maker

TASK = f"{SUB_AGENT_MARK}, and say how many there are."
PROMPT = "Do what is to be done with notes.txt, and read picture.png and paper.pdf."
_PATHS = re.compile(r"^(file_?path|path|absolute_?path|target_?file|image)$", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """An agent under comparison.

    Args:
        agent: Name of its factory.
        model: Inspect's model, whose provider is the CLI's own.
        dialect: Wire format of the CLI's requests.
        model_args: Arguments of the model.
        options: Options of the agent.
        read_tool: The tool that reads an image file, if there is one.
        reads_pdf: Whether that tool takes a PDF, too.
        delegation: Answers that give a task to a sub-agent, and wait for its result; empty without sub-agents.
        more: Further answers, for what only this CLI can do.
        compacts: Whether the CLI compacts a conversation that is nearly full.
        mcp: Whether the agent takes MCP servers.
        submits: Whether the agent ends with a command instead of an answer without calls.
        redacted: Whether the CLI can send encrypted reasoning back.
        served: Wire format of the model's provider, if it is not that of the CLI's requests.
    """

    agent: str
    model: str
    dialect: str
    model_args: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    read_tool: str | None = None
    reads_pdf: bool = False
    delegation: tuple[Answer, ...] = ()
    more: tuple[Answer, ...] = ()
    compacts: bool = True
    mcp: bool = True
    submits: bool = False
    redacted: bool = True
    served: str | None = None

    def root(self) -> list[Answer]:
        """Return the model's answers in the agent's own conversation."""
        steps = [
            Answer(
                "I look at the files ✓.",
                (shell("cat notes.txt"), shell("sleep 1; wc -c notes.txt")),
                thinking="First I have to see what is there — 先看.",
                redacted=self.redacted,
            ),
            Answer(calls=(shell("printf 'häh?\\n' >&2; exit 3"),), thinking="Now something that fails."),
        ]
        if self.read_tool:
            steps.append(Answer("The picture.", (reads(self.read_tool, "picture.png"),), thinking="The picture next."))
        if self.reads_pdf and self.read_tool:
            steps.append(Answer("The paper.", (reads(self.read_tool, "paper.pdf"),)))
        if self.mcp:
            steps.append(Answer(calls=(_lends(BOOK),), thinking="A book is to be lent."))
            steps.append(Answer(calls=(_lends(LOST_BOOK),)))
        steps += [*self.delegation, *self.more]
        if self.compacts:
            steps.append(Answer(calls=(shell("echo almost full"),), full=True))
        end = Answer("All is done ✓.", (shell(f"echo {_SUBMIT}"),) if self.submits else (), thinking="That was it.")
        return [*steps, Answer(calls=(shell("echo at the end"),)), end]

    def sub_agent_answers(self) -> list[Answer]:
        """Return the model's answers in the sub-agent's conversation."""
        return [Answer(calls=(shell("wc -l notes.txt"),), thinking="Count."), Answer("It has 3 lines.")]


def _lends(arguments: dict[str, Any]) -> Maker:
    """Return a call of the MCP tool, also where its server's name is lost on the way."""

    def make(tools: Sequence[ToolInfo], result: str) -> tuple[str, dict[str, Any]]:
        try:
            return find_tool(tools, "library/lend"), arguments
        except ScriptError:
            return find_tool(tools, "lend"), arguments

    return make


def reads(tool: str, path: str) -> Maker:
    """Return a call that reads a file."""

    def make(tools: Sequence[ToolInfo], result: str) -> tuple[str, dict[str, Any]]:
        match = _named(tools, tool)
        name = next(name for name in match.parameters.properties if _PATHS.search(name))
        return match.name, {**_required(match), name: f"/workspace/{path}"}

    return make


def _named(tools: Sequence[ToolInfo], name: str) -> ToolInfo:
    match = find_tool(tools, name)
    return next(tool for tool in tools if tool.name == match)


def _required(tool: ToolInfo) -> dict[str, Any]:
    properties = tool.parameters.properties
    return {name: plain_value(properties[name], name, "Scripted") for name in tool.parameters.required}


def _task(name: str, /, **arguments: Any) -> tuple[Answer, ...]:
    def make(tools: Sequence[ToolInfo], result: str) -> tuple[str, dict[str, Any]]:
        tool = _named(tools, name)
        return tool.name, {**_required(tool), **arguments}

    return (Answer("Help.", (make,), thinking="Somebody else may count."),)


def _wait(tools: Sequence[ToolInfo], result: str) -> tuple[str, dict[str, Any]]:
    match = re.search(r'"agent_id\W+([0-9a-f-]{36})', result)
    return "wait_agent", {"targets": [match[1]] if match else [], "timeout_ms": 20_000}


_CODEX = (*_task("spawn_agent", message=TASK), Answer(calls=(_wait,)))
_SEARCH = Answer(calls=(call("tool_search", query="spawn a sub-agent and wait for it"),))
"""Codex offers sub-agents to models that it knows only after a search."""


_NATIVE = (
    Subject("antigravity", "google/gemini-3.6-flash", "google", read_tool="view_file", compacts=False),
    Subject(
        "claude_code",
        "anthropic/claude-opus-5-5",
        "anthropic",
        read_tool="Read",
        reads_pdf=True,
        delegation=_task(
            "Agent", prompt=TASK, description="Count lines", subagent_type="general-purpose", run_in_background=False
        ),
        more=(Answer(calls=(call("WebSearch", query="books about nothing"),)),),
    ),
    Subject("codex_cli", "openai/gpt-5.5", "responses", read_tool="view_image", delegation=(_SEARCH, *_CODEX)),
    Subject(
        "copilot_cli",
        "anthropic/claude-sonnet-5-5",
        "anthropic",
        read_tool="view",
        delegation=_task(
            "task", prompt=TASK, description="Count lines", name="counter", agent_type="general-purpose", mode="sync"
        ),
    ),
    Subject(
        "gemini_cli",
        "google/gemini-3.1-pro-preview",
        "google",
        options={"gemini_model": "gemini-3.1-pro-preview"},
        read_tool="read_file",
        reads_pdf=True,
        delegation=_task("invoke_agent", agent_name="generalist", prompt=TASK),
        compacts=False,
    ),
    Subject(
        "kimi_code",
        "anthropic/claude-opus-5-5",
        "anthropic",
        read_tool="ReadMediaFile",
        delegation=_task("Agent", prompt=TASK, description="Count lines"),
        redacted=False,
    ),
    Subject("mini_swe_agent", "openai-api/fake/some-model", "completions", compacts=False, mcp=False, submits=True),
    Subject(
        "opencode",
        "anthropic/claude-sonnet-4-5",
        "anthropic",
        read_tool="read",
        reads_pdf=True,
        delegation=_task("task", prompt=TASK, description="Count lines", subagent_type="general"),
    ),
    Subject("pi", "anthropic/claude-sonnet-4-5", "anthropic", read_tool="read"),
    Subject(
        "qwen_code",
        "openai/qwen3-coder-plus",
        "responses",
        model_args={"responses_api": True},
        read_tool="read_file",
        delegation=_task(
            "agent", prompt=TASK, description="Count lines", subagent_type="general-purpose", run_in_background=False
        ),
    ),
)
_BY_AGENT = {subject.agent: subject for subject in _NATIVE}
_CROSSED = {
    "claude_code+openai": replace(_BY_AGENT["claude_code"], model="openai/gpt-5.5", served="responses"),
    "codex_cli+anthropic": replace(
        _BY_AGENT["codex_cli"], model="anthropic/claude-opus-5-5", served="anthropic", delegation=_CODEX
    ),
}
SUBJECTS: Mapping[str, Subject] = {**_BY_AGENT, **_CROSSED}
"""The agents by name, each with its own provider, and two with each other's."""
