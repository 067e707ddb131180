"""`inspect-swe check`: the conformance suite."""

from __future__ import annotations

import click

from ._shared import check_names, json_option, print_json


@click.command()
@click.argument("agents", metavar="AGENT...", nargs=-1, required=True)
@click.option("--version", metavar="stable|latest|X.Y.Z", help="Version of the CLIs.  [default: each agent's own]")
@click.option("--only", metavar="NAME,...", help="Behaviours to test.  [default: all]")
@click.option("--image", default="python:3.12-bookworm", show_default=True, help="Image with a shell, git and Python.")
@click.option("--minimal-image", default="alpine:3", show_default=True, help="Image with little more than a shell.")
@click.option("--log-dir", help="Folder for the logs.  [default: Inspect's]")
@click.option("--max-samples", type=int, help="Maximum number of containers at once.  [default: two per processor]")
@click.option("--fidelity", is_flag=True, help="Compare what the model provider gets with what the CLI itself sends.")
@json_option
def check(
    agents: tuple[str, ...],
    version: str | None,
    only: str | None,
    image: str,
    minimal_image: str,
    log_dir: str | None,
    max_samples: int | None,
    fidelity: bool,
    as_json: bool,
) -> None:
    """Run the conformance suite with each AGENT's real CLI. Exits with 1 if a behaviour fails.

    AGENT is an agent of this package (such as claude_code) or of another package's entry point, or else
    `module:function` or `path/to/file.py:function`. Requires Docker, but no model: a scripted one is included.
    """
    if fidelity:
        if only or log_dir or max_samples:
            raise click.UsageError("--fidelity takes neither --only nor --log-dir nor --max-samples.")
        _check_fidelity(agents, version, image, as_json)
        return
    from ..conformance import BEHAVIOURS, load_agent, run_matrix

    names = only.split(",") if only else None
    check_names(names or (), BEHAVIOURS, "--only")
    for agent in agents:
        load_agent(agent)
    matrix = run_matrix(
        agents,
        version,
        names,
        log_dir=log_dir,
        display="none" if as_json else None,
        max_samples=max_samples,
        image=image,
        minimal_image=minimal_image,
    )
    if as_json:
        import dataclasses

        print_json(dataclasses.asdict(matrix))
    else:
        from .._cli_inventory import console

        matrix.print(console())
    if not matrix.ok:
        raise SystemExit(1)


def _check_fidelity(agents: tuple[str, ...], version: str | None, image: str, as_json: bool) -> None:
    from ..conformance._fidelity import SUBJECTS, as_data, print_report, run_fidelity

    check_names(agents, SUBJECTS)
    comparisons = run_fidelity(agents, image, version)
    if as_json:
        print_json(as_data(comparisons))
    else:
        from .._cli_inventory import console

        print_report(comparisons, console())
    if not all(each.ok for each in comparisons):
        raise SystemExit(1)
