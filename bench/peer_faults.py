"""The peer's side of the matrix of faults: runs under its interpreter, with our scripted model and our faults."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from functools import partial
from inspect import signature
from pathlib import Path

from inspect_ai import eval
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

import inspect_swe

ROOT = Path(__file__).parent.parent
TOOLS = """#!/bin/sh
set -e
cd /opt/inspect-swe
[ ! -e claude_code ] || ln -sf "$PWD"/claude_code/*/package/claude /usr/local/bin/claude
[ ! -e codex_cli ] || ln -sf "$PWD"/codex_cli/*/package/vendor/*/bin/codex /usr/local/bin/codex
cat > /usr/local/bin/kill-above <<'END'
#!/bin/sh
if [ "$1" = relay ]; then pkill -9 -f inspect-sandbox-tools; else pkill -9 -x claude; pkill -9 -x codex; fi
sleep 2
END
cat > /usr/local/bin/eat-memory <<'END'
#!/bin/sh
[ "$1" = relay ] && set -- $(pgrep -f inspect-sandbox-tools)
for p in "$@"; do echo 1000 > /proc/$p/oom_score_adj; done
exec tail /dev/zero
END
chmod 755 /usr/local/bin/kill-above /usr/local/bin/eat-memory
"""


def _ours(name: str, path: Path) -> None:
    """Load a module of ours under the name that our evals import it by; the peer has none of that name."""
    folder = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _container(compose: dict, **service: object) -> SandboxEnvironmentSpec:
    changed = {**compose, "services": {"default": {**compose["services"]["default"], **service}}}
    return SandboxEnvironmentSpec("docker", ComposeConfig.model_validate(changed))


def _agent(factory, **options):
    return factory(**{"version": "sandbox", **options})


def main(job: dict) -> None:
    """Evaluate, with a time limit that ends what hangs."""
    package = ROOT / "src" / "inspect_swe"
    for name in ("_errors", "_requests"):  # what our scripted model is made with
        if f"inspect_swe.{name}" not in sys.modules:
            _ours(f"inspect_swe.{name}", package / f"{name}.py")
    _ours("inspect_swe.testing", package / "testing" / "__init__.py")
    sys.path.insert(0, str(ROOT / "evals"))
    from fault_samples import fault_task

    agents = {}
    for name in job["agents"]:
        made = partial(_agent, getattr(inspect_swe, name))
        made.__signature__ = signature(getattr(inspect_swe, name))
        agents[name] = made
    task = fault_task(agents, job["faults"], partial(_container, job["compose"]), TOOLS)
    # What waits for the moment to do harm keeps a subprocess busy, and so would the peer from having any.
    several = {"max_samples": job["at_once"], "max_subprocesses": 64}
    eval(task, log_dir=job["log_dir"], time_limit=job["patience"], display="plain", **several)


if __name__ == "__main__":
    os.environ["XDG_CACHE_HOME"] = str(Path(sys.prefix) / "cache")  # the peer's default is where our store is
    main(json.loads(sys.argv[1]))
