"""Runs the hello eval with the real Claude Code and a scripted model, and says where the log is."""

import subprocess
import sys
from pathlib import Path

from inspect_ai.log import list_eval_logs, read_eval_log

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "logs" / "demo"


def main() -> int:
    """Run the demo; 0 if the eval succeeded with accuracy 1.0."""
    sandbox = "docker" if _prepare_docker() else "local"
    if sandbox == "local":
        print("No Docker engine: the demo uses Inspect's `local` sandbox (the CLI runs on this machine).", flush=True)
    inspect = [str(Path(sys.executable).parent / "inspect"), "eval", "evals/hello.py", "-T", f"sandbox={sandbox}"]
    model = ["--solver", "inspect_swe/claude_code", "--model", "scripted/hello", "--log-dir", str(LOGS)]
    subprocess.run([*inspect, *model], cwd=ROOT, check=False)
    newest = list_eval_logs(str(LOGS))[0]
    log = read_eval_log(newest)
    if log.status != "success" or log.results is None:
        print(f"The eval ended with status {log.status}: {log.error.message if log.error else 'see its log'}")
        return 1
    accuracy = log.results.scores[0].metrics["accuracy"].value
    print(f"\naccuracy: {accuracy}\nlog: {newest.name}\nopen it with: .venv/bin/inspect view --log-dir {LOGS}")
    return 0 if accuracy == 1.0 else 1


def _prepare_docker() -> bool:
    for script in ("docker-engine.sh", "test-images.sh"):
        arguments = ["bookworm"] if script == "test-images.sh" else []
        if subprocess.run([ROOT / "scripts" / script, *arguments], check=False).returncode != 0:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
