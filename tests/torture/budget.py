"""How long to torture: a moment in the suite, minutes in `make torture`."""

import os

MINUTES = float(os.environ.get("TORTURE_MINUTES") or 0)
"""For all that can go on for ever, together; what has an end comes beside that."""
TIMES = 10 if MINUTES else 1
"""As many connections, and so on, as in the suite."""
SHARES = {"properties": 0.5, "voices": 0.4, "orders": 0.1}


def seconds(of: str) -> float:
    """How long something may go on."""
    return MINUTES * 60 * SHARES[of]
