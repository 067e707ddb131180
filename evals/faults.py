"""What becomes of a run when something breaks: a sample for each agent and fault, with the real CLI in a container.

    inspect eval evals/faults.py
    inspect eval evals/faults.py -T agent=codex_cli,opencode -T faults=provider_529,killed_once

Samples end as they would in any eval: many with an error, some with a limit, the rest scored. What must come of each
fault is in fault_samples.py and in the manual (page on troubleshooting, "How failures are handled"). To run all of them
and have each compared with that, as one table: `python evals/fault_matrix.py`. The model is scripted: it costs nothing.
"""

from functools import partial

from inspect_ai import Task, task

import inspect_swe
from fault_samples import FAULTS, fault_task
from swe_evals import container_with


@task
def faults(agent: str | list[str] = "claude_code", faults: str | list[str] | None = None) -> Task:
    """What becomes of a run when something breaks.

    Args:
        agent: Any agents of this package, separated by commas.
        faults: Names of faults, separated by commas (default: all).
    """
    agents = [agent] if isinstance(agent, str) else agent
    names = [faults] if isinstance(faults, str) else faults or [name for name in FAULTS if not FAULTS[name].apart]
    return fault_task({name: getattr(inspect_swe, name) for name in agents}, names, partial(container_with, *agents))
