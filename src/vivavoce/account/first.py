"""The first key of a server that other machines can reach."""

from vivavoce.account.keys import KeyRing, Wish


async def first_admin(ring: KeyRing) -> str | None:
    """An admin key for whoever starts a server that has no key yet; None where there ever was one."""
    await ring.look()
    return None if ring.used else (await ring.create(Wish("the first", None))).value
