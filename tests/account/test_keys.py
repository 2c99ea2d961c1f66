"""Keys made, known, put anew and ended."""

import re
import secrets
from pathlib import Path

import pytest

from tests.store.conftest import Clock, everything_in
from vivavoce.account.first import first_admin
from vivavoce.account.guessed import easily_guessed
from vivavoce.account.keys import KNOWN, KeyRing, Wish
from vivavoce.store.database import Database
from vivavoce.store.keys import Keys


async def test_a_key_is_256_random_bits_behind_a_mark(ring: KeyRing) -> None:
    made = [await ring.create(Wish("phone", "shop")) for _ in range(3)]
    assert len({each.value for each in made}) == len({each.key.id for each in made}) == 3
    for each in made:
        assert re.fullmatch(r"sk-vv-[A-Za-z0-9_-]{43}", each.value)
        assert each.key.shown == f"sk-vv-****{each.value[-4:]}"
    admin = await ring.create(Wish("boss", None))
    assert re.fullmatch(r"sk-vv-admin-[A-Za-z0-9_-]{43}", admin.value)
    assert admin.key.admin


async def test_a_key_is_known_again_with_all_that_was_said_of_it(ring: KeyRing, clock: Clock) -> None:
    made = await ring.create(Wish("phone", "shop", "free", ["a", "b"], 60))
    assert await ring.find(made.value) == made.key
    assert (made.key.created_at, made.key.expires_at) == (clock.now, clock.now + 60)
    for wrong in (
        made.value[:-1],
        f"{made.value}x",
        made.value.upper(),
        f"sk-vv-{'x' * 43}",
        "x",
        "",
        f"sk-vv-{'x' * 999}",
    ):
        assert await ring.find(wrong) is None


async def test_neither_keys_nor_their_hashes_without_the_secret_are_on_disk(
    ring: KeyRing, database: Database, tmp_path: Path
) -> None:
    made = [await ring.create(Wish("phone", "shop")), await ring.create(Wish("boss", None))]
    await ring.find(made[0].value)
    await database.write(_nothing)
    kept = everything_in(tmp_path)
    for each in made:
        assert each.key.id.encode() in kept
        assert each.value.encode() not in kept
        assert each.value[6:-4].encode() not in kept
    other = KeyRing(Keys(database), secrets.token_bytes(32))
    assert await other.find(made[0].value) is None
    assert (tmp_path / "keys.secret").stat().st_mode & 0o777 == 0o600


def _nothing(_connection: object) -> None:
    pass


async def test_what_this_process_revokes_ends_at_once(ring: KeyRing, clock: Clock) -> None:
    made = await ring.create(Wish("phone", "shop"))
    await ring.find(made.value)
    assert await ring.revoke(made.key.id)
    found = await ring.find(made.value)
    assert found is not None
    assert found.revoked(clock())
    assert not await ring.revoke(made.key.id)
    assert not await ring.revoke("key_of_nobody")


async def test_what_another_process_does_holds_within_seconds(
    ring: KeyRing, database: Database, tmp_path: Path, clock: Clock, running: Clock
) -> None:
    await ring.look()
    beside = await Database.open(tmp_path, beside=True)  # a server has it open
    try:
        other = await KeyRing.open(beside, tmp_path, clock)
        made = await other.create(Wish("phone", "shop"))
        assert (await ring.find(made.value), ring.used) == (made.key, False)
        await ring.look()
        assert not ring.used
        assert await other.revoke(made.key.id)
    finally:
        await beside.close()
    running.now += 5
    await ring.look()
    assert ring.used
    found = await ring.find(made.value)
    assert found is not None
    assert found.revoked(clock())


async def test_only_so_many_keys_are_remembered(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KNOWN >= 1000
    monkeypatch.setattr("vivavoce.account.keys.KNOWN", 3)
    made = [await ring.create(Wish("phone", "shop")) for _ in range(5)]
    for each in [*made, made[0]]:
        assert await ring.find(each.value)
        assert len(ring._known) <= 3
    await ring.find(f"sk-vv-{'x' * 43}")  # what is no key takes no place
    assert {key.id for key, _ in ring._known.values()} == {made[index].key.id for index in (3, 4, 0)}


async def test_the_new_key_is_as_the_old_one_and_lives_as_long_anew(ring: KeyRing, clock: Clock) -> None:
    old = await ring.create(Wish("phone", "shop", "free", ["a"], 100))
    clock.now += 40
    new = await ring.rotate(old.key.id)
    assert new is not None
    key = new.key
    assert (key.name, key.project, key.tier, key.models) == ("phone", "shop", "free", ["a"])
    assert key.expires_at == clock.now + 100
    assert key.id != old.key.id
    assert new.value != old.value
    assert [each.id for each in await ring.of("shop")] == [key.id]
    assert [each.id for each in await ring.all(ended=True)] == [old.key.id, key.id]
    for ended in (old.key.id, "key_of_nobody"):
        assert await ring.rotate(ended) is None
    assert len(await ring.all(ended=True)) == 2


async def test_when_a_key_was_used_is_known_roughly(
    ring: KeyRing, database: Database, clock: Clock, running: Clock
) -> None:
    made = await ring.create(Wish("phone", "shop"))

    async def used() -> int | None:
        await ring.find(made.value)
        await database.write(_nothing)
        (key,) = await ring.of("shop")
        return key.last_used_at

    first = clock.now
    assert await used() == first
    for passed, expected in ((300, first), (298, first), (2, first + 600)):
        clock.now += passed
        running.now += passed
        assert await used() == expected


async def test_without_the_secret_there_is_nothing_to_go_on_with(database: Database, tmp_path: Path) -> None:
    ring = await KeyRing.open(database, tmp_path)
    assert not ring.used
    made = await ring.create(Wish("phone", "shop"))
    secret = tmp_path / "keys.secret"
    kept = secret.read_bytes()
    secret.unlink()
    with pytest.raises(OSError, match="no key is known again"):
        await KeyRing.open(database, tmp_path)
    secret.write_bytes(kept[:31])
    with pytest.raises(OSError, match="32 bytes"):
        await KeyRing.open(database, tmp_path)
    secret.write_bytes(kept)
    with pytest.raises(OSError, match="chmod 600"):
        await KeyRing.open(database, tmp_path)
    secret.chmod(0o600)
    again = await KeyRing.open(database, tmp_path)
    assert again.used
    assert await again.find(made.value)
    assert [path.name for path in tmp_path.glob("keys.secret*")] == ["keys.secret"]


async def test_only_the_first_start_makes_an_admin_key(ring: KeyRing) -> None:
    value = await first_admin(ring)
    assert value is not None
    found = await ring.find(value)
    assert found is not None
    assert found.admin
    assert await first_admin(ring) is None
    await ring.revoke(found.id)
    assert await first_admin(ring) is None


@pytest.mark.parametrize(
    ("key", "easy"),
    [
        ("", True),
        ("sk-1234", True),
        ("changeme", True),
        ("changeme" * 8, True),
        ("x" * 64, True),
        ("0123456789abcdefghi", True),
        ("0123456789abcdefghij", False),
        pytest.param(secrets.token_urlsafe(32), False, id="urlsafe"),
        pytest.param(secrets.token_hex(32), False, id="hex"),
    ],
)
def test_what_is_short_or_much_the_same_is_easily_guessed(key: str, easy: bool) -> None:
    assert easily_guessed(key) is easy
