"""What a scripted model answers, request by request, outside an eval."""

from __future__ import annotations

import time
from typing import Any

import pytest
from inspect_ai.agent._bridge._errors import provider_error_payload
from inspect_ai.model import (
    ChatMessageUser,
    ContentImage,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    ResponseSchema,
    get_model,
    get_model_info,
)
from inspect_ai.tool import ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

import inspect_swe.testing as testing
from inspect_swe.testing import (
    Say,
    ScriptedFailure,
    ScriptedRequest,
    ScriptError,
    Step,
    call,
    fail,
    refuse,
    say,
    scripted,
    scripted_requests,
    shell,
    turn,
    wait,
)

pytestmark = pytest.mark.anyio

BASH = ToolInfo(
    name="Bash",
    description="Run",
    parameters=ToolParams(properties={"command": JSONSchema(type="string")}, required=["command"]),
)
ADD = ToolInfo(name="mcp__calc__add", description="Add")
TOOLS = [BASH, ADD]


async def ask(model: Model, tools: list[ToolInfo] | None = None, **config: Any) -> ModelOutput:
    return await model.generate("Do it.", tools=tools or [], config=GenerateConfig(**config))


def calls(output: ModelOutput) -> list[tuple[str, dict[str, Any]]]:
    return [(item.function, item.arguments) for item in output.message.tool_calls or []]


async def test_sequence_and_end() -> None:
    model = scripted([shell("ls"), say("Listed."), call("add", a=1, b=2)])
    first, second, third, fourth = [await ask(model, TOOLS) for _ in range(4)]
    assert calls(first) == [("Bash", {"command": "ls"})]
    assert first.stop_reason == "tool_calls"
    assert (second.completion, second.stop_reason) == ("Listed.", "stop")
    assert calls(third) == [("mcp__calc__add", {"a": 1, "b": 2})]
    assert fourth.completion == "Listed."


async def test_empty_script_is_done() -> None:
    assert (await ask(scripted([]))).completion == "Done."


async def test_parallel_calls_have_ids_of_their_own() -> None:
    output = await ask(scripted([turn(shell("a"), call("calc/add", a=1), text="Both.")]), TOOLS)
    assert output.completion == "Both."
    assert calls(output) == [("Bash", {"command": "a"}), ("mcp__calc__add", {"a": 1})]
    assert len({item.id for item in output.message.tool_calls or []}) == 2


async def test_refusal() -> None:
    output = await ask(scripted([refuse("I won't.")]), TOOLS)
    assert (output.completion, output.stop_reason) == ("I won't.", "content_filter")
    output = await ask(scripted([refuse("First I", shell("ls"))]), TOOLS)
    assert (output.completion, output.stop_reason) == ("First I", "content_filter")
    assert [each.function for each in output.message.tool_calls or []] == ["Bash"]


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
async def test_failure_is_not_retried_and_reaches_the_bridge(status: int) -> None:
    model = scripted([fail(status, "overloaded"), say("Back.")])
    with pytest.raises(ScriptedFailure) as caught:
        await ask(model, TOOLS)
    assert provider_error_payload(caught.value) == {"status": status, "message": "overloaded"}
    assert len(scripted_requests(model)) == 1
    assert (await ask(model, TOOLS)).completion == "Back."


async def test_wait_plays_the_next_step_in_the_same_request() -> None:
    model = scripted([wait(0.05), say("a"), wait(0.05, then=say("b")), say("c")])
    started = time.monotonic()
    assert [(await ask(model)).completion for _ in range(3)] == ["a", "b", "c"]
    assert time.monotonic() - started >= 0.1


async def test_dynamic_step() -> None:
    def decide(request: ScriptedRequest) -> Step:
        assert request.config.seed == 7
        return wait(0, then=say(f"{request.index} {request.tool_names} {request.messages[-1].text} {request.model}"))

    output = await ask(scripted([say("first"), decide], name="dynamic"), seed=7)
    assert output.completion == "first"
    model = scripted([say("first"), decide], name="dynamic")
    await ask(model, seed=7)
    assert (await ask(model, TOOLS, seed=7)).completion == "1 ['Bash', 'mcp__calc__add'] Do it. scripted/dynamic"


async def test_dynamic_step_must_return_a_step() -> None:
    with pytest.raises(ScriptError, match="returned 'text', which is not a step"):
        await ask(scripted([lambda request: "text"]))  # type: ignore[list-item,return-value]


async def test_missing_tool_fails_again_and_again() -> None:
    model = scripted([wait(0), shell("ls"), say("Done with it.")])
    for _ in range(2):
        with pytest.raises(ScriptError, match=r"a shell tool.*Offered tools: mcp__calc__add") as caught:
            await ask(model, [ADD])
        assert provider_error_payload(caught.value)["status"] == 400
    assert calls(await ask(model, TOOLS)) == [("Bash", {"command": "ls"})]
    assert [type(request.error) for request in scripted_requests(model)] == [ScriptError, ScriptError, type(None)]


