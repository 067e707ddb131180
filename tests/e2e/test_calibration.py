"""The agents that calibrate a task: one runs the sample's own solution, the other does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inspect_ai.agent import Agent, as_solver
from inspect_ai.model import ChatMessageTool
from inspect_ai.scorer import includes, match
from inspect_ai.solver import Generate, Solver, TaskState, solver

from inspect_swe import AgentError, AgentOptionError, SolutionError, nop, oracle

from .harness import Run, run_agent

GREETS = "echo hello > greeting.txt; echo 'It is 42.'; echo careful >&2"
SLEEPS = "ps -e -o args | grep -v grep | grep -c 'sleep 6[0-9][0-9]'; true"


def run(folder: Path, agent: Agent, **options: Any) -> Run:
    folder.mkdir(exist_ok=True)
    ended = run_agent(folder, agent, [], **options)
    assert ended.requests == []
    return ended


def said(run: Run) -> str:
    (message,) = (each for each in run.sample.messages if isinstance(each, ChatMessageTool))
    return message.text


@solver
def failing(agent: Agent) -> Solver:
    """Goes on to the scorer where the agent fails as it should."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        with pytest.raises(SolutionError) as caught:
            await as_solver(agent)(state, generate)
        state.metadata["error"] = str(caught.value)
        return state

    return solve


@pytest.mark.parametrize("image", ["bookworm", "musl"])
def test_a_solution_in_the_metadata(tmp_path: Path, image: str) -> None:
    done = run(tmp_path, oracle(), metadata={"solution": GREETS}, image=image, show="cat greeting.txt; ls")
    assert done.seen == "hello\ngreeting.txt\n"
    assert done.sample.output.completion == "It is 42." == done.sample.messages[-1].text
    assert said(done) == "It is 42.\ncareful"
    assert done.info["agent"] == "oracle" and done.info["exit_code"] == 0
    assert done.info["solution"].endswith("/solution.sh") and not done.info["solution"].startswith("/workspace")


def test_a_solution_in_the_sandbox(tmp_path: Path) -> None:
    files = {"solution.sh": "echo by default", "sub/solve.py": "#!/usr/bin/env python3\nimport sys\nprint(sys.argv)"}
    assert said(run(tmp_path / "a", oracle(), files=files)) == "by default"
    named = run(tmp_path / "b", oracle(solution="sub/solve.py"), files=files, metadata={"solution": "echo no"})
    assert said(named) == "['/workspace/sub/solve.py']"
    absolute = oracle(solution="/workspace/solution.sh", cwd="sub")
    assert run(tmp_path / "c", absolute, files=files).info["solution"] == "/workspace/solution.sh"


def test_bash_runs_it_where_there_is_one(tmp_path: Path) -> None:
    script = "words=(one two)\necho ${words[1]}; read -r line || echo 'nothing to read'"
    assert said(run(tmp_path, oracle(), metadata={"solution": script})) == "two\nnothing to read"


def test_user_folder_and_environment(tmp_path: Path) -> None:
    agent = oracle(name="Solver", user="1234", cwd="sub", env={"COLOUR": "blue 'n' green"})
    setup = "mkdir sub; chmod 777 sub; echo 'echo $(id -u) $PWD $COLOUR' > sub/solution.sh"
    assert said(run(tmp_path, agent, setup=setup)) == "1234 /workspace/sub blue 'n' green"


def test_its_answer_is_scored(tmp_path: Path) -> None:
    done = run(tmp_path, oracle(), metadata={"solution": "echo the answer"}, scorer=match(location="exact"))
    assert done.error is None and done.sample.scores and done.sample.scores["match"].answer == "the answer"


def test_a_failing_solution_is_scored(tmp_path: Path) -> None:
    done = run(tmp_path, oracle(), metadata={"solution": "echo half > done; nonsense"}, show="cat done")
    assert done.seen == "half\n" and done.info["exit_code"] == 127
    assert "nonsense: command not found\nExit code: 127" in said(done)


def test_a_daemon_lives_on_for_the_scorer(tmp_path: Path) -> None:
    done = run(tmp_path, oracle(), metadata={"solution": "sleep 601 & echo started"}, show=SLEEPS)
    assert done.seen == "1\n" and said(done) == "started"


@pytest.mark.parametrize(
    ("agent", "options", "error"),
    [
        (oracle(), {}, "/workspace/solution.sh is missing in the sandbox or not readable by the user, and metadata"),
        (oracle(solution="x/solve"), {}, "/workspace/x/solve is missing in the sandbox or not readable by the user.\n"),
        (oracle(), {"metadata": {"solution": ["no", "text"]}}, "This sample has no solution"),
        (oracle(), {"metadata": {"solution": " \n"}}, "This sample has no solution"),
        (oracle(user="1234"), {"setup": "echo id > solution.sh; chmod 600 solution.sh"}, "not readable by the user"),
    ],
)
def test_a_sample_without_a_solution(tmp_path: Path, agent: Agent, options: dict[str, Any], error: str) -> None:
    ended = run(tmp_path, agent, **options)
    assert error in (ended.error or "") and "Agent: Oracle." in (ended.error or "")
    assert 'What to do: set metadata={"solution": "..."}' in (ended.error or "")


def test_a_solution_that_takes_too_long(tmp_path: Path) -> None:
    agent = oracle(timeout=3)
    metadata = {"solution": "echo begun; sleep 602 & sleep 603"}
    done = run(tmp_path, agent, metadata=metadata, solver=failing(agent), show=SLEEPS)
    assert done.seen == "0\n", "it is still running"
    error = done.sample.metadata["error"]
    assert "did not finish within 3 seconds" in error and "begun" in error


def test_a_limit_ends_it(tmp_path: Path) -> None:
    agent = oracle(timeout=None)
    done = run(tmp_path, agent, metadata={"solution": "sleep 604"}, show=SLEEPS, task={"time_limit": 5})
    assert done.seen == "0\n" and done.sample.limit and done.sample.limit.type == "time"


def test_much_output_is_cut(tmp_path: Path) -> None:
    done = run(tmp_path, oracle(), metadata={"solution": "echo first; seq 300000; echo last"}, show="true")
    assert said(done).startswith("first\n1\n2\n") and said(done).endswith("\nlast")
    assert "bytes omitted" in said(done) and len(said(done)) < 100_000


def test_a_lost_sandbox(tmp_path: Path) -> None:
    ended = run(tmp_path, oracle(), metadata={"solution": "kill -9 -1; sleep 605"})
    assert "Agent: Oracle." in (ended.error or "") and "sandbox" in (ended.error or "")


def test_what_is_wrong_with_its_arguments() -> None:
    with pytest.raises(AgentOptionError, match="timeout must be a positive number of seconds, not 0"):
        oracle(timeout=0)


def test_without_a_sandbox(tmp_path: Path) -> None:
    ended = run(tmp_path, oracle(sandbox="other"), metadata={"solution": "true"})
    assert "There is no sandbox named 'other'" in (ended.error or "")
    assert issubclass(SolutionError, AgentError)


def test_nothing_is_done(tmp_path: Path) -> None:
    done = run(tmp_path / "a", nop(), prompt="The task.", metadata={"solution": GREETS}, show="ls")
    assert done.seen == "" and [message.text for message in done.sample.messages] == ["The task."]
    assert done.sample.output.completion == ""
    scored = run(tmp_path / "b", nop(), scorer=includes())
    assert scored.error is None and scored.sample.scores and scored.sample.scores["includes"].answer == ""
