"""How long to torture: a moment in the suite, minutes in `make torture`."""

import os

MINUTES = float(os.environ.get("TORTURE_MINUTES") or 0)
"""For all properties together."""
TIMES = 10 if MINUTES else 1
"""As many connections, and so on, as in the suite."""
