"""`inspect-swe chat` as far as no agent is started: what is refused, and what is shown of an agent's events."""

from __future__ import annotations

import os
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from acp.schema import ToolCallProgress, ToolCallStart
from click.testing import CliRunner, Result
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.model._model import init_active_model

from inspect_swe._cli import main
from inspect_swe._cli._terminal import Screen
from inspect_swe.acp import Plan, TextChunk, ThoughtChunk, ToolEnded, ToolProgress, ToolStarted, TurnEnded


@pytest.fixture(autouse=True)
def no_settings_of_inspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("INSPECT_EVAL"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["qwen_code"], 2, "Known names: claude_code, codex_cli, copilot_cli, gemini_cli, kimi_code, opencode."),
        (["gemini_cli"], 1, "error: No model is specified.\nWhat to do: set --model or INSPECT_EVAL_MODEL"),
        (["gemini_cli", "--model", "nothing/x"], 1, "error: The model could not be loaded: Model API nothing"),
        (["gemini_cli", "--sandbox", "k8s"], 2, "'k8s' is not local, docker or docker:FILE."),
        (["gemini_cli", "--sandbox", "local:here"], 2, "is not local, docker or docker:FILE."),
        (["gemini_cli", "--sandbox", "local", "--image", "debian:12"], 2, "--image requires --sandbox docker"),
        (["gemini_cli", "--model", "scripted/hello", "--sandbox", "docker:no.yaml"], 1, "no.yaml"),
        (["gemini_cli", "--model", "scripted/hello", "--sandbox", "local", "--version", "x.y"], 1, "'x.y'"),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, said: str) -> None:
    result = CliRunner().invoke(main, ["chat", *arguments])
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stdout == ""


def test_the_environment_file_names_the_model(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("INSPECT_EVAL_MODEL=nothing/y,nothing/z\n")

    def after_another_eval() -> Result:
        init_active_model(get_model("mockllm/model"), GenerateConfig())
        return CliRunner().invoke(main, ["chat", "gemini_cli"])

    result = copy_context().run(after_another_eval)
    os.environ.pop("INSPECT_EVAL_MODEL", None)
    assert "Model API nothing of model 'nothing/y'" in result.stderr


def started(call: str, title: str) -> ToolStarted:
    update = ToolCallStart(session_update="tool_call", tool_call_id=call, title=title)
    return ToolStarted(call, title, "execute", None, update)


def update(call: str) -> Any:
    return ToolCallProgress(session_update="tool_call_update", tool_call_id=call)


def test_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    for event in (
        ThoughtChunk("Well. "),
        TextChunk("I begin\x1b]0;owned\x07 [b]here[/b]."),
        started("1", "Terminal"),
        ToolProgress("1", "cat <<.\nhello", update("1")),
        ToolProgress("1", "cat <<.\nhello", update("1")),
        ToolEnded("1", "completed", "", update("1")),
        started("2", "first"),
        started("3", "second"),
        ToolEnded("2", "failed", "", update("2")),
        ToolEnded("3", "completed", "", update("3")),
        Plan((("look", "completed"), ("write", "in_progress"), ("test", "pending"))),
        TextChunk("Done"),
        TextChunk("."),
        TurnEnded("max_tokens"),
    ):
        screen.show(event)
    screen.error("the [end]")
    assert capsys.readouterr().out == (
        "Well. I begin�]0;owned� [b]here[/b].\n"
        "  Terminal · cat <<. hello: completed\n"
        "  first\n  second\n  first: failed\n  second: completed\n"
        "  [x] look\n  [>] write\n  [ ] test\n"
        "Done.\n[max_tokens]\nerror: the [end]\n"
    )
