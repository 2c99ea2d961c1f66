"""What the routes work with: put together once, in `main`."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from vivavoce.account.callers import Caller, Callers
from vivavoce.account.counters import InMemory
from vivavoce.account.keys import KeyRing
from vivavoce.account.limits import Limits, NoHistory
from vivavoce.account.prices import WHOLE
from vivavoce.account.rules import Rules
from vivavoce.core.admission import Door
from vivavoce.core.models import Model
from vivavoce.core.watching import Watch, Watches
from vivavoce.documents.reading import Documents
from vivavoce.server.ending import Ending
from vivavoce.server.sound import Sounds
from vivavoce.store import clock
from vivavoce.store.answers import Answers
from vivavoce.store.batch_states import BatchStates
from vivavoce.store.completions import Completions
from vivavoce.store.ledger import Ledger
from vivavoce.store.replies import Replies
from vivavoce.store.uploads import Uploads
from vivavoce.telemetry.meters import Meters
from vivavoce.telemetry.traces import Traces
from vivavoce.wire.models import no_access

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Answers the requests of one operation."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call."""

    keys: tuple[str, ...] = ()
    """Those of the configuration. Where there are none, and none was made: anyone, with any key, from this machine."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may call from a browser."""
    loopback: bool = True
    """Whether the server is reachable from this machine only; without keys, `Host` must name it then."""


@dataclass(frozen=True, slots=True)
class Service:
    """Everything behind the routes."""

    models: Mapping[str, Model]
    sounds: Sounds
    answers: Answers
    completions: Completions
    uploads: Uploads
    batches: BatchStates
    keys: KeyRing
    ledger: Ledger
    access: Access
    missing: Callable[[], Collection[str]]
    """The engines it waits for."""
    ending: Ending = field(default_factory=Ending)
    limits: Limits = field(default_factory=lambda: Limits(Rules(), InMemory(clock.running), NoHistory(), clock.now))
    documents: Documents = field(default_factory=Documents)
    door: Door = field(default_factory=Door)
    body_bytes: int = 48 * 1024 * 1024
    file_bytes: int = 512 * 1024 * 1024
    """Of one file that is sent to be kept."""
    files_bytes: int = 10 * 1024**3
    """Of all files that a project may have with one more."""
    strict: bool = False
    aiml: bool = False
    """Whether errors have the AI/ML API's keys too, and chats its status."""
    meta_usage: bool = False
    """Whether chats say what they cost, as with the AI/ML API."""
    batched: Decimal = WHOLE
    """What a line of a batch costs, of the price."""
    replies: Replies | None = None
    """None: an `Idempotency-Key` is not looked at."""
    patience_s: float = 10.0
    """How long the headers of a stream wait for its first event, so that an early failure is a real HTTP status."""
    ping_s: float = 15.0
    """How long a stream may be silent before it says that it is alive."""
    silence_s: float = 30.0
    """How long a client may be silent in the middle of its request."""
    watch: Watch = field(default_factory=Watches)
    """Who is told of turns."""
    meters: Meters | None = None
    """None: nothing is measured, and `/metrics` is not there."""
    traces: Traces | None = None
    """None: a request's `traceparent` is not looked at."""
    about: str = ""
    """One line on which engines are behind it."""
    better: str | None = None
    """One line on what would make it better."""

    def callers(self) -> Callers:
        """Who may call."""
        return Callers(self.access.keys, self.keys, needed=not self.access.loopback)

    def model(self, name: str, caller: Caller) -> Model:
        """The model that clients call `name`.

        Raises:
            NotFound: there is none, or none that the caller may use.
        """
        found = self.models.get(name)
        if found is None or not caller.may_use(name, found.name):
            raise no_access(name)
        return found

    def models_of(self, caller: Caller) -> Mapping[str, Model]:
        """The models that a caller may use, by every name clients have for them."""
        return {name: model for name, model in self.models.items() if caller.may_use(name, model.name)}
