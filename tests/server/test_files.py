"""PDFs in chats, as clients see them."""

import asyncio
from base64 import b64encode
from typing import Any

import openai
import pytest

from tests.documents.making import bombs, document, lines, pages, pdf, stream
from tests.support.serving import MODEL, Serving, model
from tests.support.waiting import until
from vivavoce.core import admitted
from vivavoce.core.turn import Speech, Text
from vivavoce.documents import reading
from vivavoce.documents.reading import Documents
from vivavoce.testing import Says

TRIP = document("The train to Rome leaves at nine.", "Bring water.")
PARAM = "messages[0].content[0].file.file_data"


def part(data: bytes, name: str = "trip.pdf") -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": f"data:application/pdf;base64,{encoded(data)}"}}


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


async def test_the_model_reads_a_pdf_that_the_official_client_sends(serving: Serving) -> None:
    says = Says("At nine.")
    served = await serving(models={MODEL: model(think=says)})
    question: Any = {"type": "text", "text": "When does it leave?"}
    trip: Any = part(TRIP)
    with_pdf = await served.openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": [trip, question]}]
    )
    without = await served.openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": [question]}]
    )
    assert with_pdf.choices[0].message.content == "At nine."
    assert says.asked[0].messages[0].parts == (
        Text("[trip.pdf]\nThe train to Rome leaves at nine.\n\nBring water."),
        Text("When does it leave?"),
    )
    assert with_pdf.usage
    assert without.usage
    assert with_pdf.usage.prompt_tokens > without.usage.prompt_tokens + 8


async def test_a_pdf_beside_speech_in_a_spoken_stream(serving: Serving) -> None:
    says = Says("At nine.")
    served = await serving(models={MODEL: model(think=says)})
    sound = (await served.post(**served.say())).json()["choices"][0]["message"]["audio"]["data"]
    spoken = {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}}
    bare = {"type": "file", "file": {"file_data": encoded(document("Two"))}}
    body = served.say(stream=True, n=2)
    body["messages"] = user(part(document("One"), "1.pdf"), spoken, bare)
    response = await served.http.post("/v1/chat/completions", json=body)
    assert response.text.endswith("data: [DONE]\n\n")
    first, second, third = says.asked[-1].messages[0].parts
    assert (first, third) == (Text("[1.pdf]\nOne"), Text("[document.pdf]\nTwo"))
    assert isinstance(second, Speech)


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_cannot_be_read_is_a_400_of_its_part(serving: Serving, streamed: bool) -> None:
    served = await serving(documents=Documents(pages=3, megabytes=0.01, wait_s=30))
    good = {"type": "text", "text": "What is it?"}
    for sent, code, words in [
        (b"no PDF", "invalid_value", "Invalid file data: '"),
        (TRIP[:300], "pdf_damaged", "The PDF is damaged"),
        (pdf(pages(stream(b""))), "pdf_without_text", "The PDF has no text in it."),
        (document(*"four"), "pdf_too_long", "The most this server takes in a request is 3."),
        (TRIP + bytes(11_000), "pdf_too_large", "The most this server takes is 0.01 MB."),
        (bombs()["forms that show themselves twice"](), "pdf_too_complex", "The PDF is too complex"),
    ]:
        with pytest.raises(openai.BadRequestError) as refused:
            await served.openai.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": [part(sent), good]}],  # type: ignore[list-item]
                stream=streamed,
            )
        assert (refused.value.code, refused.value.param) == (code, PARAM)
        assert words in refused.value.message


async def test_a_pdf_that_takes_long_holds_nobody_up_and_ends_with_its_reader(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def slow(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
        started.append(await start("/bin/sleep", "60", **options))
        return started[-1]

    served = await serving()
    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
    call = asyncio.create_task(served.post(messages=user(part(TRIP))))
    await until(lambda: bool(started))
    assert (await served.post(messages=[{"role": "user", "content": "Hi"}])).status_code == 200
    assert not call.done()
    call.cancel()
    await asyncio.wait([call])
    await until(lambda: started[0].returncode is not None)


async def test_readers_that_find_no_place_may_try_again(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AT_ONCE", 0)
    monkeypatch.setattr(admitted, "ADMITTED_S", 0.01)
    served = await serving(documents=Documents(wait_s=0))
    response = await served.post(messages=user(part(TRIP)))
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_three_bombs_and_a_letter_at_once(serving: Serving) -> None:
    served = await serving(documents=Documents(wait_s=30))
    made = [bombs()[name]() for name in ("words without end", "a font", "objects in a flood")]
    letter = pdf(pages(stream(lines("Dear Ann"), filters=1)))
    answers = await asyncio.gather(*(served.post(messages=user(part(data))) for data in [*made, letter]))
    assert [answer.status_code for answer in answers] == [400, 400, 400, 200]
    assert {answer.json()["error"]["code"] for answer in answers[:3]} == {"pdf_too_complex"}
