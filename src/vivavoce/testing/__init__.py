"""For tests of anything built on an engine: scripted engines, and checks of one's own."""

from vivavoce.testing.checks import (
    check_language_model,
    check_responder,
    check_speaker,
    check_synthesizer,
    check_transcriber,
)
from vivavoce.testing.scripted import Calls, Hears, Says, Scripted, Speaks

__all__ = [
    "Calls",
    "Hears",
    "Says",
    "Scripted",
    "Speaks",
    "check_language_model",
    "check_responder",
    "check_speaker",
    "check_synthesizer",
    "check_transcriber",
]
