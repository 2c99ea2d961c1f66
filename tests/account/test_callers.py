"""Who a key belongs to."""

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.store.conftest import Clock
from vivavoce.account.callers import ANYONE, Caller, Callers, NoKey, WrongKey
from vivavoce.account.keys import KeyRing, Wish
from vivavoce.core.errors import TryLater
from vivavoce.store.database import Database


async def test_without_keys_whoever_calls_is_anyone(ring: KeyRing) -> None:
    callers = Callers([], ring)
    for key in ("", "anything", "sk-vv-anything"):
        assert await callers.find(key) == Caller()
    assert not callers.locked
    assert Caller().project == ANYONE


async def test_where_a_key_is_needed_nobody_comes_in_before_there_is_one(ring: KeyRing) -> None:
    callers = Callers([], ring, needed=True)
    assert callers.locked
    with pytest.raises(NoKey):
        await callers.find("")
    with pytest.raises(WrongKey):
        await callers.find("anything")


async def test_each_configured_key_has_a_project_of_its_own_which_it_keeps(ring: KeyRing) -> None:
    callers = Callers(["sk-one", "schlüssel"], ring)
    assert callers.locked
    found = await callers.find("sk-one")
    assert found.project == found.key_id == "key-456f1612bd25c6c8455039437bf441f4"  # stored answers are found by it
    assert await callers.find("sk-one") == found
    assert (await callers.find("schlüssel")).project not in (ANYONE, found.project)


async def test_what_is_no_key_of_ours_belongs_to_nobody(ring: KeyRing) -> None:
    callers = Callers(["sk-one"], ring)
    with pytest.raises(NoKey):
        await callers.find("")
    for key in ("sk-two", "sk-on", "sk-one ", "ключ", f"sk-vv-{'x' * 43}"):
        with pytest.raises(WrongKey) as wrong:
            await callers.find(key)
        assert wrong.value.why == ""


async def test_a_key_that_was_made_says_who_calls_and_what_it_may(ring: KeyRing) -> None:
    callers = Callers(["sk-one"], ring)
    made = await ring.create(Wish("phone", "shop", "tier-2", ["a-model"]))
    found = await callers.find(made.value)
    assert found == Caller("shop", made.key.id, "tier-2", frozenset({"a-model"}))
    admin = await ring.create(Wish("boss", None))
    assert await callers.find(admin.value) == Caller(ANYONE, admin.key.id, admin=True)
    assert (await callers.find("sk-one")).key_id != made.key.id


async def test_the_first_key_locks_the_server_for_good(ring: KeyRing) -> None:
    callers = Callers([], ring)
    assert await callers.find("anything") == Caller()
    made = await ring.create(Wish("phone", "shop"))
    assert callers.locked
    with pytest.raises(WrongKey):
        await callers.find("anything")
    await ring.revoke(made.key.id)
    with pytest.raises(NoKey):
        await callers.find("")
    with pytest.raises(WrongKey, match=r"It was revoked\."):
        await callers.find(made.value)


async def test_a_key_ends_at_its_time(ring: KeyRing, clock: Clock) -> None:
    callers = Callers([], ring, now=clock)
    made = await ring.create(Wish("phone", "shop", lifetime_s=90))
    clock.now += 89
    assert (await callers.find(made.value)).project == "shop"
    clock.now += 1  # remembered or not
    with pytest.raises(WrongKey, match=r"It has expired\."):
        await callers.find(made.value)


async def test_an_old_key_is_good_until_its_grace_is_over(ring: KeyRing, clock: Clock) -> None:
    callers = Callers([], ring, now=clock)
    old = await ring.create(Wish("phone", "shop"))
    new = await ring.rotate(old.key.id, 60)
    assert new is not None
    clock.now += 59
    for value in (old.value, new.value):
        assert (await callers.find(value)).project == "shop"
    clock.now += 1
    assert (await callers.find(new.value)).key_id == new.key.id
    with pytest.raises(WrongKey, match=r"It was revoked\."):
        await callers.find(old.value)


async def test_where_keys_cannot_be_read_nobody_comes_in(
    ring: KeyRing, database: Database, running: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    callers = Callers(["sk-one"], ring)
    made = await ring.create(Wish("phone", "shop"))
    await callers.find(made.value)

    async def broken(_statement: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception(made.value))

    monkeypatch.setattr(database, "read", broken)
    assert (await callers.find(made.value)).project == "shop"  # a moment longer
    running.now += 2
    with pytest.raises(TryLater, match="right now"):
        await callers.find(made.value)
    assert (await callers.find("sk-one")).key_id
    assert "keys could not be read: OperationalError" in caplog.text
    assert made.value not in caplog.text


def test_a_model_may_be_used_by_any_of_its_names() -> None:
    assert Caller().may_use("a-model")
    one = Caller(models=frozenset({"a-model"}))
    assert one.may_use("an-alias", "a-model")
    assert not one.may_use("another")
    assert not Caller(models=frozenset()).may_use("a-model")
