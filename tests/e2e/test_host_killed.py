"""The host process is killed while the agent works: nothing of the session may be left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .harness import containers

EVAL = """
import sys
from pathlib import Path
from inspect_swe import claude_code
from inspect_swe.testing import say, shell
from tests.e2e.harness import run_agent
background = "setsid sh -c 'sleep 1001 & sleep 1002' >/dev/null 2>&1 &"
script = [shell(background + " sleep 1000"), say("done")]
run_agent(Path(sys.argv[1]), claude_code(), script, provider="docker")
"""


def wait_for(what: Callable[[], bool], seconds: float) -> float:
    """Wait until something holds; says how long it took."""
    start = time.monotonic()
    while not what():
        assert time.monotonic() - start < seconds, "it did not happen in time"
        time.sleep(0.1)
    return time.monotonic() - start


def processes(container: str) -> list[str]:
    done = subprocess.run(["docker", "top", container, "-eo", "pid,args"], capture_output=True, text=True, check=False)
    return [line.split(None, 1)[1] for line in done.stdout.splitlines()[1:]]


def test_nothing_is_left_when_the_host_is_killed(tmp_path: Path) -> None:
    host = subprocess.Popen([sys.executable, "-c", EVAL, str(tmp_path)], cwd=Path(__file__).parents[2])
    container = ""
    try:
        wait_for(lambda: bool(containers(tmp_path)), 300)
        (container,) = containers(tmp_path)
        wanted = {"sleep 1000", "sleep 1001", "sleep 1002"}
        wait_for(lambda: wanted <= set(processes(container)), 120)
        assert any("claude" in line for line in processes(container))
        os.kill(host.pid, signal.SIGKILL)
        idle = {"tail -f /dev/null"}
        took = wait_for(lambda: {p for p in processes(container) if "docker-init" not in p} <= idle, 5)
        assert "tail -f /dev/null" in processes(container), "the container itself must still be there"
        print(f"all processes of the session were gone {took:.1f} s after SIGKILL")
    finally:
        host.kill()
        host.wait()
        if container:
            subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)
