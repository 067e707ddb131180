"""Sessions kept in a log, and gone on with in a second eval: the real CLIs, each in a fresh container."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.agent import Agent, as_solver
from inspect_ai.dataset import Sample
from inspect_ai.event import InfoEvent, ModelEvent, ToolEvent
from inspect_ai.log import EvalLog, EvalSample, resolve_sample_attachments

from inspect_swe import (
    SweSession,
    antigravity,
    claude_code,
    codex_cli,
    copilot_cli,
    gemini_cli,
    kimi_code,
    mini_swe_agent,
    opencode,
    pi,
    qwen_code,
    session_samples,
)
from inspect_swe._results.session_archive import SessionManifest
from inspect_swe._sandbox.probe import SESSION_PATH
from inspect_swe.testing import ScriptStep, finish, scripted, shell

from .harness import compose_file, mounts, run_agents

AGENTS: dict[str, Callable[..., Agent]] = {
    "antigravity": antigravity,
    "claude_code": claude_code,
    "codex_cli": codex_cli,
    "copilot_cli": copilot_cli,
    "gemini_cli": gemini_cli,
    "kimi_code": kimi_code,
    "mini_swe_agent": mini_swe_agent,
    "opencode": opencode,
    "pi": pi,
    "qwen_code": qwen_code,
}
FORKING = {"claude_code", "codex_cli", "opencode", "pi", "qwen_code"}
LINES = ("Do it.", "THE-RESULT", "THE-ANSWER", "GO-ON")


def only(log: EvalLog) -> EvalSample:
    assert log.samples, log.error
    assert log.samples[0].error is None, log.samples[0].error.message
    return resolve_sample_attachments(log.samples[0], "full")


def infos(sample: EvalSample) -> list[Any]:
    return [event.data for event in sample.events if isinstance(event, InfoEvent) and event.source == "inspect_swe"]


def sandbox_with(folder: Path, keys: Iterable[str]) -> tuple[str, str]:
    volumes = {str(mount): mount for key in keys for mount in mounts(key, "stable")}
    return "lean_test", compose_file(folder, volumes=list(volumes.values()))


def evaluate(folder: Path, samples: Mapping[str, list[Sample]], place: tuple[str, str]) -> dict[str, EvalLog]:
    tasks = [
        Task(name=key, dataset=each, solver=as_solver(AGENTS[key]()), sandbox=place) for key, each in samples.items()
    ]
    assert tasks
    model = scripted([finish("SECOND-ANSWER")])
    logs = eval(
        tasks, model=model, log_dir=str(folder / "again"), display="none", fail_on_error=False, max_tasks=len(tasks)
    )
    return {log.eval.task: log for log in logs}


def test_a_session_goes_on_in_a_second_eval(tmp_path: Path) -> None:
    """The first request of the second eval has the first run's turns once, for every agent."""
    place = sandbox_with(tmp_path, AGENTS)
    script: list[ScriptStep] = [shell("echo THE-RESULT"), finish("THE-ANSWER")]
    agents = {key: made(keep_session=True, system_prompt="SYSTEM-MARKER") for key, made in AGENTS.items()}
    logs = {key: run.log for key, run in run_agents(tmp_path, agents, script, place).items()}
    kept = {key: only(log).store_as(SweSession) for key, log in logs.items()}
    assert {key: (each.error, bool(each.archive)) for key, each in kept.items()} == dict.fromkeys(AGENTS, (None, True))

    again = {key: session_samples(log, "GO-ON") for key, log in logs.items()}
    for key, log in evaluate(tmp_path, again, place).items():
        sample = only(log)
        assert sample.output.completion.strip() == "SECOND-ANSWER", key
        asked = [event for event in sample.events if isinstance(event, ModelEvent)]
        assert len(asked) == 1, key
        for messages in (asked[0].input, sample.messages):
            texts = [message.text for message in messages]
            assert {line: sum(line in text for text in texts) for line in LINES} == dict.fromkeys(LINES, 1), (
                key,
                texts,
            )
        told, ran = infos(sample)[:2]
        assert told["event"] == "session restored", key
        assert sample.metadata["resumed_from"] == {"log": logs[key].location, "id": 1, "epoch": 1}
        assert (ran["session_id"] != kept[key].session_id) == (key in FORKING), key
        calls = [str(event.arguments) for event in sample.events if isinstance(event, ToolEvent)]
        assert not any("THE-RESULT" in call for call in calls), f"{key}: calls of the first run are told of again"

    lost = {key: [with_unknown_id(each) for each in samples] for key, samples in again.items()}
    for key, log in evaluate(tmp_path / "lost", lost, place).items():
        assert log.samples and log.samples[0].error, key
        assert "did not resume session" in log.samples[0].error.message, key
        assert not [event for event in log.samples[0].events if event.event == "model"], key


def test_a_session_that_does_not_match_is_an_error(tmp_path: Path) -> None:
    """Another agent, another folder, a sandbox without the session: nothing begins anew without a word."""
    place = sandbox_with(tmp_path, ["claude_code"])
    kept = SessionManifest("codex_cli", "1", "an-id", "/workspace", None, True)
    other, elsewhere, gone = (
        Sample(id=name, input="GO-ON", files=files_of(ticket), metadata={"resumed_from": {"log": "x.eval"}})
        for name, ticket in {
            "other": kept,
            "elsewhere": replace(kept, agent="claude_code", cwd="/elsewhere"),
            "gone": None,
        }.items()
    )
    log = evaluate(tmp_path, {"claude_code": [other, elsewhere, gone]}, place)["claude_code"]
    errors = {sample.id: sample.error.message for sample in log.samples or [] if sample.error}
    assert "is codex_cli's, not claude_code's" in errors["other"]
    assert "saved in /elsewhere, but the agent's working directory is /workspace" in errors["elsewhere"]
    assert "is not in its sandbox" in errors["gone"]


def files_of(ticket: SessionManifest | None) -> dict[str, str]:
    uri = "data:application/octet-stream;base64,"
    return (
        {}
        if ticket is None
        else {
            f"{SESSION_PATH}.tgz": uri + base64.b64encode(b"nothing").decode(),
            f"{SESSION_PATH}.json": uri + base64.b64encode(ticket.dump().encode()).decode(),
        }
    )


def with_unknown_id(sample: Sample) -> Sample:
    """The same sample, but for a session that its archive doesn't have."""
    assert sample.files
    ticket = SessionManifest(
        **json.loads(base64.b64decode(sample.files[f"{SESSION_PATH}.json"].partition("base64,")[2]))
    )
    named = "ses_0123456789abcdefghijklmnop" if ticket.session_id.startswith("ses_") else str(uuid.uuid4())
    return sample.model_copy(
        update={
            "files": {
                **sample.files,
                **files_of(replace(ticket, session_id=named)),
                f"{SESSION_PATH}.tgz": sample.files[f"{SESSION_PATH}.tgz"],
            }
        }
    )
