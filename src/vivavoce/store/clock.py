"""What time it is for things that expire."""

import time
from collections.abc import Callable


def running() -> float:
    """Seconds since some moment, sleep included, which nobody can set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Unix seconds that never go back and never stand still.

    Where the machine's clock is put back, time goes on from where it was: nothing that has expired can be found again,
    and nothing lives longer than it was meant to. Where it is put forward, as on a machine that asks the network for
    the time after it has started, that is believed.
    """

    def __init__(self, told: Callable[[], float] = time.time, running: Callable[[], float] = running) -> None:
        """Begin.

        Args:
            told: the machine's clock, Unix seconds.
            running: seconds since some moment, sleep included, which nobody can set.
        """
        self._told = told
        self._running = running
        self._ahead = told() - running()

    def __call__(self) -> float:
        """Now."""
        self._ahead = max(self._ahead, self._told() - self._running())
        return self._running() + self._ahead


now = Clock()
"""The one of this process."""
