"""Variables and files that could divert the model requests of Qwen Code."""

DIVERTED_BY = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "QWEN_API_KEY",
    "QWEN_BASE_URL",
    "QWEN_CODE_SYSTEM_*_PATH",
    "QWEN_DEFAULT_AUTH_TYPE",
    "QWEN_HOME",
)

_PROVIDERS = r'"modelProviders"\s*:\s*\{\s*[^}\s]'
OUTRANKED_BY = {"./.qwen/settings.json": _PROVIDERS}
