"""Variables and files that could divert the model requests of Kimi Code."""

DIVERTED_BY = (
    "KIMI_CODE_BASE_URL",
    "KIMI_CODE_HOME",
    "KIMI_MODEL_API_KEY",
    "KIMI_MODEL_BASE_URL",
    "KIMI_MODEL_PROVIDER_TYPE",
)
