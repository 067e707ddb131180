"""Host tools as MCP servers, with the official MCP client."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.model import ContentImage
from inspect_ai.tool import Tool, ToolError, ToolResult, tool
from mcp import Client
from mcp.types import ImageContent, TextContent

from inspect_swe._bridge import tools as tools_module
from inspect_swe._inspect.private import requested_failure

from .support import Site, in_sample

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@tool
def give() -> Tool:
    async def execute(kind: str) -> ToolResult:
        """Gives a result of some kind.

        Args:
            kind: Which.
        """
        if kind == "error":
            raise ToolError("the tool says no")
        if kind == "image":
            return [ContentImage(image=f"data:image/png;base64,{PIXEL}")]
        if kind == "slow":
            await asyncio.sleep(0.6)
            return "at last"
        results: dict[str, ToolResult] = {"text": "some text", "int": 42, "float": 2.5}
        return results[kind]

    return execute


@tool
def broken() -> Tool:
    async def execute() -> str:
        """Has a bug."""
        raise KeyError("a bug in the eval's own tool, in /home/me/tool.py")

    return execute


FREE = [BridgedToolsSpec(name="host", tools=[give(), broken()], require_proposal=False)]
STRICT = [BridgedToolsSpec(name="host", tools=[give()])]


def test_ping_and_list() -> None:
    async def body(site: Site) -> None:
        async with Client(f"{site.url}/mcp/host", mode="legacy") as client:
            await client.send_ping()
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert listed.keys() == {"give", "broken"}
            assert listed["give"].input_schema["required"] == ["kind"]
            assert "Gives a result" in (listed["give"].description or "")

    in_sample([], body, bridged=FREE)


@pytest.mark.parametrize(("kind", "text"), [("text", "some text"), ("int", "42"), ("float", "2.5")])
def test_results_are_text(kind: str, text: str) -> None:
    async def body(site: Site) -> None:
        async with Client(f"{site.url}/mcp/host") as client:
            result = await client.call_tool("give", {"kind": kind})
            assert not result.is_error
            assert result.structured_content is None
            (block,) = result.content
            assert isinstance(block, TextContent) and block.text == text

    in_sample([], body, bridged=FREE)


def test_image_and_error() -> None:
    async def body(site: Site) -> None:
        async with Client(f"{site.url}/mcp/host") as client:
            (image,) = (await client.call_tool("give", {"kind": "image"})).content
            assert isinstance(image, ImageContent) and image.data == PIXEL and image.mime_type == "image/png"
            result = await client.call_tool("give", {"kind": "error"})
            assert result.is_error
            assert isinstance(result.content[0], TextContent) and "the tool says no" in result.content[0].text
            wrong = await client.call_tool("give", {"kind": 5})
            assert wrong.is_error

    in_sample([], body, bridged=FREE)


def test_long_tools_report_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools_module, "PROGRESS_EVERY", 0.1)
    seen: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async def body(site: Site) -> None:
        async with Client(f"{site.url}/mcp/host") as client:
            result = await client.call_tool("give", {"kind": "slow"}, progress_callback=on_progress)
            assert isinstance(result.content[0], TextContent) and result.content[0].text == "at last"
        assert len(seen) >= 3 and seen == sorted(seen)

    in_sample([], body, bridged=FREE)


def test_a_call_the_model_did_not_propose_is_denied() -> None:
    async def body(site: Site) -> None:
        async with Client(f"{site.url}/mcp/host") as client:
            result = await client.call_tool("give", {"kind": "text"})
            assert result.is_error
            assert isinstance(result.content[0], TextContent) and "not proposed" in result.content[0].text

    in_sample([], body, bridged=STRICT)


def test_a_bug_in_a_tool_asks_that_the_sample_fail() -> None:
    async def body(site: Site) -> None:
        async with Client(f"{site.url}/mcp/host") as client:
            result = await client.call_tool("broken", {})
            assert result.is_error
            assert isinstance(result.content[0], TextContent) and result.content[0].text == "KeyError"
        failure = await asyncio.wait_for(requested_failure(site.bridge), 5)
        assert isinstance(failure, KeyError)

    in_sample([], body, bridged=FREE)


def test_unknown_server_and_garbage() -> None:
    async def body(site: Site) -> None:
        async with httpx.AsyncClient() as http:
            assert (await http.post(f"{site.url}/mcp/other", json={})).status_code == 404
            assert (await http.post(f"{site.url}/mcp/host", content=b"{" * 1000)).status_code in (400, 406)
            assert (await http.get(f"{site.url}/nothing/here")).status_code == 404

    in_sample([], body, bridged=FREE)
