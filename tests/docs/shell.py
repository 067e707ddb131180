"""Command lines in the documents: whether such programs, options, files, tasks, agents and models exist."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from inspect_ai._cli.main import inspect as inspect_command

import inspect_swe
from inspect_swe._cli import main
from inspect_swe._cli_inventory import CHOICES, RECIPES, TOOLS
from inspect_swe.testing import script_names
from inspect_swe.testing._model import ScriptedModel
from inspect_swe.testing._scripts import load_script

from .pages import ROOT, options_of

PROVIDERS = {"anthropic", "openai", "google"}
# Commands of ours that are quick and need neither network nor engine, with an empty store.
RUN = {"agents", "list", "pins", "remove"}
# Programs that are not ours.
OTHERS = {"cd", "docker", "export", "mkdir", "pip", "printf", "source"}


class WrongCommand(Exception):
    """A command line of the documents that does not work."""


def command_lines(code: str) -> Iterator[list[str]]:
    """The simple commands of a script, without comments, variables set in front, redirections and pipes."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;"):
                yield from ([command] if (command := _plain(words)) else [])
                words = []
            else:
                words.append(word)


def _plain(words: Sequence[str]) -> list[str]:
    end = next((at for at, word in enumerate(words) if set(word) <= set("<>")), len(words))
    start = next((at for at, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), end)
    return list(words[start:end])


def check_command(words: Sequence[str], folder: Path) -> None:
    """Check one command, as given in a folder with the page's files.

    Raises:
        WrongCommand: It can't work.
    """
    program, arguments = words[0].rpartition("/")[2], list(words[1:])
    if program in OTHERS:
        return
    checks: Mapping[str, Callable[[list[str], Path], None]] = {
        "inspect-swe": _inspect_swe,
        "inspect": _inspect,
        "make": _make,
        "python": _python,
    }
    if program not in checks:
        raise WrongCommand(f"no check knows the program {program}")
    checks[program](arguments, folder)


