"""A server that other machines can reach: its first key, and keys that are too easily guessed."""

from vivavoce.account.keys import KeyRing, Wish

SHORTEST = 20
"""Characters of a key that other machines may try. Those made here have more than twice as many."""
FEWEST = 8
"""Different ones among them."""


async def first_admin(ring: KeyRing) -> str | None:
    """An admin key for whoever starts a server that has no key yet; None where there ever was one."""
    await ring.look()
    return None if ring.used else (await ring.create(Wish("the first", None))).value


def easily_guessed(key: str) -> bool:
    """Whether a key is too short, or too much of it is the same."""
    return len(key) < SHORTEST or len(set(key)) < FEWEST
