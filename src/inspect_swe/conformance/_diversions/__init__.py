"""Diversions of a CLI's model requests: variables and files of an image that name another server."""

from __future__ import annotations

from ._claude_codex import claude_code, codex_cli
from ._gemini_qwen import antigravity, gemini_cli, qwen_code
from ._others import copilot_cli, kimi_code, mini_swe_agent, opencode, pi
from ._way import ELSEWHERE, RECORD, Diversion, dotenv, setup_script

__all__ = ["DIVERSIONS", "GENERIC", "RECORD", "Diversion", "setup_script"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_GENERIC_ENV = {
    "OPENAI_BASE_URL": f"{ELSEWHERE}/v1",
    "OPENAI_API_BASE": f"{ELSEWHERE}/v1",
    "OPENAI_API_KEY": "elsewhere",
    "ANTHROPIC_BASE_URL": ELSEWHERE,
    "ANTHROPIC_API_KEY": "elsewhere",
    "GOOGLE_GEMINI_BASE_URL": ELSEWHERE,
    "GEMINI_API_KEY": "elsewhere",
    "GOOGLE_API_KEY": "elsewhere",
}

GENERIC = (
    Diversion("any:proxies", env={name: ELSEWHERE for each in _PROXIES for name in (each, each.lower())}),
    Diversion(
        "any:more_proxies",
        env={
            "GLOBAL_AGENT_HTTP_PROXY": ELSEWHERE,
            "npm_config_proxy": ELSEWHERE,
            "npm_config_https_proxy": ELSEWHERE,
            "NODE_USE_ENV_PROXY": "1",
            "HTTP_PROXY": ELSEWHERE,
            "http_proxy": ELSEWHERE,
            "NO_PROXY": "elsewhere.example",
        },
    ),
    Diversion("any:providers", env=_GENERIC_ENV),
    Diversion("any:dotenv", files={"./.env": dotenv(_GENERIC_ENV)}),
)
"""The ways that can divert any CLI."""

DIVERSIONS: tuple[Diversion, ...] = (
    *GENERIC,
    *claude_code(),
    *codex_cli(),
    *gemini_cli(),
    *opencode(),
    *mini_swe_agent(),
    *copilot_cli(),
    *kimi_code(),
    *pi(),
    *qwen_code(),
    *antigravity(),
)
"""All known ways."""
