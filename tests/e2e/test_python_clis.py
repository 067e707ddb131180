"""The CLIs that are Python packages, in images that bring their own copy or no Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai.agent import Agent

from inspect_swe import antigravity, mini_swe_agent
from inspect_swe._agents.antigravity.agent import Antigravity
from inspect_swe._agents.mini_swe_agent.agent import MiniSweAgent
from inspect_swe._contract.adapter import Adapter
from inspect_swe._packages.pypi.tags import Target
from inspect_swe._store.versions import fetch_cli
from inspect_swe.testing import finish, say, shell

from .harness import run_agent

each_agent = pytest.mark.parametrize(
    ("agent", "adapter"), [(antigravity, Antigravity()), (mini_swe_agent, MiniSweAgent())]
)


@each_agent
def test_the_sandboxs_own_cli(tmp_path: Path, agent: Callable[..., Agent], adapter: Adapter) -> None:
    assert adapter.recipe is not None
    target = Target("linux-x64", "3.11")
    stored = asyncio.run(fetch_cli(adapter.key, adapter.recipe, "stable", "linux-x64", target=target))
    command = f"/usr/local/bin/{adapter.command}"
    run = run_agent(
        tmp_path,
        agent(version="sandbox"),
        [shell("echo hi"), finish("Done.")],
        setup="#!/bin/sh\nset -e\necho /opt/cli > /usr/lib/python3/dist-packages/cli.pth\n"
        f"printf '#!/usr/bin/python3\\n' > {command}\nchmod 755 {command}\n",
        volumes=[f"{stored.path}:/opt/cli:ro"],
    )
    assert run.error is None
    assert run.info["source"] == "sandbox"


@each_agent
def test_an_image_without_python(tmp_path: Path, agent: Callable[..., Agent], adapter: Adapter) -> None:
    run = run_agent(tmp_path, agent(), [say("never")], image="musl")
    message = f"{adapter.label} needs a Python from 3.10 to 3.14 in the sandbox. It has: none."
    assert run.error and message in run.error
    assert run.requests == []
