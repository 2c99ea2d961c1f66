"""The embedded model's weights, where a test needs the real thing."""

import os
from pathlib import Path

import pytest

from vivavoce.catalogue import embedded


def link_weights(home: Path) -> None:
    """Give a server's folder the weights that are here; without them skip the test, or fail it where CI decides."""
    weights = embedded.fetched()
    if weights is None:
        reason = "the embedded weights are not here; `make test` fetches them"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    if not (home / "weights").exists():
        (home / "weights").symlink_to(weights.parent)
