from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_PLAIN = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
# The unit tests try the same few examples each time; `make fuzz` tries others for as long as it is told to.
settings.register_profile("unit", _PLAIN, max_examples=40, derandomize=True)
settings.register_profile("fuzz", _PLAIN, max_examples=1000)
settings.load_profile("fuzz" if "FUZZ_SECONDS" in os.environ else "unit")
