"""Who calls: what a key may do, and whose is what it leaves behind."""

import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from vivavoce.account.keys import KeyRing
from vivavoce.core.errors import TryLater
from vivavoce.store import clock
from vivavoce.store.keys import Key

log = logging.getLogger("vivavoce.account")

ANYONE = "default"
"""The project of all callers where the server has no keys."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a request comes from."""

    project: str = ANYONE
    """Whose what it leaves behind is: what one project stored does not exist for another."""
    key_id: str | None = None
    """The name of its key, which is no secret; None: the server has no keys."""
    tier: str | None = None
    """None: nothing was said."""
    models: frozenset[str] | None = None
    """The models it may use, by any of their names; None: all."""
    admin: bool = False
    """Whether it may make and revoke keys. It then may do nothing else."""

    def may_use(self, *names: str) -> bool:
        """Whether it may use a model, of which these are names."""
        return self.models is None or not self.models.isdisjoint(names)


class NoKey(Exception):
    """There is no key, where one is needed."""


class WrongKey(Exception):
    """The key is not one of ours, or not any more."""

    def __init__(self, why: str = "") -> None:
        """`why`: what became of it, where it is one of ours."""
        super().__init__(why)
        self.why = why


class Callers:
    """Who a key belongs to."""

    def __init__(
        self,
        configured: Sequence[str],
        ring: KeyRing,
        *,
        needed: bool = False,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """Begin.

        Args:
            configured: the keys of the configuration. Each has a project of its own, named by its digest.
            ring: the keys that were made.
            needed: whether a key is needed though there is none yet.
            now: Unix seconds.
        """
        self._configured = {_name(key): key.encode() for key in configured}
        self._ring = ring
        self._needed = needed
        self._now = now

    @property
    def locked(self) -> bool:
        """Whether a key is needed. The first that is made locks the server, and revoking it does not open it again."""
        return self._needed or bool(self._configured) or self._ring.used

    async def find(self, key: str) -> Caller:
        """Who a key belongs to; where none is needed, whatever it is, anyone.

        Raises:
            NoKey: it is empty, and one is needed.
            WrongKey: it is not one of ours, or not any more.
            TryLater: the keys that were made cannot be looked at.
        """
        known = [name for name, mine in self._configured.items() if hmac.compare_digest(key.encode(), mine)]
        if known:
            return Caller(known[0], known[0])
        try:
            await self._ring.look()
            found = await self._ring.find(key)
        except SQLAlchemyError as error:
            raise _unreadable(error) from None
        if found is not None:
            return self._caller(found)
        if not self.locked:
            return Caller()
        raise WrongKey if key else NoKey

    async def again(self, key_id: str | None) -> Caller:
        """Who a key belongs to by now, by its id; None where the server had no keys.

        Raises:
            NoKey: it has some now.
            WrongKey: the key is not one of ours any more.
            TryLater: the keys that were made cannot be looked at.
        """
        if key_id in self._configured:
            return Caller(key_id, key_id)
        try:
            await self._ring.look()
            found = None if key_id is None else await self._ring.whose(key_id)
        except SQLAlchemyError as error:
            raise _unreadable(error) from None
        if found is not None:
            return self._caller(found)
        if key_id is not None:
            raise WrongKey("It is not there any more.")
        if self.locked:
            raise NoKey
        return Caller()

    def _caller(self, key: Key) -> Caller:
        now = self._now()
        if key.revoked(now):
            raise WrongKey("It was revoked.")
        if key.expired(now):
            raise WrongKey("It has expired.")
        models = None if key.models is None else frozenset(key.models)
        return Caller(key.project or ANYONE, key.id, key.tier, models, key.admin)


def _unreadable(error: SQLAlchemyError) -> TryLater:
    log.error("keys could not be read: %s", type(error).__name__)
    return TryLater("Your key cannot be looked up right now. You can retry your request.")


def _name(key: str) -> str:
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
