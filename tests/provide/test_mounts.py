"""Compose files and configurations with mounts, from a registry on this machine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import anyio
import anyio.to_thread
import click
import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner
from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

from inspect_swe import AgentOptionError, SandboxPlatform, claude_code, with_agents, with_agents_async
from inspect_swe._cli.images import compose, image
from inspect_swe._packages.recipes import NpmPackage
from inspect_swe._provide import AgentChoice, Sandbox
from inspect_swe._provide.selection import resolve_choices
from inspect_swe.cli import main

from ..install.fake_registry import FakeRegistry, Reply

PACKAGE = "@anthropic-ai/claude-code-linux-x64"
AGENTS: list[AgentChoice] = [("claude_code", "1.0.0")]
TARGET = "/opt/inspect-swe/claude_code/1.0.0-linux-x64"
FILE = """
services:
  default:
    build: {context: ./image, args: {A: "1"}}
    x-default: true
    volumes: ["./data:/data:ro"]
  other:
    image: some-image
    labels: {a: b}
  strong:
    image: some-image
    cap_add: [sys_admin]
x-inspect_docker_sandbox: {unsafe_allow_writable_host_mounts: false}
"""


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    registry = FakeRegistry()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry.url)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    registry.publish("1.0.0", PACKAGE, files={"package/claude": b"#!/bin/sh\n"})
    yield registry
    registry.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "task" / "compose.yaml"
    path.parent.mkdir()
    path.write_text(FILE)
    return path


def mounted(sandbox: Sandbox, **options: Any) -> SandboxEnvironmentSpec:
    return with_agents(sandbox, AGENTS, platforms=["linux-x64"], **options)


def included(spec: SandboxEnvironmentSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """The derived compose file, and what it adds to the user's."""
    document = yaml.safe_load(Path(str(spec.config)).read_text())
    return document, yaml.safe_load(Path(document["include"][0]["path"][1]).read_text())


def test_a_file_is_included_and_not_changed(file: Path, tmp_path: Path) -> None:
    spec = mounted(str(file))
    document, overlay = included(spec)
    assert spec.type == "docker" and file.read_text() == FILE
    assert document["include"][0]["path"][0] == str(file)
    assert document["include"][0]["project_directory"] == str(file.parent)
    assert document["x-inspect_docker_sandbox"] == {"unsafe_allow_writable_host_mounts": False}
    (mount,) = overlay["services"]["default"]["volumes"]
    assert mount == {
        "type": "bind",
        "source": str(tmp_path / "store/artifacts/claude_code/1.0.0-linux-x64"),
        "target": TARGET,
        "read_only": True,
        "bind": {"create_host_path": False},
    }
    assert (Path(mount["source"]) / "package/claude").read_bytes() == b"#!/bin/sh\n"
    assert mounted(str(file)) == spec, "the same again"


def test_inspect_reads_images_and_metadata_in_the_files_text(file: Path) -> None:
    file.write_text(FILE + "x-uses: ${SAMPLE_METADATA_WORD}\n")
    text = Path(str(mounted(str(file)).config)).read_text()
    assert "some-image" in text and "SAMPLE_METADATA_WORD" in text


