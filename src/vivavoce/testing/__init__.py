"""Scripted engines, for tests and benchmarks of anything that is built on an engine."""

from vivavoce.testing.scripted import Calls, Hears, Says, Scripted, Speaks

__all__ = ["Calls", "Hears", "Says", "Scripted", "Speaks"]
