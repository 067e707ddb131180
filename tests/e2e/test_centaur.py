"""Centaur mode: the real CLIs in a terminal of a container, with somebody who types."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from inspect_ai.agent import Agent

import inspect_swe
from inspect_swe import CentaurOptions
from inspect_swe.testing import ScriptStep, finish, shell

from ..fakes.lean_docker import LeanTestSandbox
from .harness import Run, containers, run_agent, wait_for
from .terminal import Terminal

QUOTED = 'it\'s "a" $HOME `x` \\\nline 2'
SCRIPT: list[ScriptStep] = [shell('printf %s "$QUOTED" > made.txt; id -un >> made.txt'), finish("I MADE THE FILE")]
SERVICE = "/var/tmp/sandbox-services/human_agent/human_agent.py"


class Case(NamedTuple):
    """A CLI's command, what says that it is ready, what leaves it, what sends a prompt, what says that it is done."""

    command: str
    ready: str
    leave: tuple[str, ...]
    send: str = "\r"
    done: str = "I MADE THE FILE"


CASES = {
    "claude_code": Case("claude", "bypass permissions on", ("\x03", "\x03")),
    "codex_cli": Case("codex", "Ask Codex", ("\x03",)),
    "copilot_cli": Case("copilot", "/ commands", ("\x03", "\x03")),
    "gemini_cli": Case("gemini", "Type your message", ("\x03", "\x03")),
    "kimi_code": Case("kimi", "Welcome to Kimi Code", ("\x03", "\x03")),
    "opencode": Case("opencode", "Ask anything", ("\x03",)),
    "pi": Case("pi", "(auto)", ("\x03", "\x03")),
    "qwen_code": Case("qwen", "Type your message", ("\x03", "\x03")),
    "mini_swe_agent": Case("mini", "What do you want", ("\r",), "\x1b\r", "Agent wants to finish"),
}


@pytest.fixture(autouse=True)
def polled_as_in_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inspect's `task` command is served by polling: as seldom as with Inspect's own provider, for it is costly."""
    monkeypatch.setattr(LeanTestSandbox, "default_polling_interval", lambda self: 2)


def log_in(container: str, user: str | None = None) -> Terminal:
    until_served = f"timeout 60 sh -c 'until test -e {SERVICE}; do sleep 0.2; done'"
    subprocess.run(["docker", "exec", container, "sh", "-c", until_served], check=True)
    return Terminal(["docker", "exec", "-it", *(["--user", user] if user else []), container, "bash", "-l"])


def work(person: Terminal, case: Case) -> None:
    """Have the CLI do the work."""
    person.run(case.command, case.ready)
    person.settle(1)
    person.type("Do the work.")
    person.press(case.send)
    person.see(case.done)
    person.settle(1)


def submit(person: Terminal, answer: str) -> None:
    person.run(f"task submit {answer}", "Yes (y)")
    person.press("y\r")
    person.see("Thank you")


def centaur(folder: Path, agent: Agent, live: Callable[[str], None], **other: object) -> Run:
    """Evaluate a sample while a person is at work in its container."""
    failed: list[BaseException] = []

    def person() -> None:
        try:
            wait_for(lambda: bool(containers(folder)), 60)
            live(*containers(folder))
        except BaseException as error:  # told by the main thread
            failed.append(error)
            for container in containers(folder):
                subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)

    thread = threading.Thread(target=person)
    thread.start()
    run = run_agent(folder, agent, SCRIPT, **other)  # type: ignore[arg-type]
    thread.join()
    if failed:
        raise failed[0]
    return run


@pytest.mark.parametrize("key", CASES)
def test_a_person_works_with_the_cli(key: str, tmp_path: Path) -> None:
    def live(container: str) -> None:
        with log_in(container) as person:
            person.see("is ready to help you")
            person.see("workspace#")
            work(person, CASES[key])
            person.press_until("workspace#", *CASES[key].leave)
            submit(person, "ok")

    agent = getattr(inspect_swe, key)(centaur=True, system_prompt="SYSTEM-MARK", env={"QUOTED": QUOTED})
    run = centaur(tmp_path, agent, live, show="cat made.txt")
    assert run.seen == f"{QUOTED}root\n"
    assert run.sample.output.completion == "ok"
    assert [message.role for message in run.sample.messages][-3:] == ["assistant", "tool", "assistant"]
    assert any("SYSTEM-MARK" in message.text for message in run.requests[0].messages)
    assert run.info["agent"] == key


def test_another_user_scores_on_the_way_and_leaves_the_cli_open(tmp_path: Path) -> None:
    def live(container: str) -> None:
        with log_in(container, "agent") as first, log_in(container, "agent") as second:
            first.see("workspace$")
            work(first, CASES["claude_code"])
            second.see("workspace$")
            second.run("setsid sleep 1003 & task score ok", "Score:")
            submit(second, "ok")

    options = CentaurOptions(intermediate_scoring=True, record_session=False)
    run = centaur(
        tmp_path,
        inspect_swe.claude_code(centaur=options, user="agent", env={"QUOTED": "-"}),
        live,
        setup="#!/bin/sh\necho '. ~/.bashrc' >/home/agent/.profile; chmod 777 /workspace",
        show="cat made.txt; ps -eo args | grep -c '[c]laude.*--model'; ps -eo args | grep -c '[s]leep 1003'",
    )
    assert run.seen == "-agent\n0\n1\n"
    assert run.sample.output.completion == "ok"
    assert [event.intermediate for event in run.sample.events if event.event == "score"] == [True, False]
