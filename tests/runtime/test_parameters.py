"""Arguments of factories, as a command line, a configuration file or a hasty user gives them."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import pytest
from inspect_ai import Task, eval
from inspect_ai._util.config import parse_cli_args
from inspect_ai.agent import Agent, AgentAttempts, BridgedToolsSpec
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import get_model
from inspect_ai.solver import SolverSpec
from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio, Skill, Tool, tool
from inspect_ai.util import registry_info
from typing_extensions import Unpack

import inspect_swe
from inspect_swe import AgentOptionError, CentaurOptions, OutputFiles
from inspect_swe._contract.options import AgentOptions, agent_options
from inspect_swe._contract.parameters import checked_parameters, parameter_types

from .. import public_api

AGENTS = (*public_api.AGENTS, *public_api.INTERACTIVE)
FACTORIES = (*AGENTS, "best_of", "nop", "oracle", "verified")


class Extra(TypedDict, total=False):
    number: int
    files: Sequence[str] | None


@checked_parameters
def make(
    names: list[str] | None = None,
    text: str | None = None,
    count: int | AgentAttempts = 1,
    seconds: float = 1,
    flag: bool | CentaurOptions = False,
    env: dict[str, str] | None = None,
    choice: Literal["low", "high"] | None = None,
    paths: Sequence[str | Path | Skill] | None = None,
    collect: str | Sequence[str] | OutputFiles | None = None,
    **extra: Unpack[Extra],
) -> dict[str, Any]:
    return {**{key: value for key, value in locals().items() if key != "extra"}, **extra}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"names": "WebFetch"}, ["WebFetch"]),
        ({"names": ("a", "b")}, ["a", "b"]),
        ({"names": '["a", "b"]'}, ["a", "b"]),
        ({"names": "[a-z]*"}, ["[a-z]*"]),
        ({"names": 7}, ["7"]),
        ({"names": None}, None),
        ({"text": 1500}, "1500"),
        ({"text": 2.1}, "2.1"),
        ({"text": datetime.date(2026, 11, 30)}, "2026-11-30"),
        ({"text": "[1]"}, "[1]"),
        ({"text": "none"}, "none"),
        ({"count": "3"}, 3),
        ({"count": AgentAttempts(2)}, AgentAttempts(2)),
        ({"seconds": "30"}, 30.0),
        ({"flag": "true"}, True),
        ({"flag": "no"}, False),
        ({"flag": {"answer": "no"}}, CentaurOptions(answer="no")),
        ({"env": {"A": 1, "B": "x"}}, {"A": "1", "B": "x"}),
        ({"env": '{"A": "1"}'}, {"A": "1"}),
        ({"choice": "high"}, "high"),
        ({"paths": "/path"}, ["/path"]),
        ({"paths": Path("/path")}, [Path("/path")]),
        ({"collect": "*.py"}, "*.py"),
        ({"collect": ["*.py"]}, ["*.py"]),
        ({"collect": {"paths": "*.py", "patch": "true"}}, OutputFiles(["*.py"], patch=True)),
        ({"number": "3"}, 3),
        ({"files": "a"}, ["a"]),
    ],
)
def test_values_that_are_coerced(given: dict[str, Any], meant: object) -> None:
    value = make(**given)[next(iter(given))]
    assert value == meant and type(value) is type(meant)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"env": "A=1"}, "does not accept env='A=1'.*mapping of strings to strings.*JSON"),
        ({"env": {"KEY": ["secret"]}}, "does not accept env: the value of 'KEY'"),
        ({"text": True}, "text=True.*text takes a string or None"),
        ({"count": "three"}, "count='three'.*a whole number or an AgentAttempts"),
        ({"count": True}, "count=True"),
        ({"count": 1.5}, "count=1.5"),
        ({"seconds": "soon"}, "seconds='soon'.*a number"),
        ({"flag": "maybe"}, "flag='maybe'.*true or false or a CentaurOptions"),
        ({"flag": {"answr": 1}}, "CentaurOptions has no field 'answr'; did you mean 'answer'"),
        ({"choice": "hihg"}, 'choice=\'hihg\'.*"low" or "high" or None.*Did you mean "high"'),
        ({"names": {"a": 1}}, "names={'a': 1}.*a list of strings"),
        ({"collect": {"paths": []}}, "OutputFiles needs paths"),
        ({"collect": {"max_files": "many"}}, "OutputFiles takes a whole number as 'max_files'"),
        ({"number": "x"}, "number='x'"),
        ({"naems": []}, "make.* has no parameter 'naems'.*did you mean \"names\""),
        ({"numbr": 1}, 'did you mean "number"'),
        ({"zzz": 1}, "it takes names, text, .*, number, files"),
        ({"count": "x" * 1000}, "count='x{70,80}…"),
    ],
)
def test_values_that_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(AgentOptionError, match=re.compile(said, re.DOTALL)) as caught:
        make(**given)
    assert "secret" not in str(caught.value)


def test_arguments_by_place() -> None:
    by_place: Callable[..., dict[str, Any]] = make
    assert by_place("a", 3)["text"] == "3"
    with pytest.raises(AgentOptionError, match=r"make\(\): too many positional arguments"):
        by_place(*range(20))
    with pytest.raises(AgentOptionError, match="missing a required argument: 'judge'"):
        inspect_swe.verified(inspect_swe.nop())  # type: ignore[call-arg]


def test_a_value_of_the_right_type_is_the_same_object() -> None:
    model, servers = get_model("mockllm/model"), [MCPServerConfigStdio(name="a", command="b")]
    made = agent_options(name="n", description="d", model=model, model_aliases={"x": model}, mcp_servers=servers)
    assert made.model is model and made.model_aliases["x"] is model and made.mcp_servers[0] is servers[0]


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ({"name": "a", "command": "b"}, MCPServerConfigStdio(name="a", command="b")),
        ('[{"name": "a", "command": "b"}]', MCPServerConfigStdio(name="a", command="b")),
        ({"name": "a", "type": "http", "url": "u"}, MCPServerConfigHTTP(name="a", type="http", url="u")),
    ],
)
def test_mcp_servers_of_a_configuration_file(given: Any, server: object) -> None:
    assert agent_options(name="n", description="d", mcp_servers=given).mcp_servers == (server,)
    with pytest.raises(AgentOptionError, match="MCPServerConfigStdio has no field 'comand'; did you mean 'command'"):
        agent_options(name="n", description="d", mcp_servers=[{"name": "a", "comand": "b"}])  # type: ignore[list-item]


@tool
def lookup() -> Tool:
    async def execute(what: str) -> str:
        """Look something up.

        Args:
            what: What.
        """
        return what

    return execute


@tool
def undescribed() -> Tool:
    async def execute() -> str:
        return ""

    return execute


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([len], "len is not a tool"),
        ([lookup], "lookup is not a tool; call it"),
        (["lookup"], "'lookup' is not a tool"),
        ([undescribed()], "Description not provided"),
        ([BridgedToolsSpec(name="a", tools=[len])], "len is not a tool"),  # type: ignore[list-item]
    ],
)
def test_what_is_no_tool_is_refused(tools: list[Any], said: str) -> None:
    with pytest.raises(AgentOptionError, match=said):
        inspect_swe.claude_code(bridged_tools=tools)


def test_a_tool_alone_and_a_server_without_tools() -> None:
    (spec,) = agent_options(name="n", description="d", bridged_tools=lookup()).bridged_tools  # type: ignore[arg-type]
    assert spec.name == "tools"
    inspect_swe.claude_code(bridged_tools=[BridgedToolsSpec(name="empty", tools=[])])


@pytest.mark.parametrize("name", FACTORIES)
def test_signatures_show_types(name: str) -> None:
    signature = inspect.signature(getattr(inspect_swe, name))
    shown = [each.annotation for each in signature.parameters.values()] + [signature.return_annotation]
    assert inspect.Parameter.empty not in shown
    assert not [each for each in shown if isinstance(each, str)]
    assert registry_info(getattr(inspect_swe, name)).type == "agent"


@pytest.mark.parametrize("name", FACTORIES)
def test_a_misspelt_option_of_each_factory(name: str) -> None:
    factory = getattr(inspect_swe, name)
    given = next(iter(reversed([key for key in parameter_types(factory) if key != "n"])))
    with pytest.raises(AgentOptionError, match=rf"{name}\(\) has no parameter '{given}x'.\n.*\"{given}\""):
        factory(**{f"{given}x": 1})


@pytest.mark.parametrize("name", FACTORIES)
def test_each_parameter_of_each_factory_is_checked(name: str) -> None:
    factory = getattr(inspect_swe, name)
    required = {each.name for each in inspect.signature(factory).parameters.values() if each.default is each.empty}
    given = {each: inspect_swe.nop() for each in required if "params" != each != "results"}
    for parameter in parameter_types(factory):
        with pytest.raises(AgentOptionError, match=rf"{name}\(\) does not accept {parameter}.*\n.*{parameter} takes"):
            factory(**{**given, parameter: 1.5j})


@pytest.mark.parametrize("name", AGENTS)
def test_what_a_command_line_gives_each_agent(name: str) -> None:
    factory = getattr(inspect_swe, name)
    given: dict[str, Any] = {"user": 1500, "env": '{"A": "1"}', "debug": "true", "cwd": 7, "collect": "out/**"}
    given |= {"disallowed_tools": "web_search"} if "codex" in name else {}
    assert factory(**given) is not None


def test_the_log_has_what_the_user_gave() -> None:
    made: Agent = inspect_swe.claude_code(user=1500, disallowed_tools="WebFetch")  # type: ignore[arg-type]
    assert vars(made)["__registry_params__"] == {"user": 1500, "disallowed_tools": "WebFetch"}


def test_options_of_the_command_line(tmp_path: Path) -> None:
    """As `inspect eval -S` hands them on; the log has them as they were given, and an eval may be retried with them."""

    def run(*arguments: str) -> EvalLog:
        spec = SolverSpec("inspect_swe/claude_code", parse_cli_args(list(arguments)), parse_cli_args(list(arguments)))
        task = Task(dataset=[Sample(input="x")])
        return eval(task, solver=spec, model="mockllm/model", log_dir=str(tmp_path), display="none")[0]

    log = run("disallowed_tools=WebFetch", "user=1500", "attempts=3", "env={A: 1}", "effort=high")
    assert log.samples and log.samples[0].error and "There is no sandbox" in log.samples[0].error.message
    given = {"disallowed_tools": "WebFetch", "user": 1500, "attempts": 3, "env": {"A": 1}, "effort": "high"}
    assert log.eval.solver_args_passed == given
    with pytest.raises(AgentOptionError, match='did you mean "disallowed_tools"'):
        run("disalowed_tools=WebFetch")
    with pytest.raises(AgentOptionError, match="env='A=1'"):
        run("env=A=1")


def test_options_of_agents_of_others() -> None:
    made: AgentOptions = agent_options(name="n", description="d", user=3, skills=())  # type: ignore[arg-type]
    assert made.user == "3"
    with pytest.raises(AgentOptionError, match=r"agent_options\(\) has no parameter 'uesr'"):
        agent_options(name="n", description="d", uesr=3)  # type: ignore[call-arg]


def test_making_an_agent_is_cheap() -> None:
    """The first agent builds the validators of the options that are given; after that a call costs next to nothing."""
    given: dict[str, Any] = {"disallowed_tools": ["WebFetch"], "env": {"A": "1"}, "attempts": 2}
    inspect_swe.claude_code(**given)
    begun = time.process_time()
    for _ in range(20):
        inspect_swe.claude_code(**given)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("name", ["claude_code", "interactive_opencode", "mini_swe_agent", "oracle"])
def test_trio_is_refused_when_an_agent_is_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECT_ASYNC_BACKEND", "trio")
    with pytest.raises(AgentOptionError, match=r"need asyncio.*\n.*unset INSPECT_ASYNC_BACKEND"):
        getattr(inspect_swe, name)()
    monkeypatch.setenv("INSPECT_ASYNC_BACKEND", "asyncio")
    getattr(inspect_swe, name)()


def test_an_agent_that_is_made_in_an_event_loop_runs_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def make_one() -> Agent:
        return inspect_swe.claude_code()

    monkeypatch.setenv("INSPECT_ASYNC_BACKEND", "trio")
    assert asyncio.run(make_one())


def test_the_decorator_keeps_what_a_function_is() -> None:
    assert make.__name__ == "make" and callable(make)
    checked: Callable[..., Any] = make
    assert list(parameter_types(checked))[-2:] == ["number", "files"]
