"""The two sides and the floor: each does a job and returns numbers. A side's job runs in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from . import engine
from .workload import Job, Result

ROOT = Path(__file__).parent.parent
PEER_VARIABLE = "BENCH_PEER_PYTHON"
PEER_VERSION = "0.2.72"

_PEER_VENV = ROOT / ".peer-venv"
_INSTALL_TIMEOUT = 1200
_GRACE = 60


class Side(Protocol):
    """Does one job."""

    def __call__(self, job: Job) -> Result: ...


@dataclass(frozen=True)
class Worker:
    """A side whose jobs run in a subprocess.

    Args:
        python: The interpreter.
        module: The worker script.
    """

    python: str
    module: str

    def __call__(self, job: Job) -> Result:
        command = [self.python, "-m", self.module, json.dumps(job)]
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
            try:
                printed, _ = process.communicate(timeout=job["timeout"])
            except BaseException:
                _end(process)
                raise
            if process.returncode != 0:
                errors.seek(0)
                raise RuntimeError(f"{self.module} ended with {process.returncode}:\n{errors.read()[-2500:]}")
        result: Result = json.loads(printed.splitlines()[-1])
        return result


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt a worker, so that Inspect takes its containers down; kill it if that takes too long."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(_GRACE)
            return


def ours() -> Worker:
    """This package, under this interpreter."""
    return Worker(sys.executable, "bench.ours_worker")


def peer() -> Worker:
    """The peer, in a virtual environment of its own, which is made if need be."""
    return Worker(peer_python(), "bench.peer_worker")


def floor(job: Job) -> Result:
    """The same job without any harness."""
    jobs: dict[str, Callable[[Job], Result]] = {"sample": engine.raw_cli, "install": engine.plain_copy}
    return jobs[job["kind"]](job)


def peer_python() -> str:
    """The interpreter that the environment names, or that of a virtual environment, which is made if need be."""
    if named := os.environ.get(PEER_VARIABLE):
        return named
    python = str(_PEER_VENV / "bin" / "python")
    done = _PEER_VENV / ".complete"
    if not done.exists():
        print(f"making {_PEER_VENV.name} with inspect-swe {PEER_VERSION} ...", file=sys.stderr)
        same_inspect = f"inspect_ai=={version('inspect_ai')}"
        packages = [f"inspect-swe=={PEER_VERSION}", same_inspect, "anthropic", "openai", "google-genai"]
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        for command in ([str(ROOT / "scripts" / "make-venv.sh"), sys.executable, str(_PEER_VENV)], pip):
            subprocess.run(command, check=True, timeout=_INSTALL_TIMEOUT)
        done.touch()
    return python
