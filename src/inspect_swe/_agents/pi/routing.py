"""Variables and files that could divert the model requests of pi."""

DIVERTED_BY = ("PI_CODING_AGENT_DIR",)
