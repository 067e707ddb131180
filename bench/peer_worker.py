"""The peer's side of the measurements: runs under the peer's interpreter and calls public API only."""

from __future__ import annotations

import hashlib
from pathlib import Path

from inspect_ai.agent import AgentState, sandbox_agent_bridge
from inspect_ai.util import concurrency, sandbox

from inspect_swe import claude_code

from .probes import Together
from .workload import Job, Result, client_argv, install_job, latency_job, sample_job, serve

_PLACE = "/var/tmp/claude"


async def _run_client(state: AgentState, job: Job) -> tuple[AgentState, str]:
    async with sandbox_agent_bridge(state) as bridge:
        done = await sandbox().exec(client_argv(job, f"http://localhost:{bridge.port}"))
    if not done.success:
        raise RuntimeError(f"the client failed: {done.stdout}{done.stderr}")
    return state, done.stdout


async def _install(job: Job, together: Together) -> int:
    """As the peer puts a cached binary in place: whole in memory, written by Inspect, one container at a time."""
    async with together.placing():
        async with concurrency("claude-install", 1):
            contents = Path(job["binary"]).read_bytes()  # noqa: ASYNC240 - as the peer does
            hashlib.sha256(contents).hexdigest()
            await sandbox().write_file(_PLACE, contents)
            del contents
    return int((await sandbox().exec(["sh", "-c", f"wc -c <{_PLACE}"])).stdout)


def _sample(job: Job) -> Result:
    return sample_job(job, claude_code(version="sandbox"))


if __name__ == "__main__":
    serve(
        "inspect_swe",
        {
            "latency": lambda job: latency_job(job, _run_client),
            "sample": _sample,
            "install": lambda job: install_job(job, _install),
        },
    )
