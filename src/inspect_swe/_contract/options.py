"""The options of every agent, checked when the agent is created, before a container exists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inspect_ai.agent import AgentAttempts, BridgedToolsSpec
from inspect_ai.model import CompactionStrategy, GenerateFilter, Model, ResponseSchema
from inspect_ai.tool import MCPServerConfig, Skill, Tool, ToolDef, read_skills
from pydantic import BaseModel

from .._errors import AgentOptionError
from .._inspect.private import async_backend
from .._store.versions import check_version
from .parameters import checked_parameters, parameter_types
from .result_specs import OutputFiles, ResultSpec
from .schema import Schema

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""Reasoning efforts of Inspect's `GenerateConfig.reasoning_effort`."""


@dataclass(frozen=True)
class CentaurOptions:
    """Options of centaur mode, in which a person works with the CLI. They are those of Inspect's `human_cli()`.

    Args:
        answer: Whether the person gives an answer, or a regular expression that the answer has to match. Without an
            answer, scorers only see the sandbox's state.
        intermediate_scoring: Whether the person may score the work before submitting it.
        record_session: Whether to record the terminal session in the sample's store, with util-linux's `script`.
    """

    answer: bool | str = True
    intermediate_scoring: bool = False
    record_session: bool = True

    def _repr_params_(self) -> dict[str, Any]:
        """Return the fields for the log of an eval, from which Inspect can retry it."""
        return vars(self).copy()


def require_asyncio() -> None:
    """Raise an error if Inspect runs on trio: the bridge, the transports and ACP's SDK require asyncio.

    Raises:
        AgentOptionError: Inspect runs on trio.
    """
    if async_backend() == "trio":
        raise AgentOptionError(
            "Agents of this package need asyncio, but Inspect runs on trio.",
            hint="unset INSPECT_ASYNC_BACKEND, or set it to asyncio.",
        )


@dataclass(frozen=True)
class AgentOptions:
    """The options of every agent. Create them with `agent_options()`, which validates them."""

    name: str
    description: str
    system_prompt: str | None
    skills: tuple[Skill, ...]
    mcp_servers: tuple[MCPServerConfig, ...]
    bridged_tools: tuple[BridgedToolsSpec, ...]
    centaur: CentaurOptions | None
    attempts: AgentAttempts
    model: str | Model | None
    model_aliases: Mapping[str, str | Model]
    filter: GenerateFilter | None
    retry_refusals: int | None
    retry_crashes: int
    compaction: CompactionStrategy | None
    cwd: str | None
    env: Mapping[str, str]
    user: str | None
    sandbox: str | None
    version: str
    debug: bool
    mcp_ready_timeout: float
    effort: Effort | None
    transparent_proxy: bool | None
    collect: OutputFiles | None
    result: ResultSpec | None
    keep_session: bool


@checked_parameters
def agent_options(
    *,
    name: str,
    description: str,
    system_prompt: str | None = None,
    skills: Sequence[str | Path | Skill] | None = None,
    mcp_servers: Sequence[MCPServerConfig] | None = None,
    bridged_tools: Sequence[BridgedToolsSpec | Tool] | None = None,
    centaur: bool | CentaurOptions = False,
    attempts: int | AgentAttempts = 1,
    model: str | Model | None = None,
    model_aliases: Mapping[str, str | Model] | None = None,
    filter: GenerateFilter | None = None,
    retry_refusals: int | None = None,
    retry_crashes: int | None = 3,
    compaction: CompactionStrategy | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    sandbox: str | None = None,
    version: str = "auto",
    debug: bool | None = None,
    mcp_ready_timeout: float = 120,
    effort: Effort | None = None,
    transparent_proxy: bool | None = None,
    collect: str | Sequence[str] | OutputFiles | None = None,
    response_schema: type[BaseModel] | ResponseSchema | ResultSpec | None = None,
    keep_session: bool = False,
) -> AgentOptions:
    """Validate and return the options of every agent.

    Raises:
        AgentOptionError: An option is invalid. The message names it and the reason.
    """
    require_asyncio()
    resolved = AgentAttempts(attempts) if isinstance(attempts, int) else attempts
    person = CentaurOptions() if centaur is True else centaur or None
    if person is not None and resolved.attempts > 1:
        raise AgentOptionError(
            "attempts has no effect in centaur mode: the person decides when the work is done.",
            hint="CentaurOptions(intermediate_scoring=True) lets the person score the work before submitting it.",
        )
    if resolved.attempts < 1:
        raise AgentOptionError(f"attempts must be at least 1, not {resolved.attempts}.")
    if person is not None and response_schema is not None:
        raise AgentOptionError(
            "response_schema has no effect in centaur mode: the person gives the answer.",
            hint="CentaurOptions(answer=...) takes a pattern that the answer has to match.",
        )
    for label, count in (("retry_refusals", retry_refusals), ("retry_uncaught_errors", retry_crashes)):
        if count is not None and count < 0:
            raise AgentOptionError(f"{label} must not be negative, not {count}.")
    if mcp_ready_timeout <= 0:
        raise AgentOptionError(f"mcp_ready_timeout must be above 0 seconds, not {mcp_ready_timeout}.")
    check_version(version)
    specs = _bridged_specs(bridged_tools or ())
    servers = tuple(mcp_servers or ())
    names = [*(server.name for server in servers), *(spec.name for spec in specs)]
    _check_server_names(names)
    loaded = _load_skills(skills or ())
    _check_unique("skill", [skill.name for skill in loaded])
    _check_env(env or {})
    return AgentOptions(
        name=name,
        description=description,
        system_prompt=system_prompt,
        skills=loaded,
        mcp_servers=servers,
        bridged_tools=specs,
        centaur=person,
        attempts=resolved,
        model=model,
        model_aliases=dict(model_aliases or {}),
        filter=filter,
        retry_refusals=retry_refusals,
        retry_crashes=retry_crashes or 0,
        compaction=compaction,
        cwd=cwd,
        env=dict(env or {}),
        user=user,
        sandbox=sandbox,
        version=version,
        debug=bool(debug),
        mcp_ready_timeout=mcp_ready_timeout,
        effort=effort,
        transparent_proxy=transparent_proxy,
        collect=_output_files(collect),
        result=_result_spec(response_schema),
        keep_session=keep_session,
    )


