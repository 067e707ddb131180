"""The manual page: its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inspect_swe.testing import ScriptError
from inspect_swe.testing._scripts import load_script

PAGE = (Path(__file__).parents[2] / "docs/guides/testing-without-tokens.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_block(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = compile(blocks("python")[number], f"block-{number}.py", "exec", dont_inherit=True)
    # A CLI agent takes a sandbox: such a block is only compiled here.
    if "from inspect_swe import" not in blocks("python")[number]:
        exec(code, {"__name__": f"block_{number}"})


def test_yaml_block(tmp_path: Path) -> None:
    (block,) = blocks("yaml")
    (tmp_path / "steps.yaml").write_text(block)
    assert len(load_script(tmp_path / "steps.yaml")) == 5


def test_cells_of_the_step_table() -> None:
    cells = re.findall(r"^\| [^|]+ \| `((?:\w+): [^`]+)` \|", PAGE, re.MULTILINE)
    assert len(cells) == 9
    for cell in cells:
        try:
            import yaml  # type: ignore[import-untyped]

            load_script([yaml.safe_load(cell.replace(", …}", "}"))])
        except ScriptError as ex:
            pytest.fail(f"{cell}: {ex}")
