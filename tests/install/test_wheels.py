from __future__ import annotations

import threading

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from inspect_swe._errors import AgentInstallError, RegistryError, UnknownVersionError
from inspect_swe._packages.http import Abandoned
from inspect_swe._packages.npm.registry import digest_of
from inspect_swe._packages.platforms import SandboxPlatform
from inspect_swe._packages.pypi.index import IndexFile, PyPIIndex
from inspect_swe._packages.pypi.resolver import Snapshot, resolve_wheels
from inspect_swe._packages.pypi.tags import Target, allowed

from .fake_registry import Reply
from .wheel_index import WheelIndex

X64 = Target("linux-x64", "3.11")


def _files(*names: str) -> list[IndexFile]:
    return [IndexFile(name, "") for name in names]


def _pins(index: PyPIIndex, *requirements: str, target: Target = X64, exclude: tuple[str, ...] = ()) -> list[str]:
    return [f"{one.package}=={one.version}" for one in resolve_wheels(index, requirements, target, exclude)]


@pytest.mark.parametrize(
    ("platform", "tag", "runs"),
    [
        ("linux-x64", "cp311-cp311-manylinux_2_28_x86_64", True),
        ("linux-x64", "cp311-cp311-manylinux_2_29_x86_64", False),
        ("linux-x64", "cp311-cp311-manylinux2014_x86_64", True),
        ("linux-x64", "cp311-cp311-manylinux2010_x86_64", True),
        ("linux-x64", "cp311-cp311-manylinux1_x86_64", True),
        ("linux-x64", "cp311-cp311-linux_x86_64", True),
        ("linux-x64", "cp310-cp310-manylinux1_x86_64", False),
        ("linux-x64", "cp39-abi3-manylinux_2_17_x86_64", True),
        ("linux-x64", "cp312-abi3-manylinux_2_17_x86_64", False),
        ("linux-x64", "cp311-cp311t-manylinux_2_17_x86_64", False),
        ("linux-x64", "py2.py3-none-any", True),
        ("linux-x64", "py2-none-any", False),
        ("linux-x64", "py3-none-manylinux_2_5_x86_64", True),
        ("linux-x64", "cp311-cp311-musllinux_1_1_x86_64", False),
        ("linux-x64", "cp311-cp311-manylinux_2_17_aarch64", False),
        ("linux-x64", "cp311-cp311-macosx_11_0_arm64", False),
        ("linux-arm64", "cp311-cp311-manylinux_2_17_aarch64", True),
        ("linux-arm64", "cp311-cp311-manylinux_2_5_aarch64", False),
        ("linux-arm64", "cp311-cp311-manylinux2010_aarch64", False),
        ("linux-x64-musl", "cp311-cp311-musllinux_1_0_x86_64", True),
        ("linux-x64-musl", "cp311-cp311-musllinux_1_2_x86_64", True),
        ("linux-x64-musl", "cp311-cp311-musllinux_1_3_x86_64", False),
        ("linux-x64-musl", "cp311-cp311-manylinux_2_17_x86_64", False),
        ("linux-arm64-musl", "cp311-abi3-musllinux_1_2_aarch64", True),
    ],
)
def test_tags(platform: SandboxPlatform, tag: str, runs: bool) -> None:
    assert (Target(platform, "3.11").rank(IndexFile(f"a-1.0-{tag}.whl", "")) is not None) is runs


def test_tags_of_a_newer_glibc() -> None:
    newer = Target("linux-x64", "3.12.4", glibc=(2, 39))
    assert newer.rank(IndexFile("a-1.0-cp312-cp312-manylinux_2_39_x86_64.whl", "")) is not None


