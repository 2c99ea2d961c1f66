"""Who calls: what a key may do, and whose is what it leaves behind."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

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
    """The key is not one of ours."""


class Callers:
    """Who a key belongs to."""

    def __init__(self, configured: Sequence[str] = ()) -> None:
        """`configured`: the keys of the configuration. Each has a project of its own, named by its digest."""
        self._configured = {_name(key): key.encode() for key in configured}

    @property
    def locked(self) -> bool:
        """Whether a key is needed."""
        return bool(self._configured)

    async def find(self, key: str) -> Caller:
        """Who a key belongs to; where none is needed, whatever it is, anyone.

        Raises:
            NoKey: it is empty, and one is needed.
            WrongKey: it is not one of ours.
        """
        if not self.locked:
            return Caller()
        if not key:
            raise NoKey
        known = [name for name, mine in self._configured.items() if hmac.compare_digest(key.encode(), mine)]
        if not known:
            raise WrongKey
        return Caller(known[0], known[0])


def _name(key: str) -> str:
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
