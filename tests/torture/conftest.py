"""What every test of this folder starts with."""

from tests.support.serving import serving

__all__ = ["serving"]
