"""A client that gives up waiting and asks again is attached to the same model call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
from inspect_ai.event import ModelEvent
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo

from inspect_swe import claude_code, codex_cli
from inspect_swe._bridge.app import BridgeApp
from inspect_swe.testing import finish, shell

from .harness import compose_file, mounts, run_agents


async def slow(
    model: Model, messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice | None, config: GenerateConfig
) -> ModelOutput | None:
    await anyio.sleep(6)
    return None


def test_impatient_clients(tmp_path: Path, monkeypatch: Any) -> None:
    """Their watchdogs are off by default; here they are set to less than a model call takes."""
    heard: list[str] = []
    reply = BridgeApp._reply

    async def noted(self: BridgeApp, request: Any, *details: Any) -> Any:
        heard.append(request.url.path)
        return await reply(self, request, *details)

    monkeypatch.setattr(BridgeApp, "_reply", noted)
    impatient = {
        "claude_code": claude_code(filter=slow, env={"API_TIMEOUT_MS": "3000"}),
        "codex_cli": codex_cli(
            filter=slow, config_overrides={"model_providers.agent_bridge.stream_idle_timeout_ms": "700"}
        ),
    }
    volumes = {str(mount): mount for key in impatient for mount in mounts(key, "stable")}
    sandbox = ("lean_test", compose_file(tmp_path, volumes=list(volumes.values())))
    runs = run_agents(tmp_path, impatient, [shell("echo once >> out.txt"), finish("Done.")], sandbox, "cat out.txt")
    for key, run in runs.items():
        assert run.seen == "once\n", key
        assert sum(isinstance(event, ModelEvent) for event in run.sample.events) == 2, key
    for path in ("/v1/messages", "/v1/responses"):
        assert heard.count(path) > 2, f"{path}: nobody has asked again"
