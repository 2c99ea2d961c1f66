"""Scripted engines, for tests and benchmarks of anything that is built on an engine."""

from vivavoce.testing.scripted import Hears, Says, Scripted, Speaks

__all__ = ["Hears", "Says", "Scripted", "Speaks"]
