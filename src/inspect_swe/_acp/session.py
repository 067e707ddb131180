"""Sessions of an interactive agent: prompts, cancellation, modes, and their record in the transcript."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import anyio
from acp import RequestError, text_block
from acp.client.connection import ClientSideConnection
from acp.schema import AgentCapabilities, SessionModeState, TextContentBlock
from inspect_ai.agent import AgentState
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessageUser
from inspect_ai.solver import TaskState

from .._errors import ACPError, AgentError, SessionStartError, TurnActiveError, TurnFailedError
from .._inspect.private import forget_thread
from .._inspect.transcript import in_span
from .._results.collectors import collect
from .._runtime.session import Session
from .adapter import AcpAdapter
from .client import SessionClient
from .connection import error_text
from .events import Decision, Event, PermissionAsked, Plan, Turn, TurnEnded
from .permissions import PermissionRequest, Permissions, decide
from .process import AgentProcess, end_commands
from .prompt import Ended, Prompt
from .saved import SavedSession, save

_CANCEL_TIMEOUT = 30


class ACPSession:
    """A conversation with an agent in the sandbox, opened by `ACPAgent.session()`.

    Args:
        session: The agent's sandbox, bridge and CLI.
        adapter: Adapter of the CLI.
        permissions: Policy for permission requests.
        state: The user's state, which the session keeps up to date.
    """

    def __init__(
        self, session: Session, adapter: AcpAdapter, permissions: Permissions, state: AgentState | TaskState
    ) -> None:
        self.state = state
        self._session = session
        self._adapter = adapter
        self._permissions = permissions
        self._client = SessionClient(self._on_update, self._on_permission)
        launch = adapter.acp_launch(session.context, permissions != "allow")
        self._process = AgentProcess(session, adapter, launch, self._client, self._on_message)
        self._turn_lock = asyncio.Lock()
        self._running: Prompt | None = None
        self._error: BaseException | None = None
        self._count = 0
        self._listeners: set[asyncio.Queue[Event | None]] = set()

    @property
    def id(self) -> str:
        """The session's id."""
        return self._process.session_id

    @property
    def capabilities(self) -> AgentCapabilities:
        """The agent's capabilities, as it announced them."""
        return self._process.capabilities

    @property
    def modes(self) -> SessionModeState | None:
        """The session's modes, if the agent has any."""
        return self._process.modes

    @property
    def config_options(self) -> Sequence[Any]:
        """The options that `set_config()` can change."""
        return self._process.config_options

    @property
    def conn(self) -> ClientSideConnection:
        """The SDK's connection, for requests that this class has no method for.

        A call that fails raises an `ACPError`, with the SDK's error as its `__cause__`.

        Raises:
            AgentExitedError: The connection is closed.
        """
        return self._process.conn

    @property
    def stderr(self) -> str:
        """The end of the agent's stderr."""
        return self._process.info.stderr

    @property
    def prompted(self) -> bool:
        """Whether a prompt has been sent."""
        return self._session.is_prompted

    @property
    def exited(self) -> bool:
        """Whether the agent's process has ended."""
        return self._process.exited

    def prompt(self, content: str | Sequence[Any], *, source: str | None = None, queue: bool = False) -> Prompt:
        """Send a prompt to the agent.

        Args:
            content: Text, or ACP's content blocks (`acp.text_block`, `acp.image_block`, ...).
            source: "operator" to mark the message in the transcript as a person's.
            queue: True to wait for the end of the active turn instead of raising an error.

        Returns:
            A prompt: `await` it for its `Turn`, or iterate over its events with `async for`.

        Raises:
            TurnActiveError: Another turn is active. This and the errors below are raised by the `await` or the loop.
            AgentExitedError: The agent's process has ended.
            ProviderError: The model's provider answered with an error, and the agent gave up.
            TurnFailedError: The agent answered with its own error.
            AgentPolicyError: Settings forbid the agent's mode.
        """
        blocks = [text_block(content)] if isinstance(content, str) else list(content)

        async def run(prompt: Prompt) -> Ended:
            if self._running is not None and not queue and not self._running.abandoned:
                raise TurnActiveError(
                    f"{self._adapter.label} is still working on another prompt.",
                    hint="await that one first, cancel() it, or send this one with queue=True.",
                )
            async with self._turn_lock:
                self._running = prompt
                try:
                    ended = await self._turn(prompt, source)
                finally:
                    self._running = None
            self._publish(TurnEnded(*ended))
            return ended

        return Prompt(blocks, run, self._stop)

    async def cancel(self) -> Turn | None:
        """Cancel the active turn and the commands it started, and wait for its end.

        Returns:
            The turn, with `stop_reason` "cancelled" (or another one, if it had just ended); None if no turn was active.
        """
        prompt = self._running
        if prompt is None:
            return None
        await self._stop(prompt)
        return prompt.result

    async def steer(self, text: str) -> Prompt:
        """Send a message to the agent while it works.

        Agents that support steering read it within the active turn. For the others the turn is cancelled and the
        message becomes the next prompt.

        Returns:
            The active prompt: the same one as before, or a new one that has been sent.
        """
        running = self._running
        if running is not None and self._process.steering:
            meta = {"steering": {"idleBehavior": "promptRequired"}}
            params = {"sessionId": self.id, "prompt": [{"type": "text", "text": text}], "_meta": meta}
            answer = await self._call(self.conn.ext_method("session/steering", params))
            if answer.get("outcome") == "injected":
                return running
        await self.cancel()
        prompt = self.prompt(text, queue=True)
        prompt.begin()
        return prompt

    async def set_mode(self, mode: str) -> None:
        """Change the session's mode to one of `modes`."""
        await self._call(self.conn.set_session_mode(session_id=self.id, mode_id=mode))

    async def set_config(self, option: str, value: str | bool) -> None:
        """Change one of the session's `config_options`."""
        await self._call(self.conn.set_config_option(config_id=option, session_id=self.id, value=value))

    def events(self) -> AsyncIterator[Event]:
        """Return all events from now on, including those between turns, until the session is closed."""
        waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        self._listeners.add(waiting)

        async def listen() -> AsyncIterator[Event]:
            try:
                while (event := await waiting.get()) is not None:
                    yield event
            finally:
                self._listeners.discard(waiting)

        return listen()

    async def wait_exited(self) -> None:
        """Wait until the agent's process exits.

        Raises:
            AgentExitedError: Always, after the process has exited.
        """
        if self._process.feeder is not None:
            await asyncio.wait({self._process.feeder})
        raise await self._process.exit_error()

    async def save(self) -> SavedSession:
        """Save the session in its current state, to resume it in another sandbox (`ACPAgent.session(resume=...)`).

        Raises:
            ACPError: The sandbox lacks tar, gzip or base64, the session is too large, or archiving failed.
        """
        if wait := self._adapter.settles:
            await self._session.workspace.shell(f'cd "$1" || exit\n{wait}', self._session.context.config, self.id)
        return await save(self._session, self.id)

    async def gather(self) -> None:
        """Save the files that match `collect` so far in the sample's store."""
        await collect(self._session, self._session.collectors)

    async def restart(self) -> None:
        """Restart the agent's process and resume this session, for example after a crash.

        Processes that the old one started are killed first.

        Raises:
            SessionStartError: The process could not be started, or it did not find the session.
        """
        session_id = self.id
        await self._process.close()
        with contextlib.suppress(Exception):
            await self._session.workspace.relay.kill_all()
        # The CLI's copy of the conversation may lack the end of the last answer before the crash.
        forget_thread(self._session.bridge)
        await self.open(session_id)

    async def open(self, resume: str | None = None) -> None:
        """Start the agent's process and open a new session, or reopen an earlier one.

        Raises:
            SessionStartError: The process could not be started, or it did not find the session.
            AgentPolicyError: Settings forbid the agent's mode.
        """
        try:
            await self._process.open(resume)
        except SessionStartError as error:
            if (refused := await self._session.refusal(error)) is None:
                raise
            raise refused from error

    async def close(self) -> None:
        """End the session and the agent's process. Never raises."""
        with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
            if self._running is not None:
                await self._stop(self._running)
            if self._process.exited:
                # A dead agent does not end its own processes.
                await self._session.workspace.relay.kill_all()
        await self._process.close()
        self._merge()
        for waiting in self._listeners:
            waiting.put_nowait(None)

    async def _call(self, request: Any) -> Any:
        """Await the answer to a request, with errors converted to ours."""
        try:
            return await request
        except ACPError as error:
            cause = await self._request_error(error)
            raise self._turn_error(cause) from cause

    async def _turn(self, prompt: Prompt, source: str | None) -> Ended:
        """Send a prompt and wait for its turn to end. The turn gets a span in the transcript."""
        bridge, stats = self._session.bridge, self._session.stats
        texts = [block.text for block in prompt.content if isinstance(block, TextContentBlock)]
        if source == "operator":
            bridge.note_operator_message(ChatMessageUser(content=_text_of(prompt.content), source="operator"))
        self._error = None
        self._count += 1
        ended: Ended = ("cancelled", None)
        async with self._session.phase(f"{self._adapter.label}: turn {self._count}", "acp_turn"):
            limit, requests = self._session.output_limit, stats.requests
            self._session.begin_prompt([*texts, "\n\n".join(texts)])
            try:
                with limit.ending(lambda: self._stop(prompt)):
                    answer = await self.conn.prompt(session_id=self.id, prompt=prompt.content)
                ended = (answer.stop_reason, _usage(answer.usage))
            except ACPError as error:
                cause = await self._request_error(error)
                ended = await self._after_error(cause, prompt, stats.requests > requests)
            finally:
                self._session.end_calls(failed=ended[0] == "cancelled")
                self._merge()
            if self._error is not None:
                raise self._error
            if ended[0] == "end_turn" and (failure := self._session.provider_error(gave_up=False)):
                raise failure
            ended = self._with_truncation(ended, stats.requests > requests)
            if ended[0] == "end_turn" and not self._session.has_offered_tools:
                raise await self._session.policy_error("it offered the model no tools")
            self._record({"event": "turn", "stop_reason": ended[0], "usage": ended[1]})
            return ended

    async def _request_error(self, error: ACPError) -> RequestError:
        """Return the error that the agent answered with.

        Raises:
            AgentExitedError: The agent's process has exited.
            ACPError: The answer was invalid.
        """
        cause = error.__cause__
        if isinstance(cause, RequestError):
            return cause
        if isinstance(cause, ConnectionError):
            raise await self._process.exit_error() from cause
        raise error

    async def _after_error(self, error: RequestError, prompt: Prompt, has_requested: bool) -> Ended:
        """Return the result of a turn that was answered with an error, if it was cancelled or cut; raise otherwise."""
        if prompt.stopping.is_set():
            return ("cancelled", None)
        if has_requested and self._session.truncation is not None:
            return ("max_tokens", None)
        failure = self._turn_error(error)
        raise await self._session.refusal(failure) or failure from error

    def _with_truncation(self, ended: Ended, has_requested: bool) -> Ended:
        """Correct the result of a turn cut by the output limit, since not every agent reports that."""
        limit, reason = self._session.output_limit, self._session.truncation if has_requested else None
        if reason is None or (ended[0] == "cancelled" and not limit.is_reached):
            return ended
        limit.record(reason, "")
        return ("max_tokens", ended[1])

    async def _stop(self, prompt: Prompt) -> None:
        """Cancel a prompt's turn and wait for its end. Kill an agent that doesn't stop in time."""
        if self._running is not prompt:
            prompt.abandon()
            await prompt.wait()
            return
        prompt.stopping.set()
        with contextlib.suppress(Exception):
            await self.conn.cancel(session_id=self.id)
        with anyio.move_on_after(_CANCEL_TIMEOUT):
            await prompt.wait()
        if not prompt.ended:
            await self._session.workspace.relay.kill_all()
            await prompt.wait()
        elif self._adapter.outlived and self._process.process is not None:
            await end_commands(self._session.workspace, self._process.process.pid, time.monotonic() - prompt.began)

    def _merge(self) -> None:
        """Copy the bridge's state to the user's."""
        state = self._session.state
        if self.state is not state:
            self.state.messages, self.state.output = state.messages, state.output

    def _turn_error(self, error: RequestError) -> AgentError:
        details = {"stdout": self._process.info.stdout, "stderr": self._process.info.stderr}
        return self._session.provider_error(gave_up=True, **details) or TurnFailedError(
            f"{self._adapter.label} answered with an error: {error_text(error)}",
            code=error.code,
            data=error.data,
            **details,
        )

    def _on_message(self, message: Mapping[str, Any]) -> None:
        if message.get("method") == "session/prompt":
            self._session.mark_prompted()

    def _on_update(self, session_id: str, events: list[Event]) -> None:
        """Pass the events of an update on, unless it belongs to another session (a sub-agent's)."""
        if session_id == self.id or not self.id:
            for event in events:
                self._publish(event)

    async def _on_permission(self, request: PermissionRequest) -> Decision:
        """Answer a permission request, with "cancel" while the turn is being cancelled."""
        running = self._running
        stopping = running.stopping if running is not None else asyncio.Event()
        deciding = asyncio.ensure_future(decide(self._permissions, request, self._session.state))
        stopped = asyncio.ensure_future(stopping.wait())
        decision: Decision = "cancel"
        try:
            await asyncio.wait({deciding, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if deciding.done():
                decision = deciding.result()
        except Exception as error:
            # A failed decision must not count as an answer: the turn ends with the error.
            self._error = error
            with contextlib.suppress(Exception):
                await self.conn.cancel(session_id=self.id)
        finally:
            deciding.cancel()
            stopped.cancel()
        self._publish(PermissionAsked(request.id, request.title, decision))
        return decision

    def _publish(self, event: Event) -> None:
        """Pass an event to the prompt, the listeners and the transcript."""
        if self._running is not None and not event.replay:
            self._running.add(event)
        for waiting in self._listeners:
            waiting.put_nowait(event)
        if isinstance(event, Plan) and not event.replay:
            self._record({"event": "plan", "entries": [list(entry) for entry in event.entries]})
        elif isinstance(event, PermissionAsked):
            self._record({"event": "permission", "title": event.title, "decision": event.decision})

    def _record(self, data: dict[str, Any]) -> None:
        with in_span(self._session.stats.span):
            transcript().info(data, source="inspect_swe")


def _usage(usage: Any) -> Mapping[str, int] | None:
    return None if usage is None else usage.model_dump(exclude_none=True, exclude={"field_meta"})


def _text_of(content: Sequence[Any]) -> str:
    return "\n\n".join(str(getattr(block, "text", "")) for block in content)
