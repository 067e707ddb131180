"""Sessions outside of an eval: agents prompted from a script or notebook, backed by an eval of one sample."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from inspect_ai import Task, eval_async
from inspect_ai.agent import Agent, AgentState
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessage, ChatMessageUser, Model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import ExecResult, Limit, SandboxEnvironmentType, apply_limits, store
from inspect_ai.util import sandbox as sample_sandbox

from ._errors import AgentError, AgentOptionError, SessionClosedError
from ._inspect.private import eval_is_running, quiet_display, sample_identity
from ._results.fileset import FileSet, output_files
from ._results.resume_samples import continued_sample
from ._scripting_events import TranscriptReader
from .acp import ACPAgent, ACPSession, Event, TurnEnded

T = TypeVar("T")

_POLL = 0.05


@dataclass(frozen=True)
class Reply:
    """An agent's reply to a prompt.

    Args:
        text: Answer.
        messages: The whole conversation.
        usage: Tokens: of the session, as an interactive agent reports them, else of the last answer.
        files: Files that match `collect` so far, if the agent has that option.
    """

    text: str
    messages: list[ChatMessage]
    usage: Mapping[str, Any] | None
    files: FileSet


class _Partner(Protocol):
    """An agent in a conversation."""

    async def send(self, text: str) -> Reply: ...

    async def stream(self, text: str, on_event: Callable[[Event], None]) -> None: ...


class _Unattended:
    """A headless agent, which is called for each prompt and continues from its own state."""

    def __init__(self, agent: Agent, state: TaskState) -> None:
        self._agent = agent
        self._task = state
        self._state = AgentState(messages=[])

    async def send(self, text: str) -> Reply:
        self._state.messages = [*self._state.messages, ChatMessageUser(content=text)]
        self._state = await self._agent(self._state)
        self._task.messages, self._task.output = self._state.messages, self._state.output
        usage, output = self._state.output.usage, self._state.output
        tokens = usage.model_dump(exclude_none=True) if usage else None
        return Reply(output.completion, list(self._state.messages), tokens, output_files(store()))

    async def stream(self, text: str, on_event: Callable[[Event], None]) -> None:
        reader = TranscriptReader()

        async def listen() -> None:
            while True:
                await anyio.sleep(_POLL)
                for event in reader.new_events():
                    on_event(event)

        listening = asyncio.ensure_future(listen())
        try:
            await self.send(text)
        finally:
            listening.cancel()
        for event in reader.new_events():
            on_event(event)
        on_event(TurnEnded("end_turn"))


class _Interactive:
    """An interactive agent, which keeps its session open."""

    def __init__(self, session: ACPSession) -> None:
        self._session = session

    async def send(self, text: str) -> Reply:
        turn = await self._session.prompt(text)
        await self._session.gather()
        return Reply(turn.text, list(self._session.state.messages), turn.usage, output_files(store()))

    async def stream(self, text: str, on_event: Callable[[Event], None]) -> None:
        async for event in self._session.prompt(text):
            on_event(event)
        await self._session.gather()


class _Request(Generic[T]):
    """A unit of work to run in the sample."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self.work = work
        self.scope = anyio.CancelScope()
        self.done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        # Retrieve the error, or asyncio warns if nothing awaits it.
        self.done.add_done_callback(lambda done: done.cancelled() or done.exception())


class AgentSession:
    """A conversation with an agent in a sandbox, opened by `open_session()`.

    Calls are served one at a time. An error of the agent ends the session: `send()` or `stream()` raises that error,
    and all later calls raise `SessionClosedError`.
    """

    def __init__(self) -> None:
        self.log: EvalLog | None = None
        """The log, after the session is closed."""
        self._requests: asyncio.Queue[_Request[Any] | None] = asyncio.Queue()
        self._partner: _Partner | None = None
        self._ready = asyncio.Event()
        self._closed = False
        self._error: BaseException | None = None

    async def send(self, text: str) -> Reply:
        """Send a prompt to the agent, and wait for its reply.

        Raises:
            SessionClosedError: The session has ended.
            AgentError: The agent failed.
        """
        return await self._do(lambda: self._here.send(text))

    async def stream(self, text: str) -> AsyncGenerator[Event, None]:
        """Send a prompt to the agent, and yield events while it works.

        Leaving the loop early ends the turn. The events are those of interactive agents (`inspect_swe.acp`). Other
        agents yield answers, reasoning and tool calls, each when the model has completed it.

        Raises:
            SessionClosedError: The session has ended.
            AgentError: The agent failed.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        working = asyncio.ensure_future(self._do(lambda: self._here.stream(text, events.put_nowait)))
        working.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await working
        finally:
            working.cancel()
            await asyncio.wait({working})

    async def exec(self, command: list[str], **options: Any) -> ExecResult[str]:
        """Run a command in the sandbox, with the `options` of Inspect's `sandbox().exec()`.

        Raises:
            SessionClosedError: The session has ended.
        """
        return await self._do(lambda: sample_sandbox().exec(command, **options))

    def check_open(self) -> None:
        """Check that the session is open.

        Raises:
            SessionClosedError: The session has ended.
        """
        if self._closed:
            raise SessionClosedError("The session has ended.", hint="open a new session.") from self._error

    @property
    def _here(self) -> _Partner:
        assert self._partner is not None
        return self._partner

    async def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run work in the sample; cancelling the wait cancels the work."""
        self.check_open()
        request = _Request(work)
        self._requests.put_nowait(request)
        try:
            return await asyncio.shield(request.done)
        except asyncio.CancelledError:
            request.scope.cancel()
            await asyncio.wait({request.done})
            raise

    async def _serve(self, agent: Agent, state: TaskState) -> None:
        """Serve requests until the session is closed."""
        try:
            async with contextlib.AsyncExitStack() as stack:
                if isinstance(agent, ACPAgent):
                    self._partner = _Interactive(await stack.enter_async_context(agent.session(state)))
                else:
                    self._partner = _Unattended(agent, state)
                self._ready.set()
                while (request := await self._requests.get()) is not None:
                    await self._answer(request)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            self._end()

    async def _answer(self, request: _Request[Any]) -> None:
        try:
            with request.scope:
                request.done.set_result(await request.work())
        except BaseException as error:
            self._end(error)
            if isinstance(error, Exception):
                request.done.set_exception(error)
            raise
        finally:
            request.done.cancel()

    def _end(self, error: BaseException | None = None) -> None:
        """Stop accepting requests."""
        if not self._closed:
            self._closed, self._error = True, error
            self._requests.put_nowait(None)

    async def _opened(self, running: asyncio.Task[list[EvalLog]]) -> None:
        """Wait until the agent is ready.

        Raises:
            AgentError: The agent could not be started.
        """
        ready = asyncio.ensure_future(self._ready.wait())
        try:
            await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._ready.is_set():
            return
        if isinstance(self._error, Exception):
            raise self._error
        cause = running.exception()
        log = None if cause else running.result()[0]
        reason = cause or (log and log.error and log.error.message) or "its eval ended"
        raise AgentError(f"The session could not be opened: {reason}") from cause


