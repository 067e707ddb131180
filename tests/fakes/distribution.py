"""A package of others, installed as far as Python can tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def install(folder: Path, name: str, agents: Mapping[str, str], **modules: str) -> None:
    """Make a package that announces agents.

    Args:
        folder: A folder that is on `sys.path`.
        name: The package.
        agents: Entry points, by the names of the agents.
        modules: Source texts of its modules.
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{agent} = {value}" for agent, value in agents.items()]
    (info / "entry_points.txt").write_text("\n".join(["[inspect_swe.agents]", *lines, ""]))
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