def _parsed(group: click.Group, arguments: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The subcommand and its parameters; nothing is run."""
    path = list[str]()
    chosen: click.Command = group
    while isinstance(chosen, click.Group) and arguments and arguments[0] in chosen.commands:
        path.append(arguments[0])
        chosen = chosen.commands[arguments.pop(0)]
    if isinstance(chosen, click.Group) and arguments and not arguments[0].startswith("-"):
        raise WrongCommand(f"{' '.join(path)}: there is no command {arguments[0]}")
    try:
        return path, chosen.make_context(" ".join(path), arguments).params
    except click.exceptions.Exit as end:
        if end.exit_code == 0:  # --help, --version
            return path, {}
        raise WrongCommand(f"{path} {arguments}") from end
    except click.ClickException as error:
        raise WrongCommand(f"{' '.join(path)}: {error.format_message()}") from error


def _inspect_swe(arguments: list[str], folder: Path) -> None:
    path, parameters = _parsed(main, list(arguments))
    for name in (parameters.get("names") or ()) + (parameters.get("agents") or ()):
        if name.partition("@")[0] not in {*CHOICES, *RECIPES, *TOOLS} and not _names_a_function(name, folder):
            raise WrongCommand(f"there is no agent {name}")
    if path[:1] and path[0] in RUN and path != ["pins", "verify"] and path != ["pins", "update"]:
        done = CliRunner().invoke(main, arguments, env={"INSPECT_SWE_CACHE_DIR": str(folder / "store")})
        if done.exit_code != 0:
            raise WrongCommand(done.output)


def _names_a_function(name: str, folder: Path) -> bool:
    file, _, function = name.partition(":")
    if file == "path/to/file.py":
        return True
    return (folder / file).is_file() and function in functions(folder / file)


def functions(file: Path) -> dict[str, list[str]]:
    """The functions at the top of a Python file, with the names of their parameters."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.name: [each.arg for each in [*node.args.args, *node.args.kwonlyargs]] for node in found}


def _inspect(arguments: list[str], folder: Path) -> None:
    path, parameters = _parsed(inspect_command, arguments)
    if path != ["eval"]:
        return
    files = [_task_file(name, folder) for name in parameters["tasks"]]
    tasks = {name: known for file in files for name, known in _tasks(file).items()}
    if tasks:
        _check_names(parameters["t"], [one for known in tasks.values() for one in known], "-T")
    if parameters["solver"]:
        factory = getattr(inspect_swe, parameters["solver"].removeprefix("inspect_swe/"), None)
        if factory is None:
            raise WrongCommand(f"there is no solver {parameters['solver']}")
        _check_names(parameters["s"], options_of(factory) or {}, "-S")
    if parameters["model"]:
        _check_model(parameters["model"], parameters["m"], files, folder)


def _task_file(name: str, folder: Path) -> Path:
    """The file that a command names, with the task in it."""
    file, _, task = name.partition("@")
    found = next((base / file for base in (folder, ROOT) if (base / file).is_file()), None)
    if found is None:
        raise WrongCommand(f"there is no {file}, neither in the repository nor on this page")
    if task and task not in _tasks(found):
        raise WrongCommand(f"there is no task {task} in {file}")
    return found


def _tasks(file: Path) -> dict[str, list[str]]:
    text = file.read_text(encoding="utf-8")
    return {name: known for name, known in functions(file).items() if f"@task\ndef {name}(" in text}


def _check_names(given: Sequence[str], known: Iterator[str] | Sequence[str] | Mapping[str, Any], flag: str) -> None:
    wrong = {each.partition("=")[0] for each in given} - set(known)
    if wrong:
        raise WrongCommand(f"there is no {flag} {', '.join(sorted(wrong))}")


def _check_model(model: str, options: Sequence[str], files: Sequence[Path], folder: Path) -> None:
    provider, _, name = model.partition("/")
    if provider != "scripted":
        if provider not in PROVIDERS:
            raise WrongCommand(f"there is no provider {provider}")
        return
    _check_names(options, inspect.signature(ScriptedModel).parameters, "-M")
    given = dict(each.split("=", 1) for each in options)
    if "script" in given:
        load_script(folder / given["script"])
    elif name not in script_names() and not any(
        re.search(rf'register_script\(\s*"{name}"', file.read_text(encoding="utf-8")) for file in files
    ):
        raise WrongCommand(f"there is no script {name}")


def _make(arguments: list[str], folder: Path) -> None:
    makefile = ROOT / "Makefile"
    if arguments[:1] == ["-C"]:
        makefile, arguments = ROOT / arguments[1] / "Makefile", arguments[2:]
    targets = set(re.findall(r"^([a-z0-9]+):", makefile.read_text(encoding="utf-8"), re.MULTILINE))
    if wrong := {each for each in arguments if "=" not in each} - targets:
        raise WrongCommand(f"there is no make {', '.join(wrong)}")


def _python(arguments: list[str], folder: Path) -> None:
    module = arguments[1] if arguments[:1] == ["-m"] else ""
    if module == "pytest":
        for file, _, test in (each.partition("::") for each in arguments[2:] if each.endswith(".py") or "::" in each):
            if not (ROOT / file).is_file() or (
                test and f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8")
            ):
                raise WrongCommand(f"there is no {file}::{test}")
        return
    file = f"{module.replace('.', '/')}.py" if module else arguments[0]
    program = ROOT / (f"{module}/__main__.py" if module and (ROOT / module).is_dir() else file)
    if not program.is_file():
        raise WrongCommand(f"there is no python {' '.join(arguments)}")
    text = program.read_text(encoding="utf-8")
    if wrong := [each for each in arguments[1:] if each.startswith("--") and f'"{each}"' not in text]:
        raise WrongCommand(f"{program.name} has no {wrong}")
