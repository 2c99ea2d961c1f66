"""Which engines there are: ours and anyone's, by entry point.

Two groups, so that the server never imports an engine that belongs in a process of its own: `vivavoce.engines` for
blocking classes (see `engines.local`), `vivavoce.remote` for async ones that live in the server.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from vivavoce.engines.child import EngineMissing

LOCAL = "vivavoce.engines"
REMOTE = "vivavoce.remote"


def names() -> list[str]:
    """Every engine that `use` may name."""
    return sorted({point.name for group in (LOCAL, REMOTE) for point in entry_points(group=group)})


def find(use: str) -> EntryPoint:
    """The entry point of an engine.

    Raises:
        EngineMissing: nothing of that name is installed.
    """
    for group in (LOCAL, REMOTE):
        for point in entry_points(group=group, name=use):
            return point
    raise EngineMissing(f"there is no engine '{use}'; installed: {', '.join(names())}")


def construct(point: EntryPoint, options: dict[str, Any]) -> Any:
    """Make an engine that lives in the server.

    Raises:
        EngineMissing: it cannot be imported, or the options are not its own.
    """
    try:
        kind = point.load()
        return kind(msgspec.convert(options, kind.Options))
    except msgspec.ValidationError as error:
        raise EngineMissing(f"options of '{point.name}': {error}") from None
    except (ImportError, AttributeError, ValueError) as error:
        raise _unusable(point, error) from None


def _unusable(point: EntryPoint, error: Exception) -> EngineMissing:
    return EngineMissing(f"engine '{point.name}': {type(error).__name__}: {error}")
