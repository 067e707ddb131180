"""Resolution of requirements to compatible wheels for a sandbox's Python."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from packaging.metadata import RawMetadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver
from resolvelib.structs import RequirementInformation
from typing_extensions import Self

from inspect_swe._errors import AgentInstallError, UnknownVersionError

from ..http import Abandoned
from ..npm.registry import Release
from .index import IndexFile, PyPIIndex
from .tags import Target, allowed

T = TypeVar("T")

_THREADS = 8
_MAX_ROUNDS = 5000
_SHOWN = 5

Key = tuple[str, frozenset[str]]


class Snapshot:
    """A cache of an index's responses, with prefetching in threads.

    Use it as a context manager, which ends its threads. Several resolutions may share one.

    Args:
        index: The Python package index.
        stop: Cancels the work when set.
    """

    def __init__(self, index: PyPIIndex, stop: threading.Event | None = None) -> None:
        self._index = index
        self._stop = stop or threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="inspect_swe_index")
        self._futures: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def files(self, project: str) -> list[IndexFile]:
        """Return the wheels of a project."""
        return self._files(project).result()

    def metadata(self, file: IndexFile) -> RawMetadata:
        """Return a wheel's metadata. Assumes the same metadata for all wheels of a version."""
        return self._metadata(file).result()

    def prefetch(self, project: str, choose: Callable[[list[IndexFile]], IndexFile | None]) -> None:
        """Prefetch a project's list of wheels, and then the metadata of the chosen one."""

        def metadata() -> None:
            chosen = choose(files.result())
            if chosen is not None:
                self._metadata(chosen)

        files = self._files(project)
        self._once(("prefetch", project), metadata)

    def _files(self, project: str) -> Future[list[IndexFile]]:
        return self._once(("files", project), lambda: self._index.files(project))

    def _metadata(self, file: IndexFile) -> Future[RawMetadata]:
        return self._once(("metadata", file.name, file.version), lambda: self._index.metadata(file))

    def _once(self, key: Hashable, work: Callable[[], T]) -> Future[T]:
        if self._stop.is_set():
            raise Abandoned
        with self._lock:
            if key not in self._futures:
                self._futures[key] = self._threads.submit(work)
            return cast("Future[T]", self._futures[key])


def resolve_wheels(
    index: PyPIIndex | Snapshot,
    requirements: Sequence[str],
    target: Target,
    exclude: Iterable[str] = (),
    stop: threading.Event | None = None,
) -> list[Release]:
    """Resolve requirements and their dependencies to wheels, sorted by name, with URLs and digests. Blocks.

    Args:
        index: The Python package index.
        requirements: Requirements such as `mini-swe-agent==2.2.3`.
        target: The sandbox's platform and Python.
        exclude: Projects to leave out, along with dependencies that only they require.
        stop: Cancels the work when set.

    Raises:
        RegistryError: The index could not be read.
        UnknownVersionError: The index has no wheel that matches a requirement.
        AgentInstallError: No set of wheels satisfies the requirements on the target.
    """
    if isinstance(index, PyPIIndex):
        with Snapshot(index, stop) as snapshot:
            return resolve_wheels(snapshot, requirements, target, exclude)
    parsed = [Requirement(requirement) for requirement in requirements]
    applicable = [one for one in parsed if one.marker is None or one.marker.evaluate(target.environment)]
    for requirement in applicable:
        _check_known(index, requirement, target)
    provider = _Provider(index, target, frozenset(map(canonicalize_name, exclude)))
    resolver: Resolver[Requirement, _Candidate, Key] = Resolver(provider, BaseReporter())
    title = " with ".join(requirements)
    try:
        pinned = resolver.resolve(applicable, max_rounds=_MAX_ROUNDS).mapping
    except ResolutionImpossible as error:
        raise AgentInstallError(
            f"{title} can't be installed for {target}: no wheels satisfy {_causes(error.causes)}.",
            hint="use an image with another version of Python (3.10 to 3.14), or another version of the agent.",
        ) from error
    except ResolutionTooDeep as error:
        raise AgentInstallError(
            f"{title} for {target}: the resolver reached its limit of {_MAX_ROUNDS} steps.",
            hint='use the version "stable", whose requirements are locked.',
        ) from error
    files = {candidate.file.name: candidate.file for candidate in pinned.values()}
    return [release_of(files[name]) for name in sorted(files)]


def release_of(file: IndexFile) -> Release:
    """Return the release of a wheel, for the downloader."""
    digest = None if file.sha256 is None else integrity(file.sha256)
    return Release(file.name, str(file.version), file.url, digest, file.filename)


def integrity(sha256: str) -> str:
    """Convert a hexadecimal sha256 digest to npm's notation (`sha256-...`)."""
    return "sha256-" + base64.b64encode(bytes.fromhex(sha256)).decode()


@dataclass(frozen=True)
class _Candidate:
    file: IndexFile
    extras: frozenset[str]

    @property
    def key(self) -> Key:
        return self.file.name, self.extras


