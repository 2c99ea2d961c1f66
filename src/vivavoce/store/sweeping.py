"""What is kept for a time only, and leaves nothing behind."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.core.errors import NotRecorded
from vivavoce.store.upkeep import empty_log

log = logging.getLogger("vivavoce.store")

SWEEP_S = 60


async def sweep_for_ever(sweep: Callable[[], Awaitable[None]], what: str) -> None:
    """Delete what has expired, now and every minute; `what` it is, is said where that fails."""
    while True:
        try:
            await sweep()
        except (NotRecorded, OSError, SQLAlchemyError) as error:
            log.error("%s could not be deleted: %s", what, type(error).__name__)
        await asyncio.sleep(SWEEP_S)


def commit_without_trace(connection: Connection) -> None:
    """End a job that deletes: until it is emptied, the database's log holds the deleted words too."""
    connection.commit()
    empty_log(connection)
