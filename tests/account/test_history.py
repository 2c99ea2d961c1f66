"""What was done before is what the ledger's rows add up to."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.support.entries import entry
from vivavoce.account.history import FromLedger
from vivavoce.account.tiers import Earned
from vivavoce.core.errors import TryLater
from vivavoce.store.database import Database
from vivavoce.store.ledger import Ledger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    database = await Database.open(tmp_path)
    yield Ledger(database)
    await database.close()


async def test_a_project_has_done_what_was_not_refused(ledger: Ledger) -> None:
    history = FromLedger(ledger)
    assert await history.done("shop") == Earned()
    await ledger.append(entry(1, project="shop", key="a", cost_in=1, cost_out=2))
    await ledger.append(entry(2, project="shop", key="b", cost_out=10**12, status="cancelled"))
    await ledger.append(entry(3, project="shop", key="b", status="refused"))
    await ledger.append(entry(4, project="other", key="c", cost_in=5))
    assert await history.done("shop") == Earned(2, Decimal("1.000000000003"))


async def test_keys_and_projects_have_spent_since_a_moment(ledger: Ledger) -> None:
    for number, (key, at) in enumerate((("a", 99), ("a", 100), ("b", 100), ("b", 200))):
        await ledger.append(entry(number, project="shop", key=key, at=at, cost_in=10**number))
    history = FromLedger(ledger)
    assert await history.spent("shop", 100.0) == Decimal("0.00000000111")
    assert await history.spent("a", 100.0) == Decimal("0.00000000001")
    assert await history.spent("b", 0.0) == Decimal("0.0000000011")
    assert await history.spent("nobody", 0.0) == 0


async def test_who_cannot_be_looked_up_is_told_to_come_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def locked(_wanted: object) -> None:
        raise OperationalError("SELECT", {}, Exception("locked"))

    monkeypatch.setattr(ledger, "sums", locked)
    for asked in (FromLedger(ledger).done("shop"), FromLedger(ledger).spent("shop", 0.0)):
        with pytest.raises(TryLater) as later:
            await asked
        assert later.value.status == 503
    assert "could not be read: OperationalError" in caplog.text
