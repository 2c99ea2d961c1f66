"""The command line: one file a command. What a command runs on is imported when it runs, so that help is quick."""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

import vivavoce
from vivavoce.cli import (
    ask,
    backup,
    bench,
    config,
    conform,
    doctor,
    keys,
    models,
    pull,
    remove,
    say,
    selftest,
    serve,
    transcribe,
    usage,
)

MISUNDERSTOOD = 2

app = typer.Typer(
    name="vivavoce",
    help="Speech and text in, text and speech out: the audio chat API on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    serve.serve,
    ask.ask,
    say.say,
    transcribe.transcribe,
    models.models,
    usage.usage,
    backup.backup,
    pull.pull,
    remove.remove,
    selftest.selftest,
    doctor.doctor,
    conform.conform,
    bench.bench,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(config.config)
app.add_typer(keys.keys)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vivavoce {vivavoce.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take what belongs to no command."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows another, never a traceback
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit status. A command that is not understood is told in one line too."""
    try:
        return app(arguments, prog_name="vivavoce", standalone_mode=False) or 0
    except Exception as error:
        explain = getattr(error, "format_message", None)  # only the errors of a command line have one
        if explain is None:
            raise
        if not explain():
            return MISUNDERSTOOD  # the help was shown
        typer.echo(f"vivavoce: {' '.join(explain().split()).removesuffix('.')}; see {_help(arguments)}", err=True)
        return MISUNDERSTOOD


def _help(arguments: list[str]) -> str:
    known = {each.callback.__name__ for each in app.registered_commands if each.callback is not None}
    command = next((word for word in arguments if word in known), "")
    return " ".join(filter(None, ["vivavoce", command, "--help"]))
