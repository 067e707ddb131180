"""What we rely on in Inspect beyond its public interface: look at `_inspect/private.py` and its neighbours."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path
from typing import get_args

import pytest
from inspect_ai.agent import AgentState, SandboxAgentBridge
from inspect_ai.agent._bridge import util
from inspect_ai.log import Transcript
from inspect_ai.model import GenerateConfig, _openai_responses, get_model

import inspect_swe
from inspect_swe._inspect import private as compat
from inspect_swe._inspect import transcript as transcripts
from inspect_swe._inspect.handlers import load_handler
from inspect_swe._inspect.requests import DialectName

SOURCE = Path(inspect_swe.__file__).parent


def test_the_bridge_is_available() -> None:
    assert compat.BRIDGE_AVAILABLE


def test_arguments_of_the_bridge() -> None:
    names = list(inspect.signature(SandboxAgentBridge.__init__).parameters)
    assert names[1:8] == ["state", "filter", "retry_refusals", "compaction", "port", "model", "model_aliases"]
    bridge = compat.create_bridge(AgentState(messages=[]))
    private = ("_failure_requested", "_failure", "_tool_execution_grants")
    for attribute in ("bridged_tools", "model_resolver", "state", *private):
        assert hasattr(bridge, attribute)


def test_limits_of_a_model() -> None:
    assert compat.token_limits(get_model("mockllm/model", config=GenerateConfig(max_tokens=5))) == (128_000, 5)


def test_handlers_are_functions_of_the_bridge() -> None:
    bridge = compat.create_bridge(AgentState(messages=[]))
    for method, arguments in (
        (compat.list_tools(bridge), ["server"]),
        (compat.call_tool(bridge), ["server", "tool", "arguments"]),
    ):
        assert inspect.iscoroutinefunction(method)
        parameters = list(inspect.signature(method).parameters.values())
        assert [parameter.name for parameter in parameters[: len(arguments)]] == arguments
        assert all(parameter.default is not parameter.empty for parameter in parameters[len(arguments) :])


@pytest.mark.parametrize("dialect", get_args(DialectName))
def test_every_dialect_has_its_handler(dialect: DialectName) -> None:
    handler = asyncio.run(load_handler(dialect))
    assert [*inspect.signature(handler.generate).parameters] == ["bridge", "web_search", "request", "headers"]
    assert hasattr(handler, "count_tokens") == (dialect in ("anthropic", "google"))


def test_private_modules_are_imported_in_one_place() -> None:
    for path in SOURCE.rglob("*.py"):
        if SOURCE / "_inspect" in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inspect_ai"):
                assert "._" not in (node.module or ""), f"{path.name} imports {node.module}"


def test_events_of_the_transcript() -> None:
    for name in ("_event", "_event_updated"):
        assert list(inspect.signature(getattr(Transcript, name)).parameters) == ["self", "event"]
    assert transcripts.current_span() is None
    with transcripts.in_span("one"):
        assert transcripts.current_span() == "one"
    assert transcripts.working_time() >= 0


def test_a_bridge_compacts_before_its_filter_and_records_before_approval() -> None:
    source = inspect.getsource(util._bridge_generate_impl)
    steps = ("compact_input(input)", "bridge.filter(", "record_output(", "apply_bridge_tool_approval(", "_grants(")
    places = [source.index(step) for step in steps]
    assert places == sorted(places)


def test_items_of_openai_are_kept_by_call_id() -> None:
    items = _openai_responses._AssistantInternal().tool_calls
    assert items == {} and isinstance(items, dict)
    assert inspect.isfunction(_openai_responses.assistant_internal)


def test_everything_exported_exists() -> None:
    assert inspect_swe.__all__ == sorted(set(inspect_swe.__all__))
    for name in inspect_swe.__all__:
        assert getattr(inspect_swe, name) is not None


def test_files_are_small() -> None:
    for path in [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.c")]:
        assert len(path.read_text().splitlines()) <= 450, f"{path.name} is too long"
