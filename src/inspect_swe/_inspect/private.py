"""Wrappers of Inspect's private modules, except for transcripts (`transcript.py`) and handlers (`handlers/`).

Contract tests (`tests/test_inspect_contract.py`) check every name used here. If an inspect_ai release moved a name that
our bridge needs, `BRIDGE_AVAILABLE` is False and the runtime uses Inspect's public `sandbox_agent_bridge()`. For
other names there is a simpler fallback, or the feature raises `InspectVersionError`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inspect_ai.agent import Agent, AgentState, BridgedToolsSpec, SandboxAgentBridge
from inspect_ai.model import (
    ChatMessage,
    Compact,
    CompactionStrategy,
    GenerateFilter,
    Model,
    ModelOutput,
    get_model,
    get_model_info,
)
from inspect_ai.solver import TaskState
from inspect_ai.tool import Tool, ToolCall, ToolDef, ToolInfo
from inspect_ai.util import Checkpointer, LimitExceededError, SandboxEnvironment, registry_info

from .ids import IdChanges
from .release import absent_error, warn_absent
from .sentinel import ToolStages

logger = logging.getLogger(__name__)

# Only our own bridge needs these names: if one is missing, Inspect's public bridge serves the model calls.
try:
    from inspect_ai.agent._bridge._errors import provider_error_payload
    from inspect_ai.agent._bridge.sandbox.service import call_tool, list_tools

    # Attributes and arguments that `_bridge` relies on beyond the imports.
    for _name in ("compaction", "request_fail", "register_bridged_tools", "warn_indistinct_tools", "_track_state"):
        getattr(SandboxAgentBridge, _name)
    BRIDGE_AVAILABLE = True
except (ImportError, AttributeError) as _ex:
    BRIDGE_AVAILABLE = False
    provider_error_payload = call_tool = list_tools = None  # type: ignore[assignment]
    logger.warning("This inspect_ai release changed the bridge's internals (%s): using its own, slower bridge.", _ex)


# Re-exported unchanged.
__all__ = ["call_tool", "list_tools", "provider_error_payload"]


def agent_arguments(agent: Agent) -> tuple[str, dict[str, Any]]:
    """Return an agent's registered name, and the arguments that it was created with."""
    try:
        return registry_info(agent).name, dict(getattr(agent, "__registry_params__", {}))
    except ValueError:
        return getattr(agent, "__name__", "?"), {}


def is_tool(value: object) -> bool:
    """Return whether a value is a tool, rather than a tool factory or any other function."""
    made = getattr(value, "__registry_params__", None) is not None
    return made or inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(type(value), "__call__"))  # noqa: B004, B009


def async_backend() -> str:
    """Return the async library of the running event loop, or the one that an eval would use."""
    try:
        from inspect_ai._util._async import configured_async_backend, current_async_backend
    except ImportError:  # pragma: no cover - a future inspect_ai
        return "asyncio"
    return current_async_backend() or configured_async_backend()


class _Bridge(SandboxAgentBridge):
    """Bridge that changes ids around each generation, and asks the tracker which conversation is the root."""

    on_output: Callable[[list[ChatMessage], ModelOutput], bool | None] | None = None
    changes: IdChanges | None = None
    forwards_parameters: bool | None = None
    stages: ToolStages | None = None

    def register_tool_execution_grants(self, calls: Sequence[ToolCall], *args: Any, **kwargs: Any) -> None:
        def grant(allowed: Sequence[ToolCall]) -> None:
            super(_Bridge, self).register_tool_execution_grants(allowed, *args, **kwargs)

        if self.stages is None or not self.stages.defer(grant):
            grant(calls)

    def compaction(self, tools: Sequence[ToolInfo | Tool], model: Model) -> Compact | None:
        compact = super().compaction(tools, model)
        if self.changes is None:
            return compact
        self.changes.compact = compact
        return self.changes

    async def _track_state(self, input: list[ChatMessage], output: ModelOutput) -> None:
        root = self.on_output(input, output) if self.on_output is not None else None
        if root is False:
            return
        if root:
            forget_thread(self)  # Inspect would compare the conversations' texts, which may mislead it.
        await super()._track_state(input, output)


