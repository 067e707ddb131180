"""Which tool a step means, with the tools of the real CLIs."""

from __future__ import annotations

from typing import Any

import pytest
from inspect_ai.tool import ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

from inspect_swe.testing import ScriptError
from inspect_swe.testing._match import find_tool, plain_value, shell_call


def tool(name: str, properties: dict[str, Any] | None = None, required: list[str] | None = None) -> ToolInfo:
    schema = {"properties": properties or {}, "required": required or []}
    return ToolInfo(name=name, description=name, parameters=ToolParams.model_validate(schema))


TEXT = {"type": "string"}
NUMBER = {"type": "number"}
WORDS = {"type": "array", "items": {"type": "string"}}

BASH = tool("Bash", {"command": TEXT, "timeout": NUMBER, "description": TEXT}, ["command"])
OPENCODE = tool("bash", {"command": TEXT, "timeout": NUMBER, "description": TEXT}, ["command", "description"])
EXEC = tool("exec_command", {"cmd": TEXT, "yield_time_ms": NUMBER, "workdir": TEXT}, ["cmd"])
CODEX_SHELL = tool("shell", {"command": WORDS, "workdir": TEXT, "timeout_ms": NUMBER}, ["command"])
GEMINI = tool("run_shell_command", {"command": TEXT, "description": TEXT, "dir_path": TEXT}, ["command"])
READ = tool("Read", {"file_path": TEXT}, ["file_path"])


@pytest.mark.parametrize(
    ("offered", "name", "arguments"),
    [
        (BASH, "Bash", {"command": "ls -l"}),
        (OPENCODE, "bash", {"command": "ls -l", "description": "Run a scripted command"}),
        (EXEC, "exec_command", {"cmd": "ls -l"}),
        (CODEX_SHELL, "shell", {"command": ["sh", "-c", "ls -l"]}),
        (tool("shell", {"command": TEXT}, ["command"]), "shell", {"command": "ls -l"}),
        (tool("shell", {"command": {"anyOf": [WORDS, TEXT]}}, ["command"]), "shell", {"command": "ls -l"}),
        (GEMINI, "run_shell_command", {"command": "ls -l"}),
        (tool("bash", {"command": TEXT}, ["command"]), "bash", {"command": "ls -l"}),
        (tool("bash", {"cmd": TEXT}, ["cmd"]), "bash", {"cmd": "ls -l"}),
        (tool("execute_bash", {"command": TEXT}, ["command"]), "execute_bash", {"command": "ls -l"}),
        (tool("container.exec", {"cmd": WORDS}, ["cmd"]), "container.exec", {"cmd": ["sh", "-c", "ls -l"]}),
        (tool("mcp__box__bash", {"command": TEXT}, ["command"]), "mcp__box__bash", {"command": "ls -l"}),
    ],
    ids=lambda value: value.name if isinstance(value, ToolInfo) else None,
)
def test_shell_tool(offered: ToolInfo, name: str, arguments: dict[str, Any]) -> None:
    assert shell_call([READ, offered, tool("BashOutput", {"bash_id": TEXT})], "ls -l") == (name, arguments)


def test_shell_prefers_the_clis_own_over_a_bridged_one() -> None:
    assert shell_call([tool("mcp__box__bash", {"command": TEXT}), GEMINI], "ls")[0] == "run_shell_command"


def test_shell_fills_required_parameters_of_every_type() -> None:
    properties = {
        "command": TEXT,
        "timeout": {"type": "integer", "description": "in milliseconds"},
        "timeout_s": {"type": "integer", "maximum": 60},
        "retries": {"type": "integer", "minimum": 3},
        "background": {"type": "boolean"},
        "env": {"type": "object", "properties": {"mode": {"enum": ["a", "b"]}, "x": TEXT}, "required": ["mode"]},
        "files": WORDS,
        "cwd": TEXT,
        "user": {"type": ["null", "string"]},
        "level": {"type": "string", "default": "low"},
        "optional": TEXT,
    }
    required = [name for name in properties if name != "optional"]
    _, arguments = shell_call([tool("bash", properties, required)], "ls")
    assert arguments == {
        "command": "ls",
        "timeout": 120_000,
        "timeout_s": 60,
        "retries": 3,
        "background": False,
        "env": {"mode": "a"},
        "files": [],
        "cwd": ".",
        "user": None,
        "level": "low",
    }


def test_no_shell_names_what_is_offered() -> None:
    with pytest.raises(ScriptError, match=r"a shell tool.*Offered tools: Read, BashOutput") as caught:
        shell_call([READ, tool("BashOutput", {"bash_id": TEXT})], "ls")
    assert caught.value.status_code == 400


@pytest.mark.parametrize("name", ["add", "mcp__calc__add", "mcp_calc_add", "calc_add", "calc.add", "calc-add", "Add"])
@pytest.mark.parametrize("wanted", ["add", "calc/add"])
def test_find_tool(name: str, wanted: str) -> None:
    if "/" in wanted and "calc" not in name:
        offered = ToolInfo(name=name, description="", options={"__responses_namespace__": ("mcp__calc", "Calc")})
    else:
        offered = tool(name)
    assert find_tool([READ, offered, tool("mcp__other__subtract")], wanted) == name


def test_find_tool_prefers_the_exact_name() -> None:
    assert find_tool([tool("mcp__calc__add"), tool("add")], "add") == "add"


def test_find_tool_prefers_a_whole_mcp_name() -> None:
    assert find_tool([tool("read_file"), tool("mcp__store__file")], "file") == "mcp__store__file"


def test_server_narrows() -> None:
    offered = [tool("mcp__one__add"), tool("mcp__my-two__add")]
    assert find_tool(offered, "my-two/add") == "mcp__my-two__add"
    assert find_tool(offered, "one/add") == "mcp__one__add"
    with pytest.raises(ScriptError, match="matches several tools: mcp__my-two__add, mcp__one__add"):
        find_tool(offered, "add")
    with pytest.raises(ScriptError, match="'three/add', which the request does not offer"):
        find_tool(offered, "three/add")


def test_name_is_not_matched_inside_a_word() -> None:
    with pytest.raises(ScriptError, match="Offered tools: readd, add_all"):
        find_tool([tool("readd"), tool("add_all")], "add")


def test_plain_value_without_a_type_is_text() -> None:
    assert plain_value(JSONSchema(), text="plain") == "plain"
