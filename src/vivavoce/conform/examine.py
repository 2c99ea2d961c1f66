"""Looks at a server: finds its models, and runs the checks one after another."""

import difflib
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from urllib.parse import urlsplit

import httpx2

from vivavoce.conform.check import Check, Group, Outcome
from vivavoce.conform.choosing import NothingToAsk, choose
from vivavoce.conform.groups import GROUPS
from vivavoce.conform.seen import Failed, Skipped
from vivavoce.conform.sound import Sound, read_wav
from vivavoce.conform.subject import Limits, Names, Recordings, Subject

LOCAL = {"localhost", "127.0.0.1", "::1"}


class Unusable(Exception):
    """There is nothing to look at: no such group or address, no server there, or one that does not let us in."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at. A model that is not named is chosen from those that the server lists."""

    url: str
    key: str | None = None
    chat: str | None = None
    speech: str | None = None
    hearing: str | None = None
    voice: str = "alloy"
    sound: Sound | None = None
    """The question; None: the one that is enclosed."""
    limits: Limits = field(default_factory=Limits)


def groups_named(names: Sequence[str]) -> list[Group]:
    """The groups of these names; without names all of them.

    Raises:
        Unusable: there is no such group.
    """
    known = {group.name: group for group in GROUPS}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"groups: {', '.join(known)}"
            raise Unusable(f"there is no group '{name}'; {hint}")
    return [group for group in GROUPS if not names or group.name in names]


@asynccontextmanager
async def reach(wanted: Wanted, transport: httpx2.AsyncBaseTransport | None = None) -> AsyncGenerator[Subject, None]:
    """The server, once it has told its models.

    Raises:
        Unusable: it cannot be asked.
    """
    base = _base(wanted.url)
    headers = {"authorization": f"Bearer {wanted.key}"} if wanted.key else {}
    local = urlsplit(base).hostname in LOCAL
    async with httpx2.AsyncClient(headers=headers, timeout=None, transport=transport, trust_env=not local) as client:
        subject = Subject(client, base, Names(""), _recordings(wanted.sound), wanted.limits)
        listed = await _listed(subject, named=wanted.chat is not None)
        try:
            subject.names = choose(
                listed, chat=wanted.chat, speech=wanted.speech, hearing=wanted.hearing, voice=wanted.voice
            )
        except NothingToAsk as error:
            raise Unusable(f"{base}: {error}") from None
        yield subject


async def examine(subject: Subject, groups: Sequence[Group], tell: Callable[[Check], None]) -> list[Outcome]:
    """Run every check, and `tell` which one is next."""
    outcomes: list[Outcome] = []
    for check in [check for group in groups for check in group.checks]:
        tell(check)
        outcomes.append(await _outcome(check, subject))
    return outcomes


async def _outcome(check: Check, subject: Subject) -> Outcome:
    try:
        await check.look(subject)
    except Skipped as skipped:
        return Outcome(check, "skipped", str(skipped))
    except Failed as failed:
        return Outcome(check, "fails", str(failed))
    except Exception as bug:  # noqa: BLE001 - whatever a server answers, the other checks are run
        return Outcome(check, "fails", f"expected what can be read, came something else ({type(bug).__name__})")
    return Outcome(check, "holds")


async def _listed(subject: Subject, *, named: bool) -> list[str]:
    """The names of its models; none where they cannot be told, which matters only if none is named."""
    try:
        answer = await subject.get("/models")
    except Failed as failed:
        raise Unusable(f"{subject.base}: {failed}") from None
    if answer.status in {401, 403}:
        raise Unusable(f"{subject.base} does not take this key: --key, or OPENAI_API_KEY")
    try:
        return [model["id"].text() for model in answer.json()["data"].items()]
    except Failed as failed:
        if named:
            return []
        raise Unusable(f"{subject.base}/models: {failed}; name a model with --model") from None


def _base(url: str) -> str:
    """The address that the paths of this API are under: with `/v1`, unless another path was given."""
    if not re.match(r"https?://[^/\s]+", url):
        raise Unusable(f"{url}: not an address; it looks like http://localhost:8000")
    parts = urlsplit(url.rstrip("/"))
    return parts.geturl() if parts.path else f"{parts.geturl()}/v1"


def _recordings(sound: Sound | None) -> Recordings:
    folder = resources.files("vivavoce.conform") / "recordings"
    wav, mp3 = ((folder / f"question.{form}").read_bytes() for form in ("wav", "mp3"))
    return Recordings(sound or read_wav(wav), mp3)
