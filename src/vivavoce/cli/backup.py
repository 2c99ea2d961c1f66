"""`vivavoce backup`: a copy of all that a server keeps, also while it runs."""

from pathlib import Path
from typing import Annotated

import typer

from vivavoce import config as configuration
from vivavoce.cli.common import ConfigOption, plain_errors, unstarted
from vivavoce.cli.terminal import Progress, aside


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The folder to make; nothing may be there yet.")],
    config: ConfigOption = None,
) -> None:
    """Copy the data folder: keys, ledger, stored completions, spoken answers. A server may run meanwhile.

    The copy is a data folder itself. Keep it as well as the other: who has it has what people said, and the secret.
    """
    with plain_errors():
        from vivavoce.catalogue.files import in_units  # noqa: PLC0415 - help is quick
        from vivavoce.store.backup import back_up  # noqa: PLC0415

        folder = configuration.data_folder(unstarted(config).store)
        with Progress(f"copying {folder}"):
            copied = back_up(folder, target.expanduser())
        aside(f"{target}: the database and {copied.files} files, {in_units(copied.size)}")
