"""CLIs that come with the sandbox, mounted or in its image, with real containers without a network."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest
from inspect_ai.agent import Agent, AgentState, agent, run
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

import inspect_swe
from inspect_swe import claude_code, mini_swe_agent, with_agents
from inspect_swe._packages.pins import Pins
from inspect_swe._packages.platforms import SandboxPlatform, sandbox_platform
from inspect_swe._provide import build_image
from inspect_swe._sandbox.image import image_facts
from inspect_swe._sandbox.transports.docker import engine
from inspect_swe._sandbox.workspace import Workspace
from inspect_swe._store.store import ArtifactStore
from inspect_swe.testing import ScriptStep, finish, shell

from . import harness
from .harness import compose_file

# What is copied, and when, is the point here.
run_agent = functools.partial(harness.run_agent, mount=False)

BAKED = "inspect-swe-test:baked"
COPIED = "find / -xdev -path '*/.agent-*/tools/*' 2>/dev/null | wc -l"
WORK: list[ScriptStep] = [shell("printf hi > out.txt"), finish("Done.")]


@pytest.fixture(autouse=True)
def own_folder_for_compose_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual store, but no file of a test in the user's cache."""
    monkeypatch.setenv("INSPECT_SWE_CACHE_DIR", str(ArtifactStore().root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def transfers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are copied into a sandbox."""
    folders: list[str] = []
    copy = Workspace.copy

    async def noted(self: Workspace, source: Path, folder: str) -> None:
        folders.append(folder.rpartition("/")[2])
        await copy(self, source, folder)

    monkeypatch.setattr(Workspace, "copy", noted)
    return folders


@pytest.fixture(scope="module")
def baked() -> Iterator[str]:
    anyio.run(build_image, "inspect-swe-test:bookworm", ["claude_code", "mini_swe_agent"], BAKED)
    yield BAKED
    subprocess.run(["docker", "image", "rm", "--force", BAKED], check=True, capture_output=True)


def mounted(
    folder: Path, *agents: str | Agent | tuple[str, str], provider: str = "lean_test", **service: Any
) -> SandboxEnvironmentSpec:
    """A container with agents mounted; the default provider starts it faster than Inspect's own."""
    given = ComposeConfig.model_validate_json(Path(compose_file(folder, **service)).read_text())
    made = with_agents(given, agents).config
    assert isinstance(made, ComposeConfig)
    return SandboxEnvironmentSpec(provider, made)


@pytest.mark.parametrize(
    ("key", "provider"), [("claude_code", "docker"), ("gemini_cli", "lean_test"), ("mini_swe_agent", "lean_test")]
)
def test_mounted(tmp_path: Path, key: str, provider: str, transfers: list[str]) -> None:
    run = run_agent(
        tmp_path,
        getattr(inspect_swe, key)(),
        WORK,
        show=f"cat out.txt; {COPIED}; touch /opt/inspect-swe/*/*/copy.json",
        sandbox=mounted(tmp_path, key, provider=provider),
    )
    assert run.seen.startswith("hi0\n") and "Read-only file system" in run.seen
    assert (run.info["source"], run.info["version"]) == ("mount", Pins.load().pin(key).version)
    assert run.info["digest"].startswith("sha") and transfers == []


def test_mounted_for_a_user_without_privileges_on_musl(tmp_path: Path, transfers: list[str]) -> None:
    service: dict[str, Any] = {"user": "4242:4242", "working_dir": "/tmp", "read_only": True, "tmpfs": ["/tmp:exec"]}
    sandbox = mounted(tmp_path, claude_code(), image="musl", **service)
    run = run_agent(tmp_path, claude_code(), WORK, show="cat out.txt", sandbox=sandbox)
    assert run.seen == "hi"
    assert run.info["source"] == "mount" and transfers == []


@pytest.mark.parametrize("key", ["claude_code", "mini_swe_agent"])
def test_in_the_image(tmp_path: Path, baked: str, key: str, transfers: list[str]) -> None:
    run = run_agent(
        tmp_path,
        getattr(inspect_swe, key)(),
        WORK,
        show=f"cat out.txt; {COPIED}",
        image=baked.partition(":")[2],
    )
    assert run.seen == "hi0\n"
    assert (run.info["source"], run.info["version"]) == ("image", Pins.load().pin(key).version)
    assert run.info["digest"].startswith("sha") and transfers == []


def test_another_version_is_not_used(tmp_path: Path, transfers: list[str]) -> None:
    mounts = mounted(tmp_path, ("mini_swe_agent", "2.4.6"))
    run = run_agent(tmp_path, mini_swe_agent(), WORK, show="ls /opt/inspect-swe/mini_swe_agent", sandbox=mounts)
    assert run.seen == "2.4.6-py3.11-linux-x64\n"
    pinned = Pins.load().pin("mini_swe_agent").version
    assert (run.info["source"], run.info["version"]) == ("cache", pinned)
    assert transfers == [f"mini_swe_agent-{pinned}-py3.11-linux-x64"]


@pytest.mark.parametrize("lie", [{"digest": "sha256-AAAA"}, {"size": 1}, {"python": "3.12"}])
def test_a_copy_that_is_not_what_it_should_be_is_not_used(
    tmp_path: Path, transfers: list[str], lie: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with_agents(compose_file(tmp_path), ["mini_swe_agent"])
    folder = f"mini_swe_agent/{Pins.load().pin('mini_swe_agent').version}-py3.11-linux-x64"
    lying = tmp_path / "copy"
    shutil.copytree(ArtifactStore().root / "artifacts" / folder, lying, symlinks=True)
    marker = json.loads((lying / "copy.json").read_text())
    (lying / "copy.json").write_text(json.dumps(marker | lie))
    volumes = [f"{lying}:/opt/inspect-swe/{folder}:ro"]
    run = run_agent(tmp_path, mini_swe_agent(), WORK, show="cat out.txt", volumes=volumes)
    assert run.seen == "hi"
    assert run.info["source"] == "cache" and len(transfers) == 1
    assert re.search(f"/opt/inspect-swe/{folder} (is not the requested|does not match its marker)", caplog.text)


@agent
def twice(at_once: bool) -> Agent:
    """Two agents of one kind in one sandbox."""

    async def execute(state: AgentState) -> AgentState:
        async def one(name: str) -> None:
            await run(claude_code(name=name), f"I am {name}.")

        if at_once:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one, "A")
                tasks.start_soon(one, "B")
        else:
            await one("A")
            await one("B")
        return state

    return execute


@pytest.mark.parametrize("at_once", [False, True])
def test_two_agents_in_one_sandbox_share_one_copy(tmp_path: Path, transfers: list[str], at_once: bool) -> None:
    done = run_agent(
        tmp_path,
        twice(at_once),
        [finish("Done.")] * 2,
        show="du -s /var/tmp/.agent-0/tools/* | wc -l; find /var/tmp/.agent-0/tools -type f -size +1M | wc -l",
    )
    assert done.seen == "1\n1\n"
    assert transfers == [f"claude_code-{Pins.load().pin('claude_code').version}-linux-x64"]
    told = [event.data for event in done.sample.events if event.event == "info" and event.source == "inspect_swe"]
    assert [data["agent"] for data in told if isinstance(data, dict)] == ["claude_code"] * 2


def test_a_compose_file_keeps_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "own.env").write_text("FROM_FILE=one\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "note").write_text("two")
    file = compose_file(
        tmp_path,
        env_file=["own.env"],
        environment={"FROM_SAMPLE": "${SAMPLE_METADATA_WORD:-}"},
        volumes=["./data:/data:ro"],
        labels={"three": "3"},
    )
    show = 'echo "$FROM_FILE $(cat /data/note) $FROM_SAMPLE"'
    run = run_agent(
        tmp_path,
        mini_swe_agent(),
        WORK,
        show=show,
        sandbox=with_agents(file, ["mini_swe_agent"]),
        metadata={"word": "four"},
    )
    assert run.seen == "one two four\n"
    assert run.info["source"] == "mount"


@pytest.mark.parametrize(("image", "musl", "python"), [("bookworm", False, "3.11"), ("musl", True, None)])
def test_an_image_is_looked_into(image: str, musl: bool, python: str | None) -> None:
    client = engine()
    assert client is not None
    facts = image_facts(client, f"inspect-swe-test:{image}")
    assert facts is not None
    assert sandbox_platform(facts.machine, musl=False) in get_args(SandboxPlatform)
    assert (facts.musl, facts.python) == (musl, python)


def test_an_image_that_is_not_there() -> None:
    client = engine()
    assert client is not None and image_facts(client, "inspect-swe-test:never") is None