async def test_side_calls_take_no_step() -> None:
    model = scripted([fail(529), shell("ls"), say("End.")], side_call="A title")
    assert (await ask(model)).completion == "A title"
    with pytest.raises(ScriptedFailure):
        await ask(model, TOOLS)
    assert (await ask(model)).completion == "A title"
    assert calls(await ask(model, TOOLS))
    assert (await ask(model)).completion == "A title"
    assert (await ask(model, TOOLS)).completion == "End."
    assert [request.main for request in scripted_requests(model)] == [False, True, False, True, False, True]
    assert [request.index for request in scripted_requests(model)] == [0, 0, 1, 1, 2, 2]


async def test_requests_without_tools_are_main_for_a_script_of_text() -> None:
    model = scripted([say("a"), say("b")])
    assert [(await ask(model)).completion for _ in range(2)] == ["a", "b"]
    assert all(request.main for request in scripted_requests(model))


async def test_side_call_that_wants_json_gets_json() -> None:
    schema = JSONSchema(
        type="object",
        properties={"title": JSONSchema(type="string"), "speaker": JSONSchema(enum=["user", "model"])},
        required=["title", "speaker"],
    )
    response = ResponseSchema(name="title", json_schema=schema)
    output = await ask(scripted([shell("ls")]), response_schema=response)
    assert output.completion == '{"title": "Scripted model", "speaker": "user"}'


async def test_usage_is_always_there_and_deterministic() -> None:
    async def usages() -> list[ModelUsage | None]:
        model = scripted([shell("ls"), say("x" * 40), refuse("no")])
        return [(await ask(model, TOOLS if n else [])).usage for n in range(4)]

    first = await usages()
    assert first == await usages()
    assert all(item and item.input_tokens > 0 and item.output_tokens > 0 for item in first)
    side, with_tools, text, _ = first
    assert side and with_tools and text
    assert with_tools.input_tokens > side.input_tokens == 2
    assert text.output_tokens == 10
    assert text.total_tokens == text.input_tokens + text.output_tokens


async def test_usage_of_the_step_then_of_the_model() -> None:
    model = scripted(
        [say("a", usage=ModelUsage(input_tokens=3, output_tokens=4, input_tokens_cache_read=5)), say("b")],
        usage=ModelUsage(input_tokens=1, output_tokens=1, total_tokens=9),
    )
    first, second = (await ask(model)).usage, (await ask(model)).usage
    assert first and second
    assert (first.input_tokens, first.total_tokens) == (3, 12)
    assert second.total_tokens == 9


async def test_counting_tokens_needs_no_tokenizer() -> None:
    model = scripted([])
    image = ContentImage(image="data:image/png;base64,AAAA")
    assert await model.count_tokens("12345678") == 2
    assert await model.count_tokens([ChatMessageUser(content=[image])]) == 1_000
    assert await model.count_tool_tokens(TOOLS) > 10


async def test_context_window() -> None:
    model = scripted([], name="small-window", context_window=4_096)
    info = get_model_info(model)
    assert info is not None and info.context_length == 4_096


async def test_requests_are_recorded_and_bounded() -> None:
    model = scripted([say("a")], max_requests=2)
    for _ in range(3):
        await ask(model, TOOLS, seed=1)
    requests = scripted_requests(model)
    assert len(requests) == 2
    assert requests[0].tools is requests[1].tools
    assert requests[0].config.seed == 1
    for request in requests:
        assert request.end is not None and request.start <= request.end
        assert request.output is not None and request.error is None
    with pytest.raises(TypeError, match="not a scripted model"):
        scripted_requests(get_model("mockllm/model"))


async def test_each_model_has_its_own_progress() -> None:
    one, two = scripted([say("a"), say("b")]), scripted([say("a"), say("b")])
    assert [(await ask(model)).completion for model in (one, one, two)] == ["a", "b", "a"]


@pytest.mark.parametrize("steps", [["ls"], [Say], "say", [None], say("a")])
async def test_what_is_no_step(steps: Any) -> None:
    with pytest.raises(ScriptError):
        scripted(steps)


async def test_steps_check_their_arguments() -> None:
    with pytest.raises(ScriptError, match="400 to 599"):
        fail(200)
    with pytest.raises(ScriptError, match="seconds"):
        wait(-1)
    with pytest.raises(ScriptError, match=r"shell.. and call.. steps"):
        turn(say("a"))  # type: ignore[arg-type]


def test_public_names_are_sorted_and_there() -> None:
    assert testing.__all__ == sorted(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


@pytest.mark.parametrize(
    ("call_ids", "expected"),
    [
        ("per_answer", ["call_0", "call_1", "call_0"]),
        ("constant", ["call_0"] * 3),
        ("empty", [""] * 3),
        (lambda answer, call: f"{answer}.{call}", ["0.0", "0.1", "1.0"]),
    ],
)
async def test_ids_as_servers_give_them(call_ids: Any, expected: list[str]) -> None:
    model = scripted([turn(call("add"), call("add")), call("add")], call_ids=call_ids, message_id="same")
    tools = [ToolInfo(name="add", description="Adds.")]
    outputs = [await model.generate("go", tools=tools) for _ in range(2)]
    assert [each.id for output in outputs for each in output.message.tool_calls or []] == expected
    assert [output.message.id for output in outputs] == ["same", "same"]


def test_ids_that_there_are_not() -> None:
    with pytest.raises(ScriptError, match="unique, per_answer, constant, empty"):
        scripted([say("x")], call_ids="random")
