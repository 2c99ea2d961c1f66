"""The small answers."""

from decimal import Decimal

from vivavoce.core.models import Price
from vivavoce.wire.pages import Prices, prices


def test_a_price_is_written_exactly_and_as_shortly_as_that_goes() -> None:
    price = Price(Decimal("0.15"), Decimal("10.0"), Decimal("1E-7"), Decimal(0))
    assert prices(price) == Prices("0.15", "10", "0.0000001", "0")
