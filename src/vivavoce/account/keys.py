"""Making, knowing and ending keys.

A key is 256 random bits behind a mark, told once. What is kept is an HMAC-SHA256 of it under a secret that is not in
the database: whoever reads the database has no key, and cannot try any. It is looked up by that hash, so nothing that a
comparison's time could tell is about the key.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vivavoce.store import clock
from vivavoce.store.database import Database
from vivavoce.store.keys import Key, Keys
from vivavoce.store.secret import secret_in

MARK = "sk-vv-"
ADMIN_MARK = f"{MARK}admin-"
RANDOM_BYTES = 32
LONGEST = 64
"""Characters of a key, and a few more."""
SECRET = "keys.secret"  # noqa: S105 - the name of its file
KNOWN = 4096
"""Keys that are remembered at once."""
FRESH_S = 2.0
"""How long one is remembered: what another process changed holds after that."""
USE_S = 600
"""How exactly it is known when a key was last used."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a key shall be."""

    name: str
    project: str | None
    """None: an admin key."""
    tier: str | None = None
    models: list[str] | None = None
    """None: all."""
    lifetime_s: int | None = None
    """None: it does not expire."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key that was just made."""

    key: Key
    value: str
    """The key itself, which nobody can be told again."""


class KeyRing:
    """The keys that were made. More than one process may have the same."""

    def __init__(
        self,
        keys: Keys,
        secret: bytes,
        now: Callable[[], float] = clock.now,
        running: Callable[[], float] = time.monotonic,
    ) -> None:
        """`running`: seconds since some moment, for how long a key is remembered."""
        self._keys = keys
        self._secret = secret
        self._now = now
        self._running = running
        self._known: dict[str, tuple[Key, float]] = {}
        self._used = False
        self._looked_at = float("-inf")

    @classmethod
    async def open(cls, database: Database, folder: Path, now: Callable[[], float] = clock.now) -> "KeyRing":
        """The keys in the database, whose secret is in `folder`.

        Raises:
            OSError: the secret can be neither read nor made, or is gone and there are keys that need it.
        """
        keys, path = Keys(database, now), folder / SECRET
        if not path.exists() and await keys.any():
            raise OSError(0, "is gone, and without it no key is known again: put it back from its backup", str(path))
        ring = cls(keys, secret_in(path), now)
        await ring.look()
        return ring

    @property
    def used(self) -> bool:
        """Whether there ever was a key, as far as is known."""
        return self._used

    async def look(self) -> None:
        """See whether somebody made the first key."""
        if not self._used and self._running() >= self._looked_at + FRESH_S:
            self._looked_at = self._running()
            self._used = await self._keys.any()

    async def find(self, value: str) -> Key | None:
        """The key, if it is one of these, whatever became of it."""
        if not value.startswith(MARK) or len(value) > LONGEST:
            return None
        hashed = self._hash(value)
        known = self._known.get(hashed)
        if known is not None and self._running() < known[1]:
            return known[0]
        self._known.pop(hashed, None)
        found = await self._keys.known_by(hashed)
        if found is None:
            return None
        while len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]
        self._known[hashed] = (found, self._running() + FRESH_S)
        if found.last_used_at is None or found.last_used_at + USE_S <= self._now():
            self._keys.note_use(found.id)
        return found

    async def whose(self, key_id: str) -> Key | None:
        """The key of an id, whatever became of it."""
        return await self._keys.find(key_id)

    async def create(self, wish: Wish) -> Made:
        """Make a key."""
        made = self._made(wish)
        await self._keys.keep(made.key, self._hash(made.value))
        self._used = True
        return made

    async def rotate(self, key_id: str, grace_s: int = 0) -> Made | None:
        """Make another key that is as this one and lives as long anew; this one ends after a time of grace.

        None where there is no such key, or it has ended or will before that.
        """
        old = await self._keys.find(key_id)
        if old is None or old.expired(self._now()):
            return None
        lifetime_s = None if old.expires_at is None else old.expires_at - old.created_at
        made = self._made(Wish(old.name, old.project, old.tier, old.models, lifetime_s))
        ends_at = int(self._now()) + grace_s
        done = await self._keys.replace(key_id, made.key, self._hash(made.value), ends_at)
        self._known.clear()
        return made if done else None

    async def revoke(self, key_id: str) -> bool:
        """End a key; false where there is none of that id, or it has ended so before."""
        done = await self._keys.revoke(key_id)
        self._known.clear()
        return done

    async def all(self, *, ended: bool = False) -> list[Key]:
        """Every key in the order in which they were made; with `ended` those too that were revoked."""
        return await self._keys.all(ended=ended)

    async def of(self, project: str | None) -> list[Key]:
        """The keys of a project, or all admin keys, without those that were revoked."""
        return await self._keys.of(project)

    async def named(self, key_id: str, project: str | None) -> Key | None:
        """The key of a project, or the admin key, of an id; None where there is none, or it was revoked."""
        found = await self._keys.find(key_id)
        return found if found and found.project == project and not found.revoked(self._now()) else None

    async def projects(self) -> list[tuple[str, int]]:
        """Every project that ever had a key, and when its first was made, in that order."""
        return await self._keys.projects()

    def _made(self, wish: Wish) -> Made:
        mark = ADMIN_MARK if wish.project is None else MARK
        value = mark + secrets.token_urlsafe(RANDOM_BYTES)
        now = int(self._now())
        key = Key(
            f"key_{secrets.token_hex(12)}",
            f"{mark}{'*' * 4}{value[-4:]}",
            wish.name,
            wish.project,
            wish.tier,
            wish.models,
            now,
            None if wish.lifetime_s is None else now + wish.lifetime_s,
        )
        return Made(key, value)

    def _hash(self, value: str) -> str:
        return hmac.new(self._secret, value.encode(), hashlib.sha256).hexdigest()
