"""`inspect-swe check`: the conformance suite."""

from __future__ import annotations

import click

from ._shared import check_names, json_option, print_json


@click.command()
@click.argument("agents", metavar="AGENT...", nargs=-1, required=True)
@click.option("--version", metavar="stable|latest|X.Y.Z", help="Version of the CLIs.  [default: as the agent has it]")
@click.option("--only", metavar="NAME,...", help="Names of the behaviours to try.  [default: all]")
@click.option("--image", default="python:3.12-bookworm", show_default=True, help="With a shell, git and Python.")
@click.option("--minimal-image", default="alpine:3", show_default=True, help="With little more than a shell.")
@click.option("--log-dir", help="Where the logs go.  [default: as Inspect has it]")
@click.option("--max-samples", type=int, help="Containers at once.  [default: two per processor]")
@json_option
def check(
    agents: tuple[str, ...],
    version: str | None,
    only: str | None,
    image: str,
    minimal_image: str,
    log_dir: str | None,
    max_samples: int | None,
    as_json: bool,
) -> None:
    """Try each AGENT's real CLI in everything that agents must do alike; exits with 1 if something fails.

    AGENT is one of the package's own (such as claude_code), or one that another package announces,
    `module:function` or `path/to/file.py:function`. Needs Docker, and no model: it brings a scripted one.
    """
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
