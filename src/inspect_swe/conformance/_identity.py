"""Behaviours: tool calls with repeated or missing ids."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from inspect_ai.event import ModelEvent, ToolEvent
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool
from inspect_ai.tool import ToolCall

from ._behaviour import check
from ._trial import Trial

BEHAVIOURS = {
    "repeated_ids": "If a server repeats or omits tool-call ids, the model still sees each result once, with its call.",
    "ids_in_the_log": "The provider receives its own ids. The log's ids are unique, and each event has its own result.",
}
"""The behaviours that also judge runs with `server_ids`."""


def server_ids(answer: int, call: int) -> str:
    """Return the id that some open-weight servers give: the same for all calls, and none in every third answer."""
    return "" if answer % 3 == 2 else "call_0"


def judge_ids(trial: Trial, outputs: Mapping[str, str]) -> None:
    """Judge a run with `server_ids` by the behaviours about ids.

    Args:
        trial: Trial after its run.
        outputs: Output of each of the model's commands.
    """
    with trial.judging("repeated_ids"):
        for place in (trial.requests[-1].messages, trial.state.messages):
            check_results(place, outputs)
    with trial.judging("ids_in_the_log"):
        _check_provider_ids(trial)
        _check_log(trial, outputs)


def check_results(messages: Sequence[ChatMessage], outputs: Mapping[str, str]) -> None:
    """Require that the output of each command occurs once in a conversation, as the result of its call."""
    results = _paired(messages)
    for command, text in outputs.items():
        results_of_command = [result for call, result in results if command in json.dumps(call.arguments)]
        check(
            len(results_of_command) == 1 and text in results_of_command[0],
            f"{command!r} has the results {results_of_command}",
        )
        times = sum(message.text.count(text) for message in messages if isinstance(message, ChatMessageTool))
        check(times == 1, f"{text!r} occurs {times} times in the conversation's results, not once")


def _paired(messages: Sequence[ChatMessage]) -> list[tuple[ToolCall, str]]:
    """Return each call with its result: the first later one with the same id that no earlier call has."""
    unpaired = [(number, message) for number, message in enumerate(messages) if isinstance(message, ChatMessageTool)]
    paired: list[tuple[ToolCall, str]] = []
    for number, call in _calls(messages):
        match = next((each for each in unpaired if each[0] > number and each[1].tool_call_id == call.id), None)
        if match is not None:
            unpaired.remove(match)
            paired.append((call, match[1].text))
    check(not unpaired, f"some results have no call: {[message.tool_call_id for _, message in unpaired]}")
    return paired


def _calls(messages: Sequence[ChatMessage]) -> list[tuple[int, ToolCall]]:
    answers = [(n, message) for n, message in enumerate(messages) if isinstance(message, ChatMessageAssistant)]
    return [(number, call) for number, message in answers for call in message.tool_calls or []]


def _check_provider_ids(trial: Trial) -> None:
    """Require that the last request has the ids of the model's own calls."""
    outputs = [request.output.message.tool_calls or [] for request in trial.requests if request.output]
    counts = [len(calls) for calls in outputs if calls]
    issued = [server_ids(answer, call) for answer, count in enumerate(counts) for call in range(count)]
    received = [call.id for _, call in _calls(trial.requests[-1].messages)]
    # If the provider gave no id, any id is accepted.
    same = [id if own else own for id, own in zip(received, issued, strict=False)]
    check(same == issued[: len(received)], f"the provider issued the ids {issued} and received {received}")


def _check_log(trial: Trial, outputs: Mapping[str, str]) -> None:
    events = transcript().events
    tool_events = [event for event in events if isinstance(event, ToolEvent)]
    call_ids = [
        call.id for event in events if isinstance(event, ModelEvent) for call in event.output.message.tool_calls or []
    ]
    check(len({*call_ids}) == len(call_ids), f"the calls in the log have the ids {call_ids}")
    check(len({event.id for event in tool_events}) == len(tool_events), "the log's tool events share ids")
    check(
        {event.id for event in tool_events} <= {*call_ids},
        "some tool events have ids of no call, so the log viewer would not show them with their calls",
    )
    for command, text in outputs.items():
        results_of_command = [str(event.result) for event in tool_events if command in json.dumps(event.arguments)]
        check(
            len(results_of_command) == 1 and text in results_of_command[0],
            f"the events of {command!r} have the results {results_of_command}",
        )
    ids = [call.id for _, call in _calls(trial.state.messages)]
    check(len({*ids}) == len(ids) and "" not in ids, f"the calls of the conversation have the ids {ids}")
