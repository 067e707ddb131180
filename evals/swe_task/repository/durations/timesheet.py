"""Time sheets: how much time each project has taken."""

from .formatting import render
from .parsing import parse


def totals(sheet):
    """Seconds for each project, in the order of the sheet."""
    seconds = {}
    for line in sheet.splitlines():
        if line.strip():
            project, duration = line.split(maxsplit=1)
            seconds[project] = seconds.get(project, 0) + parse(duration)
    return seconds


def report(sheet):
    """The totals as text, a line for each project."""
    return "\n".join(f"{project}: {render(seconds)}" for project, seconds in totals(sheet).items())
