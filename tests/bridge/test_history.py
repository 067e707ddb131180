"""Each message of a conversation is translated once."""

from __future__ import annotations

from typing import Any

import pytest
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, Content, ContentReasoning, ContentText

from inspect_swe._inspect.handlers._history import _MAX_LINES, EarlierCalls, History


class Translator:
    """Counts what it translates."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def __call__(self, items: list[Any], calls: EarlierCalls) -> list[ChatMessage]:
        self.texts += [item["text"] for item in items]
        kinds = {"user": ChatMessageUser, "assistant": ChatMessageAssistant}
        return [kinds[item["role"]](content=item["text"]) for item in items]


def parts(*texts: str, **marks: Any) -> list[list[Any]]:
    return [[{"role": ("user", "assistant")[n % 2], "text": text, **marks}] for n, text in enumerate(texts)]


def unmarked(item: Any) -> Any:
    return {name: value for name, value in item.items() if name != "mark"}


@pytest.mark.anyio
async def test_what_is_repeated_is_the_same() -> None:
    history, translate = History(unmarked), Translator()
    first, known = await history.read(parts("a", "b", "c"), translate)
    assert known == 0
    second, known = await history.read(parts("a", "b", "c", "d", mark=1), translate)
    assert known == 3 and translate.texts == ["a", "b", "c", "d"]
    assert all(one is other for one, other in zip(first, second, strict=False))
    assert len({message.id for message in second}) == 4


@pytest.mark.anyio
async def test_branches_share_their_beginning() -> None:
    history, translate = History(), Translator()
    first, _ = await history.read(parts("a", "b", "c"), translate)
    branch, known = await history.read(parts("a", "b", "x"), translate)
    assert known == 2 and branch[1] is first[1] and branch[2].id != first[2].id
    again, known = await history.read(parts("a", "b", "c", "d"), translate)
    assert known == 3 and again[2] is first[2]
    assert translate.texts == ["a", "b", "c", "x", "d"]


@pytest.mark.anyio
async def test_an_equal_message_elsewhere_has_the_same_id_unless_it_repeats() -> None:
    history, translate = History(), Translator()
    first, _ = await history.read(parts("a", "b", "a"), translate)
    other, _ = await history.read(parts("z", "b", "a"), translate)
    assert first[0].id != first[2].id and other[1].id == first[1].id


@pytest.mark.anyio
async def test_an_answer_comes_back_as_it_was_given() -> None:
    history, translate = History(), Translator()
    content: list[Content] = [ContentReasoning(reasoning="Hm.", signature="s"), ContentText(text="b")]
    answer = ChatMessageAssistant(content=content, id="own")
    history.add_answer(answer)
    messages, _ = await history.read(parts("a", "b", "c"), translate)
    assert messages[1] is answer
    other, _ = await history.read(parts("y", "b"), translate)
    assert other[1] is not answer


@pytest.mark.anyio
async def test_stored_conversations_are_limited() -> None:
    history, translate = History(), Translator()
    for number in range(3 * _MAX_LINES):
        await history.read(parts(f"a{number}", "b"), translate)
    assert len(history._lines) <= _MAX_LINES
