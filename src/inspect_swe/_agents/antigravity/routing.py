"""Variables and files that could divert the model requests of Antigravity."""

DIVERTED_BY = ("ANTIGRAVITY_HARNESS_PATH",)
