"""What the commands that ask any server, ours or not, take and do the same way."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from vivavoce.conform.sound import Sound

UNUSABLE = 2
"""The exit status where a server cannot be asked."""

KeyOption: TypeAlias = Annotated[
    str | None, typer.Option(envvar="OPENAI_API_KEY", show_envvar=True, help="Sent to that server and nowhere else.")
]
ChatOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="The chat model; else the first that looks like one with audio.")
]
TranscriptionOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="The model that writes down what is said.")
]
TheirVoiceOption: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="The voice that speaks.")]
JsonOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write everything as JSON; - is standard output, which then has nothing else.",
    ),
]


def wav_of(path: Path) -> "Sound":
    """A WAV to ask with.

    Raises:
        Unusable: it is none of one channel of 16 bits.
    """
    from vivavoce.conform.examine import Unusable  # noqa: PLC0415 - help is quick
    from vivavoce.conform.seen import Failed  # noqa: PLC0415
    from vivavoce.conform.sound import read_wav  # noqa: PLC0415

    try:
        return read_wav(path.read_bytes())
    except Failed as failed:
        raise Unusable(f"{path}: {failed}") from None
