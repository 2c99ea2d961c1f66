"""What every test of this folder starts with, and the figures that `make torture` ends with."""

from collections.abc import Callable

import pytest

from tests.e2e.conftest import address, client, serve
from tests.support.serving import serving

__all__ = ["address", "client", "serve", "serving"]

FIGURES: list[str] = []


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have a line told at the end: what was tried, and what came of it."""
    return lambda line: FIGURES.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell them."""
    for line in FIGURES:
        terminalreporter.write_line(line)
