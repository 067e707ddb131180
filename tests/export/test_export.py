"""`inspect-swe export` of logs that Inspect has written, of every way to end; the CLIs' own are in tests/e2e."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result
from inspect_ai import Task, eval
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, convert_eval_logs
from inspect_ai.model import (
    ChatMessage,
    ChatMessageUser,
    ContentImage,
    ContentText,
    ModelUsage,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolError, tool

from inspect_swe._cli import main
from inspect_swe._cli.export import KINDS
from inspect_swe._export import Kind
from inspect_swe._results.fileset import OutputFile, SweOutput
from inspect_swe.testing import call, fail, finish, scripted, turn

from .validator import valid_trajectories

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
USAGE = ModelUsage(input_tokens=10, output_tokens=5, input_tokens_cache_read=7, input_tokens_cache_write=3)


@tool
def look() -> Tool:
    async def execute(what: str) -> Any:
        """Look.

        Args:
            what: At what.
        """
        if what == "image":
            return [ContentImage(image=f"data:image/png;base64,{PIXEL}")]
        if what == "nothing":
            raise ToolError("THERE-IS-NOTHING")
        return f"a {what}"

    return execute


@solver
def leaves(patch: str | None) -> Solver:
    """Has the store say what an agent has left behind."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        output = state.store_as(SweOutput, instance="claude_code")
        kept = OutputFile(path="out/answer.txt", status="added", size=0).with_content(b"42\n")
        output.files = {"out/answer.txt": kept}
        output.patch = patch
        return state

    return solve


def evaluated(folder: Path, samples: list[Sample], script: list[Any], **task: Any) -> EvalLog:
    (log,) = eval(
        Task(dataset=samples, name="looking", **{"solver": react(tools=[look()]), **task}),
        model=scripted(script),
        log_dir=str(folder),
        display="none",
        fail_on_error=False,
    )
    return log


def export(log: str, out: Path, to: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["export", log, "--to", to, "--out", str(out), *options], catch_exceptions=False)


def test_the_kinds_are_those_of_the_command() -> None:
    assert get_args(Kind) == KINDS


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EvalLog:
    image = ContentImage(image=f"data:image/png;base64,{PIXEL}")
    asked: list[ChatMessage] = [ChatMessageUser(content=[ContentText(text="See:"), image])]
    return evaluated(
        tmp_path_factory.mktemp("logs"),
        [Sample(id="a/b", input="Look at it."), Sample(id="a_b", input=asked)],
        [
            turn(call("look", what="tree"), call("look", what="nothing"), usage=USAGE),
            call("look", what="image"),
            call("submit", answer="A tree."),
        ],
    )


def test_trajectories(log: EvalLog, tmp_path: Path) -> None:
    result = export(log.location, tmp_path, "atif")
    assert (result.exit_code, result.stderr) == (0, "")
    by_sample = {each["extra"]["sample"]: each for each in valid_trajectories(tmp_path).values()}
    first, second = by_sample.pop("a/b"), by_sample.pop("a_b")
    assert not by_sample
    assert [step["source"] for step in first["steps"]] == ["system", "user", "agent", "agent", "agent"]
    looked = first["steps"][2]
    assert [each["arguments"] for each in looked["tool_calls"]] == [{"what": "tree"}, {"what": "nothing"}]
    ids = [each["tool_call_id"] for each in looked["tool_calls"]]
    tree, nothing = looked["observation"]["results"]
    assert tree == {"content": "a tree", "source_call_id": ids[0]}
    assert nothing["source_call_id"] == ids[1] and "THERE-IS-NOTHING" in nothing["content"]
    assert nothing["extra"]["error"]["message"] == "THERE-IS-NOTHING"
    assert looked["metrics"] == {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "cached_tokens": 7,
        "extra": {"cache_write_tokens": 3},
    }
    assert first["final_metrics"]["total_steps"] == 5 and first["final_metrics"]["total_prompt_tokens"] > 20
    assert {each["function"]["name"] for each in first["agent"]["tool_definitions"]} == {"look", "submit"}
    source = second["steps"][1]["message"][1]["source"]
    assert source["media_type"] == "image/png"
    assert (tmp_path / source["path"]).read_bytes() == base64.b64decode(PIXEL)


def test_lines(log: EvalLog, tmp_path: Path) -> None:
    assert export(log.location, tmp_path, "jsonl", "--sample", "a/b").exit_code == 0
    (path,) = tmp_path.iterdir()
    meta, prompt, *events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert meta["_meta"]["sample"] == "a/b" and meta["_meta"]["task"] == "looking"
    assert prompt == {"_prompt": "Look at it."}
    samples = log.samples or []
    assert [event["uuid"] for event in events] == [event.uuid for event in samples[0].events]
    (first, *_) = [event for event in events if event["event"] == "model"]
    assert [message["role"] for message in first["input"]] == ["system", "user"]
    assert "attachment://" not in path.read_text(encoding="utf-8")


