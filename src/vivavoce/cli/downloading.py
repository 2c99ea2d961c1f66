"""What is seen of a download: a bar where somebody is watching, nothing in a pipe."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

from vivavoce.catalogue import files
from vivavoce.catalogue.files import Progress


@contextmanager
def shown(what: str, whole: int = 0) -> Generator[Progress]:
    """Show how a download of `whole` bytes gets on."""
    if not sys.stderr.isatty():
        yield files.unseen
        return
    from rich.console import Console  # noqa: PLC0415 - only where it is shown
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=whole or None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