@dataclass
class _Provider(AbstractProvider[Requirement, _Candidate, Key]):
    """A resolvelib provider that reads an index."""

    index: Snapshot
    target: Target
    exclude: frozenset[str]
    _fitting: dict[str, list[IndexFile]] = field(default_factory=dict)

    def identify(self, requirement_or_candidate: Requirement | _Candidate) -> Key:
        if isinstance(requirement_or_candidate, _Candidate):
            return requirement_or_candidate.key
        return _name(requirement_or_candidate), frozenset(map(canonicalize_name, requirement_or_candidate.extras))

    def get_preference(
        self,
        identifier: Key,
        resolutions: Mapping[Key, _Candidate],
        candidates: Mapping[Key, Iterator[_Candidate]],
        information: Mapping[Key, Iterator[RequirementInformation[Requirement, _Candidate]]],
        backtrack_causes: Sequence[RequirementInformation[Requirement, _Candidate]],
    ) -> tuple[bool, bool, str, list[str]]:
        exact = any("==" in str(entry.requirement.specifier) for entry in information[identifier])
        blamed = any(_name(cause.requirement) == identifier[0] for cause in backtrack_causes)
        return not exact, not blamed, identifier[0], sorted(identifier[1])

    def find_matches(
        self,
        identifier: Key,
        requirements: Mapping[Key, Iterator[Requirement]],
        incompatibilities: Mapping[Key, Iterator[_Candidate]],
    ) -> Callable[[], Iterator[_Candidate]] | list[_Candidate]:
        name, extras = identifier
        own = [one for key in requirements if key[0] == name for one in requirements[key]]
        if any(one.url for one in own):
            return []
        rejected = {candidate.file.version for candidate in incompatibilities[identifier]}
        specifiers = SpecifierSet(",".join(str(one.specifier) for one in own))
        files = allowed(self._best(name, self.index.files(name)), specifiers)
        remaining = [file for file in files if file.version not in rejected]
        return lambda: (_Candidate(file, extras) for file in remaining if self._runs(file))

    def is_satisfied_by(self, requirement: Requirement, candidate: _Candidate) -> bool:
        return requirement.specifier.contains(candidate.file.version, prereleases=True)

    def get_dependencies(self, candidate: _Candidate) -> list[Requirement]:
        dependencies = list(self._dependencies(candidate))
        for requirement in dependencies:
            self.index.prefetch(_name(requirement), self._chooser(requirement))
        return dependencies

    def _dependencies(self, candidate: _Candidate) -> Iterator[Requirement]:
        file = candidate.file
        if candidate.extras:
            yield Requirement(f"{file.name}=={file.version}")
        for text in self.index.metadata(file).get("requires_dist", []):
            try:
                requirement = Requirement(text)
            except InvalidRequirement as error:
                raise AgentInstallError(f"{file.filename} has an invalid requirement: {text!r}.") from error
            if _name(requirement) not in self.exclude and self._applies(requirement, candidate.extras):
                yield requirement

    def _applies(self, requirement: Requirement, extras: frozenset[str]) -> bool:
        if requirement.marker is None:
            return True
        environments = ({**self.target.environment, "extra": extra} for extra in extras or {""})
        return any(requirement.marker.evaluate(environment) for environment in environments)

    def _chooser(self, requirement: Requirement) -> Callable[[list[IndexFile]], IndexFile | None]:
        name = _name(requirement)
        return lambda files: next(iter(allowed(self._best(name, files), requirement.specifier)), None)

    def _best(self, name: str, files: list[IndexFile]) -> list[IndexFile]:
        if name not in self._fitting:
            self._fitting[name] = self.target.best(files)
        return self._fitting[name]

    def _runs(self, file: IndexFile) -> bool:
        """Return whether the sandbox's Python satisfies the wheel's metadata. `best()` has checked the index's."""
        if file.requires_python is not None:
            return True
        return self.target.runs(self.index.metadata(file).get("requires_python"))


def _check_known(index: Snapshot, requirement: Requirement, target: Target) -> None:
    """Check that the index has a wheel for the requirement itself.

    Raises:
        UnknownVersionError: No wheel matches the requirement.
        AgentInstallError: No matching wheel runs on the target.
    """
    files = index.files(_name(requirement))
    matching = allowed(files, requirement.specifier)
    if not matching:
        versions = sorted({file.version for file in files}, reverse=True)
        newest = ", ".join(map(str, versions[:_SHOWN])) or "none"
        raise UnknownVersionError(
            f"There is no wheel of {requirement} in the Python package index. The newest versions are: {newest}.",
            hint='request one of these, or "stable".',
        )
    if not target.best(matching):
        raise AgentInstallError(
            f"{requirement} has no wheel for {target}.",
            hint="use an image with another version of Python (3.10 to 3.14).",
        )


def _causes(causes: Iterable[RequirementInformation[Requirement, _Candidate]]) -> str:
    texts = {f"{cause.requirement} ({_parent(cause.parent)})" for cause in causes}
    return " and ".join(sorted(texts))


def _parent(candidate: _Candidate | None) -> str:
    return "requested" if candidate is None else f"required by {candidate.file.name} {candidate.file.version}"


def _name(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)
