"""`vivavoce config`: what is wrong with a configuration, without starting anything."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import typer

from vivavoce import config as configuration
from vivavoce.cli.common import ConfigOption, plain_errors
from vivavoce.cli.terminal import harmless
from vivavoce.config import ConfigError

config = typer.Typer(name="config", help="Look at the configuration.", no_args_is_help=True)


@config.command()
def check(config: ConfigOption = None) -> None:
    """Say everything that is wrong with the configuration, a line each with its place; exits with 1 if anything is."""
    with plain_errors():
        path = configuration.find(config)
        if path is None:
            typer.echo("no file: the embedded default")
            return
        problems = configuration.check(path)
        with suppress(ConfigError):  # it is not TOML, and that has been said
            problems += _engines(path)
    for problem in problems:
        typer.echo(harmless(problem))
    if problems:
        raise typer.Exit(1)
    typer.echo(harmless(f"{path}: nothing is wrong"))


def _engines(path: Path) -> Iterator[str]:
    """Engines that are not installed, options that are not theirs, and models that are not here."""
    from vivavoce.catalogue import pulled  # noqa: PLC0415 - help is quick
    from vivavoce.catalogue.files import FetchFailed  # noqa: PLC0415
    from vivavoce.engines import registry  # noqa: PLC0415
    from vivavoce.engines.child import EngineMissing  # noqa: PLC0415

    for name, engine in configuration.right_engines(path).items():
        what = "use"
        try:
            point = registry.find(engine.use)
            what = "options"
            registry.check_options(point, engine.options)
            if point.group == registry.LOCAL:
                pulled.resolved(engine.options, engine.use)
        except (EngineMissing, FetchFailed) as missing:
            yield f"{configuration.line_of(path, 'engines', name, what)}: [engines.{name}] {missing}"
