"""Samples that go on from a log's sessions: what they carry, and what there is to say where there is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec

from inspect_swe import AgentOptionError, claude_code, session_samples
from inspect_swe._contract.options import agent_options
from inspect_swe.adapter import swe_agent

from ..fakes.outside_agent import Outside

KEPT: dict[str, Any] = {
    "agent": "some_agent",
    "version": "1.2.3",
    "session_id": "the-session",
    "cwd": "/workspace",
    "system": "Be brief.\nAlways.",
    "archive": base64.b64encode(b"an archive").decode(),
    "size": 10,
}


def sample(id: str, epoch: int = 1, **kept: Any) -> EvalSample:
    store = {f"SweSession:{name}": value for name, value in kept.items()}
    return EvalSample(id=id, epoch=epoch, input="Begin.", target="T", setup="true", metadata={"own": 1}, store=store)


def log(*samples: EvalSample) -> EvalLog:
    spec = EvalSpec(created="2026-01-01T00:00:00Z", task="t", dataset=EvalDataset(), model="m", config=EvalConfig())
    return EvalLog(eval=spec, samples=list(samples), location="logs/first.eval")


def test_a_sample_goes_on_from_where_another_was() -> None:
    first = log(sample("a", **KEPT), sample("a", 2, **KEPT), sample("none"))
    (made,) = session_samples(first, lambda earlier: f"Go on with {earlier.id}.", fork=False)
    assert (made.id, made.input, made.target, made.setup) == ("a", "Go on with a.", "T", "true")
    assert made.metadata == {"own": 1, "resumed_from": {"log": "logs/first.eval", "id": "a", "epoch": 1}}
    assert made.files
    contents = {path: base64.b64decode(uri.partition("base64,")[2]) for path, uri in made.files.items()}
    assert contents.pop("/var/tmp/.inspect-swe/resume.tgz") == b"an archive"
    (ticket,) = contents.values()
    assert b"\n" not in ticket
    told = {name: value for name, value in KEPT.items() if name not in ("archive", "size")}
    assert json.loads(ticket) == {**told, "fork": False}


def test_the_session_of_another_sandbox_goes_there() -> None:
    (made,) = session_samples(log(sample("a", sandbox="box", **KEPT)), "Go on.")
    assert made.files and all(path.startswith("box:/var/tmp/") for path in made.files)


def test_files_lie_where_the_agent_left_them() -> None:
    left = {name: {"path": name, "status": "added", "size": 1, "text": "x"} for name in ("a/b.py", "/etc/c")}
    earlier = sample("a", name="The agent", **KEPT)
    earlier.store["SweOutput:The agent:files"] = left
    with_files, without = (session_samples(log(earlier), "Go on.", files=files)[0] for files in (True, False))
    assert with_files.files and without.files
    assert with_files.files.keys() - without.files.keys() == {"/workspace/a/b.py", "/etc/c"}


@pytest.mark.parametrize(
    ("samples", "arguments", "says"),
    [
        ([], {}, "no session in epoch 1"),
        ([sample("a")], {}, "keep_session=True"),
        ([sample("a", error="it was too large")], {}, "it was too large"),
        ([sample("a", error="it was too large")], {"sample_ids": ["a"]}, "it was too large"),
        ([sample("a", **KEPT)], {"sample_ids": ["a", "b"]}, "no sample b"),
        ([sample("a", **KEPT)], {"epoch": 2}, "epoch 2"),
    ],
)
def test_a_sample_that_cannot_be_resumed_is_an_error(
    samples: list[EvalSample], arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AgentOptionError, match=says):
        session_samples(log(*samples), "Go on.", **arguments)


def test_a_log_without_samples_is_an_error() -> None:
    header = log()
    header.samples = None
    with pytest.raises(AgentOptionError, match="header"):
        session_samples(header, "Go on.")


def test_an_agent_that_cannot_keep_its_sessions_says_so() -> None:
    claude_code(keep_session=True)
    with pytest.raises(AgentOptionError, match="Outside agent"):
        swe_agent(Outside(), agent_options(name="n", description="d", keep_session=True))