def test_a_privileged_service_gets_no_mount(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _, overlay = included(mounted(str(file)))
    assert set(overlay["services"]) == {"default", "other"}
    assert "CLIs are copied into strong instead of mounted" in caplog.text
    file.write_text(FILE.replace("mounts: false", "mounts: true"))
    assert set(included(mounted(str(file)))[1]["services"]) == {"default", "other", "strong"}


def test_services_of_ones_choice(file: Path) -> None:
    assert set(included(mounted(str(file), services=["other"]))[1]["services"]) == {"other"}
    with pytest.raises(AgentOptionError, match="no service 'nobody'"):
        mounted(str(file), services=["nobody"])


def test_a_configuration_stays_one() -> None:
    config = ComposeConfig.model_validate({"services": {"default": {"image": "a", "volumes": ["v:/v"]}}})
    changed = mounted(SandboxEnvironmentSpec("docker", config)).config
    assert isinstance(changed, ComposeConfig)
    volumes = changed.model_dump(exclude_none=True)["services"]["default"]["volumes"]
    assert volumes[0] == "v:/v" and volumes[1]["target"] == TARGET
    assert config.services["default"].volumes == ["v:/v"], "what was given is not changed"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), {"image": "aisiuk/inspect-tool-support"}),
        (("Dockerfile",), {"build": {"dockerfile": "Dockerfile"}}),
        (("compose.yaml", "Dockerfile"), None),
    ],
)
def test_nothing_is_what_inspect_would_find(
    names: tuple[str, ...], expected: dict[str, Any] | None, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text(FILE if name == "compose.yaml" else "FROM a\n")
    for nothing in (None, "docker"):
        config = mounted(nothing).config
        if expected is None:
            assert isinstance(config, str) and config.endswith("-compose.yaml")
            continue
        assert isinstance(config, ComposeConfig)
        service = config.model_dump(exclude_none=True)["services"]["default"]
        assert service["network_mode"] == "none" and service["volumes"][0]["target"] == TARGET
        if "build" in expected:
            assert service["build"] == {"context": str(tmp_path), "dockerfile": "Dockerfile"}
        else:
            assert service["image"] == expected["image"]


@pytest.mark.parametrize(
    ("sandbox", "problem"),
    [
        ("local", "neither a compose file"),
        (("k8s", "values.yaml"), "type 'k8s'"),
        ("nowhere/compose.yaml", "does not exist"),
        ("empty-compose.yaml", "no `services`"),
        ("bad-compose.yaml", "could not be read"),
    ],
)
def test_what_nothing_can_be_mounted_into(sandbox: Sandbox, problem: str, tmp_path: Path, server: FakeRegistry) -> None:
    (tmp_path / "empty-compose.yaml").write_text("{}")
    (tmp_path / "bad-compose.yaml").write_text("{")
    with pytest.raises(AgentOptionError, match=problem):
        mounted(sandbox)
    assert server.count() == 0


def test_agents_are_names_pairs_or_agents() -> None:
    made = claude_code(name="Mine", version="2.1.330")
    agents = resolve_choices(["codex_cli", ("claude_code", "latest"), made, claude_code()])
    assert [(key, version) for key, _, version in agents] == [
        ("codex_cli", "stable"),
        ("claude_code", "latest"),
        ("claude_code", "2.1.330"),
        ("claude_code", "stable"),
    ]


def test_interactive_agents_run_the_same_cli_with_more_beside_it() -> None:
    class Interactive:
        async def __call__(self, state: AgentState) -> AgentState:
            return state

    @agent(name="inspect_swe/interactive_claude_code")
    def interactive(version: str = "auto") -> Agent:
        return Interactive()

    found = resolve_choices(
        ["interactive_codex_cli", ("interactive_opencode", "latest"), interactive(version="2.1.330")]
    )
    assert [(key, version) for key, _, version in found] == [
        ("codex_cli", "stable"),
        ("opencode", "latest"),
        ("claude_code", "2.1.330"),
    ]
    needs = [[tool.key for tool in recipe.needs] for _, recipe, _ in found if isinstance(recipe, NpmPackage)]
    assert needs == [["node", "codex_acp"], ["ripgrep"], ["node", "claude_agent_acp"]]


@pytest.mark.parametrize("agents", [["nobody"], [], "claude_code", [("claude_code", "newest")]])
def test_what_is_no_agent(agents: Any, file: Path, server: FakeRegistry) -> None:
    with pytest.raises(AgentOptionError):
        with_agents(str(file), agents, platforms=["linux-x64"])
    assert server.count() == 0


def test_tasks_are_made_where_an_event_loop_runs(file: Path) -> None:
    async def main() -> tuple[SandboxEnvironmentSpec, SandboxEnvironmentSpec]:
        return mounted(str(file)), await with_agents_async(str(file), AGENTS, platforms=["linux-x64"])

    first, second = anyio.run(main)
    assert first == second


def test_the_async_one_lets_other_tasks_run(file: Path, server: FakeRegistry) -> None:
    asked, answer = threading.Event(), threading.Event()
    answered: list[bool] = []
    path = f"/{PACKAGE}/-/claude-code-linux-x64-1.0.0.tgz"
    tarball = server.replies[path]
    assert isinstance(tarball, Reply)

    def wait(count: int) -> Reply:
        asked.set()
        answered.append(answer.wait(20))
        return tarball

    async def other() -> None:
        await anyio.to_thread.run_sync(asked.wait)
        answer.set()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other)
            await with_agents_async(str(file), AGENTS, platforms=["linux-x64"])

    server.replies[path] = wait
    anyio.run(main)
    assert answered == [True], "the other task ran while the package was awaited"


def test_compose_command(file: Path) -> None:
    arguments = ["compose", str(file), "--agent", "claude_code@1.0.0", "--platform", "linux-x64"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    document, before = yaml.safe_load(result.stdout), yaml.safe_load(FILE)
    assert document["services"]["default"]["volumes"][0] == "./data:/data:ro"
    assert document["services"]["default"]["volumes"].pop()["target"] == TARGET
    assert document["services"]["other"].pop("volumes")[0]["target"] == TARGET
    assert document == before


@pytest.mark.parametrize("command", ["compose", "image"])
def test_commands_name_what_is_wrong(command: str, file: Path) -> None:
    arguments = [command, str(file), "--agent", "nobody", *(["--tag", "a"] if command == "image" else [])]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: Unknown agent 'nobody'.") and "Traceback" not in result.stderr


def test_platforms_are_those_of_the_store() -> None:
    for command in (compose, image):
        (option,) = [option for option in command.params if option.name == "platforms"]
        assert isinstance(option.type, click.Choice)
        assert tuple(option.type.choices) == get_args(SandboxPlatform)


def test_paths_of_which_compose_would_read_a_part_as_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "a$b two words"
    odd.mkdir()
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(odd / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(odd / "cache"))
    (odd / "compose.yaml").write_text(FILE)
    document = yaml.safe_load(Path(str(mounted(str(odd / "compose.yaml")).config)).read_text())
    escaped = str(odd).replace("$", "$$")
    (one,) = document["include"]
    assert one["project_directory"] == escaped and one["path"][0] == f"{escaped}/compose.yaml"
    overlay = one["path"][1].replace("$$", "$")
    assert overlay.startswith(f"{odd}/cache")
    (mount,) = yaml.safe_load(Path(overlay).read_text())["services"]["default"]["volumes"]
    assert mount["source"].startswith(f"{escaped}/store")


@pytest.mark.parametrize("variable", ["INSPECT_SWE_CACHE_DIR", "XDG_CACHE_HOME"])
def test_a_path_that_no_compose_file_can_name(
    variable: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"{tmp_path}/\udcff")
    with pytest.raises(AgentOptionError, match=f"is not UTF-8.*\n.*{variable}"):
        mounted(str(file))


def test_the_users_cache_folder_cannot_be_written_to(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/1/not-there")
    assert str(mounted(str(file)).config).startswith(f"{tmp_path}/store/compose/")
