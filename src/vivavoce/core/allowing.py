"""Calls of tools, held to what the turn allows: whatever was said to a model, it calls nothing else."""

import logging
from dataclasses import replace

from vivavoce.core.engines import Responder
from vivavoce.core.turn import Send, ToolCallDelta, Turn, TurnDone, TurnEvent

log = logging.getLogger("vivavoce.tools")


class Allowed:
    """A `Responder` around another, whose calls of anything but the turn's tools are left out."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`."""
        await self._responder.respond(turn, _Answer(turn, send))


class _Answer:
    """A `Send` in front of another."""

    def __init__(self, turn: Turn, send: Send) -> None:
        choice = turn.tool_choice
        tools = {tool.name for tool in turn.tools} if choice.mode != "none" else set[str]()
        self._tools = tools & {choice.name} if choice.name is not None else tools
        self._send = send
        self._known: set[int] = set()
        """By its place, each call that has begun."""
        self._places: dict[int, int] = {}
        """Of those that are allowed: the place it has among them."""

    async def __call__(self, event: TurnEvent) -> None:
        """Pass an event on, if it may be."""
        if isinstance(event, ToolCallDelta):
            await self._call(event)
        elif isinstance(event, TurnDone) and event.reason == "tool_calls" and not self._places:
            await self._send(replace(event, reason="stop"))
        else:
            await self._send(event)

    async def _call(self, delta: ToolCallDelta) -> None:
        """A call has the name it began with: one that comes later is none."""
        first = delta.index not in self._known
        self._known.add(delta.index)
        if first and delta.name in self._tools:
            self._places[delta.index] = len(self._places)
        elif first:
            log.warning("a model called a function that it may not call: the call is left out")
        if delta.index in self._places:
            await self._send(replace(delta, index=self._places[delta.index], name=delta.name if first else None))
