"""How long a property is tried."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def rounds(prop: Callable[[], None]) -> None:
    """One round of examples of a property; with `FUZZ_SECONDS`, as many as fit into that time."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "0"))
    began, cpu, count = time.monotonic(), time.process_time(), 0
    while count == 0 or time.monotonic() - began < seconds:
        prop()
        count += 1
    if seconds:
        print(f"\n{prop.__name__}: {count} rounds, {time.process_time() - cpu:.0f} s of CPU time")
