"""What models cost: as the configuration says it, and the original's where it does not."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from vivavoce.core.models import Price


class PriceConfig(Struct, forbid_unknown_fields=True):
    """`[models."NAME"] price`: USD for a million tokens of each kind."""

    text_in: Annotated[float, Meta(ge=0, le=1e6)] = 0
    text_out: Annotated[float, Meta(ge=0, le=1e6)] = 0
    audio_in: Annotated[float, Meta(ge=0, le=1e6)] = 0
    audio_out: Annotated[float, Meta(ge=0, le=1e6)] = 0


MINI = PriceConfig(text_in=0.15, text_out=0.60, audio_in=10, audio_out=20)
LARGE = PriceConfig(text_in=2.50, text_out=10, audio_in=40, audio_out=80)
PRICES = {
    "gpt-4o-mini-audio-preview": MINI,
    "gpt-4o-mini-audio-preview-2024-12-17": MINI,
    "gpt-4o-audio-preview": LARGE,
    "gpt-4o-audio-preview-2024-12-17": LARGE,
    "gpt-4o-audio-preview-2025-06-03": LARGE,
}
"""The original's, from its page of each model. Any other name costs nothing unless the configuration says so."""


def price_of(written: PriceConfig | None) -> Price | None:
    """A price as exactly as it was written."""
    if written is None:
        return None
    each = (written.text_in, written.text_out, written.audio_in, written.audio_out)
    return Price(*(Decimal(repr(dollars)) for dollars in each))
