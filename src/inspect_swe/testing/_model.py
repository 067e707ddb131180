"""Scripted model."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, get_args

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentVideo,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelInfo,
    ModelOutput,
    ModelUsage,
    StopReason,
    get_model,
    set_model_info,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo

from ._errors import ScriptedFailure, ScriptError
from ._ids import CallIds, call_ids_of
from ._match import find_tool, plain_value, shell_call
from ._play import Play, Plays
from ._request import ScriptedRequest
from ._scripts import load_script, named_script
from ._steps import (
    ANSWERS,
    Answer,
    Call,
    Cut,
    CutReason,
    Fail,
    Refuse,
    Say,
    ScriptStep,
    Shell,
    Turn,
    Wait,
    checked_steps,
)

DEFAULT_SIDE_CALL = "Scripted model"
DEFAULT_MAX_REQUESTS = 10_000
CHARACTERS_PER_TOKEN = 4
MEDIA_TOKENS = 1_000

_CUT_CALL = "Error parsing the following tool call arguments: unterminated string."


class ScriptedModel(ModelAPI):
    """Model that plays a script, created by `scripted(...)` or `get_model("scripted/NAME")`.

    Args:
        model_name: Name of a registered script; any name if `script` is given.
        base_url: Not used.
        api_key: Not used.
        config: Not used.
        script: Path of a YAML or JSON file, or a list of steps.
        usage: Token usage to report for every answer instead of an estimate.
        context_window: Size of the context window in tokens, for compaction.
        side_call: Answer to side calls.
        max_requests: Maximum number of requests to store.
        call_ids: Ids of the tool calls: `unique`, `per_answer`, `constant`, `empty`, or a function.
        message_id: Id of every answer's message. By default, ids are unique.

    Raises:
        ScriptError: The script cannot be read, contains an item that is not a step, or `call_ids` is invalid.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        *,
        script: object = None,
        usage: ModelUsage | Mapping[str, Any] | None = None,
        context_window: int | None = None,
        side_call: str = DEFAULT_SIDE_CALL,
        max_requests: int = DEFAULT_MAX_REQUESTS,
        call_ids: str | CallIds = "unique",
        message_id: str | None = None,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        steps = None if script is None else load_script(script)
        self.steps: tuple[ScriptStep, ...] | Callable[[], Sequence[ScriptStep]] | None = steps
        self.usage = ModelUsage.model_validate(usage) if usage is not None else None
        self.side_call = str(side_call)
        self.call_ids = call_ids_of(call_ids)
        self.message_id = message_id
        self._requests: deque[ScriptedRequest] = deque(maxlen=max_requests)
        self._plays = Plays()
        if context_window is not None:
            set_model_info(f"scripted/{model_name}", ModelInfo(context_length=context_window))

    @property
    def requests(self) -> list[ScriptedRequest]:
        """Requests so far (the latest `max_requests`), in order of arrival."""
        return list(self._requests)

    @property
    def sample(self) -> int | None:
        """Number of the running sample in `ScriptedRequest.sample`, or None before its first request."""
        return self._plays.number()

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer a request with the next step of the script.

        Args:
            input: The messages.
            tools: The offered tools.
            tool_choice: Recorded, but without effect.
            config: Recorded. A response schema makes a side call's answer JSON.

        Raises:
            ScriptError: The script is unknown, or calls a tool that is not offered. The script does not advance then.
            ScriptedFailure: The step is `fail`.
        """
        play = self._plays.current(self._script())
        request = self._record(play, input, tools, tool_choice, config)
        position = play.position
        try:
            answer = await self._answer(play, request) if request.main else self._side_answer(request)
            output = self._output(play, answer, tools)
            output.usage = await self._usage(answer, request, output)
        except BaseException as ex:
            if isinstance(ex, ScriptError):
                play.position = min(play.position, position)
            request.finish(error=ex)
            raise
        request.finish(output=output)
        return output

    def should_retry(self, ex: Exception) -> bool:
        """Return False, as failures are part of the script.

        Args:
            ex: The exception.
        """
        return False

    async def count_text_tokens(self, text: str) -> int:
        """Return a quarter of the number of characters, which needs no tokenizer and no network.

        Args:
            text: Text to count.
        """
        return max(1, ceil(len(text) / CHARACTERS_PER_TOKEN))

    async def count_media_tokens(self, media: ContentImage | ContentAudio | ContentVideo | ContentDocument) -> int:
        """Return a fixed number of tokens for each image, sound, video or document.

        Args:
            media: Content to count.
        """
        return MEDIA_TOKENS

    def _script(self) -> tuple[ScriptStep, ...]:
        if callable(self.steps):
            return checked_steps(self.steps())
        return self.steps if self.steps is not None else named_script(self.model_name)

    def _record(
        self,
        play: Play,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ScriptedRequest:
        request = ScriptedRequest(
            messages=list(messages),
            main=play.is_main(tools),
            tools=play.shared_tools(tools),
            tool_choice=tool_choice,
            config=config,
            model=f"scripted/{self.model_name}",
            index=play.main_requests,
            sample=play.number,
        )
        play.main_requests += request.main
        self._requests.append(request)
        return request

    async def _answer(self, play: Play, request: ScriptedRequest) -> Answer:
        step: ScriptStep = play.take()
        while not isinstance(step, ANSWERS):
            if isinstance(step, Wait):
                await anyio.sleep(step.seconds)
                step = step.then if step.then is not None else play.take()
            elif callable(step):
                step = step(request)
            else:
                raise ScriptError(f"A function in the script returned {step!r}, which is not a step.")
        if isinstance(step, Say):
            play.last_say = step.text
        return step

    def _side_answer(self, request: ScriptedRequest) -> Say:
        schema = request.config.response_schema
        if schema is None:
            return Say(self.side_call)
        return Say(json.dumps(plain_value(schema.json_schema, text=self.side_call)))

    def _output(self, play: Play, answer: Answer, tools: list[ToolInfo]) -> ModelOutput:
        match answer:
            case Fail(status, message):
                raise ScriptedFailure(status, message)
            case Say(text):
                return self._message(text, [], "stop")
            case Refuse(text, calls):
                return self._message(text, self._tool_calls(play, calls, tools), "content_filter")
            case Cut(text, calls, stop_reason):
                return self._message(text, self._tool_calls(play, calls, tools), stop_reason)
            case Turn(calls, text):
                return self._message(text, self._tool_calls(play, calls, tools))
            case _:
                return self._message("", self._tool_calls(play, [answer], tools))

    def _tool_calls(self, play: Play, steps: Sequence[Shell | Call], tools: list[ToolInfo]) -> list[ToolCall]:
        calls = [_function_and_arguments(step, tools) for step in steps]
        ids = play.call_ids(self.call_ids, len(calls))
        return [
            ToolCall(id=id, function=name, arguments=arguments)
            for id, (name, arguments) in zip(ids, calls, strict=True)
        ]

    def _message(self, text: str, calls: list[ToolCall], stop_reason: StopReason | None = None) -> ModelOutput:
        message = ChatMessageAssistant(
            id=self.message_id,
            # Without text, content is empty: a bridge would convert an empty string to an empty text block.
            content=text if text or not calls else [],
            tool_calls=calls or None,
            model=self.model_name,
            source="generate",
        )
        if calls and stop_reason in get_args(CutReason):
            calls[-1].arguments, calls[-1].parse_error = {}, _CUT_CALL
        reason = stop_reason or ("tool_calls" if calls else "stop")
        return ModelOutput(model=self.model_name, choices=[ChatCompletionChoice(message=message, stop_reason=reason)])

    async def _usage(self, answer: Answer, request: ScriptedRequest, output: ModelOutput) -> ModelUsage:
        usage = getattr(answer, "usage", None) or self.usage
        if usage is not None:
            return _with_total(usage)
        offered = "".join(tool.model_dump_json(exclude_none=True, exclude={"options"}) for tool in request.tools)
        input_tokens = await self.count_tokens(request.messages)
        input_tokens += await self.count_text_tokens(offered) if offered else 0
        return _with_total(
            ModelUsage(input_tokens=input_tokens, output_tokens=await self.count_tokens([output.choices[0].message]))
        )


def scripted(
    steps: Sequence[ScriptStep] | Callable[[], Sequence[ScriptStep]],
    *,
    name: str = "script",
    usage: ModelUsage | None = None,
    context_window: int | None = None,
    side_call: str = DEFAULT_SIDE_CALL,
    max_requests: int = DEFAULT_MAX_REQUESTS,
    call_ids: str | CallIds = "unique",
    message_id: str | None = None,
) -> Model:
    """Create a model that plays a script, once for every sample and epoch.

    Args:
        steps: Steps for successive requests, or a function that returns them for the running sample.
        name: The model is named `scripted/NAME`.
        usage: Token usage to report for every answer instead of an estimate. A step's own usage takes precedence.
        context_window: Size of the context window in tokens, for compaction. Applies to all models with that name.
        side_call: Answer to side calls (such as requests for a title), which take no step.
        max_requests: Maximum number of requests to store for `scripted_requests`.
        call_ids: Ids of the tool calls, as from real servers: `unique` (the default), `per_answer` (`call_0`,
            `call_1`, ... in each answer), `constant` (`call_0` for every call), `empty`, or a function that returns
            an id from the index of the answer and the index of the call in it (None: a unique id).
        message_id: Id of every answer's message. By default, ids are unique.

    Raises:
        ScriptError: An item in the list is not a step, or `call_ids` is invalid.

    Examples:
        ```python
        from inspect_swe.testing import finish, scripted, shell

        model = scripted([shell("echo hi > out.txt"), finish("Done.")])
        ```
    """
    model = get_model(
        f"scripted/{name}", memoize=False, context_window=context_window, side_call=side_call, max_requests=max_requests
    )
    # Set here, as model arguments are logged, and functions can't be.
    assert isinstance(model.api, ScriptedModel)
    model.api.steps = steps if callable(steps) else checked_steps(steps)
    model.api.usage = usage
    model.api.call_ids = call_ids_of(call_ids)
    model.api.message_id = message_id
    return model


def scripted_requests(model: Model) -> list[ScriptedRequest]:
    """Return the requests to a scripted model, in order of arrival.

    Args:
        model: A model created by `scripted(...)` or `get_model("scripted/NAME")`.

    Raises:
        TypeError: The model is not a scripted one.

    Examples:
        ```python
        from inspect_swe.testing import say, scripted, scripted_requests

        model = scripted([say("Done.")])
        prompts = [request.messages[-1].text for request in scripted_requests(model)]
        ```
    """
    if not isinstance(model.api, ScriptedModel):
        raise TypeError(f"{model} is not a scripted model.")
    return model.api.requests


def _function_and_arguments(step: Shell | Call, tools: list[ToolInfo]) -> tuple[str, dict[str, Any]]:
    if isinstance(step, Shell):
        return shell_call(tools, step.command)
    return find_tool(tools, step.tool), dict(step.arguments)


def _with_total(usage: ModelUsage) -> ModelUsage:
    if usage.total_tokens:
        return usage.model_copy()
    input_tokens = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return usage.model_copy(update={"total_tokens": input_tokens + usage.output_tokens})
