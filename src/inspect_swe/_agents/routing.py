"""Routing rules: the variables and files that could divert the CLIs' model requests.

The quirks pages list, for each CLI, all variables, files and flags that choose a provider, an endpoint, a credential or
a proxy, and our countermeasures. This module holds the part that the runtime needs.
"""

from __future__ import annotations

from collections.abc import Mapping

DIVERTED_BY: Mapping[str, tuple[str, ...]] = {
    "claude_code": (
        "ANTHROPIC_*API_KEY",
        "ANTHROPIC_*AUTH_TOKEN",
        "ANTHROPIC_*BASE_URL",
        "ANTHROPIC_CONFIG_DIR",
        "ANTHROPIC_FEDERATION_RULE_ID",
        "ANTHROPIC_IDENTITY_TOKEN*",
        "ANTHROPIC_PROFILE",
        "ANTHROPIC_UNIX_SOCKET",
        "CCR_*",
        "CLAUDE_BRIDGE_*",
        "CLAUDE_CODE_*BASE_URL",
        "CLAUDE_CODE_*FILE_DESCRIPTOR",
        "CLAUDE_CODE_*OAUTH_*",
        "CLAUDE_CODE_*PROXY",
        "CLAUDE_CODE_*_SOCKET",
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_CODE_GATEWAY_*",
        "CLAUDE_CODE_HOST_*",
        "CLAUDE_CODE_MANAGED_SETTINGS_PATH",
        "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
        "CLAUDE_CODE_REMOTE*",
        "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
        "CLAUDE_CODE_USE_*",
        "CLAUDE_SESSION_INGRESS_TOKEN_FILE",
        "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL",
    ),
    "codex_cli": ("CODEX_ACCESS_TOKEN", "CODEX_API_KEY", "CODEX_EXEC_SERVER_URL", "OPENAI_BASE_URL"),
    "copilot_cli": (
        "COPILOT_*TOKEN",
        "COPILOT_AGENT_MODEL",
        "COPILOT_API_URL",
        "COPILOT_ENABLE_ALT_PROVIDERS",
        "COPILOT_GH_HOST",
        "COPILOT_HMAC_KEY",
        "COPILOT_OFFLINE",
        "COPILOT_PROVIDERS_CONFIG",
        "COPILOT_PROVIDER_API_KEY*",
        "COPILOT_PROVIDER_AZURE_*",
        "COPILOT_PROVIDER_BASE_URL",
        "COPILOT_PROVIDER_GHES_*",
        "COPILOT_PROVIDER_HEADERS",
        "COPILOT_PROVIDER_MODEL_ID",
        "COPILOT_PROVIDER_TRANSPORT",
        "COPILOT_PROVIDER_TYPE",
        "COPILOT_PROVIDER_WIRE_*",
        "GITHUB_COPILOT_*TOKEN",
    ),
    "gemini_cli": (
        "CODE_ASSIST_ENDPOINT",
        "GEMINI_API_KEY",
        "GEMINI_CLI_CUSTOM_HEADERS",
        "GEMINI_CLI_HOME",
        "GEMINI_CLI_SYSTEM_*_PATH",
        "GEMINI_CLI_USE_COMPUTE_ADC",
        "GEMINI_DEFAULT_AUTH_TYPE",
        "GOOGLE_CLOUD_ACCESS_TOKEN",
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_GENAI_USE_*",
        "GOOGLE_VERTEX_BASE_URL",
    ),
    "qwen_code": (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "QWEN_API_KEY",
        "QWEN_BASE_URL",
        "QWEN_CODE_SYSTEM_*_PATH",
        "QWEN_DEFAULT_AUTH_TYPE",
        "QWEN_HOME",
    ),
    "mini_swe_agent": (
        "MSWEA_CONFIG_DIR",
        "MSWEA_GLOBAL_CONFIG_DIR",
        "MSWEA_MINI_CONFIG_PATH",
        "MSWEA_MODEL_API_KEY",
        "MSWEA_MODEL_NAME",
    ),
    "antigravity": ("ANTIGRAVITY_HARNESS_PATH",),
    "kimi_code": (
        "KIMI_CODE_BASE_URL",
        "KIMI_CODE_HOME",
        "KIMI_MODEL_API_KEY",
        "KIMI_MODEL_BASE_URL",
        "KIMI_MODEL_PROVIDER_TYPE",
    ),
    "opencode": (
        "OPENCODE_AUTH_CONTENT",
        "OPENCODE_CONFIG",
        "OPENCODE_CONFIG_CONTENT",
        "OPENCODE_CONFIG_DIR",
        "OPENCODE_CONSOLE_TOKEN",
        "OPENCODE_EXPERIMENTAL",
        "OPENCODE_EXPERIMENTAL_NATIVE_LLM",
        "OPENCODE_MODELS_*",
        "OPENCODE_TEST_*",
    ),
    "pi": ("PI_CODING_AGENT_DIR",),
}
"""The variables of each agent, as names or patterns, that choose a provider, an endpoint or a credential."""

_GEMINI_AUTH = r'"(?:selected|enforced)(?:Auth)?Type"\s*:(?!\s*"gemini-api-key")\s*[^,}\s]*|"useExternal"\s*:\s*true'

_QWEN_PROVIDERS = r'"modelProviders"\s*:\s*\{\s*[^}\s]'
_CODEX_PROVIDER = r"^[ \t]*(?:model_provider[ \t]*=|\[?[ \t]*model_providers\b)"
_OPENCODE_PROVIDERS = r'"?\b(?:provider|enabled_providers|disabled_providers)"?\s*:'

OUTRANKED_BY: Mapping[str, Mapping[str, str]] = {
    "codex_cli": {"/etc/codex/managed_config.toml": _CODEX_PROVIDER},
    "gemini_cli": dict.fromkeys(("/etc/gemini-cli/settings.json", "./.gemini/settings.json"), _GEMINI_AUTH),
    "opencode": dict.fromkeys(("/etc/opencode/opencode.json", "/etc/opencode/opencode.jsonc"), _OPENCODE_PROVIDERS),
    "qwen_code": {"./.qwen/settings.json": _QWEN_PROVIDERS},
}
"""The files of each agent that override our settings, each with a pattern of forbidden content."""
