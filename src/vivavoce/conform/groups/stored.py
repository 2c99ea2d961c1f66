"""Stored completions: `store: true`, and what may be done with them later."""

import asyncio
import uuid
from dataclasses import dataclass

from vivavoce.conform.answer import Answer
from vivavoce.conform.asking import HELLO, message, user
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Skipped, fail
from vivavoce.conform.subject import Subject

GROUP = Group("stored")
PATH = "/chat/completions"
WAITS_S = (0.2, 0.5, 1, 2, 4, 8)
"""The original stores a while after it has answered."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A completion that was to be stored."""

    id: str
    words: str
    mark: str
    """In its metadata."""

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{PATH}/{self.id}"


async def kept(subject: Subject) -> Kept:
    """One to look for, where completions are stored at all."""
    listed = await subject.get(PATH, params={"limit": "1"})
    if listed.status in {400, 404, 405, 501}:
        raise Skipped(f"not offered: {listed.refusal}")
    mark = uuid.uuid4().hex
    made = (await subject.chat(messages=[await user(subject, HELLO)], store=True, metadata={"conform": mark})).json()
    found = Kept(made["id"].text(), message(made)["content"].text(), mark)
    await _when_there(subject, found.path)
    return found


async def _when_there(subject: Subject, path: str) -> Answer:
    for wait_s in WAITS_S:
        answer = await subject.get(path)
        if answer.status != 404:
            return answer
        await asyncio.sleep(wait_s)
    return await subject.get(path)


@GROUP.should
async def one(subject: Subject) -> None:
    """A stored completion is there by its `id`, with its words."""
    found = await subject.once(kept)
    stored = (await subject.get(found.path)).json()
    stored["object"].one_of("chat.completion")
    stored["id"].one_of(found.id)
    if message(stored)["content"].text() != found.words:
        fail("the words of the answer", "others")


@GROUP.should
async def metadata(subject: Subject) -> None:
    """It has its `metadata`."""
    found = await subject.once(kept)
    (await subject.get(found.path)).json()["metadata"]["conform"].one_of(found.mark)


@GROUP.should
async def listed(subject: Subject) -> None:
    """It is in the list of those with its metadata, alone."""
    found = await subject.once(kept)
    page = (await subject.get(PATH, params={"metadata[conform]": found.mark})).json()
    page["object"].one_of("list")
    (only, *others) = page["data"].items(least=1)
    only["id"].one_of(found.id)
    if others:
        page["data"].is_not("a list of 1")
    page["first_id"].one_of(found.id)
    page["last_id"].one_of(found.id)
    if page["has_more"].value is not False:
        page["has_more"].is_not("false")


@GROUP.should
async def messages(subject: Subject) -> None:
    """The messages that were asked are there, each with an `id`."""
    found = await subject.once(kept)
    page = (await subject.get(f"{found.path}/messages")).json()
    page["object"].one_of("list")
    (asked,) = page["data"].items(least=1)
    asked["id"].text()
    asked["role"].one_of("user")


@GROUP.should
async def updated(subject: Subject) -> None:
    """Its metadata can be changed."""
    found = await subject.once(kept)
    changed = (await subject.post(found.path, {"metadata": {"conform": found.mark, "changed": "yes"}})).json()
    changed["metadata"]["changed"].one_of("yes")
    (await subject.get(found.path)).json()["metadata"]["changed"].one_of("yes")


@GROUP.should
async def deleted(subject: Subject) -> None:
    """It can be deleted, and is not there afterwards."""
    found = await subject.once(kept)
    gone = (await subject.ask("DELETE", found.path)).json()
    gone["object"].one_of("chat.completion.deleted")
    gone["id"].one_of(found.id)
    if gone["deleted"].value is not True:
        gone["deleted"].is_not("true")
    (await subject.get(found.path)).refused(404)


@GROUP.should
async def unknown(subject: Subject) -> None:
    """One that is not there is 404 `not_found`, `param` `completion_id`."""
    await subject.once(kept)
    answer = await subject.get(f"{PATH}/chatcmpl-conform-none/messages")
    answer.refused(404, param="completion_id", code="not_found")


@GROUP.should
async def not_unless_asked(subject: Subject) -> None:
    """Without `store` nothing is stored."""
    await subject.once(kept)
    made = (await subject.chat(messages=[await user(subject, HELLO)])).json()
    (await subject.get(f"{PATH}/{made['id'].text()}")).refused(404)
