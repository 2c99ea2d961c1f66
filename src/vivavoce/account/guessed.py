"""Keys that are too easily guessed where other machines may try."""

SHORTEST = 20
"""Characters of a key that other machines may try. Those made here have more than twice as many."""
FEWEST = 8
"""Different ones among them."""


def easily_guessed(key: str) -> bool:
    """Whether a key is too short, or too much of it is the same."""
    return len(key) < SHORTEST or len(set(key)) < FEWEST
