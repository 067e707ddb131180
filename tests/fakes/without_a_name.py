"""Runs an agent once for each private name of Inspect's that is absent.

Reads a JSON list of [file, module, name, early]; prints a line of JSON for each. For a name that is imported together
with the package (`early`) the package is imported anew.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

FEATURES = ("oracle", "approve", "image")
DIALECTS = ("anthropic", "completions", "google", "responses")

ANEW = ("inspect_swe", "tests.fakes.outside_agent")

_absent = ["", "", ""]


def _importing(
    asked: str,
    globals: dict[str, Any] | None = None,
    locals: dict[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """Fail where one of the package's files imports the absent name. Inspect's own files go on to import it."""
    file, module, name = _absent
    importer = str((globals or {}).get("__name__", ""))
    ours = importer.startswith("inspect_swe.") and importer.endswith(f".{file}")
    if ours and asked == module and name in (fromlist or ()):
        raise ImportError(f"cannot import name {name!r} from {module!r}")
    return _ordinary(asked, globals, locals, fromlist or (), level)


_ordinary, builtins.__import__ = builtins.__import__, _importing  # type: ignore[assignment]


def forget(*modules: str) -> None:
    """Have modules, and those below them, imported anew."""
    for name in [name for name in sys.modules if name.startswith(modules)]:
        del sys.modules[name]


@contextlib.contextmanager
def warnings() -> Iterator[list[str]]:
    """What the package warns of."""
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("inspect_swe").addHandler(handler)
    yield told
    logging.getLogger("inspect_swe").removeHandler(handler)


async def try_features() -> dict[str, str]:
    """The errors of features that need private names; everything else that does must work."""
    from inspect_ai._util.exception import TerminateSampleError
    from inspect_ai.tool import ToolCall
    from inspect_ai.util import LimitExceededError

    from inspect_swe import InspectVersionError
    from inspect_swe._inspect import private as compat
    from inspect_swe._inspect import transcript as _inspect_transcript

    async def state() -> Any:
        return compat.sample_state()

    tries: dict[str, Callable[[], Awaitable[Any]]] = {
        "oracle": state,
        "approve": lambda: compat.approve_tool_call("", ToolCall(id="1", function="bash", arguments={}), []),
        "image": lambda: compat.image_bytes("data:image/png;base64,AAAA"),
    }
    errors = dict.fromkeys(FEATURES, "")
    for feature, attempt in tries.items():
        try:
            assert await attempt()
        except InspectVersionError as ex:
            errors[feature] = f"{type(ex).__name__}: {ex}"
    assert compat.sample_identity() is not None
    assert compat.sample_metadata() == {"made": "for this"}
    model = compat.resolve_model("mockllm/model")
    assert model.name == "model" and compat.token_limits(model)[0] in (128_000, None)
    assert not compat.ending_exception(ValueError())
    assert compat.ending_exception(LimitExceededError("time", value=2, limit=1))
    outer = ValueError()
    outer.__context__ = TerminateSampleError("enough")
    assert compat.ending_exception(outer)
    compat.eval_is_running()
    compat.display_is_quiet()
    compat.quiet_display()
    compat.load_dotenv()
    with _inspect_transcript.in_span("one"):
        _inspect_transcript.current_span()
    assert _inspect_transcript.working_time() >= 0
    return errors


def run_agent(folder: Path) -> dict[str, Any]:
    """What an agent with a filter does here."""
    from inspect_ai import Task, eval
    from inspect_ai.agent import as_solver
    from inspect_ai.dataset import Sample
    from inspect_ai.model import Model
    from inspect_ai.solver import Generate, Solver, TaskState, solver

    from inspect_swe._contract.adapter import Route
    from inspect_swe.testing import say, scripted, shell

    from .outside_agent import Outside, outside_agent

    # Which bridge serves the calls is decided before the agent starts.
    Outside.route = lambda self, model: Route({model: None}, dialect="completions")  # type: ignore[method-assign]
    filtered: list[str] = []
    features: dict[str, str] = {}

    async def by_name(model: str, *request: Any) -> None:
        filtered.append(model if isinstance(model, str) else "?")

    async def by_model(model: Model, *request: Any) -> None:
        filtered.append(model.name if isinstance(model, Model) else "?")

    @solver
    def features_tried() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            features.update(await try_features())
            return state

        return solve

    filters: list[Any] = [by_name, by_model] if _absent[2] in ("", "_is_model_filter") else [by_name]
    agents = [as_solver(outside_agent(filter=each)) for each in filters]
    model = scripted([shell("echo it runs"), say("done")] * len(agents), name="scripted")
    sample = Sample(input="Do it.", metadata={"made": "for this"})
    task = Task(dataset=[sample], solver=[features_tried(), *agents], sandbox="local")
    (log,) = eval(task, model=model, display="none", log_dir=str(folder), fail_on_error=False)
    assert log.samples, log.error
    done = log.samples[0]
    facts: list[Any] = [event.data for event in done.events if event.event == "info" and event.source == "inspect_swe"]
    return {
        "error": done.error.message if done.error else None,
        "completion": done.output.completion,
        "filtered": filtered,
        "features": features,
        "bridge": facts[0]["bridge"] if facts else "?",
    }


def links() -> dict[str, str]:
    """Which bridge serves the calls of each dialect."""
    import anyio

    from inspect_swe._contract.adapter import Route
    from inspect_swe._inspect import handlers as _inspect_handlers
    from inspect_swe._runtime import bridge_connection as link

    _inspect_handlers._loaded.clear()

    def link_of(dialect: Any) -> str:
        return "own" if anyio.run(link.choose_bridge, Route(dialect=dialect)) is link.own_bridge else "inspect"

    return {dialect: link_of(dialect) for dialect in DIALECTS}


def seen_without(absent: list[str], folder: Path) -> dict[str, Any]:
    """What is seen without a name."""
    _absent[:] = absent
    forget("inspect_swe._inspect.handlers.")
    with warnings() as told, contextlib.redirect_stdout(io.StringIO()):
        from inspect_swe._inspect import release as _inspect_release

        _inspect_release.warn_absent.cache_clear()
        # A handler that this agent does not need changes nothing else.
        needed = absent[0] not in ("_shared", *DIALECTS) or absent[0] == "completions"
        return {"links": links(), "warnings": told, "run": run_agent(folder) if needed else None}


def main() -> None:
    absent, folder = json.load(sys.stdin), Path(sys.argv[1])
    os.chdir(folder)
    for *names, early in absent:
        forget(*(ANEW if early else []))
        print(json.dumps([".".join(names), seen_without(names, folder)]), flush=True)
        forget(*(ANEW if early else []))


if __name__ == "__main__":
    main()
