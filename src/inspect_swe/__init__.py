"""Real coding-agent CLIs as Inspect AI agents."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._agents import CodexAutoReview, claude_code, codex_cli, gemini_cli, mini_swe_agent, opencode, qwen_code
    from ._binaries import (
        AgentBinaries,
        AgentBinary,
        cached_agent_binaries,
        download_agent_binary,
        download_wheels_tarball,
        resolve_agent_version,
    )
    from ._errors import (
        ACPError,
        AgentCrashError,
        AgentError,
        AgentExitedError,
        AgentInstallError,
        AgentOptionError,
        AgentStartError,
        DigestMismatchError,
        ProviderError,
        ProviderQuotaError,
        ProviderRateLimitError,
        RegistryError,
        SandboxDiedError,
        SandboxUnsupportedError,
        SessionStartError,
        ToolsMissingError,
        TurnActiveError,
        TurnFailedError,
        UnknownVersionError,
    )
    from ._install import SandboxPlatform
    from ._provide import with_agents, with_agents_async
    from ._runtime.limits import idle_limit, repeat_limit
    from ._runtime.options import CentaurOptions
    from .acp import (
        ACPAgent,
        ACPAgentParams,
        acp_connection,
        bridge_mcp_to_acp,
        interactive_claude_code,
        interactive_codex_cli,
        interactive_gemini_cli,
        interactive_opencode,
    )

# Name to the module that has it: importing this package loads none of them.
_HOMES = {
    "ACPAgent": "acp",
    "ACPAgentParams": "acp",
    "ACPError": "_errors",
    "AgentBinaries": "_binaries",
    "AgentBinary": "_binaries",
    "AgentCrashError": "_errors",
    "AgentError": "_errors",
    "AgentExitedError": "_errors",
    "AgentInstallError": "_errors",
    "AgentOptionError": "_errors",
    "AgentStartError": "_errors",
    "CentaurOptions": "_runtime.options",
    "CodexAutoReview": "_agents",
    "DigestMismatchError": "_errors",
    "ProviderError": "_errors",
    "ProviderQuotaError": "_errors",
    "ProviderRateLimitError": "_errors",
    "RegistryError": "_errors",
    "SandboxDiedError": "_errors",
    "SandboxPlatform": "_install",
    "SandboxUnsupportedError": "_errors",
    "SessionStartError": "_errors",
    "ToolsMissingError": "_errors",
    "TurnActiveError": "_errors",
    "TurnFailedError": "_errors",
    "UnknownVersionError": "_errors",
    "acp_connection": "acp",
    "bridge_mcp_to_acp": "acp",
    "cached_agent_binaries": "_binaries",
    "claude_code": "_agents",
    "codex_cli": "_agents",
    "download_agent_binary": "_binaries",
    "download_wheels_tarball": "_binaries",
    "gemini_cli": "_agents",
    "idle_limit": "_runtime.limits",
    "interactive_claude_code": "acp",
    "interactive_codex_cli": "acp",
    "interactive_gemini_cli": "acp",
    "interactive_opencode": "acp",
    "mini_swe_agent": "_agents",
    "opencode": "_agents",
    "qwen_code": "_agents",
    "repeat_limit": "_runtime.limits",
    "resolve_agent_version": "_binaries",
    "with_agents": "_provide",
    "with_agents_async": "_provide",
}

__all__ = [
    "ACPAgent",
    "ACPAgentParams",
    "ACPError",
    "AgentBinaries",
    "AgentBinary",
    "AgentCrashError",
    "AgentError",
    "AgentExitedError",
    "AgentInstallError",
    "AgentOptionError",
    "AgentStartError",
    "CentaurOptions",
    "CodexAutoReview",
    "DigestMismatchError",
    "ProviderError",
    "ProviderQuotaError",
    "ProviderRateLimitError",
    "RegistryError",
    "SandboxDiedError",
    "SandboxPlatform",
    "SandboxUnsupportedError",
    "SessionStartError",
    "ToolsMissingError",
    "TurnActiveError",
    "TurnFailedError",
    "UnknownVersionError",
    "acp_connection",
    "bridge_mcp_to_acp",
    "cached_agent_binaries",
    "claude_code",
    "codex_cli",
    "download_agent_binary",
    "download_wheels_tarball",
    "gemini_cli",
    "idle_limit",
    "interactive_claude_code",
    "interactive_codex_cli",
    "interactive_gemini_cli",
    "interactive_opencode",
    "mini_swe_agent",
    "opencode",
    "qwen_code",
    "repeat_limit",
    "resolve_agent_version",
    "with_agents",
    "with_agents_async",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
