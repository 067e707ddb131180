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