def common_options(arguments: Mapping[str, Any], **others: Any) -> AgentOptions:
    """Return the options of every agent from the arguments of an agent's factory.

    Args:
        arguments: `locals()` of the factory. It also holds the CLI's own options, which are left out.
        **others: Options that the factory does not have under these names.

    Raises:
        AgentOptionError: An option is invalid. The message names it and the reason.
    """
    common = {name: arguments[name] for name in parameter_types(agent_options) if name in arguments}
    return agent_options(**common, **others)


def _output_files(collect: str | Sequence[str] | OutputFiles | None) -> OutputFiles | None:
    if collect is None or isinstance(collect, OutputFiles):
        return collect
    try:
        return OutputFiles(collect)
    except AgentOptionError as ex:
        raise AgentOptionError(f"collect={collect!r} is invalid. {ex.summary}", hint=ex.hint) from ex


def _result_spec(response_schema: type[BaseModel] | ResponseSchema | ResultSpec | None) -> ResultSpec | None:
    if response_schema is None:
        return None
    spec = response_schema if isinstance(response_schema, ResultSpec) else ResultSpec(response_schema)
    model = isinstance(spec.schema, type) and issubclass(spec.schema, BaseModel)
    if not (model or isinstance(spec.schema, ResponseSchema)):
        raise AgentOptionError(
            f"response_schema={spec.schema!r} is neither a pydantic model nor Inspect's ResponseSchema.",
            hint="pass a subclass of pydantic's BaseModel, for example.",
        )
    if spec.retries < 0:
        raise AgentOptionError(f"retries of a ResultSpec must not be negative, not {spec.retries}.")
    try:
        Schema(spec.schema)
    except Exception as ex:  # pydantic's and jsonschema's own errors, and those of a model's methods
        raise AgentOptionError(f"response_schema={spec.schema!r} has no valid JSON schema: {ex}") from ex
    return spec


def _bridged_specs(bridged: Sequence[BridgedToolsSpec | Tool]) -> tuple[BridgedToolsSpec, ...]:
    """Return the given specs, and one server named "tools" for all plain tools."""
    specs = [item for item in bridged if isinstance(item, BridgedToolsSpec)]
    tools = [item for item in bridged if not isinstance(item, BridgedToolsSpec)]
    if tools:
        specs.append(BridgedToolsSpec(name="tools", tools=tools))
    for spec in specs:
        _check_unique(f"tool of bridged server {spec.name!r}", [ToolDef(tool).name for tool in spec.tools])
    return tuple(specs)


def _check_server_names(names: Sequence[str]) -> None:
    _check_unique("MCP server", names)
    for name in names:
        # The name becomes part of tool names, in which each CLI replaces other characters differently.
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise AgentOptionError(
                f"The MCP server name {name!r} cannot be part of a tool name.",
                hint="use letters, digits, - and _ only.",
            )


def _load_skills(skills: Sequence[str | Path | Skill]) -> tuple[Skill, ...]:
    try:
        return tuple(read_skills(skills))
    except Exception as ex:  # Inspect's own parsing errors and OSError alike
        raise AgentOptionError(
            f"A skill could not be read: {ex}", hint="a skill is a folder with a SKILL.md; give its path."
        ) from ex


def _check_unique(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AgentOptionError(f"Each {what} needs a unique name; used twice: {', '.join(twice)}.")


def _check_env(env: Mapping[str, str]) -> None:
    for name, value in env.items():
        if "=" in name or "\0" in name + value or not name:
            raise AgentOptionError(f"The environment variable {name!r} has an invalid name or value.")