def test_the_best_wheel_of_each_version() -> None:
    files = _files(
        "a-1.0-py3-none-any.whl",
        "a-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1.0-cp38-abi3-manylinux_2_17_x86_64.whl",
        "a-1.10-cp38-abi3-manylinux_2_17_x86_64.whl",
        "a-1.9-cp310-cp310-manylinux_2_17_x86_64.whl",
    )
    assert [file.filename for file in X64.best(files)] == [
        "a-1.10-cp38-abi3-manylinux_2_17_x86_64.whl",
        "a-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    ]


@pytest.mark.parametrize(
    ("requires", "runs"), [(None, True), (">=3.10,<4", True), (">=3.12", False), (">=3.11.1", False), ("bad", True)]
)
def test_requires_python(requires: str | None, runs: bool) -> None:
    assert X64.runs(requires) is runs
    assert bool(X64.best([IndexFile("a-1.0-py3-none-any.whl", "", requires_python=requires)])) is runs


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ('python_version < "3.12" and sys_platform == "linux"', True),
        ('python_full_version >= "3.11.1"', False),
        ('platform_machine == "aarch64" and platform_system == "Linux"', True),
        ('os_name == "nt" or implementation_name == "pypy"', False),
        ('platform_python_implementation == "CPython" and implementation_version < "3.12"', True),
    ],
)
def test_markers(marker: str, expected: bool) -> None:
    environment: dict[str, str | frozenset[str] | set[str]] = {**Target("linux-arm64-musl", "3.11").environment}
    assert Marker(marker).evaluate(environment) is expected


def test_allowed_versions() -> None:
    def versions(specifier: str, *published: str) -> list[str]:
        files = [IndexFile(f"a-{one.strip('!')}-py3-none-any.whl", "", yanked=one.endswith("!")) for one in published]
        return [str(file.version) for file in allowed(files, SpecifierSet(specifier))]

    assert versions("", "2.0rc1", "1.0", "0.9") == ["1.0", "0.9"]
    assert versions(">=1.1", "2.0rc1", "1.0") == ["2.0rc1"]
    assert versions(">=1.0a1", "2.0rc1", "1.0") == ["2.0rc1", "1.0"]
    assert versions(">=1", "2.0!", "1.0") == ["1.0"]
    assert versions("==2.0", "2.0!", "1.0") == ["2.0"]
    assert versions(">=2", "2.0!", "1.0") == []


