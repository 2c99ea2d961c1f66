"""Keys in the database."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from tests.store.conftest import Clock
from vivavoce.store.database import Database
from vivavoce.store.keys import Key, Keys


@pytest.fixture
def keys(database: Database, clock: Clock) -> Keys:
    return Keys(database, clock)


def key(number: int, project: str | None = "shop") -> Key:
    return Key(f"key_{number}", "sk-****", f"name {number}", project, None, None, 1_000_000 + number)


async def test_what_is_kept_is_found_by_its_hash_and_its_id(keys: Keys) -> None:
    assert not await keys.any()
    full = replace(key(1), tier="free", models=["a", "b"], expires_at=5, revoked_at=6, last_used_at=7)
    await keys.keep(full, "hash 1")
    await keys.keep(key(2, None), "hash 2")
    assert await keys.any()
    assert [await keys.known_by(f"hash {number}") for number in (1, 2, 3)] == [full, key(2, None), None]
    assert [await keys.find(f"key_{number}") for number in (1, 2, 3)] == [full, key(2, None), None]


async def test_no_two_keys_have_the_same_hash(keys: Keys) -> None:
    await keys.keep(key(1), "hash")
    with pytest.raises(IntegrityError):
        await keys.keep(key(2), "hash")
    with pytest.raises(IntegrityError):
        await keys.replace("key_1", key(2), "hash", 0)
    assert await keys.all(ended=True) == [key(1)]  # nor was the first ended


async def test_each_project_lists_its_own_in_the_order_they_were_made(keys: Keys) -> None:
    for number, project in [(4, "shop"), (3, "bank"), (2, None), (1, "shop")]:
        await keys.keep(key(number, project), str(number))
    assert [each.id for each in await keys.of("shop")] == ["key_4", "key_1"]
    assert await keys.of(None) == [key(2, None)]
    assert await keys.of("nobody") == []
    assert [each.id for each in await keys.all()] == ["key_4", "key_3", "key_2", "key_1"]
    assert await keys.projects() == [("shop", 1_000_001), ("bank", 1_000_003)]


async def test_a_revoked_key_stays_and_is_not_listed(keys: Keys, clock: Clock) -> None:
    await keys.keep(key(1), "hash")
    assert await keys.revoke("key_1")
    assert not await keys.revoke("key_1")
    assert not await keys.revoke("key_2")
    revoked = replace(key(1), revoked_at=int(clock.now))
    assert await keys.known_by("hash") == revoked
    assert (await keys.of("shop"), await keys.all(), await keys.all(ended=True)) == ([], [], [revoked])
    assert await keys.projects() == [("shop", 1_000_001)]


async def test_a_key_in_its_grace_is_listed_and_can_be_revoked_but_not_prolonged(keys: Keys, clock: Clock) -> None:
    await keys.keep(key(1), "1")
    ends_at = int(clock.now) + 60
    assert await keys.replace("key_1", key(2), "2", ends_at)
    assert [each.id for each in await keys.of("shop")] == ["key_1", "key_2"]
    for later in (ends_at, ends_at + 1):
        assert not await keys.replace("key_1", key(3), "3", later)
    assert len(await keys.all(ended=True)) == 2
    assert await keys.revoke("key_1")
    assert [each.id for each in await keys.of("shop")] == ["key_2"]


async def test_use_is_noted(keys: Keys, clock: Clock) -> None:
    await keys.keep(key(1), "1")
    keys.note_use("key_1")
    await keys.keep(key(2), "2")  # after it in the line
    assert await keys.all() == [replace(key(1), last_used_at=int(clock.now)), key(2)]
