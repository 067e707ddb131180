from __future__ import annotations

import pytest
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
)

from inspect_swe._errors import AgentOptionError
from inspect_swe._runtime.prompt import Opening, opening

SYSTEM = ChatMessageSystem(content="be good")
TASK = ChatMessageUser(content="the task")


def test_first_prompt() -> None:
    assert opening([SYSTEM, TASK], "and brief", None) == Opening("be good\n\nand brief", "the task", False)
    assert opening([TASK], None, None) == Opening(None, "the task", False)


def test_several_user_messages_are_one_prompt() -> None:
    assert opening([TASK, ChatMessageUser(content="more")], None, None).prompt == "the task\n\nmore"


def test_second_call_sends_what_is_new() -> None:
    talk: list[ChatMessage] = [SYSTEM, TASK, ChatMessageAssistant(content="done"), ChatMessageUser(content="and now?")]
    assert opening(talk, "again", 3) == Opening(None, "and now?", True)


def test_a_second_call_with_nothing_new_starts_anew_with_the_system_prompt() -> None:
    talk: list[ChatMessage] = [SYSTEM, TASK, ChatMessageAssistant(content="done")]
    start = opening(talk, None, 3)
    assert start.system == "be good" and "the task" in start.prompt and not start.resume


def test_a_second_call_receives_the_messages_of_others() -> None:
    talk: list[ChatMessage] = [TASK, ChatMessageAssistant(content="done")]
    talk += [ChatMessageAssistant(content="REVIEW"), ChatMessageUser(content="fix it")]
    start = opening(talk, None, 2)
    assert start.resume and "REVIEW" in start.prompt and "fix it" in start.prompt and "the task" not in start.prompt


def test_a_conversation_of_others_is_handed_over_whole() -> None:
    talk: list[ChatMessage] = [
        SYSTEM,
        TASK,
        ChatMessageAssistant(content="I will ask the coder."),
        ChatMessageTool(content="Transferred.", function="transfer_to_coder"),
    ]
    start = opening(talk, None, None)
    assert start.system == "be good" and not start.resume
    for text in ("the task", "I will ask the coder.", "Transferred.", "transfer_to_coder"):
        assert start.prompt.count(text) == 1


def test_nothing_to_do() -> None:
    with pytest.raises(AgentOptionError, match="no text"):
        opening([SYSTEM], None, None)
