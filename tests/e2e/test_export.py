"""What `inspect-swe export` makes of the logs of real CLIs: one that has ended well, and one that has failed."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from inspect_swe import claude_code, opencode
from inspect_swe._cli import main
from inspect_swe.testing import ScriptedRequest, Step, call, fail, say, shell

from ..export.validator import valid_trajectories
from .harness import compose_file, mounts, run_agents


def answer(request: ScriptedRequest) -> Step:
    """Claude Code has a sub-agent do something, and writes a file; OpenCode's provider fails after a command."""
    done = len([message for message in request.messages if message.role == "assistant"])
    if "Agent" not in request.tool_names and "task" in request.tool_names:
        return shell("echo before it") if done == 0 else fail(400, "provider exploded")
    if any("SUB-TASK" in message.text for message in request.messages if message.role == "user"):
        return say("The sub-agent is done.") if done else shell("echo below")
    how = {"description": "Count", "subagent_type": "general-purpose", "run_in_background": False}
    return (shell("echo 42 > answer.txt"), call("Agent", prompt="SUB-TASK", **how), say("All is done."))[done]


def skeleton(trajectory: dict[str, Any]) -> list[Any]:
    """Who has done what, and what came of it: without the CLI's own texts."""
    subs = {each["trajectory_id"]: each for each in trajectory.get("subagent_trajectories", [])}
    steps: list[Any] = []
    for step in trajectory["steps"]:
        if step["source"] != "agent":
            continue
        assert step["llm_call_count"] == 1 and step["metrics"]["prompt_tokens"] and step["timestamp"]
        calls = [each["function_name"] for each in step.get("tool_calls", [])]
        results = step.get("observation", {}).get("results", [])
        refs = [ref["trajectory_id"] for each in results for ref in each.get("subagent_trajectory_ref", [])]
        steps.append((step["message"], calls, len(results), [skeleton(subs[ref]) for ref in refs]))
    return steps


def test_exports_of_real_runs(tmp_path: Path) -> None:
    agents = {
        "claude_code": claude_code(keep_session=True, collect="*.txt"),
        "opencode": opencode(),
    }
    volumes = [mount for agent in agents for mount in mounts(agent, "stable")]
    sandbox = ("lean_test", compose_file(tmp_path, volumes=volumes))
    runs = run_agents(tmp_path, agents, [answer] * 20, sandbox)
    assert runs["claude_code"].error is None and "provider exploded" in str(runs["opencode"].error)

    def export(agent: str, to: str) -> tuple[int, Path]:
        out = tmp_path / agent / to
        log = runs[agent].log.location
        result = CliRunner().invoke(main, ["export", log, "--to", to, "--out", str(out)], catch_exceptions=False)
        return result.exit_code, out

    code, out = export("claude_code", "atif")
    (trajectory,) = valid_trajectories(out).values()
    assert (code, trajectory["agent"]["name"], trajectory["agent"]["version"]) == (0, "claude_code", "2.1.329")
    below: list[Any] = [("", ["Bash"], 1, []), ("The sub-agent is done.", [], 0, [])]
    assert skeleton(trajectory) == [("", ["Bash"], 1, []), ("", ["Agent"], 1, [below]), ("All is done.", [], 0, [])]
    assert "Bash" in {each["function"]["name"] for each in trajectory["agent"]["tool_definitions"]}

    code, out = export("claude_code", "jsonl")
    lines = [json.loads(line) for line in (out / "1_1.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["_meta"]["agents"][0]["agent"] == "claude_code" and lines[1] == {"_prompt": "Do it."}
    events = runs["claude_code"].sample.events
    assert [line["event"] for line in lines[2:]] == [event.event for event in events]

    _, out = export("claude_code", "native")
    with tarfile.open(fileobj=io.BytesIO((out / "1_1.tgz").read_bytes())) as archive:
        assert any(name.endswith(".jsonl") for name in archive.getnames())
    assert json.loads((out / "1_1.session.json").read_text())["version"] == "2.1.329"
    _, out = export("claude_code", "files")
    assert (out / "1_1/answer.txt").read_text() == "42\n"

    code, out = export("opencode", "atif")
    (failed,) = valid_trajectories(out).values()
    assert code == 0 and "provider exploded" in failed["notes"]
    (observed,) = [step["observation"]["results"] for step in failed["steps"] if "observation" in step]
    assert "before it" in observed[0]["content"]
    assert [export("opencode", to)[0] for to in ("jsonl", "native", "files", "patch")] == [0, 1, 1, 1]
