"""Variables and files that could divert the model requests of Codex CLI."""

DIVERTED_BY = ("CODEX_ACCESS_TOKEN", "CODEX_API_KEY", "CODEX_EXEC_SERVER_URL", "OPENAI_BASE_URL")

_PROVIDER = r"^[ \t]*(?:model_provider[ \t]*=|\[?[ \t]*model_providers\b)"
OUTRANKED_BY = {"/etc/codex/managed_config.toml": _PROVIDER}
