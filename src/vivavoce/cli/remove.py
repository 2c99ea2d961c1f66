"""`vivavoce remove`: delete a model that was pulled."""

from typing import Annotated

import typer

from vivavoce.cli.common import ConfigOption, agreed, fail, plain_errors
from vivavoce.cli.pull import used_by
from vivavoce.cli.terminal import aside


def remove(
    name: Annotated[str, typer.Argument(help="As `vivavoce models --pulled` lists it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if the configuration uses it.")] = False,
    config: ConfigOption = None,
) -> None:
    """Delete a model that was pulled; asks first on a terminal."""
    with plain_errors():
        from vivavoce.catalogue import files, pulled  # noqa: PLC0415 - help is quick

        found = pulled.find(name)
        if found is None:
            fail(f"{name} is not here; vivavoce models --pulled lists what is")
        engines = [] if force else [engine for text, names in used_by(config).items() if text in found.names
                                    for engine in names]  # fmt: skip
        if engines:
            fail(
                f"{found.short} is used by engine '{engines[0]}' of the configuration; --force deletes it all the same"
            )
        agreed(f"Delete {found.short} ({files.in_units(found.bytes)})?", yes=yes)
        aside(f"freed: {files.in_units(pulled.remove(found))}")
