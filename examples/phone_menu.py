"""A telephone menu: the caller says what they want, a tool does it, and its result is said.

The line is files of 8 kHz µ-law: one for each time that the caller speaks, and one for each thing they hear. Telephone
systems record and play them, and do what the last line printed says.
"""

import argparse
import base64
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from openai import APIError, OpenAI

import g711


class Reply(NamedTuple):
    """What the caller is told, and what is to become of the call after it, if it does not go on."""

    text: str
    then: str = ""


CHOICES = "Please say: opening hours, or repair and the number of your ticket, or sales, workshop, or goodbye."
GREETING = f"Harbour Bicycles. {CHOICES}"
UNHEARD = Reply(f"Sorry, I did not hear you. {CHOICES}")
UNCLEAR = Reply(f"Sorry, I did not understand. {CHOICES}")
HELP = Reply("I connect you with somebody who can help. Please wait.", "transfer: operator")
TROUBLE = Reply("Sorry, something is wrong on our side. I connect you with a person.", "transfer: operator")
RETRIES = 2  # then somebody answers who understands
HISS = 300  # of 32,767: what is quieter is the line's own noise
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
REPAIRS = {42: "is ready. You can fetch your bicycle until six", 7: "will be ready on Thursday"}


def opening_hours(day: str) -> Reply:
    """When we are open."""
    number = date.today().weekday() if day == "today" else WEEKDAYS.index(day)
    hours = ["open from nine to six"] * 5 + ["open from ten to two", "closed"]
    return Reply(f"On {WEEKDAYS[number].capitalize()} we are {hours[number]}.")


def repair_status(ticket: int) -> Reply:
    """How far a repair is; the number is said too, so that the caller hears whether it is theirs."""
    return Reply(f"Ticket {ticket} {REPAIRS[ticket]}." if ticket in REPAIRS else f"There is no ticket {ticket}.")


def transfer_call(department: str) -> Reply:
    """Give the call to a person."""
    return Reply(f"I connect you with {department}. Please wait.", f"transfer: {department}")


def hang_up() -> Reply:
    """End the call."""
    return Reply("Thank you for calling. Goodbye.", "hang up")


DOES: dict[str, Callable[..., Reply]] = {
    does.__name__: does for does in (opening_hours, repair_status, transfer_call, hang_up)
}


def tool(name: str, description: str, **parameters: dict[str, Any]) -> dict[str, Any]:
    """A tool as the model is told of it; all its parameters must be given."""
    shape = {"type": "object", "properties": parameters, "required": list(parameters), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": shape}}


# The embedded brain chooses by the words that a tool shares with the caller: these are the words that callers use.
TOOLS = [
    tool(
        "opening_hours",
        "Look up when the shop is open, today or on a day of the week.",
        day={"type": "string", "enum": ["today", *WEEKDAYS]},
    ),
    tool(
        "repair_status",
        "Check whether a bicycle repair is ready, by the number of its ticket.",
        ticket={"type": "integer", "minimum": 1, "maximum": 99, "description": "Number of the ticket."},
    ),
    tool(
        "transfer_call",
        "Transfer the caller to a person: somebody in sales, in the workshop, an operator, an agent, a human.",
        department={"type": "string", "enum": ["sales", "workshop", "operator"]},
    ),
    tool("hang_up", "Say goodbye, good bye, and end the call."),
]


class Menu:
    """The menu of one call."""

    def __init__(self, client: OpenAI, model: str, voice: str) -> None:
        self._client, self._model, self._voice = client, model, voice
        self._said: dict[str, bytes] = {}
        for text in (GREETING, UNHEARD.text, UNCLEAR.text, HELP.text, TROUBLE.text):
            self.spoken(text)  # before the telephone is picked up: they are there when the server is gone

    def call(self, caller: Iterable[bytes]) -> Iterator[Reply]:
        """What is said to a caller, of whom each recording is µ-law."""
        yield Reply(GREETING)
        missed = 0
        for recording in caller:
            try:
                reply = self._answer(recording)
                self.spoken(reply.text)
            except APIError:
                reply = TROUBLE
            missed = missed + 1 if reply in {UNHEARD, UNCLEAR} else 0
            reply = HELP if missed > RETRIES else reply
            yield reply
            if reply.then:
                return

    def _answer(self, ulaw: bytes) -> Reply:
        """What the tool says that the caller's words ask for."""
        if sum(abs(g711.LEVELS[byte]) > HISS for byte in ulaw) < g711.RATE // 10:
            return UNHEARD
        recording = {"data": base64.b64encode(g711.wav(ulaw)).decode(), "format": "wav"}
        answer = self._client.chat.completions.create(
            model=self._model,
            messages=[
                {"role": "system", "content": "You answer the telephone of a bicycle shop, by calling a function."},
                {"role": "user", "content": [{"type": "input_audio", "input_audio": recording}]},
            ],
            tools=TOOLS,
            max_tokens=60,
        )
        for call in answer.choices[0].message.tool_calls or []:
            try:
                return DOES[call.function.name](**json.loads(call.function.arguments))
            except (AttributeError, KeyError, TypeError, ValueError):  # the model made it up
                continue
        return UNCLEAR

    def spoken(self, text: str) -> bytes:
        """A text in µ-law, word for word: a menu's promises are not left to a model's phrasing."""
        if text not in self._said:
            speech = self._client.audio.speech.create(
                model="tts-1", voice=self._voice, input=text, response_format="pcm"
            )
            self._said[text] = g711.from_speech(speech.content)
        return self._said[text]


def main() -> None:
    """Take a call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "caller", nargs="+", type=Path, help="8 kHz µ-law files, headerless or WAV: what the caller says"
    )
    parser.add_argument("--out", type=Path, default=Path("call"), help="folder for what the caller hears (call)")
    parser.add_argument("--wav", action="store_true", help="write WAV, rather than headerless .ulaw")
    parser.add_argument("--base-url", default=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"))
    parser.add_argument("--model", default="gpt-4o-mini-audio-preview")
    parser.add_argument("--voice", default="cedar")
    wanted = parser.parse_args()
    try:
        recordings = [g711.read(file.read_bytes()) for file in wanted.caller]
        wanted.out.mkdir(parents=True, exist_ok=True)
        key = os.environ.get("OPENAI_API_KEY", "anything")
        client = OpenAI(
            base_url=wanted.base_url, api_key=key, timeout=60, max_retries=1
        )  # nobody holds the line longer
        menu = Menu(client, wanted.model, wanted.voice)
    except (OSError, ValueError, APIError) as error:
        sys.exit(f"phone_menu: {error}")
    then = ""
    for number, reply in enumerate(menu.call(recordings)):
        sound, then = menu.spoken(reply.text), reply.then
        file = wanted.out / f"{number:02d}{'.wav' if wanted.wav else '.ulaw'}"
        file.write_bytes(g711.wav(sound) if wanted.wav else sound)
        print(f"{file}: {reply.text}")
    print(then or "hang up")


if __name__ == "__main__":
    main()
