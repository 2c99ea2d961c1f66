"""The engines' processes and the door as they are when somebody looks: how many work, wait, and have died."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vivavoce.core.breaker import State

STATES: tuple[State, ...] = ("closed", "trial", "open")


class Pool(Protocol):
    """One engine's processes; see `engines.pool.Pool`."""

    restarts: int

    @property
    def name(self) -> str:
        """What the configuration calls the engine."""
        ...

    @property
    def places(self) -> int:
        """How many calls it serves at once."""
        ...

    @property
    def busy(self) -> int:
        """How many it serves now."""
        ...

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        ...

    @property
    def ready(self) -> bool:
        """Whether every process runs, or sleeps."""
        ...


class Door(Protocol):
    """Where turns are let in; see `core.admission.Door`."""

    @property
    def waiting(self) -> int:
        """How many turns wait at it."""
        ...


class Breaker(Protocol):
    """What is known of an engine's failures; see `core.breaker.Breaker`."""

    name: str

    @property
    def state(self) -> State:
        """Whether it is asked."""
        ...


class Places(Collector):
    """Asked by the registry at each look. While one configuration follows another, both count."""

    def __init__(self) -> None:
        self.running: list[Sequence[Pool]] = []
        """Those of each configuration; a pool that is in two counts once."""
        self.doors: list[Door] = []
        """One of each configuration."""
        self.breakers: list[Sequence[Breaker]] = []
        """Those of each configuration."""

    def collect(self) -> Iterator[Metric]:
        """Tell of every pool, those of one name together, and of the door."""
        places = GaugeMetricFamily("vivavoce_engine_places", "Calls an engine serves at once.", labels=["engine"])
        busy = GaugeMetricFamily("vivavoce_engine_busy", "Calls it serves now.", labels=["engine"])
        waiting = GaugeMetricFamily("vivavoce_engine_waiting", "Calls that wait for a place.", labels=["engine"])
        ready = GaugeMetricFamily("vivavoce_engine_ready", "1: each of its processes runs.", labels=["engine"])
        restarts = CounterMetricFamily("vivavoce_engine_restarts", "Processes started again.", labels=["engine"])
        for name, pools in self._by_name().items():
            places.add_metric([name], sum(pool.places for pool in pools))
            busy.add_metric([name], sum(pool.busy for pool in pools))
            waiting.add_metric([name], sum(pool.waiting for pool in pools))
            ready.add_metric([name], all(pool.ready for pool in pools))
            restarts.add_metric([name], sum(pool.restarts for pool in pools))
        yield from (places, busy, waiting, ready, restarts, self._rests())
        at_the_door = sum(door.waiting for door in list(self.doors))
        yield GaugeMetricFamily("vivavoce_waiting_turns", "Turns that wait to be let in.", at_the_door)

    def _rests(self) -> Metric:
        known = "0: it is asked, 1: it is on trial, 2: it is given a rest."
        rests = GaugeMetricFamily("vivavoce_engine_breaker", known, labels=["engine"])
        found: dict[str, int] = {}
        for breaker in [each for breakers in list(self.breakers) for each in breakers]:
            found[breaker.name] = max(found.get(breaker.name, 0), STATES.index(breaker.state))
        for name, state in found.items():
            rests.add_metric([name], state)
        return rests

    def _by_name(self) -> dict[str, list[Pool]]:
        found: dict[str, list[Pool]] = {}
        for pool in {id(pool): pool for pools in list(self.running) for pool in pools}.values():
            found.setdefault(pool.name, []).append(pool)
        return found
