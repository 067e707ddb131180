"""Samples that resume sessions of an earlier log."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Callable, Collection

from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import ChatMessage

from .._errors import AgentOptionError
from .._sandbox.probe import SESSION_PATH
from .fileset import output_files
from .session_archive import FROM, SessionManifest, SweSession

Prompt = str | list[ChatMessage] | Callable[[EvalSample], str]


def session_samples(
    log: EvalLog | str,
    prompt: Prompt,
    *,
    sample_ids: Collection[int | str] | None = None,
    epoch: int = 1,
    fork: bool = True,
    files: bool = True,
) -> list[Sample]:
    """Return samples in which an agent resumes its session from the end of an earlier run.

    The first agent of such a sample has to be the same one, but may have another model and other options. It resumes
    in a fresh sandbox, so each sample and each epoch resumes independently from the same point.

    Args:
        log: A log of a run with `keep_session=True`, or its path.
        prompt: The next prompt: a text, messages, or a function of the earlier sample that returns a text.
        sample_ids: Ids of the samples to resume (default: all that have a session).
        epoch: The samples' epoch.
        fork: Whether the CLI resumes under a new session id, if it supports that. The earlier log never changes.
        files: Whether to copy the agent's output files, as saved by `collect`, into the new sandbox. They are copied
            before the set-up script runs, and without their permissions. Files that the agent deleted exist again.

    Returns:
        A sample for each earlier one, with its id, target, choices, metadata, set-up script and sandbox.
        `metadata["resumed_from"]` names the earlier sample. Its own `files` are not in the log: add them to the new
        sample's `files` if the image doesn't have them.

    Raises:
        AgentOptionError: The log has no session to resume. The message has the reason.

    Examples:
        ```python
        from inspect_ai import Task, task

        from inspect_swe import claude_code, session_samples


        @task
        def interview(log: str) -> Task:
            samples = session_samples(log, "What was the hardest part?")
            return Task(dataset=samples, solver=claude_code())
        ```
    """
    read = read_eval_log(log) if isinstance(log, str) else log
    if read.samples is None:
        raise AgentOptionError("The log contains no samples.", hint="read the whole log, not only its header.")
    samples = [sample for sample in read.samples if sample.epoch == epoch]
    if sample_ids is None:
        chosen = [sample for sample in samples if sample.store_as(SweSession).archive]
    else:
        chosen = [sample for sample in samples if sample.id in sample_ids]
    if missing := set(sample_ids or ()) - {sample.id for sample in chosen}:
        raise AgentOptionError(f"The log has no sample {', '.join(map(str, missing))} in epoch {epoch}.")
    if not chosen:
        why = next((session.error for each in samples if (session := each.store_as(SweSession)).error), None)
        raise AgentOptionError(
            f"There is no session in epoch {epoch} of the log{f': {why}' if why else '.'}",
            hint="only agents with keep_session=True save their sessions.",
        )
    return [continued_sample(each, prompt, read.location, fork, files) for each in chosen]


def continued_sample(
    earlier: EvalSample, prompt: Prompt, location: str = "", fork: bool = True, files: bool = True
) -> Sample:
    """Return one sample of `session_samples()`, with the same arguments and errors."""
    session = earlier.store_as(SweSession)
    if not session.archive:
        raise AgentOptionError(
            f"Sample {earlier.id} has no session{f': {session.error}' if session.error else '.'}",
            hint="only agents with keep_session=True save their sessions.",
        )
    manifest = SessionManifest(session.agent, session.version, session.session_id, session.cwd, session.system, fork)
    saved = {
        **(_output_files(earlier, session) if files else {}),
        f"{SESSION_PATH}.tgz": _data_uri("application/gzip", session.archive),
        f"{SESSION_PATH}.json": _data_uri("application/json", base64.b64encode(manifest.dump().encode()).decode()),
    }
    return Sample(
        id=earlier.id,
        input=prompt(earlier) if callable(prompt) else prompt,
        target=earlier.target,
        choices=earlier.choices,
        metadata={**earlier.metadata, FROM: {"log": location, "id": earlier.id, "epoch": earlier.epoch}},
        sandbox=earlier.sandbox,
        setup=earlier.setup,
        files={f"{session.sandbox}:{path}" if session.sandbox else path: content for path, content in saved.items()},
    )


def _output_files(earlier: EvalSample, session: SweSession) -> dict[str, str]:
    """Return the agent's output files at their original paths."""
    try:
        saved = output_files(earlier, session.name).sample_files()
    except ValueError:  # Only other agents have output files.
        return {}
    return {posixpath.join(session.cwd, path): content for path, content in saved.items()}


def _data_uri(kind: str, content: str) -> str:
    return f"data:{kind};base64,{content}"
