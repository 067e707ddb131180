"""The `mini_swe_agent` agent."""
