"""Permission modes that CLIs start in, and the administrator, user and project settings that forbid them."""

from __future__ import annotations

from typing import Any

from .._contract.adapter import LaunchContext, ModePolicy

_NO_BYPASS = "disableBypassPermissionsMode|disableAutoMode|disableYolo|defaultMode"


def claude_mode(adapter: Any, context: LaunchContext) -> ModePolicy:
    """Return the permission mode of Claude Code, whose first event names the one in effect.

    `disableBypassPermissionsMode` applies from any settings file, even against the command line.
    """
    own = [f"{context.cwd}/.claude/settings{local}.json" for local in ("", ".local")]
    managed = [f"/etc/claude-code/managed-settings.{kind}" for kind in ("json", "d")]
    return ModePolicy(
        adapter.permission_mode or "bypassPermissions",
        (*managed, *own, f"{context.home}/.claude/settings.json"),
        _NO_BYPASS,
        report=r'^\{"type":"system","subtype":"init",.*"permissionMode":"(?P<mode>\w+)"',
        acp_error=r"Mode \w+ is not available in this session",
        hint="Or choose a permission_mode that they allow.",
    )


def codex_mode(adapter: Any, context: LaunchContext) -> ModePolicy:
    """Return the sandbox mode of Codex CLI, which reports a fallback before its first turn or on stderr."""
    return ModePolicy(
        adapter.sandbox_mode,
        ("/etc/codex/requirements.toml", "/etc/codex/managed_config.toml"),
        "allowed_|approval_policy|sandbox_mode|permission",
        report=r'^(?:\{"type":"item\.completed","item":\{"id":"\w+","type":"error","message":"|Error: )'
        r"(?P<said>(?:Configured value for `(?:approval|sandbox|permission)\w*` is disallowed by requirements"
        r'|`approval_policy = .* cannot be used because requirements do not allow)[^\\"]*)',
        acp_error=r"invalid value for `(?:approval|sandbox|permission)\w*`: .* is not in the allowed set.*"
        r"|`approval_policy = .* cannot be used because requirements do not allow.*",
        hint="Or choose a sandbox_mode and an approval_policy that they allow.",
    )


def gemini_mode(adapter: Any, context: LaunchContext) -> ModePolicy:
    """Return the approval mode of Gemini CLI, which refuses to start if the mode is disabled."""
    return ModePolicy(
        "yolo",
        ("/etc/gemini-cli", f"{context.cwd}/.gemini/settings.json", f"{context.home}/.gemini/settings.json"),
        "disableYoloMode|secureModeEnabled",
        report=r"^(?P<said>YOLO mode is disabled by .*)",
        acp_error="YOLO mode is disabled by .*",
    )


def qwen_mode(adapter: Any, context: LaunchContext) -> ModePolicy:
    """Return the approval mode of Qwen Code, whose first event names the one in effect.

    No setting disables the mode itself, but it has no effect in an untrusted folder.
    """
    return ModePolicy(
        "yolo",
        ("/etc/qwen-code", f"{context.cwd}/.qwen/settings.json", f"{context.home}/.qwen/settings.json"),
        "folderTrust|approvalMode",
        report=r'^\{"type":"system","subtype":"init",.*"permission_mode":"(?P<mode>[\w-]+)"',
    )


def copilot_mode(adapter: Any, context: LaunchContext) -> ModePolicy:
    """Return the mode of Copilot CLI, which does not report it: in this mode no tool call needs permission."""
    return ModePolicy(
        "allow all",
        ("/etc/github-copilot", f"{context.home}/.copilot/settings.json", f"{context.config}/settings.json"),
        _NO_BYPASS,
        report=r'^\{"type":"tool\.execution_complete",.*"message":"(?P<said>Permission denied because no [^"]*)',
    )


def opencode_mode(adapter: Any, context: LaunchContext) -> ModePolicy:
    """Return the mode of OpenCode, which reports nothing: it ends silently if all of its tools are denied."""
    own = [
        f"{folder}/opencode.{kind}"
        for folder in (context.cwd, f"{context.cwd}/.opencode")
        for kind in ("json", "jsonc")
    ]
    return ModePolicy("auto", ("/etc/opencode", *own, f"{context.home}/.config/opencode"), "permission|tools")
