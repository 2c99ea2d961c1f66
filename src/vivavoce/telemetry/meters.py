"""What is counted and timed, for Prometheus. Labels hold names from the configuration and from this code alone."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Protocol, TypeVar

import prometheus_client as prometheus

from vivavoce.core.admitted import admitted
from vivavoce.core.audio import Pcm
from vivavoce.core.turn import AudioDelta, Speech, Turn, TurnDone, Usage
from vivavoce.core.watching import Cache, Kind, Outcome, Seen, Stage
from vivavoce.telemetry.places import Breaker, Door, Places, Pool
from vivavoce.telemetry.player import Player

CONTENT_TYPE = prometheus.CONTENT_TYPE_PLAIN_0_0_4
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Of every time; finest where somebody waits for a voice."""
OF_A_TURN = ("kind", "model")
M_co = TypeVar("M_co", covariant=True)


class Labelled(Protocol[M_co]):
    """A metric of the library, of one kind."""

    def labels(self, *values: str) -> M_co:
        """The one with these labels."""
        ...


class Meters:
    """Everything that is measured from one start of the server to its end. Knows no other process and no thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, from any beginning."""
        prometheus.disable_created_metrics()  # the library's switch for every registry: half the page for nothing
        self.clock = clock
        self._registry = prometheus.CollectorRegistry()
        self._places = Places()
        self._registry.register(self._places)
        prometheus.ProcessCollector(registry=self._registry)
        counter = partial(self._labelled, prometheus.Counter)
        times = partial(self._labelled, prometheus.Histogram, buckets=BUCKETS_S)

        of_a_route = ("method", "route")
        self._requests = counter("http_requests", "Requests answered.", (*of_a_route, "status"))
        self._request_s = times("http_request_seconds", "From a request's head to its answer's end.", of_a_route)
        self._received = counter("http_received_bytes", "Bytes of requests' bodies.", of_a_route)
        self._sent = counter("http_sent_bytes", "Bytes of answers' bodies.", of_a_route)

        self.turns = counter("turns", "What was asked of models, by how it ended.", (*OF_A_TURN, "outcome"))
        self.active = self._labelled(prometheus.Gauge, "active_turns", "Asked of models and not ended.", OF_A_TURN)
        self.waited_s = times("waiting_seconds", "From coming to being let in.", OF_A_TURN)
        self.turn_s = times("turn_seconds", "Whole turns that were done.", OF_A_TURN)
        self.first_audio_s = times("first_audio_seconds", "Until the first sound of a stream was sent.", OF_A_TURN)
        self.gaps = counter("audio_gaps", "Sounds sent after the sound before them had lasted.", OF_A_TURN)
        self.gap_s = counter("audio_gap_seconds", "Silence that made for whoever played it.", OF_A_TURN)
        self.audio_s = counter("audio_seconds", "Seconds of sound taken and given.", (*OF_A_TURN, "direction"))
        self._tokens = counter("tokens", "Tokens read and made.", (*OF_A_TURN, "direction", "of"))
        self._cached = counter("cached_tokens", "Tokens read that the language model still had.", OF_A_TURN)

        self.calls = counter("engine_calls", "Calls of engines, by how they ended.", ("engine", "stage", "outcome"))
        self.stage_s = times(
            "stage_seconds", "hear: until all was heard; others: until the first came.", ("engine", "stage")
        )
        self._lines = counter("batch_lines", "Lines of batches asked, by what came of it.", ("outcome",))
        self._backlog = self._labelled(
            prometheus.Gauge, "batch_backlog", "Lines of batches not done: held by this server, and all.", ("of",)
        )
        self._lookups = counter("cache_lookups", "What was looked for in caches.", ("cache", "result"))

    def _labelled(
        self, kind: Callable[..., Labelled[M_co]], name: str, what: str, labels: Sequence[str], **more: object
    ) -> Callable[..., M_co]:
        """A metric, to be called with a value of each label; whoever has been asked for once is found at once."""
        return cache(kind(name, what, labels, namespace="vivavoce", registry=self._registry, **more).labels)

    def call(self, stage: Stage, engine: str) -> Seen:
        """See `core.watching.Watch`."""
        return _Call(self, stage, engine)

    def turn(self, kind: Kind, model: str, *, streamed: bool) -> Seen:
        """See `core.watching.Watch`."""
        let_in = admitted()
        if let_in is not None and not let_in.background:
            self.waited_s(kind, model).observe(let_in.waited_s)
        return _Turn(self, (kind, model), streamed=streamed)

    def looked_up(self, cache: Cache, *, found: bool) -> None:
        """See `core.watching.Watch`."""
        self._lookups(cache, "hit" if found else "miss").inc()

    def tokens(self, of: tuple[str, str], usage: Usage) -> None:
        """Count the tokens of a turn of one kind and model."""
        for direction, kind, count in (
            ("in", "text", usage.text_in),
            ("in", "audio", usage.audio_in),
            ("out", "text", usage.text_out),
            ("out", "audio", usage.audio_out),
        ):
            if count:
                self._tokens(*of, direction, kind).inc(count)
        if usage.cached:
            self._cached(*of).inc(usage.cached)

    def line(self, outcome: str) -> None:
        """See `batches.running.Seen`."""
        self._lines(outcome).inc()

    def backlog(self, held: int, lines: int) -> None:
        """See `batches.running.Seen`."""
        self._backlog("held").set(held)
        self._backlog("all").set(lines)

    def request(self, of: tuple[str, str], status: str, seconds: float, sizes: tuple[int, int]) -> None:
        """Count a request by method and route; `sizes`: bytes received and sent."""
        received, sent = sizes
        self._requests(*of, status).inc()
        self._request_s(*of).observe(seconds)
        self._received(*of).inc(received)
        self._sent(*of).inc(sent)

    @contextmanager
    def showing(self, pools: Sequence[Pool], door: Door, breakers: Sequence[Breaker] = ()) -> Generator[None]:
        """Tell of pools, of the door before them, and of all engines' breakers, for as long as they run."""
        self._places.running.append(pools)
        self._places.doors.append(door)
        self._places.breakers.append(breakers)
        try:
            yield
        finally:
            self._places.running.remove(pools)
            self._places.doors.remove(door)
            self._places.breakers.remove(breakers)

    def page(self) -> bytes:
        """All of it in Prometheus's text format. Takes milliseconds; may be called in any thread."""
        return prometheus.generate_latest(self._registry)


