"""Evals that are retried from their log: which options of an agent Inspect can make again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval, eval_retry
from inspect_ai.agent import AgentAttempts, BridgedToolsSpec, as_solver
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    CompactionEdit,
    CompactionStrategy,
    CompactionSummary,
    CompactionTrim,
    ResponseSchema,
    get_model,
)
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio, Skill
from inspect_ai.util import JSONSchema
from pydantic import BaseModel

from inspect_swe import AgentOptionError, CentaurOptions, OutputFiles, ResultSpec, mini_swe_agent, opencode
from inspect_swe._contract.coercion import coerce

from .test_parameters import lookup


class Found(BaseModel):
    answer: int


async def again(*arguments: Any) -> Any:
    return None


TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample

@task
def nothing():
    return Task(dataset=[Sample(input="x")])
"""


@pytest.fixture(autouse=True)
def task_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file from which Inspect makes the task again."""
    (tmp_path / "nothing.py").write_text(TASK)
    monkeypatch.chdir(tmp_path)


def tried(folder: Path, **options: Any) -> EvalLog:
    """An eval without a sandbox, which ends once the agent has been made."""
    agent = mini_swe_agent(**options) if "compaction" in options else opencode(**options)
    log = eval("nothing.py", solver=as_solver(agent), model="mockllm/model", log_dir=str(folder), display="none")[0]
    check_made(log)
    return log


def check_made(log: EvalLog) -> None:
    assert log.samples and log.samples[0].error and "There is no sandbox" in log.samples[0].error.message


SCHEMA = ResponseSchema(name="r", json_schema=JSONSchema(type="object"))
KEPT: dict[str, dict[str, Any]] = {
    "attempts": {"attempts": AgentAttempts(2, "Try again.")},
    "skills": {"skills": [Skill(name="magic", description="Knows.", instructions="XYZZY")]},
    "servers": {
        "mcp_servers": [
            MCPServerConfigStdio(name="a", command="b"),
            MCPServerConfigHTTP(name="h", type="http", url="http://x"),
        ]
    },
    "centaur": {"centaur": CentaurOptions(answer="no")},
    "files": {"collect": OutputFiles(["*.py"], patch=True)},
    "schema": {"response_schema": SCHEMA},
    "result": {"response_schema": ResultSpec(SCHEMA, retries=1)},
    "tools": {"bridged_tools": [lookup()]},
    "models": {"model": get_model("mockllm/model"), "model_aliases": {"a": get_model("mockllm/model")}},
    "edit": {"compaction": CompactionEdit(keep_tool_uses=2)},
    "trim": {"compaction": CompactionTrim(preserve=0.5)},
}


@pytest.mark.parametrize("case", KEPT)
def test_options_that_a_log_contains(case: str, tmp_path: Path) -> None:
    log = tried(tmp_path, **KEPT[case])
    again = eval_retry(log, log_dir=str(tmp_path), display="none")[0]
    check_made(again)
    assert again.eval.solver_args_passed == log.eval.solver_args_passed


NAMED: dict[str, dict[str, Any]] = {
    "attempts": {"attempts": AgentAttempts(2, again)},
    "score": {"attempts": AgentAttempts(2, "Try again.", lambda value: 1.0)},
    "specs": {"bridged_tools": [BridgedToolsSpec(name="x", tools=[lookup()])]},
    "filter": {"filter": again},
    "schema": {"response_schema": Found},
    "summary": {"compaction": CompactionSummary()},
}


@pytest.mark.parametrize("case", NAMED)
def test_options_that_a_log_only_names(case: str, tmp_path: Path) -> None:
    log = tried(tmp_path, **NAMED[case])
    (option,) = NAMED[case]
    said = re.compile(rf"does not accept {option}=.*to retry such an eval, make the agent in its task", re.DOTALL)
    with pytest.raises(AgentOptionError, match=said):
        eval_retry(log, log_dir=str(tmp_path), display="none")


def test_values_that_are_made_again() -> None:
    attempts = coerce([3, "Try again.", "to_float"], int | AgentAttempts)
    assert attempts == AgentAttempts(3, "Try again.", attempts.score_value) and attempts.score_value("C") == 1.0
    given = CompactionEdit(threshold=0.5, exclude_tools=["x"])
    made = coerce(given._repr_params_(), CompactionStrategy | None)
    assert isinstance(made, CompactionEdit) and made._repr_params_() == given._repr_params_()
    options = CentaurOptions(answer="no", record_session=False)
    assert coerce(options._repr_params_(), bool | CentaurOptions) == options
