"""`vivavoce pull natural`: a good set for this machine, fetched, written down and tried."""

import os
import tempfile
from pathlib import Path

import typer

from vivavoce import config as configuration
from vivavoce import defaults
from vivavoce.catalogue import asking, files, machine, natural, recommended
from vivavoce.catalogue.machine import Machine
from vivavoce.catalogue.natural import Choice
from vivavoce.catalogue.pulling import Plan
from vivavoce.cli import selftest
from vivavoce.cli.common import agreed, check_file, fail
from vivavoce.cli.pull import fetch, plan
from vivavoce.cli.terminal import aside
from vivavoce.engines import extras, libflite, registry

USUAL = "vivavoce.toml"


def pull(languages: list[str], config: Path | None, *, yes: bool) -> None:
    """Say what it takes, ask, fetch, write the configuration, try it and save what was found.

    Exits with 1 if a trial fails.
    """
    unknown = [
        language for language in languages if not (language.isascii() and language.isalpha() and len(language) < 4)
    ]
    if unknown:
        fail(f"--language {unknown[0]}: not a code; it looks like de")
    languages = list(dict.fromkeys(language.lower() for language in languages))
    path = config or Path(os.environ.get("VIVAVOCE_CONFIG") or USUAL)
    report = path.with_name(f"{path.stem}-selftest.json")
    if not path.is_file():  # else it is left as it is
        check_file(path)
    check_file(report)
    here = machine.look()
    choice = natural.choose(here, languages, {use for use in registry.names() if not extras.missing(use)})
    _describe(here, choice, languages)
    with asking.client() as http:
        brain, planned = natural.fitting(choice, lambda name: plan(name, http))
        others = [choice.ear, *choice.voices.values()]
        plans = [planned, *(plan(each.name, http) for each in others if each is not None)]
        _ask(plans, yes=yes)
        for each in plans:
            fetch(each, http)
    text = natural.configuration(choice, brain, _names(), flite=libflite.installed())
    _write(path, text)
    _try(text, languages, report)


def _describe(here: Machine, choice: Choice, languages: list[str]) -> None:
    gpus = ", ".join(gpu.name for gpu in here.gpus) or "no GPU that llama.cpp here can use"
    typer.echo(f"This machine: {here.cores} cores, {files.in_units(here.free)} of memory free, {gpus}.")
    if here.idle_gpus:
        typer.echo(f"{here.idle_gpus[0]} stays idle: the llama.cpp installed here is built without it.")
    better = sorted(filter(None, {extras.missing(each.use) for each in recommended.ALL}))
    if better:
        typer.echo(f"Better still, first: pip install 'vivavoce[{','.join(better)}]' (a better ear, natural voices).")
    for language in languages:
        if language not in choice.voices:
            typer.echo(f"{language}: spoken by the embedded voice.")


def _ask(plans: list[Plan], *, yes: bool) -> None:
    """Say what will be fetched, and go on only if that is wanted."""
    for each in plans:
        licence = each.licence or "the hub names no licence"
        typer.echo(f"  {each.name}: {files.in_units(each.bytes)}, {licence}{'' if each.missing else ' (here already)'}")
    missing = sum(each.missing for each in plans)
    files.check_room(files.folder() / "x", missing, "All of this")
    if missing:
        agreed(f"Fetch {files.in_units(missing)} into {files.folder()}?", yes=yes)


def _names() -> dict[str, list[str]]:
    """The models and their other names, as the embedded default has them."""
    settled = defaults.embedded(configuration.Config(), "", flite=False)
    return {name: settings.aliases for name, settings in settled.models.items()}


def _write(path: Path, text: str) -> None:
    """Write the configuration; one that is there already is left as it is."""
    try:
        with path.open("x", encoding="utf-8") as made:
            made.write(text)
    except FileExistsError:
        typer.echo(f"\n{path} is there already and is left as it is; to use the set, it takes these lines:\n\n{text}")
    else:
        typer.echo(f"\nWritten: {path}\n")


def _try(text: str, languages: list[str], report: Path) -> None:
    """Try the set, also where another configuration is in its place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / USUAL
        path.write_text(text, encoding="utf-8")
        settled = configuration.load(path)
    aside("trying it (vivavoce selftest):")
    name, settings = next(iter(settled.models.items()))
    if not selftest.run(settled, name, settings, languages, str(report)):
        raise typer.Exit(1)
    aside("now: vivavoce serve")
