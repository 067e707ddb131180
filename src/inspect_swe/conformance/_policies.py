"""Behaviours: settings that forbid the mode of an agent."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from .._errors import AgentPolicyError
from ..testing import ScriptedRequest, Step, finish, say, shell
from ._behaviour import behaviour, check
from ._trial import Trial

_NO_BYPASS = {"permissions": {"disableBypassPermissionsMode": "disable", "defaultMode": "plan"}}
_NO_YOLO = {"security": {"disableYoloMode": True, "folderTrust": {"enabled": True}}, "tools": {"approvalMode": "plan"}}
_READ_ONLY = 'allowed_approval_policies = ["on-request"]\nallowed_sandbox_modes = ["read-only"]\n'
_NO_TOOLS = {"permission": "deny", "default_agent": "plan"}

_PROJECT = {
    ".claude/settings.json": _NO_BYPASS,
    ".codex/config.toml": 'sandbox_mode = "read-only"\napproval_policy = "on-request"\n',
    ".copilot/settings.json": _NO_BYPASS,
    ".gemini/settings.json": _NO_YOLO,
    ".github/copilot/settings.json": _NO_BYPASS,
    ".kimi-code/config.toml": 'default_permission_mode = "manual"\ndefault_plan_mode = true\n',
    ".opencode/opencode.json": _NO_TOOLS,
    ".pi/settings.json": {"defaultProjectTrust": "never"},
    ".qwen/settings.json": _NO_YOLO,
}
"""Settings below the working directory, for all agents: each CLI reads its own."""

_ADMINISTRATOR = {
    "/etc/claude-code/managed-settings.json": _NO_BYPASS,
    "/etc/codex/requirements.toml": _READ_ONLY,
    "/etc/gemini-cli/settings.json": _NO_YOLO,
    "/etc/github-copilot/managed-settings.json": _NO_BYPASS,
    "/etc/opencode/opencode.json": _NO_TOOLS,
    "/etc/qwen-code/settings.json": _NO_YOLO,
}
"""Settings of an administrator, for all agents."""


def _work_once(request: ScriptedRequest) -> Step:
    """Work, then finish, since a stopped CLI has sent an unknown number of requests."""
    if not request.tools:
        return say("I can do nothing.")
    worked = any(message.role == "tool" for message in request.messages)
    step = finish("Done.") if worked else shell("echo worked > out")
    return step(request) if callable(step) else step


@behaviour(
    [_work_once] * 20,
    also={
        "project_policy": "If a project's settings forbid the agent's mode, it still works, or its "
        "error names the file."
    },
)
async def administrator_policy(trial: Trial) -> None:
    """If an administrator's settings forbid the agent's mode, it still works, or its error names the file."""
    with trial.judging("project_policy"):
        await _work_under(trial, {f"/workspace/{path}": content for path, content in _PROJECT.items()})
    await trial.sh("rm -rf /workspace/.[a-z]*")
    await _work_under(trial, _ADMINISTRATOR)


async def _work_under(trial: Trial, settings: Mapping[str, object]) -> None:
    for path, content in settings.items():
        text = content if isinstance(content, str) else json.dumps(content)
        await trial.sh(f"mkdir -p $(dirname {path}) && printf %s {shlex.quote(text)} > {path}")
    await trial.sh("rm -f out")
    trial.state.messages = []
    await trial.attempt("Do it.")
    if isinstance(trial.error, AgentPolicyError):
        mentioned = [path for path in settings if path in trial.error.summary]
        check(mentioned, f"the error does not name the file: {trial.error.summary}")
        return
    check(trial.error is None, f"the run ended with {type(trial.error).__name__}: {trial.error}")
    check(await trial.sh("cat out") == "worked\n", "the agent neither did its work nor raised an error")