class _Call:
    """A call of an engine."""

    def __init__(self, meters: Meters, stage: Stage, engine: str) -> None:
        self._meters = meters
        self._of = (engine, stage)
        self._whole = stage == "hear"
        self._told = False
        self._began = meters.clock()

    def told(self, item: object) -> None:
        del item
        if not self._told:
            self._told = True
            if not self._whole:
                self._took()

    def ended(self, outcome: Outcome) -> None:
        if self._whole and outcome == "done":
            self._took()
        self._meters.calls(*self._of, outcome).inc()

    def _took(self) -> None:
        self._meters.stage_s(*self._of).observe(self._meters.clock() - self._began)


class _Turn:
    """Something asked of a model."""

    def __init__(self, meters: Meters, of: tuple[Kind, str], *, streamed: bool) -> None:
        self._meters = meters
        self._of = of
        self._began = meters.clock()
        self._player = Player() if streamed else None
        self._said_s = 0.0
        meters.active(*of).inc()

    def told(self, item: object) -> None:
        if isinstance(item, AudioDelta):
            self._sounds(item.pcm.seconds)
        elif isinstance(item, TurnDone):
            self._meters.tokens(self._of, item.usage)
        elif isinstance(item, Pcm):
            self._heard(item.seconds)
        elif isinstance(item, Turn):
            sent = [part for message in item.messages for part in message.parts if isinstance(part, Speech)]
            self._heard(sum(part.pcm.seconds for part in sent if part.pcm is not None))

    def ended(self, outcome: Outcome) -> None:
        meters = self._meters
        meters.active(*self._of).dec()
        meters.turns(*self._of, outcome).inc()
        if outcome == "done":
            meters.turn_s(*self._of).observe(meters.clock() - self._began)
        if self._said_s:
            meters.audio_s(*self._of, "out").inc(self._said_s)
        if self._player is not None and self._player.gaps:
            meters.gaps(*self._of).inc(self._player.gaps)
            meters.gap_s(*self._of).inc(self._player.silent_s)

    def _sounds(self, seconds: float) -> None:
        if not seconds:
            return
        if self._player is not None:
            now = self._meters.clock()
            if not self._said_s:
                self._meters.first_audio_s(*self._of).observe(now - self._began)
            self._player.take(seconds, now)
        self._said_s += seconds

    def _heard(self, seconds: float) -> None:
        if seconds:
            self._meters.audio_s(*self._of, "in").inc(seconds)
