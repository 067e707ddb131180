"""The validator of ATIF, out of the package that defines the format."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock

WHEEL = "harbor-0.25.0-py3-none-any.whl"
SHA256 = "51923ac567fc57b03279e93468b105f689628bcac2cd3d541d4e44aa5c0ec309"

# It needs pydantic alone; the package itself needs a hundred others, so only its wheel is fetched, once.
_VALIDATE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from harbor.utils.trajectory_validator import TrajectoryValidator
validator = TrajectoryValidator()
for path in sys.argv[2:]:
    print(json.dumps([path, validator.validate(path), validator.errors]))
"""


def _wheel() -> Path:
    folder = Path(tempfile.gettempdir()) / "inspect-swe-tests-atif"
    folder.mkdir(exist_ok=True)
    wheel = folder / WHEEL
    with FileLock(f"{wheel}.lock"):
        if not wheel.exists():
            # It is for Python 3.12 and later; what is used of it runs with older ones.
            options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12", "--dest", str(folder)]
            command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "harbor==0.25.0"]
            subprocess.run(command, check=True, capture_output=True)
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == SHA256
    return wheel


def valid_trajectories(folder: Path) -> dict[str, dict[str, Any]]:
    """The trajectories in a folder, by the names of their files; the format's own validator has found all valid."""
    paths = [str(path) for path in sorted(folder.glob("*.json"))]
    command = [sys.executable, "-c", _VALIDATE, str(_wheel()), *paths]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found and [(path, errors) for path, valid, errors in found if not valid] == []
    return {Path(path).name: json.loads(Path(path).read_text(encoding="utf-8")) for path, _, _ in found}
