"""Trials: the interface with which a behaviour runs an agent and inspects the result."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from inspect_ai.agent import Agent, AgentState, BridgedToolsSpec
from inspect_ai.model import ChatMessage, ChatMessageTool, ChatMessageUser, Model, get_model
from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER
from inspect_ai.util import Limit, LimitExceededError, apply_limits, sandbox, span

from .._contract.adapter import Adapter
from .._contract.parameters import parameter_types
from .._errors import AgentError
from .._inspect.requests import full_name
from .._runtime.agent import adapter_of
from ..testing import ScriptedModel, ScriptedRequest, ScriptStep, scripted_requests
from ._behaviour import Behaviour, ConformanceError, NotApplicable, check

AgentFactory = Callable[..., Agent]

trial_here: ContextVar[Trial] = ContextVar("the trial of this sample")


@dataclass
class Trial:
    """A trial of one agent in one sample.

    Args:
        factory: Factory of the agent.
        options: Options of every call of the factory (`version`, `sandbox`).
        behaviour: Behaviour under test.
        grades: Values for the scorer to return, one by one, while the agent works.
        state: Conversation.
        error: Error of the last run, if any.
        limit: Limit that the last run exceeded, if any.
        adapter: Adapter of the agent's CLI, if the agent is made by this package's runtime.
        servers: Names of the agent's MCP servers, including those of host tools.
        script: Script of the model, if it differs from the behaviour's.
        verdicts: Results of behaviours that share the run: "C", "I" or "N", and the reason.
    """

    factory: AgentFactory
    options: dict[str, Any]
    behaviour: Behaviour
    grades: list[str] = field(default_factory=list)
    state: AgentState = field(default_factory=lambda: AgentState(messages=[]))
    error: Exception | None = None
    limit: LimitExceededError | None = None
    adapter: Adapter | None = None
    servers: set[str] = field(default_factory=set)
    script: Sequence[ScriptStep] = ()
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def agent(self, **options: Any) -> Agent:
        """Return the agent, created with options."""
        self.require(*options)
        bridged = [
            each.name if isinstance(each, BridgedToolsSpec) else "tools" for each in options.get("bridged_tools", [])
        ]
        self.servers |= {*bridged, *(server.name for server in options.get("mcp_servers", []))}
        agent = self.factory(**{**self.options, **options})
        self.adapter = adapter_of(agent)
        return agent

    @contextlib.contextmanager
    def judging(self, name: str) -> Iterator[None]:
        """Judge the run by one of the behaviours that share it, independently of the others."""
        self.verdicts[name] = (CORRECT, "")
        try:
            yield
        except ConformanceError as ex:
            self.verdicts[name] = (INCORRECT, str(ex))
        except NotApplicable as ex:
            self.verdicts[name] = (NOANSWER, str(ex))

    def has(self, *options: str) -> bool:
        """Return whether the agent has these options."""
        return {*options} <= parameter_types(self.factory).keys()

    def require(self, *options: str) -> None:
        """Mark the behaviour as not applicable if the agent lacks an option."""
        missing = sorted({*options} - parameter_types(self.factory).keys())
        if missing:
            raise NotApplicable(f"the agent lacks the option `{'`, `'.join(missing)}`")

    async def run(self, prompt: str | Sequence[ChatMessage], *, agent: Agent | None = None, **options: Any) -> None:
        """Run the agent on a prompt, and require success."""
        await self.attempt(prompt, agent=agent, **options)
        check(self.error is None, f"the run ended with {type(self.error).__name__}: {self.error}")
        check(self.limit is None, f"the run exceeded a limit: {self.limit}")

    async def attempt(
        self,
        prompt: str | Sequence[ChatMessage],
        *,
        agent: Agent | None = None,
        limit: Limit | None = None,
        **options: Any,
    ) -> None:
        """Run the agent on a prompt, within an optional limit, and record any error."""
        new = [ChatMessageUser(content=prompt)] if isinstance(prompt, str) else list(prompt)
        self.state.messages = [*self.state.messages, *new]
        self.error = self.limit = None
        runner = agent or self.agent(**options)
        with apply_limits([limit] if limit else [], catch_errors=True) as scope:
            try:
                async with span("agent", type="agent"):
                    self.state = await runner(self.state)
            except AgentError as ex:
                self.error = ex
        self.limit = scope.limit_error

    async def sh(self, command: str) -> str:
        """Return the output of a command in the sandbox."""
        done = await sandbox().exec(["sh", "-c", command])
        return done.stdout + done.stderr

    @property
    def model(self) -> Model:
        """The scripted model."""
        return get_model()

    @property
    def requests(self) -> list[ScriptedRequest]:
        """The model requests of this sample, without side calls."""
        api = self.model.api
        assert isinstance(api, ScriptedModel)
        return [request for request in scripted_requests(self.model) if request.sample == api.sample and request.main]

    @property
    def results(self) -> list[str]:
        """The texts of the tool results in the conversation."""
        return [message.text for message in self.state.messages if isinstance(message, ChatMessageTool)]

    def check_tools(self) -> None:
        """Require that the adapter knows all tools that the CLI offers."""
        if self.adapter is None or not self.adapter.tools:
            return
        known = {*self.adapter.tools, *self.behaviour.lead}
        prefixes = tuple(self.adapter.tool_prefix(server) for server in self.servers)
        offered = {tool.name: tool for request in self.requests for tool in request.tools if tool.name not in known}
        unknown = sorted(name for name, tool in offered.items() if not full_name(tool).startswith(prefixes))
        check(not unknown, f"these tools are not in `Adapter.tools`: {', '.join(unknown)}")

    def check_once(self, text: str, messages: Sequence[ChatMessage] | None = None) -> None:
        """Require that a text occurs once in the conversation (by default in the last request and in the state)."""
        places = [messages] if messages is not None else [self.requests[-1].messages, self.state.messages]
        for place in places:
            times = sum(message.text.count(text) for message in place)
            check(times == 1, f"{text[:60]!r} occurs {times} times in the conversation, not once")
