"""The `inspect-swe` command. Its modules defer heavy imports until a command runs, so that `--help` is fast."""

from __future__ import annotations

from typing import Any

import click

from .chat import chat
from .check import check
from .compare import compare
from .doctor import doctor
from .download import download
from .export import export
from .images import compose, image
from .listing import list_store
from .pins import pins
from .remove import remove
from .roster import list_agents


class _Main(click.Group):
    """A group that prints our errors and OS errors without tracebacks, and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from .._errors import AgentError

        try:
            return super().invoke(ctx)
        except (AgentError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            click.echo(f"error: {error}", err=True)
            raise SystemExit(1) from error


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="inspect_swe", message="%(version)s")
def main() -> None:
    """Manage coding-agent CLIs for Inspect: download, list and remove them, chat with them, check this machine.

    Exit codes: 0 for success, 1 for an error or a failed check, 2 for a wrong command line.
    """


for _command in (list_agents, chat, check, compare, compose, doctor, download, export, image, list_store, pins, remove):
    main.add_command(_command)
