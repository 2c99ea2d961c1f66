"""Whether a long conversation costs more than a short one: `python bench/conversation.py [--turns 20] [--times 10]`.

Speech, streamed and spoken, with the embedded default. As clients do, each turn sends all of the conversation: every
recording again, and every answer by its id. First a conversation of 19 turns is held. Then by turns, so that what else
the machine does weighs on both: the second turn of a new one, and a twentieth of the long one, each with a recording
that nobody has sent. Told is the time to the first event with sound, of the twentieth over the second (medians); it
fails where that is more than 1.3.
"""

import argparse
import base64
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

from serving import embedded_default
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.audio import Pcm

MOST = 1.3
MODEL = "gpt-4o-mini-audio-preview"
QUESTION = Path(__file__).parents[1] / "tests" / "fixtures" / "question.wav"


def recording(number: int) -> str:
    """The same question as a recording of its own: a little silence more before it."""
    pcm = read_wav(QUESTION.read_bytes())
    if pcm is None:
        raise SystemExit(f"{QUESTION} is no plain WAV")
    silence = bytes(2 * (pcm.rate // 100) * (number + 1))
    return base64.b64encode(write_wav(Pcm(silence + pcm.data, pcm.rate))).decode()


def turn(client: httpx2.Client, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask once: seconds to the first sound, the answer's id, and the usage."""
    body = {
        "model": MODEL,
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    found: dict[str, Any] = {}
    began = time.perf_counter()
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        for line in response.iter_lines():
            event = json.loads(line[6:]) if line.startswith("data: {") else {}
            found["usage"] = event.get("usage") or found.get("usage")
            for choice in event.get("choices", ()):
                audio = choice["delta"].get("audio") or {}
                found["id"] = audio.get("id") or found.get("id")
                if audio.get("data") and "first_s" not in found:
                    found["first_s"] = time.perf_counter() - began
    if "first_s" not in found:
        raise SystemExit(f"no sound; the server answered with status {response.status_code}")
    return found


class Conversation:
    """One conversation, in which nothing is ever said twice alike."""

    said = 0
    """Recordings of all conversations."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._messages: list[dict[str, Any]] = []

    def turn(self, *, again: bool = False) -> dict[str, Any]:
        """Ask once more; `again`: as if it had not been asked, when the next turn comes."""
        Conversation.said += 1
        part = {"type": "input_audio", "input_audio": {"data": recording(Conversation.said), "format": "wav"}}
        asked = [*self._messages, {"role": "user", "content": [part]}]
        found = turn(self._client, asked)
        if not again:
            self._messages = [*asked, {"role": "assistant", "audio": {"id": found["id"]}}]
        usage = found["usage"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        return {"first_ms": 1000 * found["first_s"], "prompt": usage["prompt_tokens"], "cached": cached}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--turns", type=int, default=20)
    asked.add_argument("--times", type=int, default=10, help="of both turns that are compared")
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    with (
        embedded_default() as server,
        httpx2.Client(base_url=server.url, timeout=120, trust_env=False) as client,
    ):
        long = Conversation(client)
        held = [long.turn() for _ in range(options.turns - 1)]
        second: list[dict[str, Any]] = []
        last: list[dict[str, Any]] = []
        for _ in range(options.times):
            new = Conversation(client)
            new.turn()
            second.append(new.turn())
            last.append(long.turn(again=True))
    ratio = middle(last, "first_ms") / middle(second, "first_ms")
    print(f"first audio of turn {options.turns} over that of turn 2: {ratio:.2f} (at most {MOST})")
    print("\n| turn | first audio, ms | tokens of the prompt | of them read before |\n|---|---|---|---|")
    for name, told in (("2", second), (str(options.turns), last)):
        print("|", name, "|", " | ".join(f"{middle(told, what):.0f}" for what in ("first_ms", "prompt", "cached")), "|")
    if options.json:
        told = {"ratio": ratio, "most": MOST, "held": held, "second": second, "last": last}
        options.json.write_text(json.dumps(told, indent=1))
    return int(ratio > MOST)


def middle(told: list[dict[str, Any]], what: str) -> float:
    """The median of one figure."""
    return statistics.median(each[what] for each in told)


if __name__ == "__main__":
    sys.exit(main())
