"""Answers that reach the output limit: what counts, and when a prompt ends."""

from __future__ import annotations

import anyio
import pytest
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, StopReason
from inspect_ai.tool import ToolCall

from inspect_swe._runtime.output_limit import MAX_TRUNCATED, OutputLimit, truncation_reason


def answer(stop_reason: StopReason, calls: int = 0) -> ModelOutput:
    made = [ToolCall(id=str(n), function="bash", arguments={}) for n in range(calls)]
    message = ChatMessageAssistant(content="Half", tool_calls=made or None)
    return ModelOutput(model="m", choices=[ChatCompletionChoice(message=message, stop_reason=stop_reason)])


@pytest.mark.anyio
@pytest.mark.parametrize("reason", ["max_tokens", "model_length"])
async def test_cut_answers_in_a_row_end_the_prompt(reason: StopReason) -> None:
    limit, ended = OutputLimit(), anyio.Event()

    async def end() -> None:
        ended.set()

    with limit.ending(end):
        for _ in range(MAX_TRUNCATED - 1):
            limit.on_output(answer(reason, calls=1))
        await anyio.sleep(0.01)
        assert not limit.is_reached and not ended.is_set()
        limit.on_output(answer(reason))
        with anyio.fail_after(5):
            await ended.wait()
    assert limit.is_reached
    # The last answer of the agent's own conversation may be another one than a sub-agent's, which was cut.
    assert limit.reason(answer("tool_calls", calls=1)) == reason
    limit.begin()
    assert not limit.is_reached and limit.reason(answer("stop")) is None


@pytest.mark.parametrize("between", [answer("stop"), answer("tool_calls", 1), answer("max_tokens", 2)])
def test_an_answer_that_is_whole_counts_anew(between: ModelOutput) -> None:
    limit = OutputLimit()
    for _ in range(3):
        for _ in range(MAX_TRUNCATED - 1):
            limit.on_output(answer("max_tokens"))
        limit.on_output(between)
    assert not limit.is_reached


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "content_filter", "unknown"])
def test_other_stop_reasons_are_no_cut(reason: StopReason) -> None:
    assert truncation_reason(answer(reason)) is None
    assert truncation_reason(ModelOutput()) is None
