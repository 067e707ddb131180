"""The root's judgement, whatever the CLI asks besides and in whatever order requests and answers come.

A simulated CLI holds its conversation over some prompts. Titles, summaries, sub-agents and other CLIs ask at any time,
and are answered at any time, also after the next prompt. Inspect's own tracker decides where nothing tells.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.agent import AgentState
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ModelOutput,
)
from inspect_ai.tool import ToolCall, ToolInfo

from inspect_swe._bridge.conversations import Asker, ConversationTracker, Marks
from inspect_swe._inspect.private import create_bridge

TOOLS = [ToolInfo(name="shell", description="Runs a command."), ToolInfo(name="agent", description="Delegates.")]
CLIS = {
    "header": Marks("session", sub_agent_header="sub-agent"),
    "body": Marks(session_body_field="metadata.user"),
    "kinds": Marks(kind_header="kind", root_kinds=frozenset({"user"}), sub_agent_kinds=frozenset({"sub"})),
    "nothing": Marks(),
}
SIDES = ("title", "titled as the root", "summary", "sub-agent", "other CLI")


@dataclass
class World:
    """A CLI, its bridge, and what the state ought to be."""

    marks: Marks
    is_given: bool
    tracker: ConversationTracker = field(init=False)
    state: AgentState = field(default_factory=lambda: AgentState(messages=[]))
    root: list[ChatMessage] = field(default_factory=lambda: [ChatMessageSystem(content="You are a coder.")])
    answered: list[ChatMessage] = field(default_factory=list)
    open: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self.tracker = ConversationTracker(self.marks)
        self.bridge = create_bridge(self.state, on_output=self._generated)

    def _generated(self, messages: list[ChatMessage], output: ModelOutput) -> bool | None:
        if is_root := self.tracker.is_root():
            self.tracker.answered(output)
        return is_root

    def begin(self, prompt: str) -> None:
        self.tracker.begin("root" if self.is_given else None, [prompt])
        self.root.append(ChatMessageUser(content=prompt))

    def ask(
        self,
        who: str,
        messages: list[ChatMessage],
        output: ModelOutput,
        tools: list[ToolInfo],
        headers: dict[str, str],
        session: str = "root",
        model: str = "large",
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Send a request, and have its answer wait."""
        context = contextvars.copy_context()
        said = list(messages)
        body = {"model": model, "metadata": {"user": session}}

        def answer() -> None:
            with contextlib.suppress(StopIteration):
                self.bridge._track_state(said, output).send(None)  # It waits for nothing.
            self.tracker.done()
            then()

        context.run(self.tracker.on_request, {**headers, "session": session}, body)
        context.run(self.tracker.on_messages, said, tools, False)
        self.open.append((who, lambda: context.run(answer)))

    def ask_root(self, calls: bool) -> None:
        self.asked += 1
        output = answer_of(f"answer {self.asked}", calls)

        def then() -> None:
            self.root.append(output.message)
            self.answered = list(self.root)
            if calls:
                self.root.append(ChatMessageTool(content="result", tool_call_id=f"c{self.asked}"))

        kind = {"kind": "user"} if self.asked % 2 else {}
        self.ask("root", self.root, output, TOOLS, kind, then=then)

    def ask_side(self, which: str, number: int) -> None:
        """Send what is not the root's: of the title and the other CLI the first prompt is in the text."""
        system, prompt = self.root[0], next(m.text for m in self.root if m.role == "user")
        title = ChatMessageUser(content=f"Write a title. The user's first message:\n{prompt}")
        output = answer_of(f"side {number}", False)
        has_own = which.startswith("title") and (self.marks.session_header or number > 0)
        foreign = "other" if which == "other CLI" or has_own else "root"
        if which == "title":
            self.ask(which, [system, title], output, TOOLS[:1], {"kind": "background"}, foreign, "small")
        elif which == "titled as the root":
            self.ask(which, [system, title], output, TOOLS, {"kind": "background"}, foreign)
        elif which == "summary":
            words = [ChatMessageSystem(content="You sum up."), *self.root[1:], ChatMessageUser(content="Sum it up.")]
            self.ask(which, words, output, [], {"kind": "compaction"}, foreign)
        elif which == "sub-agent":
            words = [ChatMessageSystem(content="You help."), ChatMessageUser(content=f"Look at {number}.")]
            self.ask(which, words, output, TOOLS[:1], {"kind": "sub", "sub-agent": "yes"}, foreign)
        else:
            words = [ChatMessageSystem(content="I am another."), ChatMessageUser(content=f"Do {number} and {prompt}")]
            self.ask(which, words, output, TOOLS, {}, foreign)

    def answer(self, who: str | None = None, nth: int = 0) -> None:
        """Answer a request that waits: the root's, or another one."""
        waiting = [n for n, (each, _) in enumerate(self.open) if who is None or each == who]
        if waiting:
            self.open.pop(waiting[nth % len(waiting)])[1]()

    def is_right(self) -> bool:
        return [m.text for m in self.state.messages] == [m.text for m in self.answered]