@contextlib.asynccontextmanager
async def open_session(
    agent: Agent,
    *,
    model: str | Model,
    sandbox: SandboxEnvironmentType = "docker",
    files: Mapping[str, str] | None = None,
    setup: str | None = None,
    log_dir: str | None = None,
    limits: Sequence[Limit] = (),
    resume: EvalSample | None = None,
) -> AsyncIterator[AgentSession]:
    """Open a conversation with an agent from a script or notebook, backed by a real eval of one sample and its log.

    Args:
        agent: Agent of any kind: `claude_code()`, `interactive_codex_cli()`, ...
        model: Model of the eval.
        sandbox: Sandbox of the sample.
        files: Files to write to the sandbox, as in `Sample.files`.
        setup: Script to run in the sandbox first, as in `Sample.setup`.
        log_dir: Folder for the log (defaults to Inspect's).
        limits: Limits for the whole session.
        resume: Sample of an earlier log whose session is resumed (`keep_session=True`).

    Yields:
        The session. The end of the block ends the agent and its sandbox, and sets `log`.

    Raises:
        AgentOptionError: An eval is already running; code of a sample calls the agent directly instead.
        AgentError: The sandbox or the agent could not be started.

    Examples:
        ```python
        import asyncio

        from inspect_swe import claude_code, open_session


        async def main() -> None:
            async with open_session(claude_code(), model="anthropic/claude-sonnet-4-5") as session:
                reply = await session.send("Which tests fail?")
                print(reply.text)


        if __name__ == "__main__":
            asyncio.run(main())
        ```
    """
    if sample_identity() is not None:
        raise AgentOptionError(
            "open_session() cannot be used in a sample of an eval.",
            hint="call the agent directly: state = await agent(state).",
        )
    if eval_is_running():
        raise AgentOptionError(
            "Another eval or session is running in this process, which can run only one at a time.",
            hint="close the other session first.",
        )
    quiet_display()
    sample = (
        Sample(input="Interactive session.") if resume is None else continued_sample(resume, "Interactive session.")
    )
    sample.files = {**(sample.files or {}), **(files or {})}
    sample.setup = setup or sample.setup
    session = AgentSession()

    @solver(name="session")
    def session_solver() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            with apply_limits(list(limits)):
                await session._serve(agent, state)
            return state

        return solve

    task = Task(name="session", dataset=[sample], solver=session_solver(), sandbox=sandbox)
    running = asyncio.create_task(eval_async(task, model=model, log_dir=log_dir))
    try:
        await session._opened(running)
        yield session
    finally:
        session._end()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({running})
        if running.exception() is None:
            session.log = running.result()[0]


class BlockingSession:
    """A session with blocking methods, opened by `open_session_sync()`; see `AgentSession`."""

    def __init__(self, session: AgentSession, portal: BlockingPortal) -> None:
        self._session = session
        self._portal = portal

    @property
    def log(self) -> EvalLog | None:
        """The log, after the session is closed."""
        return self._session.log

    def send(self, text: str) -> Reply:
        """Send a prompt; see `AgentSession.send()`."""
        self._session.check_open()
        return self._portal.call(self._session.send, text)

    def stream(self, text: str) -> Iterator[Event]:
        """Send a prompt and yield events; see `AgentSession.stream()`."""
        self._session.check_open()
        events = self._session.stream(text)
        try:
            while (event := self._portal.call(anext, events, None)) is not None:
                yield event
        finally:
            self._portal.call(events.aclose)

    def exec(self, command: list[str], **options: Any) -> ExecResult[str]:
        """Run a command in the sandbox; see `AgentSession.exec()`."""
        self._session.check_open()
        return self._portal.call(lambda: self._session.exec(command, **options))


@contextlib.contextmanager
def open_session_sync(agent: Agent, **arguments: Any) -> Iterator[BlockingSession]:
    """Open a session from synchronous code, with the arguments of `open_session()`; its loop runs in its own thread.

    Examples:
        ```python
        from inspect_swe import claude_code, open_session_sync


        def main() -> None:
            with open_session_sync(claude_code(), model="anthropic/claude-sonnet-4-5") as session:
                print(session.send("Which tests fail?").text)
        ```
    """
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(open_session(agent, **arguments)) as session:
            yield BlockingSession(session, portal)
