"""What is special to the real Qwen Code, in real containers without a network."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

import inspect_swe
from inspect_swe import qwen_code
from inspect_swe._cli._shared import platforms_of
from inspect_swe._packages.recipes import NODE
from inspect_swe._store.versions import fetch_tool
from inspect_swe.testing import refuse, say, shell

from .harness import asked, run_agent


@pytest.mark.parametrize(
    "prompt",
    [
        "/status returns 500. Fix it.\n@{README.md} !{ls} {{args}}",
        "?btw is a question mark",
        "@README.md says:\n\n\n@pytest.fixture, @src, me@src.org\n\t@x",
    ],
    ids=["command", "question", "mention"],
)
def test_a_prompt_arrives_as_it_is_written(tmp_path: Path, prompt: str) -> None:
    files = {"README.md": "SECRET-OF-THE-FILE", "src/a.py": "SECRET-OF-THE-FOLDER"}
    agent = qwen_code(system_prompt="Use\n@property, see @./x")
    text = asked(run_agent(tmp_path, agent, [say("ok")], prompt=prompt, files=files))
    assert prompt in text and text.count("Use\n@property, see @./x") == 1
    assert "SECRET" not in text


@pytest.mark.parametrize("content", ['{"context": {"fileName": "NOTES.md"}}\n', "{ broken"], ids=["valid", "broken"])
def test_settings_of_the_task_stay_as_they_are(tmp_path: Path, content: str) -> None:
    files = {".qwen/settings.json": content, "NOTES.md": "NOTES-OF-THE-TASK"}
    agent = qwen_code(system_prompt="SYSTEM-MARKER")
    show = "cat .qwen/settings.json; ls -A .qwen"
    outcome = run_agent(tmp_path, agent, [shell("true"), say("ok")], files=files, show=show)
    assert outcome.seen == f"{content}settings.json\n"
    assert "SYSTEM-MARKER" in asked(outcome)
    assert ("NOTES-OF-THE-TASK" in asked(outcome)) == (content != "{ broken")


# What happens on a busy machine now and then: the end of a command is noticed before its output.
END_FIRST = """
const { spawn } = require("node:child_process")
const told = []
const child = spawn("sh", ["-c", process.argv[1]], { stdio: ["ignore", "pipe", "pipe"] })
child.stdout.on("data", (data) => told.push(`data ${data}`.trim()))
child.on("exit", (code) => told.push(`exit ${code}`))
child.on("close", () => told.push("close"))
child._handle.onexit(3, "")
setTimeout(() => { console.log(told.join(", ")); process.exit() }, 2000)
"""


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo hi; exit 3", "data hi, exit 3, close"),
        ("sleep 3 & echo hi", "data hi, exit 3"),
        ("exec >&- 2>&-", "exit 3, close"),
    ],
)
def test_the_end_of_a_command_is_reported_after_its_output(command: str, told: str) -> None:
    node = asyncio.run(fetch_tool(NODE, platforms_of(None)[0]))
    guard = Path(inspect_swe.__file__).parent / "_agents" / "qwen_code" / "guard.cjs"
    argv = [str(node.binary), "--require", str(guard), "--eval", END_FIRST, command]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == f"{told}\n"


def test_a_run_that_its_loop_detection_stops_is_scored(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, qwen_code(), [shell("echo the same")] * 20)
    assert outcome.error is None, outcome.error
    assert outcome.sample.scores
    assert 3 <= len(outcome.requests) < 20


def test_an_answer_without_text_is_scored(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, qwen_code(), [shell("true"), *[refuse("")] * 9])
    assert outcome.error is None, outcome.error
    assert outcome.sample.scores
