"""`vivavoce config`: what is wrong with a configuration, without starting anything."""

import typer

from vivavoce import config as configuration
from vivavoce.cli.common import ConfigOption, plain_errors, problems
from vivavoce.cli.terminal import harmless
from vivavoce.config import ConfigError
from vivavoce.toml_errors import Problem

config = typer.Typer(name="config", help="Look at the configuration.", no_args_is_help=True)


@config.command()
def check(config: ConfigOption = None) -> None:
    """Say everything that is wrong with the configuration, by line; exits with 1 if anything is an error.

    `warning:` is what works but may be meant otherwise, `note:` what only an engine that runs can tell. Nothing is
    started.
    """
    with plain_errors():
        path = configuration.find(config)
        if path is None:
            typer.echo("no file: the embedded default")
            return
        try:
            found = problems(path)
        except ConfigError as error:
            found = [Problem(said) for said in error.said]
    for problem in found:
        typer.echo(harmless(str(problem)))
    if any(problem.weight == "error" for problem in found):
        raise typer.Exit(1)
    typer.echo(harmless(f"{path}: {'it can be used' if found else 'nothing is wrong'}"))
