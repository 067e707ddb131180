"""The session of one agent call: set-up and teardown of its sandbox, bridge, CLI and processes."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from inspect_ai.agent import AgentState, SandboxAgentBridge
from inspect_ai.event import InfoEvent
from inspect_ai.model import Model, ModelName, ModelOutput, StopReason
from inspect_ai.tool import MCPServerConfigHTTP
from inspect_ai.util import span, trace_message

from .._bridge.settings import BridgeStats
from .._contract.adapter import Adapter, Exit, Launch, LaunchContext, ModePolicy, Route, Turn
from .._contract.conversation import ResumePoint, new_session_id
from .._contract.mcp import check_commands
from .._contract.options import AgentOptions
from .._contract.output import OutputBuffer
from .._errors import AgentError, AgentPolicyError, ProviderError
from .._inspect.private import resolve_model, sets_max_tokens, token_limits
from .._inspect.requests import is_expected_model
from .._inspect.transcript import current_span, record, record_change
from .._results.collectors import Collector, begin, collect, collectors_of
from .._sandbox.relay.multiplexer import Process
from .._sandbox.workspace import Workspace, open_workspace
from .bridge_connection import BridgeConnection, choose_bridge
from .cancellation import AbortScope
from .checkpoints import Checkpoints
from .conversation import prepare_conversation
from .files import place_files
from .mode import ModeWatch, policy_error
from .output_limit import OutputLimit
from .policy import provider_error_kind
from .provisioning import Installation, find_cli, place_cli
from .redaction import redact_command, redact_env, redact_text
from .routing import check_files, direct, diverting, with_direct
from .surroundings import preloaded, read_withheld_env, with_preload

logger = logging.getLogger(__name__)

_SHELLS = frozenset({"bash", "zsh"})


@dataclass
class Session:
    """An agent at work in a sandbox.

    Args:
        adapter: The CLI's adapter.
        options: The user's options.
        workspace: The sandbox.
        connection: The bridge.
        context: The adapter's view of the sandbox.
        launch: The adapter's environment and files for that context.
        installation: The installed CLI.
        setup: Times and bytes that the set-up took, for the log.
        collectors: Collectors of the run's results.
        started: Starting point of the CLI's own conversation.
        resumes: Whether the call resumes from a checkpoint.
        attempts: Number of scored attempts.
    """

    adapter: Adapter
    options: AgentOptions
    workspace: Workspace
    connection: BridgeConnection
    context: LaunchContext
    launch: Launch
    installation: Installation
    setup: Mapping[str, Any] = field(default_factory=dict)
    collectors: tuple[Collector, ...] = ()
    started: ResumePoint = field(default_factory=ResumePoint)
    resumes: bool = False
    attempts: int = 0
    _launch_event: InfoEvent | None = field(default=None, init=False)
    _output: tuple[OutputBuffer, OutputBuffer] | None = field(default=None, init=False)
    _captured: list[dict[str, OutputBuffer]] = field(default_factory=list, init=False)

    async def start(self, argv: Sequence[str], env: Mapping[str, str], stdin: bytes | None) -> Process:
        """Start the CLI. No other code starts it.

        Args:
            argv: Its command.
            env: Variables that override the launch's own. The user's variables override both.
            stdin: Its standard input; None leaves it open.
        """
        logger.debug("starting %s: %s", self.adapter.label, argv)
        self.record_launch(argv)
        env = {**self.env, **env, **with_direct(self.options.env)}
        unset = [name for name in self.unset if name not in env]
        process = await self.workspace.spawn(argv, env, stdin, unset)
        if self.options.debug:
            self._capture_output(process)
        return process

    @property
    def state(self) -> AgentState:
        """The agent's conversation."""
        return self.bridge.state

    @property
    def stats(self) -> BridgeStats:
        """The bridge's statistics."""
        return self.connection.stats

    @property
    def bridge(self) -> SandboxAgentBridge:
        """The Inspect bridge that holds the agent's conversation."""
        return self.connection.bridge

    @property
    def output_limit(self) -> OutputLimit:
        """The counter of responses that reached the output limit."""
        return self.connection.output_limit

    @contextlib.asynccontextmanager
    async def phase(self, name: str, kind: str) -> AsyncIterator[None]:
        """Open a transcript span for a part of the run, which also holds the CLI's events."""
        async with span(name, type=kind):
            self.stats.span = current_span()
            try:
                yield
            finally:
                self.stats.span = None

    async def spawn(self, turn: Turn) -> Exit:
        """Run the CLI for one prompt until it exits."""
        invocation = self.adapter.turn(self.context, turn)
        self.begin_prompt([turn.prompt])
        process = await self.start(invocation.argv, {}, invocation.stdin)
        out, err = self._output = OutputBuffer(), OutputBuffer()
        watch = ModeWatch(self.mode_policy)
        with self.output_limit.ending(process.kill):
            async for stream, chunk in process.output():
                (out if stream == "stdout" else err).add(chunk)
                if watch.add(stream, chunk):
                    await process.kill()
            status = await process.wait()
        end = Exit(status.returncode, out.tail, err.tail, out.head)
        self.end_calls(failed=end.code != 0)
        self.set_session_id(self.session_id)
        self.record_output()
        if watch.refused is not None:
            raise await self.policy_error(watch.refused)
        return end

    def begin_prompt(self, texts: Sequence[str]) -> None:
        """Prepare the bridge for the requests of a prompt with these texts."""
        self.connection.begin(self.context.session_id, texts)

    @property
    def is_prompted(self) -> bool:
        """True if a prompt was sent to the CLI."""
        return self.connection.launched.is_set()

    def mark_prompted(self) -> None:
        """Record that a prompt was sent to the CLI."""
        self.connection.launched.set()

    def end_calls(self, failed: bool) -> None:
        """End the CLI's open tool calls in the transcript."""
        self.connection.end_calls(failed)

    @property
    def mode_policy(self) -> ModePolicy | None:
        """The mode that the CLI is started in."""
        return self.adapter.mode_policy(self.context)

    async def policy_error(self, refused: str) -> AgentPolicyError:
        """Return the error for a CLI that does not run in its mode.

        Args:
            refused: The CLI's report.
        """
        return await policy_error(self.workspace, self.adapter.label, self.mode_policy, refused)

    async def refusal(self, error: AgentError) -> AgentPolicyError | None:
        """Return the error for a CLI that refused its mode, or None if `error` does not report that.

        Args:
            error: The error of an interactive agent.
        """
        policy = self.mode_policy
        if policy is None or policy.acp_error is None:
            return None
        match = re.search(policy.acp_error, f"{error.summary}\n{error.stderr}")
        return await self.policy_error(match[0]) if match else None

    @property
    def has_offered_tools(self) -> bool:
        """True if the CLI has offered tools to the model, or has none."""
        return not self.adapter.tools or self.stats.tools_offered.is_set()

    @property
    def truncation(self) -> StopReason | None:
        """The stop reason, if the last response reached the output limit and no provider error followed it."""
        if self.stats.failure is not None:
            return None
        return self.output_limit.reason(self.state.output)

    def provider_error(self, gave_up: bool, **details: Any) -> ProviderError | None:
        """Return the model provider's error that ended the turn, or None.

        Args:
            gave_up: Whether the CLI failed. If it did not, only an error in its own conversation counts.
            **details: Further arguments of the error.
        """
        failure = self.stats.last_resort if gave_up else self.stats.failure
        if failure is None:
            return None
        status, message = failure
        kind, hint = provider_error_kind(status, message)
        return kind(
            f"{self.adapter.label} gave up because the model provider answered with "
            f"{f'HTTP {status}' if status else 'an error'}: {message}",
            status=status,
            hint=hint,
            **details,
        )

    @property
    def env(self) -> dict[str, str]:
        """The CLI's variables, without the user's own."""
        probe = self.workspace.probe
        path = ":".join([*self.installation.path, probe.path])
        return {"PATH": path, **direct(probe.no_proxy), **self.launch.env}

    @property
    def unset(self) -> list[str]:
        """The sandbox's variables that the CLI does not get."""
        names = {*self.context.withheld_env, *diverting(self.adapter, self.workspace.probe.variables)}
        return sorted(names - {*self.env, *self.options.env})

    @property
    def version(self) -> str | None:
        """The installed version, or the one in the CLI's User-Agent header."""
        if self.installation.version:
            return self.installation.version
        mark, user_agent = self.adapter.user_agent, self.stats.user_agent
        return re.split("[ /]", user_agent.partition(mark)[2])[0] or None if mark else None

    def set_session_id(self, session_id: str) -> None:
        """Set the CLI's session id, and record it in the log, together with the CLI's version."""
        self.context = replace(self.context, session_id=session_id)
        assert self._launch_event is not None and isinstance(self._launch_event.data, dict)
        data = {**self._launch_event.data, "version": self.version, "session_id": session_id}
        if data != self._launch_event.data:
            self._launch_event.data = data
            record_change(self._launch_event)

    def set_answer(self, answer: str) -> None:
        """Set a text as the output, instead of the model's last message. The conversation does not change."""
        state = self.state
        if not state.output.empty:
            output = ModelOutput.from_content(state.output.model, answer)
            output.usage = state.output.usage
            state.output = output

    @property
    def session_id(self) -> str:
        """The CLI's session id, also while the CLI runs."""
        out, err = self._output or (OutputBuffer(), OutputBuffer())
        return self.adapter.session_id(Exit(0, out.tail, err.tail, out.head)) or self.context.session_id

    def renew_session_id(self) -> None:
        """Set a new session id, so that the CLI starts a new conversation."""
        self.context = replace(self.context, session_id=new_session_id())

    def attach_output(self, error: AgentError) -> None:
        """Add the end of the CLI's output to an error that has no output yet."""
        if self._output is not None:
            error.set_output(*(buffer.tail for buffer in self._output))

    def record_output(self) -> None:
        """Record the output of each launch in the log. Only the `debug` option saves it."""
        for streams in self._captured:
            texts = {
                name: redact_text(buffer.text, self.options.env, self.options.mcp_servers)
                for name, buffer in streams.items()
            }
            record(InfoEvent(data={"event": "output", **texts}, source="inspect_swe"))
        self._captured.clear()

    def _capture_output(self, process: Process) -> None:
        streams = {"stdout": OutputBuffer(), "stderr": OutputBuffer()}
        self._captured.append(streams)

        def on_chunk(stream: Literal["stdout", "stderr"], chunk: bytes) -> None:
            streams[stream].add(chunk)
            trace_message(logger, self.adapter.key, f"{stream}: {chunk.decode(errors='replace')}")

        process.tap = on_chunk

    def record_launch(self, argv: Sequence[str]) -> None:
        """Record the agent, its command and its set-up in the log, once, before the first launch."""
        if self._launch_event is None:
            data: dict[str, Any] = {
                "agent": self.adapter.key,
                "version": self.version,
                "source": self.installation.source,
                "setup": dict(self.setup),
                "transport": self.workspace.transport.name,
                "bridge": self.connection.kind,
                "session_id": self.context.session_id,
                "command": list(redact_command(argv, self.options.env, self.options.mcp_servers)),
                "env": dict(redact_env(self.launch.env, self.options.env)),
                "unset": self.unset,
                "digest": self.installation.digest,
            }
            self._launch_event = InfoEvent(data=data, source="inspect_swe")
            record(self._launch_event)


