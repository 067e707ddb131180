"""How long a property is tried."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def rounds(examples: Callable[[], object]) -> None:
    """One round of examples; with `FUZZ_SECONDS`, as many rounds as fit into that much CPU time."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "0"))
    began, count = time.process_time(), 0
    while count == 0 or time.process_time() - began < seconds:
        examples()
        count += 1
    if seconds:
        print(f"\n{os.environ['PYTEST_CURRENT_TEST']}: {count} rounds, {time.process_time() - began:.0f} s of CPU time")
