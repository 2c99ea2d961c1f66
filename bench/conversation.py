"""Whether a long conversation costs more than a short one: `python bench/conversation.py [--turns 20] [--json FILE]`.

Twenty turns of speech, streamed and spoken, with the embedded default. As clients do, each turn sends all of the
conversation: every recording again, and every answer by its id. Told is the time to the first event with sound, of
turn 20 over that of turn 2; it fails where that is more than 1.3.
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


def conversation(client: httpx2.Client, turns: int, number: int) -> list[dict[str, Any]]:
    """One conversation; no other has the same recordings."""
    messages: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for at in range(turns):
        data = recording(number * turns + at)
        part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
        messages.append({"role": "user", "content": [part]})
        found = turn(client, messages)
        messages.append({"role": "assistant", "audio": {"id": found["id"]}})
        details = found["usage"]["prompt_tokens_details"]
        cached = details["cached_tokens"]
        told.append(
            {
                "turn": at + 1,
                "first_ms": 1000 * found["first_s"],
                "prompt": found["usage"]["prompt_tokens"],
                "cached": cached,
            }
        )
    return told


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--turns", type=int, default=20)
    asked.add_argument("--times", type=int, default=1, help="conversations, one after another")
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    with (
        embedded_default() as server,
        httpx2.Client(base_url=server.url, timeout=120, trust_env=False) as client,
    ):
        each = [conversation(client, options.turns, number) for number in range(options.times)]
    ratios = [told[-1]["first_ms"] / told[1]["first_ms"] for told in each]
    ratio = statistics.median(ratios)
    print(f"first audio of turn {options.turns} over that of turn 2: {ratio:.2f} (at most {MOST})")
    print("\n| turn | first audio, ms | tokens of the prompt | of them read before |\n|---|---|---|---|")
    for at, (turns, *_) in enumerate(zip(*each, strict=True)):
        first = statistics.median(told[at]["first_ms"] for told in each)
        print(f"| {turns['turn']} | {first:.0f} | {turns['prompt']} | {turns['cached']} |")
    if options.json:
        options.json.write_text(json.dumps({"ratio": ratio, "most": MOST, "conversations": each}, indent=1))
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