def answer_of(text: str, calls: bool) -> ModelOutput:
    output = ModelOutput.from_content("m", text)
    if calls:
        call = ToolCall(id=f"c{text.rpartition(' ')[2]}", function="shell", arguments={})
        output.choices[0].message = ChatMessageAssistant(content=text, tool_calls=[call])
        output.choices[0].stop_reason = "tool_calls"
    return output


def among(draw: st.DataObject, world: World, sides: tuple[str, ...]) -> None:
    """Let others ask and be answered, in any number and order."""
    for step in draw.draw(st.lists(st.sampled_from((*sides, "answer")), max_size=3)):
        if step == "answer":
            others = [n for n, (who, _) in enumerate(world.open) if who != "root"]
            if others:
                world.open.pop(others[draw.draw(st.integers(0, len(others) - 1))])[1]()
        else:
            world.ask_side(step, draw.draw(st.integers(0, 2)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_root_is_the_root(data: st.DataObject) -> None:
    world = World(CLIS[data.draw(st.sampled_from(sorted(CLIS)))], data.draw(st.booleans()))
    compacts = data.draw(st.booleans())
    # Without ids, a title that is asked for as the root asks is no different from a compacted conversation.
    alike = world.marks.session_header or world.marks.kind_header or not compacts
    sides = SIDES if alike else tuple(each for each in SIDES if each != "titled as the root")
    for number in range(data.draw(st.integers(1, 4))):
        same = data.draw(st.booleans())
        world.begin("Go on." if same else f"Do part {number} of the work.")
        among(data, world, sides)
        rounds = data.draw(st.integers(0, 2))
        for left in range(rounds, -1, -1):
            if compacts and left < rounds and data.draw(st.booleans()):
                # The CLI has compacted its conversation.
                world.root[1:] = [ChatMessageUser(content=f"What went before {world.asked}.")]
            world.ask_root(calls=left > 0)
            among(data, world, sides)
            if world.marks.session_header and world.is_given and world.answered:
                assert world.is_right(), "where the session is known, nothing else is ever the root"
            world.answer("root")
            assert world.is_right(), f"after an answer of the root: {world.state.output.completion}"
            if left:
                among(data, world, sides)
        among(data, world, sides)
        assert world.is_right(), f"after the root's last answer: {world.state.output.completion}"
    while world.open:
        world.answer()
        assert world.is_right(), f"after a late answer: {world.state.output.completion}"


def asked_by(tracker: ConversationTracker, headers: dict[str, str], tools: list[ToolInfo]) -> Asker:
    def ask() -> Asker:
        tracker.on_request(headers, {})
        tracker.on_messages([ChatMessageUser(content=str(headers))], tools, False)
        tracker.done()
        return tracker.asker()

    return contextvars.copy_context().run(ask)


def test_who_asks() -> None:
    tracker = ConversationTracker(CLIS["header"])
    tracker.begin("one", ["Do it."])
    assert asked_by(tracker, {"session": "one"}, TOOLS) is Asker.ROOT
    assert asked_by(tracker, {"session": "one", "sub-agent": "yes"}, TOOLS) is Asker.SUB_AGENT
    assert asked_by(tracker, {"session": "two"}, TOOLS) is Asker.SIDE
    tracker = ConversationTracker(CLIS["kinds"])
    tracker.begin("one", ["Do it."])
    assert asked_by(tracker, {"kind": "background"}, TOOLS) is Asker.SIDE
    assert asked_by(tracker, {"kind": "sub"}, TOOLS) is Asker.SUB_AGENT
    assert asked_by(tracker, {"kind": "user"}, TOOLS) is Asker.ROOT
    assert asked_by(ConversationTracker(), {}, []) is Asker.UNKNOWN


def test_a_known_session_is_certain_unless_a_sub_agent_asks() -> None:
    tracker = ConversationTracker(CLIS["header"])
    tracker.begin("one", ["Do it."])

    def is_certain(headers: dict[str, str]) -> bool:
        context = contextvars.copy_context()
        context.run(tracker.on_request, headers, {})
        return context.run(lambda: tracker.is_certain)

    assert is_certain({"session": "one"})
    assert not is_certain({"session": "one", "sub-agent": "yes"}), "its call is found by its text"
    assert not is_certain({"session": "two"}) and not is_certain({})


def test_a_session_that_is_given_displaces_one_that_came_first() -> None:
    tracker = ConversationTracker(CLIS["header"])
    tracker.begin("root", ["Do it."])
    context = contextvars.copy_context()
    context.run(tracker.on_request, {"session": "title"}, {})
    context.run(tracker.on_messages, [ChatMessageUser(content="A title for: Do it.")], TOOLS, False)
    assert asked_by(tracker, {"session": "root"}, TOOLS) is Asker.ROOT
    assert context.run(tracker.is_root) is False, "its answer comes too late"
    assert context.run(tracker.asker) is Asker.SIDE
