"""What every test of the server starts with."""

from tests.support.serving import serving

__all__ = ["serving"]
