"""What holds for the adapters of all agents."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import inspect_swe
from inspect_swe._agents import ROSTER
from inspect_swe._contract.adapter import Adapter, Exit, Outcome, Turn
from inspect_swe._contract.options import AgentOptions
from inspect_swe._runtime.agent import _PARTS

from .support import sites

# Examples in docstrings have to name an agent.
_EXAMPLE = re.compile(r"```python.*?```", re.DOTALL)


@pytest.mark.parametrize("adapter", ROSTER)
@pytest.mark.parametrize(
    "end", [Exit(1, "", ""), Exit(-9, "", ""), Exit(137, "", "Killed"), Exit(1, "half a line {", "")]
)
def test_a_death_without_a_word_is_a_crash(adapter: type[Adapter], end: Exit) -> None:
    assert adapter().judge(end).outcome is Outcome.CRASHED
    assert adapter().session_id(end) is None


@pytest.mark.parametrize("adapter", ROSTER)
def test_no_text_of_users_is_an_argument(adapter: type[Adapter]) -> None:
    place = sites("/tools/cli", "/tools/script")(system="SYSTEM-TEXT")
    for resume in (False, True):
        invocation = adapter().turn(place, Turn("PROMPT-TEXT " * 10, resume))
        assert not any("PROMPT-TEXT" in word or "SYSTEM-TEXT" in word for word in invocation.argv)
        assert b"PROMPT-TEXT" in invocation.stdin


@pytest.mark.parametrize("adapter", ROSTER)
def test_files_are_private(adapter: type[Adapter]) -> None:
    place = sites("/tools/cli", "/tools/script")(system="SYSTEM-TEXT")
    for file in adapter().launch(place).files:
        assert file.path.startswith(f"{place.config}/") and file.mode & 0o077 == 0, file.path


@pytest.mark.parametrize("adapter", ROSTER)
def test_its_factory_is_public_and_described(adapter: type[Adapter]) -> None:
    factory = getattr(inspect_swe, adapter.key)
    assert inspect.getdoc(factory) and factory.__name__ == adapter.key


@pytest.mark.parametrize("part", ["_runtime", "_bridge", "_sandbox"])
def test_no_agent_is_named_outside_its_file(part: str) -> None:
    commands = {adapter.command for adapter in ROSTER if adapter.command not in ("claude", "gemini", "mini")}
    names = {adapter.key for adapter in ROSTER} | {adapter.label for adapter in ROSTER} | commands
    words = "|".join(re.escape(name) for name in [*names, "claude-cli", "GeminiCLI"])
    pattern = re.compile(f"(?<![a-z])({words})(?![a-z])", re.IGNORECASE)
    files = sorted((Path(inspect_swe.__file__).parent / part).rglob("*.py"))
    assert files
    texts = {file.name: _EXAMPLE.sub("", file.read_text(encoding="utf-8")) for file in files}
    assert [f"{name}: {match[0]}" for name, text in texts.items() if (match := pattern.search(text))] == []


@pytest.mark.parametrize("adapter", ROSTER)
def test_a_fork_is_asked_for_where_the_cli_can(adapter: type[Adapter]) -> None:
    place = sites("/tools/cli", "/tools/script")()
    plain = adapter().turn(place, Turn("Go on.", True)).argv
    forked = adapter().turn(place, Turn("Go on.", True, fork=True)).argv
    assert any("fork" in word for word in forked) == (
        adapter.key not in ("antigravity", "copilot_cli", "gemini_cli", "kimi_code", "mini_swe_agent")
    )
    assert not any("fork" in word for word in plain)


@pytest.mark.parametrize("adapter", ROSTER)
def test_what_it_writes_lies_beside_its_sessions(adapter: type[Adapter]) -> None:
    """What an archive of sessions may bring is never a file of ours, such as the settings."""
    place = sites("/tools/cli", "/tools/script")(system="SYSTEM-TEXT")
    assert adapter.sessions
    for file in adapter().launch(place).files:
        name = file.path.removeprefix(f"{place.config}/")
        assert not any(name == each or name.startswith(f"{each}/") for each in adapter.sessions), name


@pytest.mark.parametrize("adapter", [each for each in ROSTER if each.withholds])
def test_commands_get_what_the_cli_does_not(adapter: type[Adapter]) -> None:
    site = sites("/tools/cli", "/tools/script")
    assert not any(b"MARK" in file.content for file in adapter().launch(site()).files)
    launch = adapter().launch(site(withheld_env={"LD_PRELOAD": "MARK it's"}))
    assert any(b"MARK" in file.content for file in launch.files)


@pytest.mark.parametrize("adapter", ROSTER)
def test_a_substitute_for_bash_comes_first_on_the_path_where_the_cli_needs_one(adapter: type[Adapter]) -> None:
    place = sites("/tools/cli", "/tools/script")(shells=frozenset())
    argv, launch = adapter().turn(place, Turn("x", False)).argv, adapter().launch(place)
    scripts = {file.path: file.mode for file in launch.files if file.path.startswith("/scratch/home/shell/")}
    if adapter.key in ("copilot_cli", "gemini_cli", "kimi_code", "qwen_code"):
        end = argv.index("/scratch/home/shell") + 1
        assert argv[end - 5 : end - 1] == ("sh", "-c", 'PATH="$1:$PATH" && export PATH && shift && exec "$@"', "sh")
        assert scripts == dict.fromkeys(("/scratch/home/shell/bash", "/scratch/home/shell/shopt"), 0o755)
    else:
        assert "/scratch/home/shell" not in argv
        assert scripts == ({"/scratch/home/shell/bash": 0o755} if adapter.key == "claude_code" else {})


@pytest.mark.parametrize("adapter", ROSTER)
def test_options_of_every_agent_are_handed_on_by_name(adapter: type[Adapter]) -> None:
    texts = dict.fromkeys(("name", "description", "system_prompt", "model", "cwd", "user", "sandbox"), "text")
    given = {**texts, "retry_refusals": 7, "env": {"A": "b"}, "version": "latest", "debug": True, "keep_session": True}
    made, options = getattr(getattr(inspect_swe, adapter.key)(**given), _PARTS)
    assert type(made) is adapter and isinstance(options, AgentOptions)
    assert {name: getattr(options, name) for name in given} == given


def test_claude_codes_own_name_of_an_option() -> None:
    assert getattr(inspect_swe.claude_code(retry_uncaught_errors=7), _PARTS)[1].retry_crashes == 7
