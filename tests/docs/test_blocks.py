"""Every code block of the documents: Python is executed, the rest is run or checked by its language."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from inspect_ai import Task
from inspect_ai._util.registry import is_registry_object, registry_info
from inspect_ai.util import ComposeConfig

from inspect_swe.testing import ScriptError
from inspect_swe.testing._scripts import load_script

from .pages import DOCS, Block, blocks, blocks_in, options_of, read, save_files
from .shell import WrongCommand, check_command, command_lines, functions


def imported(tree: ast.Module) -> dict[str, Any]:
    """What each name stands for that a block imports from a package."""
    return {
        alias.asname or alias.name: getattr(import_module(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def wrong_keywords(tree: ast.Module) -> Iterator[str]:
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and callable(names.get(node.func.id)):
            known = options_of(names[node.func.id])
            used = {keyword.arg for keyword in node.keywords if keyword.arg} if known is not None else set[str]()
            yield from (f"{node.func.id}({name}=...)" for name in sorted(used - (known or {}).keys()))


def run_python(block: Block, folder: Path) -> None:
    """Execute it, and make the tasks that it defines (but those with mounts, which take an engine)."""
    tree = ast.parse(block.code, str(block))
    assert list(wrong_keywords(tree)) == []
    name = Path(block.title).stem if block.title else f"example_{block.page.stem.replace('-', '_')}_{block.line}"
    names: dict[str, Any] = {"__name__": name, "__file__": str(folder / f"{name}.py")}
    exec(compile(tree, f"{name}.py", "exec", dont_inherit=True), names)
    for value in names.values() if "with_agents(" not in block.code else ():
        if is_registry_object(value) and registry_info(value).type == "task":
            parameters = inspect.signature(value).parameters.values()
            if all(parameter.default is not parameter.empty for parameter in parameters):
                assert isinstance(value(), Task)


def check_shell(block: Block, folder: Path) -> None:
    assert list(command_lines(block.code))
    for words in command_lines(block.code):
        check_command(words, folder)


def check_yaml(block: Block, folder: Path) -> None:
    """A compose file, or a script of a model."""
    content = yaml.safe_load(block.code)
    if isinstance(content, list):
        load_script(folder / str(block.title))
        return
    services = ComposeConfig.model_validate(content).services
    assert services and all(service.image or service.build for service in services.values())


def check_syntax(block: Block, folder: Path) -> None:
    """A file of another page's test, which runs it."""
    assert block.title
    compile(block.code, block.title, "exec", dont_inherit=True)


def check_shell_file(block: Block, folder: Path) -> None:
    assert block.title
    subprocess.run(["sh", "-n", folder / block.title], check=True)


def check_skill(block: Block, folder: Path) -> None:
    """The Python on its page makes a skill of it."""
    assert block.title and block.title.endswith("/SKILL.md")


def check_toml(block: Block, folder: Path) -> None:
    """A project, whose agents are functions of the page's files."""
    tomllib: Any = pytest.importorskip("tomllib")  # since Python 3.11
    points = tomllib.loads(block.code)["project"]["entry-points"]["inspect_swe.agents"]
    for module, _, function in (value.partition(":") for value in points.values()):
        assert function in functions(folder / f"{module}.py")


def check_text(block: Block, folder: Path) -> None:
    """Pictures, and what programs print: no commands."""
    assert not re.search(r"^\$ ", block.code, re.MULTILINE)


CHECKS: Mapping[str, Callable[[Block, Path], None]] = {
    "bash": check_shell,
    "markdown": check_skill,
    "py": check_syntax,
    "python": run_python,
    "sh": check_shell_file,
    "text": check_text,
    "toml": check_toml,
    "yaml": check_yaml,
}


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_block(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert block.language in CHECKS, f"no check knows the language {block.language!r}"
    save_files(block.page, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    try:
        CHECKS[block.language](block, tmp_path)
    finally:
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
                del sys.modules[name]


def test_a_wrong_keyword_is_noticed() -> None:
    assert list(wrong_keywords(ast.parse("from inspect_swe import claude_code\nclaude_code(vers='1', cwd='/')"))) == [
        "claude_code(vers=...)"
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("inspect-swe downlod claude_code", "no command downlod"),
        ("inspect-swe download claude_kode", "no agent claude_kode"),
        ("inspect-swe download claude_code --plattform all", "--plattform"),
        ("inspect-swe remove --platform windows", "windows"),
        ("inspect-swe check coder.py:coder", "no agent coder.py:coder"),
        ("printf x | inspect-swe chat", "AGENT"),
        ("A=b inspect-swe list && inspect-swe remove", "specify an AGENT"),
        ("inspect eval missing.py --model scripted/hello", "no missing.py"),
        ("inspect eval evals/hello.py@missing --model scripted/hello", "no task missing"),
        ("inspect eval evals/hello.py -T place=docker", "no -T place"),
        ("inspect eval evals/hello.py --no-such-option", "--no-such-option"),
        ("inspect eval task.py --solver inspect_swe/claude_kode", "no solver"),
        ("inspect eval task.py --solver inspect_swe/claude_code -S tries=3", "no -S tries"),
        ("inspect eval task.py --model scripted/missing", "no script missing"),
        ("inspect eval task.py --model scripted/mine -M skript=steps.yaml", "no -M skript"),
        ("inspect eval task.py --model scripted/mine -M script=missing.yaml", "could not be read"),
        ("inspect eval task.py --model anthropik/claude", "no provider"),
        ("make tests", "no make tests"),
        (".venv/bin/python -m bench --quickly", "--quickly"),
        (".venv/bin/python -m pytest tests/missing.py", "no tests/missing.py"),
        ("inspekt view", "no check knows the program inspekt"),
    ],
)
def test_a_wrong_command_is_noticed(line: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "task.py").touch()
    with pytest.raises((WrongCommand, ScriptError), match=re.escape(why)):
        for words in command_lines(line):
            check_command(words, tmp_path)


def test_commands_are_found() -> None:
    code = "A=1 inspect-swe list  # all\nprintf '%s\\n' 'a | b' | inspect-swe chat codex_cli > out\ncd x && make demo\n"
    assert list(command_lines(code)) == [
        ["inspect-swe", "list"],
        ["printf", "%s\\n", "a | b"],
        ["inspect-swe", "chat", "codex_cli"],
        ["cd", "x"],
        ["make", "demo"],
    ]


def test_blocks_are_found(tmp_path: Path) -> None:
    text = 'A\n\n```python title="a.py"\nx = 1\n```\n\n- b\n\n    ```\n    c\n    ```\n'
    assert list(blocks_in(text, tmp_path)) == [
        Block(tmp_path, 3, "python", "a.py", "x = 1\n"),
        Block(tmp_path, 9, "", None, "    c\n"),
    ]
    fences = sum(len(re.findall(r"^ *```", read(page), re.MULTILINE)) for page in {block.page for block in blocks()})
    assert fences == 2 * len(blocks())


def test_cells_of_the_table_of_steps() -> None:
    page = read(DOCS / "guides/testing-without-tokens.md")
    cells = re.findall(r"^\| [^|]+ \| `((?:\w+): [^`]+)` \|", page, re.MULTILINE)
    assert len(cells) == 12
    for cell in cells:
        load_script([yaml.safe_load(cell.replace(", …}", "}"))])
