"""Variables and files that could divert the model requests of OpenCode."""

DIVERTED_BY = (
    "OPENCODE_AUTH_CONTENT",
    "OPENCODE_CONFIG",
    "OPENCODE_CONFIG_CONTENT",
    "OPENCODE_CONFIG_DIR",
    "OPENCODE_CONSOLE_TOKEN",
    "OPENCODE_EXPERIMENTAL",
    "OPENCODE_EXPERIMENTAL_NATIVE_LLM",
    "OPENCODE_MODELS_*",
    "OPENCODE_TEST_*",
)

_PROVIDERS = r'"?\b(?:provider|enabled_providers|disabled_providers)"?\s*:'
OUTRANKED_BY = dict.fromkeys(("/etc/opencode/opencode.json", "/etc/opencode/opencode.jsonc"), _PROVIDERS)
