"""What tokens cost: exact decimals, held as whole numbers of a unit far below a cent.

A price is in USD for a million tokens. One with six decimals or fewer is a whole number of `UNIT` for each token, so
that every cost, and every sum of costs, is exact. A finer price is rounded once for each request and direction.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from vivavoce.core.models import Price
from vivavoce.core.turn import Usage

UNIT = Decimal("1e-12")
"""USD: a millionth of a millionth."""
UNITS_A_TOKEN = 1_000_000
"""What a token costs at a dollar for a million."""
WHOLE = Decimal(1)
"""A factor that changes no price."""
CREDITS_A_DOLLAR = 2_000_000
"""Of the AI/ML API (source: its FAQ, "How can I track my funds?")."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request costs, in `UNIT`."""

    read: int = 0
    """What was put in."""
    made: int = 0
    """What came out."""

    @property
    def all(self) -> int:
        """Both together."""
        return self.read + self.made

    @property
    def usd(self) -> Decimal:
        """All of it."""
        return usd(self.all)


def cost(price: Price | None, usage: Usage) -> Cost:
    """What so many tokens cost; nothing where there is no price. Cached ones cost what the others do."""
    if price is None:
        return Cost()
    read = usage.text_in * price.text_in + usage.audio_in * price.audio_in
    made = usage.text_out * price.text_out + usage.audio_out * price.audio_out
    return Cost(_units(read), _units(made))


def times(price: Price | None, factor: Decimal) -> Price | None:
    """A price, each of its parts times a factor, exactly."""
    if price is None or factor == WHOLE:
        return price
    each = (price.text_in, price.text_out, price.audio_in, price.audio_out)
    return Price(*(part * factor for part in each))


def usd(units: int) -> Decimal:
    """So many of `UNIT` in USD, exactly."""
    return Decimal(units) * UNIT


def credits_of(dollars: Decimal) -> int:
    """USD in the AI/ML API's credits, rounded half up."""
    return int((dollars * CREDITS_A_DOLLAR + Decimal("0.5")) // 1)


@lru_cache
def written(price: Price | None) -> str:
    """A price as it stands in the ledger: text in, text out, audio in, audio out, parted by `/`; empty: none."""
    if price is None:
        return ""
    return "/".join(plain(each) for each in (price.text_in, price.text_out, price.audio_in, price.audio_out))


def plain(number: Decimal) -> str:
    """A decimal without exponent, and without zeros at its end."""
    return format(number.normalize() if number else Decimal(0), "f")


def _units(tokens_at_their_price: Decimal) -> int:
    return int((tokens_at_their_price * UNITS_A_TOKEN).to_integral_value(ROUND_HALF_EVEN))
