"""Every error a client may see.

    PublicError                     status  kind                    code
    ├── BadRequest                  400     invalid_request_error   (given)
    │   └── BadAudio                400     invalid_request_error   unsupported_format
    ├── Unauthorized                401     invalid_request_error   (given)
    ├── Forbidden                   403     invalid_request_error   (none)
    ├── NotFound                    404     invalid_request_error   (given)
    ├── MethodNotAllowed            405     invalid_request_error   method_not_supported    with Allow
    ├── Conflict                    409     invalid_request_error   (none)      with x-should-retry
    ├── TooLarge                    413     invalid_request_error   (given)
    ├── EngineFailed                500     server_error            (none)
    ├── TryLater                    503     server_error            (given)     with Retry-After
    │   ├── Overloaded              503     server_error            (none)
    │   ├── NotRecorded             503     server_error            not_recorded
    │   ├── EngineDown              503     server_error            engine_down
    │   ├── RateLimited             429     requests                rate_limit_exceeded
    │   └── LimitReached            429     requests                rate_limit_exceeded
    ├── EngineTimeout               504     server_error            (none)
    └── NoSpace                     507     server_error            storage_full    with x-should-retry

An engine maps foreign exceptions to these at its own edge; `wire.errors` renders them. Anything else is a bug.
Messages never hold what people said, wrote or sent as a key.
"""

import math
from collections.abc import Sequence
from pathlib import Path


class PublicError(Exception):
    """An error whose words are meant for the client."""

    status = 500
    kind = "server_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class BadRequest(PublicError):
    """The request cannot be served as it is."""

    status = 400
    kind = "invalid_request_error"


class BadAudio(BadRequest):
    """The sound cannot be heard: not audio, damaged, or of a kind we do not read."""

    def __init__(
        self,
        message: str = "This model does not support the format you provided.",
        *,
        param: str | None = "messages",
        code: str | None = "unsupported_format",
    ) -> None:
        super().__init__(message, param=param, code=code)


class Unauthorized(PublicError):
    """No key, or not one of ours."""

    status = 401
    kind = "invalid_request_error"


class Forbidden(PublicError):
    """Understood, and refused."""

    status = 403
    kind = "invalid_request_error"


class NotFound(PublicError):
    """There is no such thing."""

    status = 404
    kind = "invalid_request_error"


class MethodNotAllowed(PublicError):
    """The path is there; the method is not."""

    status = 405
    kind = "invalid_request_error"

    def __init__(self, message: str, allowed: Sequence[str] = ()) -> None:
        """`allowed`: the methods that are there."""
        super().__init__(message, code="method_not_supported")
        self.allowed = allowed


class Conflict(PublicError):
    """What is asked does not go with what has become of it; asking again is no use."""

    status = 409
    kind = "invalid_request_error"


class TooLarge(PublicError):
    """The body is over the limit."""

    status = 413
    kind = "invalid_request_error"


class EngineFailed(PublicError):
    """An engine died, refused, or answered nonsense."""

    def __init__(
        self, message: str = "The server had an error while processing your request. Sorry about that!"
    ) -> None:
        super().__init__(message)


class TryLater(PublicError):
    """What cannot be done now may well be after a while."""

    status = 503

    def __init__(self, message: str, retry_after_s: float | None = 1.0, *, code: str | None = None) -> None:
        """`retry_after_s`: None where nobody knows."""
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s

    @property
    def whole_s(self) -> int | None:
        """Whole seconds until it may be tried again, as clients are told."""
        return None if self.retry_after_s is None else max(1, math.ceil(self.retry_after_s))


class Overloaded(TryLater):
    """Every place is taken, and waiting longer would not be honest."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("That model is currently overloaded with other requests.", retry_after_s)
        self.message += f" You can retry your request in {self.whole_s} second{'s' * (self.whole_s != 1)}."


class NotRecorded(TryLater):
    """What has to be written down cannot be: the disk is full, or the database locked. So nothing is given for it."""

    def __init__(self) -> None:
        super().__init__("This server cannot record requests at the moment. Try again later.", code="not_recorded")


class EngineDown(TryLater):
    """An engine failed again and again, and is given a rest."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("That model is failing at the moment.", retry_after_s, code="engine_down")
        self.message += f" You can retry your request in {self.whole_s} second{'s' * (self.whole_s != 1)}."


class RateLimited(TryLater):
    """A server behind this one takes no more for now: as many as it allows have been asked of it."""

    status = 429
    kind = "requests"

    def __init__(
        self, retry_after_s: float | None = None, *, kind: str = "requests", code: str = "rate_limit_exceeded"
    ) -> None:
        """`kind`: what was counted, or `insufficient_quota`."""
        super().__init__("The model behind this server has reached its rate limit.", retry_after_s, code=code)
        self.kind = kind


class LimitReached(TryLater):
    """A key has had all it may have: of requests, of tokens, of money."""

    status = 429

    def __init__(
        self,
        message: str,
        retry_after_s: float | None = 1.0,
        *,
        kind: str = "requests",
        code: str = "rate_limit_exceeded",
    ) -> None:
        """`kind`: what was counted, or `insufficient_quota`; `retry_after_s`: None where asking again is no use."""
        super().__init__(message, retry_after_s, code=code)
        self.kind = kind


class EngineTimeout(PublicError):
    """An engine did not answer within its limit."""

    status = 504

    def __init__(self) -> None:
        super().__init__("The model did not answer in time. You can retry your request.")


class NoSpace(PublicError):
    """There is no room on the disk; somebody has to make some, and asking again is no use until then."""

    status = 507

    def __init__(self) -> None:
        super().__init__("The server has no room left on its disk. Nothing of this was kept.", code="storage_full")


def unknown_voice(voice: str, known: Sequence[str], param: str = "audio.voice") -> BadRequest:
    """The error for a voice that is not there; it names those that are."""
    listed = " and ".join(", ".join(f"'{name}'" for name in known).rsplit(", ", 1))
    return BadRequest(
        f"Invalid value: '{voice[:64]}'. Supported values are: {listed}.", param=param, code="invalid_value"
    )


def trail(error: BaseException) -> str:
    """Where an error came from, the innermost place first, without its words: they may hold what people said."""
    steps: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        steps.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " < ".join(reversed(steps))
