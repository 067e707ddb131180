"""What is special to the real mini-swe-agent, in real containers without a network."""

from __future__ import annotations

from pathlib import Path

from inspect_ai.agent import AgentAttempts
from inspect_ai.model import ChatMessageAssistant, CompactionTrim

from inspect_swe import mini_swe_agent
from inspect_swe.testing import ScriptStep, finish, say, scripted, shell

from .harness import prints, run_agent, tool_results


def test_the_submission_is_the_output(tmp_path: Path) -> None:
    run = run_agent(tmp_path, mini_swe_agent(), [shell("echo work"), finish("The answer is 42.")])
    assert run.error is None
    assert run.sample.output.completion.strip() == "The answer is 42."
    last = run.sample.messages[-1]
    assert isinstance(last, ChatMessageAssistant) and last.tool_calls and not last.text, "no message is invented"
    assert run.info["version"] == "2.2.3"


def test_a_resumed_conversation_holds_what_really_happened(tmp_path: Path) -> None:
    steps: list[ScriptStep] = [shell("echo one"), finish("first"), shell("echo two"), finish("second")]
    told = AgentAttempts(attempts=2, incorrect_message="WRONG", score_value=lambda value: 0.0)
    run = run_agent(tmp_path, mini_swe_agent(attempts=told), steps, scorer=prints("true"))
    assert run.error is None
    asked = run.requests[-1].messages
    assert [message.role for message in asked] == [
        *("system", "user", "assistant", "tool", "assistant", "tool", "user", "assistant", "tool")
    ]
    submitted = tool_results(asked)[1]
    assert "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT" in submitted and "first" in submitted
    assert not any(message.text for message in asked if message.role == "assistant")


def test_commands_see_the_environment_as_it_was(tmp_path: Path) -> None:
    run = run_agent(
        tmp_path,
        mini_swe_agent(),
        [shell("env | grep -E '^(MSWEA|OPENROUTER|PYTHON)' | wc -l"), finish("done")],
        environment={"PYTHONPATH": "/task/lib"},
    )
    assert run.error is None
    assert '"output": "1\\n"' in tool_results(run.sample.messages)[0], "only the task's own PYTHONPATH"


def test_an_answer_without_a_command_is_asked_for_again(tmp_path: Path) -> None:
    run = run_agent(tmp_path, mini_swe_agent(), [say("I think I am done."), finish("Really done.")])
    assert run.error is None
    assert any("No tool calls found" in message.text for message in run.requests[1].messages)


def test_compaction(tmp_path: Path) -> None:
    steps: list[ScriptStep] = [shell(f"seq 1 1500; echo {n}") for n in range(6)]
    model = scripted([*steps, finish("done")], name="small", context_window=10_000)
    agent = mini_swe_agent(compaction=CompactionTrim(threshold=0.6))
    run = run_agent(tmp_path, agent, [], model=model, task={"message_limit": 40})
    assert run.error is None and run.sample.limit is None
    assert [len(request.messages) for request in run.requests] == [2, 4, 6, 6, 6, 6, 6]
    for request in run.requests:
        assert "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT" in request.messages[1].text, "its instructions are never lost"
