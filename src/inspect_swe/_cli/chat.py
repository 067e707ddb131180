"""`inspect-swe chat`: an interactive agent in a terminal."""

from __future__ import annotations

import click

from ._shared import check_names


@click.command()
@click.argument("agent")
@click.option("--model", help="An Inspect model, such as anthropic/claude-sonnet-4-5.  [default: INSPECT_EVAL_MODEL]")
@click.option(
    "--sandbox", default="docker", show_default=True, metavar="local|docker|docker:FILE", help="Sandbox of the agent."
)
@click.option("--image", help="Image of the container; not with FILE.  [default: python:3.12-bookworm]")
@click.option("--cwd", help="Working directory of the agent.  [default: the sandbox's own]")
@click.option("--version", metavar="auto|sandbox|stable|latest|X.Y.Z", default="auto", show_default=True)
@click.option("--ask", is_flag=True, help="Ask before each tool call instead of allowing all.")
@click.option("--log-dir", help="Folder for the log.  [default: Inspect's]")
def chat(
    agent: str,
    model: str | None,
    sandbox: str,
    image: str | None,
    cwd: str | None,
    version: str,
    ask: bool,
    log_dir: str | None,
) -> None:
    """Chat with an interactive AGENT: claude_code, codex_cli, copilot_cli, gemini_cli, kimi_code or opencode.

    Each line is a prompt. Ctrl-C interrupts the agent; at the prompt it ends the session, like Ctrl-D and /exit.
    If stdin is not a terminal, its lines are the prompts, and the first error ends the session.
    """
    if image is not None and sandbox != "docker":
        raise click.UsageError("--image requires --sandbox docker without a file.")
    from .._cli_inventory import CHOICES
    from ._chat_task import Setup, chat_model, run_chat

    prefix = "interactive_"
    key = agent.removeprefix(prefix)
    check_names((key,), [name.removeprefix(prefix) for name in CHOICES if name.startswith(prefix)])
    place, _, file = sandbox.partition(":")
    if place not in ("local", "docker") or (place == "local" and sandbox != "local"):
        raise click.BadParameter(f"{sandbox!r} is not local, docker or docker:FILE.", param_hint="--sandbox")
    setup = Setup(key, version, place, file, image, cwd, ask)
    outcome = run_chat(setup, chat_model(model), log_dir)
    click.echo(f"log: {outcome.log}", err=True)
    if outcome.error:
        click.echo(f"error: {outcome.error}", err=True)
    if outcome.code:
        raise SystemExit(outcome.code)
