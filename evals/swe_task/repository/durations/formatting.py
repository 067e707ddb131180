"""From seconds to text."""

from .parsing import SECONDS


def render(seconds):
    """A duration as text, such as "1h 30m"."""
    parts = []
    for unit, size in SECONDS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)
