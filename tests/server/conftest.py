"""What every test of the server starts with."""

from tests.support.serving import serving
from tests.support.upstream import upstream

__all__ = ["serving", "upstream"]