def test_resolve(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("App", "1.0", ("Lib_A>=1", 'old; python_version < "3.11"', 'extra-one; extra == "more"'))
    wheels.publish("lib-a", "1.0", ("lib-b",))
    name = wheels.publish("lib-a", "1.1", ("lib-b<2",), tags="cp311-cp311-manylinux_2_28_x86_64")
    wheels.publish("lib-a", "1.2", tags="cp311-cp311-musllinux_1_2_x86_64")
    wheels.publish("lib-b", "1.5")
    wheels.publish("lib-b", "2.0")
    wheels.publish("old", "1.0")
    releases = {one.package: one for one in resolve_wheels(index, ["app"], X64)}
    assert list(releases) == ["app", "lib-a", "lib-b"]
    assert (releases["lib-a"].version, releases["lib-a"].file) == ("1.1", name)
    assert releases["lib-a"].url == f"{wheels.server.url}/files/{name}"
    assert digest_of(releases["lib-b"]).startswith("sha256-") and releases["lib-b"].version == "1.5"
    assert _pins(index, "app", target=Target("linux-arm64", "3.10")) == [
        "app==1.0", "lib-a==1.0", "lib-b==2.0", "old==1.0",
    ]  # fmt: skip


def test_an_older_version_where_the_newest_does_not_fit(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("app", "1.0", ("a", "b"))
    wheels.publish("a", "1.0", ("c<2",))
    wheels.publish("a", "2.0", ("c>=2",))
    wheels.publish("b", "1.0", ("c<2",))
    wheels.publish("c", "1.0")
    wheels.publish("c", "2.0")
    assert _pins(index, "app") == ["a==1.0", "app==1.0", "b==1.0", "c==1.0"]


def test_extras(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("app", "1.0", ("lib[Fast_Mode]>=1",))
    wheels.publish("lib", "1.0", ("base", 'fast; extra == "fast-mode"', 'slow; extra == "slow"'))
    wheels.publish("base", "1.0", ("lib",))
    wheels.publish("fast", "1.0")
    assert _pins(index, "app") == ["app==1.0", "base==1.0", "fast==1.0", "lib==1.0"]


def test_constraints_and_exclusions(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("app", "1.0", ("lib", "Heavy.Thing>=9"))
    for version in ("1.0", "2.0", "3.0"):
        wheels.publish("lib", version)
    bounds = ("lib<3", 'lib<2; python_version >= "3.14"')
    assert _pins(index, "app", *bounds, exclude=("heavy_thing",)) == ["app==1.0", "lib==2.0"]
    newer = Target("linux-x64", "3.14")
    assert _pins(index, "app", *bounds, target=newer, exclude=("heavy-thing",)) == ["app==1.0", "lib==1.0"]


def test_requires_python_from_metadata(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("app", "1.0")
    wheels.publish("app", "2.0", python=">=3.12")
    for entry in wheels.entries["app"]:
        entry.pop("requires-python", None)
    wheels.refresh("app")
    assert _pins(index, "app") == ["app==1.0"]


def test_each_request_is_sent_once(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("app", "1.0", ("a", "b"))
    wheels.publish("a", "1.0", ("b",))
    wheels.publish("b", "1.0")
    with Snapshot(index) as snapshot:
        for python in ("3.10", "3.11", "3.12"):
            assert len(resolve_wheels(snapshot, ["app"], Target("linux-x64", python))) == 3
    paths = [seen.path for seen in wheels.server.seen]
    assert len(paths) == len(set(paths)) == 6


CAUSE = r"app can't be installed for Python 3.11 on linux-x64: no wheels satisfy .*"


@pytest.mark.parametrize(
    ("requires", "error"),
    [
        (("a", "c<2"), CAUSE + r"c<2 \(required by app 1.0\) and c>=2 \(required by a 1.0\)"),
        (("missing",), CAUSE + r"missing \(required by app 1.0\)"),
        (("b @ https://h.test/b.whl",), CAUSE + r"b @ https://h.test/b.whl \(required by app 1.0\)"),
        (("a ~~ b",), r"app-1.0-py3-none-any.whl has an invalid requirement: 'a ~~ b'"),
    ],
)
def test_requirements_without_a_solution(
    requires: tuple[str, ...], error: str, wheels: WheelIndex, index: PyPIIndex
) -> None:
    wheels.publish("app", "1.0", requires)
    wheels.publish("a", "1.0", ("c>=2",))
    wheels.publish("c", "1.0")
    wheels.publish("c", "2.0")
    with pytest.raises(AgentInstallError, match=error):
        _pins(index, "app")
    wheels.publish("other", "1.0", tags="cp311-cp311-win_amd64")
    with pytest.raises(AgentInstallError, match=r"other has no wheel for Python 3.11 on linux-x64"):
        _pins(index, "other")


def test_an_unknown_version_names_the_newest(wheels: WheelIndex, index: PyPIIndex) -> None:
    for minor in range(12):
        wheels.publish("app", f"1.{minor}")
    with pytest.raises(UnknownVersionError, match=r"app==9.9 .* 1.11, 1.10, 1.9, 1.8, 1.7\."):
        _pins(index, "app==9.9")
    with pytest.raises(UnknownVersionError, match="none"):
        _pins(index, "nothing")


def test_an_index_that_fails_during_resolution(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("app", "1.0", ("a",))
    wheels.server.replies["/simple/a/"] = Reply(403)
    with pytest.raises(RegistryError, match="403"):
        _pins(index, "app")


def test_cancellation(wheels: WheelIndex, index: PyPIIndex) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Abandoned):
        resolve_wheels(index, ["app"], X64, stop=stop)
