"""Which conversation is the agent's own, where requests name no session, and where they do."""

from __future__ import annotations

import contextvars

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, ModelOutput
from inspect_ai.tool import ToolInfo

from inspect_swe._bridge.conversations import ConversationTracker, Marks

SHELL = [ToolInfo(name="shell", description="Runs a command.")]
LOOK = [ToolInfo(name="look", description="Looks.")]


def said(*texts: str, system: str = "You are a coder.") -> list[ChatMessage]:
    """A conversation: the user and the model in turns."""
    kinds = (ChatMessageUser, ChatMessageAssistant)
    return [ChatMessageSystem(content=system), *(kinds[n % 2](content=text) for n, text in enumerate(texts))]


def judged(
    tracker: ConversationTracker,
    messages: list[ChatMessage],
    tools: list[ToolInfo],
    session: str | None = None,
    sub: bool = False,
) -> bool | None:
    def ask() -> bool | None:
        tracker.on_request({"session": session} if session else {}, {})
        tracker.on_messages(messages, tools, sub)
        try:
            return tracker.is_root()
        finally:
            tracker.done()

    return contextvars.copy_context().run(ask)


def test_a_compacted_conversation_is_known_by_its_instructions_and_tools() -> None:
    tracker = ConversationTracker()
    tracker.begin()
    assert judged(tracker, said("Do it.", "echo", "ok"), SHELL) is True
    assert judged(tracker, said("Do it.", "echo", "ok", "echo", "ok"), SHELL) is True
    assert judged(tracker, said("Sum it up: Do it. echo ok", system="You sum up."), []) is False
    assert judged(tracker, said("What went before."), SHELL) is True


def test_other_instructions_or_tools_tell_nothing() -> None:
    tracker = ConversationTracker()
    tracker.begin()
    assert judged(tracker, said("Do it."), SHELL) is True
    assert judged(tracker, said("Do it.", system="You look for bugs."), SHELL) is None
    assert judged(tracker, said("Do it."), LOOK) is None
    assert judged(tracker, said("Do it."), SHELL, sub=True) is False


def test_tools_may_come_while_a_conversation_goes_on() -> None:
    tracker = ConversationTracker()
    tracker.begin()
    assert judged(tracker, said("Do it."), SHELL) is True
    assert judged(tracker, said("Do it.", "look", "ok"), SHELL + LOOK) is True
    assert judged(tracker, said("What went before."), SHELL + LOOK) is True
    assert judged(tracker, said("What went before, too."), SHELL) is True


def test_without_tools_only_what_goes_on_can_be_the_root() -> None:
    tracker = ConversationTracker()
    tracker.begin()
    assert judged(tracker, said("A title for: Do it."), []) is None, "there may be nothing else"
    assert judged(tracker, said("Do it.", "echo", "ok"), SHELL) is True
    assert judged(tracker, said("A title for: Do it."), []) is False
    assert judged(tracker, said("Do it.", "echo", "ok", "Now say it."), []) is None
    assert judged(tracker, said("Do it.", "echo", "ok", "Sum it up.", system="You sum up."), []) is False


def test_each_start_of_the_cli_has_a_root_of_its_own() -> None:
    tracker = ConversationTracker()
    tracker.begin()
    assert judged(tracker, said("Do it."), SHELL) is True
    tracker.begin()
    assert judged(tracker, said("What went before.", "Go on."), LOOK) is True


def test_a_named_session_is_the_root_whatever_it_says() -> None:
    tracker = ConversationTracker(Marks("session"))
    tracker.begin()
    assert judged(tracker, said("Do it."), SHELL, "one") is True
    assert judged(tracker, said("Else.", system="Other words."), LOOK, "one") is True
    assert judged(tracker, said("Do it."), SHELL, "two") is False
    assert judged(tracker, said("Do it.", "and more"), [], "two") is False


def test_an_answer_that_comes_after_the_next_start_is_of_no_account() -> None:
    tracker = ConversationTracker(Marks("session"))
    tracker.begin()

    def ask_and_die() -> bool | None:
        tracker.on_request({"session": "one"}, {})
        tracker.on_messages(said("Do it."), SHELL, False)
        tracker.begin()
        assert judged(tracker, said("Do it.", "", "Go on."), SHELL, "one") is True
        return tracker.is_root()

    assert contextvars.copy_context().run(ask_and_die) is False


SUMMARY = "The task is to do it; the command has been run, its output is known."


def answered(tracker: ConversationTracker, messages: list[ChatMessage], text: str) -> bool | None:
    """Judge a request, and note that its answer has no calls."""

    def ask() -> bool | None:
        tracker.on_request({}, {})
        tracker.on_messages(messages, SHELL, False)
        is_root = tracker.is_root()
        tracker.answered(ModelOutput.from_content("model", text))
        tracker.done()
        return is_root

    return contextvars.copy_context().run(ask)


def test_a_summary_with_tools_does_not_end_the_conversation() -> None:
    tracker = ConversationTracker()
    tracker.begin(None, ["Do it."])
    assert judged(tracker, said("Do it."), SHELL) is True
    assert judged(tracker, said("Do it.", "echo", "ok"), SHELL) is True
    assert answered(tracker, said("Do it.", "echo", "ok", "Sum it up."), SUMMARY) is True
    assert judged(tracker, said(f"Do it.\nWhat went before: {SUMMARY}"), SHELL) is True


def test_what_comes_after_the_last_answer_is_not_the_conversation() -> None:
    tracker = ConversationTracker()
    tracker.begin(None, ["Do it."])
    assert answered(tracker, said("Do it."), "It is done, and all of the tests have passed.") is True
    assert judged(tracker, said("A title for: Do it."), SHELL) is False
