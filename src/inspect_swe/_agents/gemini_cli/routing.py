"""Variables and files that could divert the model requests of Gemini CLI."""

DIVERTED_BY = (
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
)

_AUTH = r'"(?:selected|enforced)(?:Auth)?Type"\s*:(?!\s*"gemini-api-key")\s*[^,}\s]*|"useExternal"\s*:\s*true'
OUTRANKED_BY = dict.fromkeys(("/etc/gemini-cli/settings.json", "./.gemini/settings.json"), _AUTH)
