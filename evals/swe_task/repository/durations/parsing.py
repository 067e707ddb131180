"""From text to seconds."""

import re

SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse(text):
    """The number of seconds in a duration such as "1h 30m".

    Raises ValueError if it is no duration.
    """
    parts = re.findall(r"(\d+)([dhms])", text)
    if not parts:
        raise ValueError(f"not a duration: {text!r}")
    return sum(int(number) * SECONDS[unit] for number, unit in parts)
