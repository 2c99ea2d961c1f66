"""A line in the log for each request: who asked for what, and how it ended. No word of it, no file's name, no key."""

import logging
from typing import Any

from starlette.types import Scope

from vivavoce.account.callers import Caller
from vivavoce.account.ledger import Bill
from vivavoce.server.observed import Seen

log = logging.getLogger("vivavoce.access")

QUIET = {"/health/live", "/health/ready", "/metrics", "/playground/{name}"}
"""What is asked for over and over, and says nothing where it went well."""


def log_request(scope: Scope, seen: Seen) -> None:
    """Log a request that has been answered."""
    level = logging.DEBUG if seen.route in QUIET and seen.status < "400" else logging.INFO
    if not log.isEnabledFor(level):
        return
    fields: dict[str, Any] = {
        "request": scope["request_id"],
        "method": seen.method,
        "route": seen.route,
        "status": int(seen.status) if seen.status.isdigit() else seen.status,
        "ms": round(seen.seconds * 1000),
        "received": seen.received,
        "sent": seen.sent,
    }
    caller: Caller | None = scope.get("caller")
    if caller is not None and caller.key_id is not None:
        fields |= {"key": caller.key_id, "project": caller.project}
    bill: Bill | None = scope.get("bill")
    if bill is not None and bill.alias:
        read, made = bill.usage.text_in + bill.usage.audio_in, bill.usage.text_out + bill.usage.audio_out
        fields |= {"model": bill.alias, "tokens_in": read, "tokens_out": made}
    log.log(level, "%s %s %s", seen.method, seen.route, seen.status, extra={"fields": fields})
