"""The modes that CLIs report: lines that the real ones have printed, where settings allowed and forbade their mode."""

from __future__ import annotations

import json

import pytest

from inspect_swe._agents import ROSTER
from inspect_swe._agents.claude_code.agent import ClaudeCode
from inspect_swe._agents.codex_cli.agent import CodexCli
from inspect_swe._agents.copilot_cli.agent import CopilotCli
from inspect_swe._agents.gemini_cli.agent import GeminiCli
from inspect_swe._agents.qwen_code.agent import QwenCode
from inspect_swe._contract.adapter import Adapter
from inspect_swe._runtime.mode import ModeWatch

from .support import sites

SITE = sites("cli")()


def claude(mode: str) -> str:
    init = {"type": "system", "subtype": "init", "cwd": "/workspace", "tools": ["Bash"], "permissionMode": mode}
    return json.dumps({**init, "slash_commands": ["fewer-permission-prompts"]}, separators=(",", ":"))


def qwen(mode: str) -> str:
    init = {"type": "system", "subtype": "init", "uuid": "1", "tools": ["edit"], "permission_mode": mode, "agents": []}
    return json.dumps(init, separators=(",", ":"))


def codex(message: str) -> str:
    item = {"id": "item_0", "type": "error", "message": message}
    return json.dumps({"type": "item.completed", "item": item}, separators=(",", ":"))


def copilot(**result: object) -> str:
    data = {"toolCallId": "call_0_1", "turnId": "0", **result}
    return json.dumps({"type": "tool.execution_complete", "data": data}, separators=(",", ":"))


DISALLOWED = (
    "Configured value for `approval_policy` is disallowed by requirements; falling back to required value OnRequest. "
    "Details: invalid value for `approval_policy`: `Never` is not in the allowed set [OnRequest] (set by "
    "/etc/codex/requirements.toml)"
)
CANNOT = (
    'Error: `approval_policy = "never"` cannot be used because requirements do not allow `sandbox_mode = '
    '"danger-full-access"`; Codex would fall back to read-only permissions with approvals disabled.'
)
DENIED = "Permission denied because no interactive user response was available. Retry in an interactive session."


@pytest.mark.parametrize(
    ("adapter", "line", "refused"),
    [
        (ClaudeCode(), claude("bypassPermissions"), None),
        (ClaudeCode(), claude("default"), "it runs in the mode 'default'"),
        (ClaudeCode(permission_mode="plan"), claude("plan"), None),
        (ClaudeCode(permission_mode="acceptEdits"), claude("plan"), "it runs in the mode 'plan'"),
        (ClaudeCode(), '{"type":"user","message":"\\"permissionMode\\":\\"plan\\""}', None),
        (QwenCode(), qwen("yolo"), None),
        (QwenCode(), qwen("auto-edit"), "it runs in the mode 'auto-edit'"),
        (CodexCli(), codex(DISALLOWED), DISALLOWED),
        (CodexCli(), CANNOT, '`approval_policy = "never"` cannot be used because requirements do not allow'),
        (CodexCli(), codex("Configured value for `web_search_mode` is disallowed by requirements; x"), None),
        (CodexCli(), '{"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"Error: x"}}', None),
        (GeminiCli(), 'YOLO mode is disabled by the "disableYolo" setting.', "YOLO mode is disabled by"),
        (GeminiCli(), "YOLO mode is enabled. All tool calls will be automatically approved.", None),
        (CopilotCli(), copilot(success=False, error={"message": DENIED, "code": "denied"}), DENIED),
        (CopilotCli(), copilot(success=True, result={"content": f'{{"message":"{DENIED}"}}'}), None),
    ],
)
def test_a_report_is_compared_with_the_mode_asked_for(adapter: Adapter, line: str, refused: str | None) -> None:
    watch = ModeWatch(adapter.mode_policy(SITE))
    data = f"before\n{line}\nafter\n".encode()
    # In pieces, as a pipe has them.
    reports = [watch.add("stderr", data[at : at + 7]) for at in range(0, len(data), 7)]
    assert sum(reports) == (refused is not None)
    assert watch.refused is None if refused is None else (watch.refused or "").startswith(refused)


def test_files_are_absolute_and_below_known_folders() -> None:
    policies = {each.key: each().mode_policy(SITE) for each in ROSTER}
    known = {key for key, policy in policies.items() if policy is not None}
    assert known == {"claude_code", "codex_cli", "copilot_cli", "gemini_cli", "opencode", "qwen_code"}
    for policy in filter(None, policies.values()):
        assert all(path.startswith(("/etc/", "/workspace/", "/root/", "/scratch/home/")) for path in policy.files)
        assert any(path.startswith("/etc/") for path in policy.files)