def create_bridge(
    state: AgentState,
    bridged_tools: Sequence[BridgedToolsSpec] = (),
    *,
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    compaction: CompactionStrategy | None = None,
    model: str | Model | None = None,
    model_aliases: dict[str, str | Model] | None = None,
    forward_generation_config: bool | None = None,
    on_output: Callable[[list[ChatMessage], ModelOutput], bool | None] | None = None,
    checkpointer: Checkpointer | None = None,
    changes: IdChanges | None = None,
    stages: ToolStages | None = None,
) -> SandboxAgentBridge:
    """Create a bridge whose state Inspect's request handlers update.

    Args:
        state: The agent's state, which is updated with the root conversation.
        bridged_tools: Host tools to register, one MCP server per spec.
        filter: Filter for the model requests.
        retry_refusals: Maximum number of retries of a refused generation.
        compaction: Strategy for conversations that outgrow the model's context window.
        model: Model for names without an alias; None is the eval's model.
        model_aliases: Models by name.
        forward_generation_config: Whether the client's generation parameters apply where the eval sets none; None if
            they do for the model that the client requests.
        on_output: Called with each generation's messages and output before the client receives it. Returns whether
            it belongs to the root conversation, or None to let Inspect decide.
        checkpointer: Called at each turn of the root conversation, which it saves.
        changes: Changes the ids of requests and answers; the filter must have it, too.
        stages: Sentinel's tool stages; the filter must have them, too.

    Raises:
        ValueError: Two specs have the same name.
    """
    bridge = _Bridge(
        state,
        filter,
        retry_refusals,
        compaction,
        0,
        None if model is None else str(model),
        model_aliases,
        forward_generation_config=bool(forward_generation_config),
        checkpointer=checkpointer,
    )
    bridge.on_output, bridge.changes, bridge.stages = on_output, changes, stages
    bridge.forwards_parameters = forward_generation_config
    if isinstance(model, Model):
        # Inspect would create another object from a name, without this one's settings.
        bridge.model_resolver = lambda name: model
    for spec in bridged_tools:
        if spec.name in bridge.bridged_tools:
            raise ValueError(f"Duplicate bridged_tools name: '{spec.name}'.")
        tools = {ToolDef(tool).name: tool for tool in spec.tools}
        bridge.register_bridged_tools(spec.name, tools, require_proposal=spec.require_proposal)
    # Compaction must preserve the client's first messages, as the sample's lack the client's instructions.
    bridge._compaction_prefix = []
    bridge.warn_indistinct_tools()
    return bridge


def saves_checkpoints(checkpointer: Checkpointer) -> bool:
    """Return whether the eval has checkpoints, and the agent isn't nested in another one that saves them."""
    try:
        from inspect_ai.util._checkpoint.checkpointer_noop import _NoopCheckpointer
    except ImportError:
        if "noop" not in type(checkpointer).__name__.lower():
            warn_absent("checkpoints do not hold the agent's session")
        return False
    return BRIDGE_AVAILABLE and not isinstance(checkpointer, _NoopCheckpointer)


def forget_thread(bridge: SandboxAgentBridge) -> None:
    """Make the bridge's next conversation the root, even if it doesn't extend the last one."""
    bridge._tracked_fps = bridge._candidate_fps = None


def resolve_model(name: str | Model | None) -> Model:
    """Return the model of a name: the eval's (None or "inspect"), a model role's, or the named one."""
    if isinstance(name, Model):
        return name
    spec = (name or "inspect").removeprefix("inspect/")
    if spec == "inspect":
        return get_model()
    return get_model(role=spec) if _is_role(spec) else get_model(spec)


def _is_role(name: str) -> bool:
    try:
        from inspect_ai.model._model import model_roles
    except ImportError:
        return "/" not in name  # a model's name begins with its provider
    return name in model_roles()


def token_limits(model: Model, forwards: bool = False) -> tuple[int | None, int | None]:
    """Return a model's input and output limits in tokens, each None if Inspect doesn't know it.

    Args:
        model: The model.
        forwards: Whether the output limit is the client's own unless the eval sets one.
    """
    info = get_model_info(model)
    try:
        from inspect_ai.model._model_info import get_model_input_tokens

        inputs = get_model_input_tokens(model)
    except ImportError:
        inputs = getattr(info, "context_length", None)
    resolve = getattr(model, "_resolve_config", None)
    config = model.config if resolve is None else resolve(None)
    default = None if forwards else model.api.max_tokens_for_config(config) or model.api.max_tokens()
    outputs = [getattr(info, "output_tokens", None), config.max_tokens or default]
    return inputs, min((tokens for tokens in outputs if tokens), default=None)


def sets_max_tokens(model: Model) -> bool:
    """Return whether the eval sets the maximum number of output tokens."""
    resolve = getattr(model, "_resolve_config", None)
    return bool((model.config if resolve is None else resolve(None)).max_tokens)


def host_calls(bridge: SandboxAgentBridge) -> Mapping[str, Any]:
    """Return the model's pending calls of host tools by id; a call is `paired` once it runs.

    Releases of Inspect that don't record host tools (before 0.3.283) have no proposals.
    """
    proposals = [getattr(grant, "proposal", None) for grant in bridge._tool_execution_grants]
    return {proposal.call.id: proposal for proposal in proposals if proposal is not None}


async def image_bytes(image: str) -> tuple[bytes, str]:
    """Return the bytes and MIME type of an image in a message (a data URL, a URL or a file on the host).

    Raises:
        InspectVersionError: The inspect_ai release moved its image reader.
    """
    try:
        from inspect_ai._util.images import file_as_data
    except ImportError as ex:
        raise absent_error("A prompt with an image", ex) from ex

    data, mime, *_ = await file_as_data(image)
    return data, mime