@contextlib.asynccontextmanager
async def open_session(
    adapter: Adapter, options: AgentOptions, state: AgentState, start: ResumePoint, points: Checkpoints | None = None
) -> AsyncIterator[Session]:
    """Set up an agent call, and clean up when the block ends.

    Args:
        adapter: The CLI's adapter.
        options: The user's options.
        state: The conversation so far. The bridge updates it as the agent works.
        start: Starting point of the CLI's own conversation.
        points: The checkpoints that the call takes part in.

    Raises:
        AgentError: A requirement is missing. Each kind has its own subclass. The cheapest checks run first.
    """
    session: Session | None = None
    try:
        began = time.monotonic()
        workspace = await open_workspace(options.sandbox, options.user, options.cwd, [adapter.command, *_SHELLS])
        installation = await find_cli(adapter, options.version, workspace)
        find_ended = time.monotonic()
        model = resolve_model(options.model)
        route = adapter.route(ModelName(model).name)
        open_bridge = await choose_bridge(route)
        async with AbortScope() as abort_scope:
            inspect = points.inspect if points else None
            async with open_bridge(adapter, options, route, state, workspace, abort_scope, inspect) as connection:
                await place_cli(installation, workspace)
                start = await prepare_conversation(adapter, options, workspace, installation.version, start, points)
                context = _launch_context(options, workspace, installation, start, model, route, connection.base_url)
                withheld = await read_withheld_env(adapter, installation, workspace, options.env)
                context = preloaded(adapter, installation, replace(context, withheld_env=withheld))
                launch = with_preload(context, adapter.launch(context))
                await check_files(adapter, workspace)
                await place_files(workspace, context, launch, options.skills)
                setup = {
                    "find_seconds": round(find_ended - began, 2),
                    "place_seconds": round(time.monotonic() - find_ended, 2),
                    "copied_bytes": workspace.copied,
                }
                session = Session(
                    adapter,
                    options,
                    workspace,
                    connection,
                    context,
                    launch,
                    installation,
                    setup,
                    collectors_of(options),
                    start,
                )
                if options.centaur is None:
                    await check_commands(workspace, options.mcp_servers, {**session.env, **options.env}["PATH"])
                if points:
                    points.watch(session)
                session.collectors = await begin(session, session.collectors)
                try:
                    yield session
                finally:
                    session.record_output()
    except AgentError as error:
        error.set_agent(adapter.label, session.version if session else None)
        if session is not None:
            session.attach_output(error)
        raise
    finally:
        # The CLI's processes no longer write files, and the collectors may reconnect to its sandbox.
        if session is not None:
            await collect(session, session.collectors)


def _launch_context(
    options: AgentOptions,
    workspace: Workspace,
    installation: Installation,
    start: ResumePoint,
    model: Model,
    route: Route,
    base_url: str,
) -> LaunchContext:
    bridged = tuple(
        MCPServerConfigHTTP(type="http", name=spec.name, url=f"{base_url}/mcp/{spec.name}")
        for spec in options.bridged_tools
        if spec.tools  # Some CLIs wait for the tools of an empty server.
    )
    expects = any(is_expected_model(name, model) for name, target in route.aliases.items() if target is None)
    forwards = expects if options.transparent_proxy is None else options.transparent_proxy
    window, max_output = token_limits(model, forwards)
    assert start.config is not None
    return LaunchContext(
        command=installation.command,
        tools=installation.tools,
        config=start.config,
        home=workspace.probe.home,
        cwd=workspace.cwd,
        shells=_SHELLS & workspace.probe.commands.keys(),
        base_url=base_url,
        model=ModelName(model).name,
        system=start.system,
        mcp_servers=(*options.mcp_servers, *bridged),
        bridged=bridged,
        session_id=start.session_id,
        debug=options.debug,
        window=window,
        max_output=max_output,
        sends_own_limit=forwards and not sets_max_tokens(model),
    )