def test_json_logs_and_what_is_printed_for_machines(log: EvalLog, tmp_path: Path) -> None:
    convert_eval_logs(log.location, "json", str(tmp_path / "as_json"))
    (other,) = (tmp_path / "as_json").glob("*.json")
    for to in ("atif", "jsonl"):
        result = export(str(other), tmp_path / "out", to, "--json", "--epoch", "1")
        printed = json.loads(result.stdout)
        assert [(each["sample"], each["epoch"], each["skipped"]) for each in printed] == [
            ("a/b", 1, None),
            ("a_b", 1, None),
        ]
        assert len({each["path"] for each in printed}) == 2 and all(Path(each["path"]).is_file() for each in printed)
    assert len(valid_trajectories(tmp_path / "out")) == 2


def test_a_failed_sample(tmp_path: Path) -> None:
    script = [call("look", what="tree"), fail(400, "provider exploded")]
    log = evaluated(tmp_path / "logs", [Sample(id=1, input="Look.")], script)
    assert log.samples and log.samples[0].error
    assert export(log.location, tmp_path / "out", "atif").exit_code == 0
    (trajectory,) = valid_trajectories(tmp_path / "out").values()
    assert "provider exploded" in trajectory["notes"] and "provider exploded" in trajectory["extra"]["error"]
    assert trajectory["steps"][-1]["observation"]["results"][0]["content"] == "a tree"
    assert export(log.location, tmp_path / "out", "jsonl").exit_code == 0
    meta, _, *events = map(json.loads, (tmp_path / "out" / "1_1.jsonl").read_text(encoding="utf-8").splitlines())
    assert "provider exploded" in meta["_meta"]["error"]
    assert any("provider exploded" in event["error"]["message"] for event in events if event["event"] == "error")


def test_an_eval_that_was_killed(tmp_path: Path) -> None:
    program = f"""
        import os
        from inspect_ai import Task, eval
        from inspect_ai.dataset import Sample
        from inspect_ai.solver import generate, solver

        @solver
        def dies():
            async def solve(state, generate):
                if state.sample_id == 2:
                    os.kill(os.getpid(), 9)
                return await generate(state)
            return solve

        samples = [Sample(id=1, input="Live."), Sample(id=2, input="Die.")]
        eval(Task(dataset=samples, solver=dies()), model="mockllm/model", log_dir={str(tmp_path)!r}, max_samples=1,
             log_buffer=1, display="none")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env={**os.environ}, check=False)
    assert ended.returncode == -9
    (log,) = tmp_path.glob("*.eval")
    result = export(str(log), tmp_path / "out", "atif")
    assert result.exit_code == 0, result.stderr
    (trajectory,) = valid_trajectories(tmp_path / "out").values()
    assert trajectory["extra"]["sample"] == 1


def test_files_and_patches(tmp_path: Path) -> None:
    samples = [Sample(id="django__1", input="Fix."), Sample(id="django__2", input="Fix.")]
    patch = "diff --git a/x b/x\n"
    log = evaluated(tmp_path / "logs", samples, [finish("Done.")], solver=leaves(patch), epochs=2)
    assert export(log.location, tmp_path / "files", "files").exit_code == 0
    assert (tmp_path / "files/django__1_2/out/answer.txt").read_text() == "42\n"
    for _ in range(2):  # Again: nothing is there twice.
        assert export(log.location, tmp_path / "patch", "patch").exit_code == 0
    assert (tmp_path / "patch/django__2_1.patch").read_text() == patch
    for epoch in (1, 2):
        lines = (tmp_path / f"patch/predictions_{epoch}.jsonl").read_text().splitlines()
        predictions = [json.loads(line) for line in lines]
        assert [each["instance_id"] for each in predictions] == ["django__1", "django__2"]
        assert {each["model_patch"] for each in predictions} == {patch}
        assert predictions[0]["model_name_or_path"].endswith("/scripted/script")


def test_what_is_not_there(log: EvalLog, tmp_path: Path) -> None:
    for to, hint in (("native", "keep_session=True"), ("files", "collect="), ("patch", "patch=True")):
        result = export(log.location, tmp_path, to, "--json")
        assert result.exit_code == 1 and f"can be exported as '{to}'" in result.stderr and hint in result.stderr
        assert [each["path"] for each in json.loads(result.stdout)] == [None, None]
    made = tmp_path / "new" / "folder"
    assert export(log.location, made, "native").exit_code == 1 and not made.parent.exists()
    (tmp_path / "mine").mkdir()
    assert export(log.location, tmp_path / "mine", "native").exit_code == 1 and (tmp_path / "mine").exists()
    missing = export(log.location, tmp_path, "atif", "--sample", "c")
    assert missing.exit_code == 1 and "no such sample. Its samples are: a/b, a_b." in missing.stderr
    for wrong in (tmp_path / "missing.eval", Path(__file__)):
        result = export(str(wrong), tmp_path, "atif")
        assert result.exit_code == 1 and "could not be read" in result.stderr
    assert CliRunner().invoke(main, ["export", log.location, "--to", "xml", "--out", "x"]).exit_code == 2