def is_local(sandbox: SandboxEnvironment) -> bool:
    """Return whether a sandbox is Inspect's `local` one, which runs commands on the host."""
    try:
        from inspect_ai.util._sandbox.local import LocalSandboxEnvironment
    except ImportError:
        # Compare class names instead; a proxy of Inspect's may wrap the sandbox.
        kinds = {type(each).__name__ for each in (sandbox, getattr(sandbox, "_sandbox", None))}
        return "LocalSandboxEnvironment" in kinds
    try:
        sandbox.as_type(LocalSandboxEnvironment)
    except TypeError:
        return False
    return True


async def requested_failure(bridge: SandboxAgentBridge) -> Exception:
    """Wait until a handler requests to fail the sample, and return the exception."""
    await bridge._failure_requested.wait()
    return bridge._failure or RuntimeError("the bridge asked the sample to fail")


def failure_requested(bridge: SandboxAgentBridge) -> bool:
    """Return whether a handler requested to fail the sample."""
    return bridge._failure_requested.is_set()


def ending_exception(ex: BaseException) -> BaseException | None:
    """Return the exception that must end the sample, if `ex` is or contains one (a limit, termination or refusal)."""
    for related in _related(ex):
        if _is_kind(related, ("TerminateSampleError",)):
            return related
    try:
        from inspect_ai.util._anyio import inner_exception
    except ImportError:
        related_kinds = [related for related in _related(ex) if _ends_sample(related)]
        return related_kinds[0] if related_kinds else None
    inner = inner_exception(ex) if isinstance(ex, Exception) else ex
    return inner if _ends_sample(inner) else None


def _ends_sample(ex: BaseException) -> bool:
    # Releases before 0.3.281 have no response filters.
    return isinstance(ex, LimitExceededError) or _is_kind(
        ex, ("ModelRefusalError", "ResponseFilterError", "SentinelFailure")
    )


def _is_kind(ex: BaseException, names: tuple[str, ...]) -> bool:
    """Return whether an exception is one of Inspect's named classes, in whichever module the release defines it."""
    return any(kind.__name__ in names and kind.__module__.startswith("inspect_ai.") for kind in type(ex).__mro__)


def _related(ex: BaseException) -> list[BaseException]:
    """Return an exception with the exceptions in its group, its causes and its contexts."""
    related: list[BaseException] = []
    stack: list[BaseException | None] = [ex]
    while stack:
        item = stack.pop()
        if item is not None and item not in related:
            related.append(item)
            stack += [item.__cause__, item.__context__, *getattr(item, "exceptions", ())]
    return related


def load_dotenv() -> None:
    """Load the `.env` file that Inspect would load."""
    try:
        from inspect_ai._util.dotenv import init_dotenv
    except ImportError:
        warn_absent("the .env file is not read")
        return
    init_dotenv()


def display_is_quiet() -> bool:
    """Return whether Inspect's display is set to plain lines, or to none."""
    try:
        from inspect_ai.util._display import display_type, display_type_initialized
    except ImportError:
        return True  # only a progress bar depends on it
    return display_type_initialized() and display_type() in ("plain", "log", "none")


def sample_identity() -> object | None:
    """Return an object that identifies the running sample, or None outside a sample."""
    try:
        from inspect_ai.log._samples import sample_active
    except ImportError:
        return sample_state()
    return sample_active()


def eval_is_running() -> bool:
    """Return whether this process runs an eval: Inspect runs one at a time."""
    try:
        from inspect_ai._eval import eval as evals
    except ImportError:
        return False  # Inspect itself refuses a second eval
    return bool(getattr(evals, "_eval_async_running", False))


def quiet_display() -> None:
    """Turn off Inspect's display, unless a display is already set."""
    try:
        from inspect_ai.util._display import display_type_initialized, init_display_type
    except ImportError:
        return
    if not display_type_initialized():
        init_display_type("none")


def sample_metadata() -> dict[str, Any]:
    """Return the running sample's metadata."""
    try:
        from inspect_ai.log._samples import sample_active
    except ImportError:
        state = sample_state()
        return state.metadata if state else {}
    active = sample_active()
    return (active.sample.metadata or {}) if active else {}


def sample_state() -> TaskState | None:
    """Return the running sample's state, or None outside a sample.

    Raises:
        InspectVersionError: The inspect_ai release moved the state.
    """
    try:
        from inspect_ai.solver._task_state import sample_state as state_here
    except ImportError as ex:
        raise absent_error("What reads the sample's state (`oracle()`, `verified()`)", ex) from ex
    return state_here()


async def approve_tool_call(message: str, call: ToolCall, history: list[ChatMessage]) -> bool:
    """Return whether the eval's approval policy allows a tool call; without a policy, every call is allowed.

    Raises:
        BaseException: Inspect's own exception, if the approver ends the sample.
        InspectVersionError: The inspect_ai release moved its approval policy.
    """
    try:
        from inspect_ai._util.exception import TerminateSampleError
        from inspect_ai.approval._apply import apply_tool_approval
    except ImportError as ex:
        raise absent_error("Asking the eval's approval policy", ex) from ex
    approved, approval = await apply_tool_approval(message, call, None, history)
    if not approved and approval is not None and approval.decision == "terminate":
        raise TerminateSampleError("Tool call approver requested termination.")
    return approved
