"""Variables and files that could divert the model requests of mini-swe-agent."""

DIVERTED_BY = (
    "MSWEA_CONFIG_DIR",
    "MSWEA_GLOBAL_CONFIG_DIR",
    "MSWEA_MINI_CONFIG_PATH",
    "MSWEA_MODEL_API_KEY",
    "MSWEA_MODEL_NAME",
)
