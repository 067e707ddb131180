"""All agents on a host without any network: the eval's process lives in an empty network namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from inspect_swe import download_agent_binary
from inspect_swe._agents import ROSTER
from inspect_swe._cli._shared import platforms_of
from inspect_swe._packages.pins import Pins

from .harness import compose_file

# The engine is reached over its unix socket, which belongs to no network.
EVALS = """
import json, sys

sought = []

def noted(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) or event == "socket.getaddrinfo":
        sought.append(str(arguments[-1] if event == "socket.connect" else arguments[0]))

sys.addaudithook(noted)

import inspect_swe
from inspect_ai import Task, eval
from inspect_ai.agent import as_solver
from inspect_ai.dataset import Sample
from inspect_swe.testing import finish, scripted, shell
from tests.fakes import lean_docker

compose, logs, runs = json.loads(sys.argv[1])
tasks = [
    Task(name=f"{agent}-{version}", dataset=[Sample(input="Do it.")],
         solver=as_solver(getattr(inspect_swe, agent)(version=version)),
         sandbox=("docker" if agent == "claude_code" else "lean_test", compose))
    for agent, version in runs
]
model = scripted([shell("printf hi"), finish("Done.")])
done = eval(tasks, model=model, display="none", log_dir=logs, max_tasks=2, max_retries=0)
told = []
for log in done:
    sample = log.samples[0]
    info = next((event.data for event in sample.events if event.event == "info" and event.source == "inspect_swe"), {})
    told.append({
        "task": log.eval.task,
        "error": sample.error.message if sample.error else None,
        "tool": [message.text.strip() for message in sample.messages if message.role == "tool"],
        "answer": sample.output.completion,
        "source": info.get("source"),
    })
print(json.dumps({"told": told, "sought": sought}))
"""


def test_no_network_at_all(tmp_path: Path) -> None:
    for adapter in ROSTER:
        download_agent_binary(adapter.key, "stable", platforms_of(None)[0])
    named = {key: Pins.load().pin(key).version for key in ("claude_code", "mini_swe_agent")}
    runs = [(adapter.key, named.get(adapter.key, "stable")) for adapter in ROSTER]
    job = json.dumps([compose_file(tmp_path), str(tmp_path / "logs"), runs])
    exclusive = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-current-user"])]
    done = subprocess.run(
        [*exclusive, sys.executable, "-c", EVALS, job],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["sought"] == []
    assert len(found["told"]) == len(runs)
    for one in found["told"]:
        assert one["error"] is None, one
        assert one["source"] == "cache" and one["answer"].strip() == "Done." and "hi" in "".join(one["tool"]), one
