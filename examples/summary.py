"""A recording to a summary: its words with their times, then what was said and what is to be done, as JSON and SRT."""

import argparse
import io
import json
import os
import sys
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openai import APIError, OpenAI

PIECE_S = 180  # of a long recording: servers take no longer one than 25 MiB, and Viva Voce than 600 s
PIECE_BYTES = 24_000_000
QUIET_S, NEAR_S = 0.3, 20  # it ends in the quietest stretch of its last seconds
PAUSE_S, LINE_S = 0.2, 12
ASK = "\n\nWrite a summary of this meeting, and list what has to be done."


def pieces(file: Path) -> Iterator[tuple[float, str, bytes]]:
    """Where each piece begins (seconds), its name and its bytes: a WAV of 16 bits in several, anything else whole."""
    with file.open("rb") as opened:
        try:
            sound = wave.open(opened)  # noqa: SIM115 - it is closed with the file
        except (wave.Error, EOFError):
            sound = None
        if sound is None or sound.getsampwidth() != 2:
            yield 0.0, file.name, file.read_bytes()
            return
        rate, channels, rest, at = sound.getframerate(), sound.getnchannels(), b"", 0
        frame, most = 2 * channels, min(PIECE_S * rate, PIECE_BYTES // (2 * channels))
        while frames := rest + sound.readframes(most - len(rest) // frame):
            end = _quietest(array("h", frames), channels, rate) * frame if len(frames) == most * frame else len(frames)
            frames, rest = frames[:end], frames[end:]
            piece = io.BytesIO()
            with wave.open(piece, "wb") as cut:
                cut.setparams((channels, 2, rate, 0, "NONE", ""))
                cut.writeframes(frames)
            yield at / rate, file.name, piece.getvalue()
            at += len(frames) // frame


def _quietest(samples: "array[int]", channels: int, rate: int) -> int:
    """The middle of the quietest stretch near the end, in frames."""
    width, total = int(QUIET_S * rate) * channels, len(samples)
    starts = range(max(0, total - NEAR_S * rate * channels), total - width, width)
    best = min(starts, key=lambda at: sum(map(abs, samples[at : at + width : 8])))
    return (best + width // 2) // channels


def hear(client: OpenAI, model: str, file: Path) -> Iterator[list[dict[str, Any]]]:
    """For each piece its words, with their start and end in the whole recording (seconds)."""
    for offset, name, data in pieces(file):
        heard = client.audio.transcriptions.create(
            model=model, file=(name, data), response_format="verbose_json", timestamp_granularities=["word"]
        )
        yield [
            {"text": word.word, "start": round(word.start + offset, 2), "end": round(word.end + offset, 2)}
            for word in heard.words or []
        ]


def lines_of(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The words in lines: a pause ends one, and its length."""
    lines: list[dict[str, Any]] = []
    for word in words:
        if not lines or word["start"] - lines[-1]["end"] >= PAUSE_S or word["end"] - lines[-1]["start"] > LINE_S:
            lines.append(dict(word))
        else:
            lines[-1].update(text=f"{lines[-1]['text']} {word['text']}", end=word["end"])
    return lines


def notes(client: OpenAI, model: str, lines: list[str]) -> dict[str, Any]:
    """The summary and the action points; each names the line it was said in, word for word, and so has its time."""
    action = {"said": {"enum": sorted(set(lines))}, "action": {"type": "string", "maxLength": 120}}
    actions = {"type": "array", "maxItems": 5, "items": closed(action)}
    schema = closed({"summary": {"type": "string", "maxLength": 400}, "actions": actions})
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "\n".join(lines) + ASK}],
        frequency_penalty=0.6,  # a small model says the same again and again
        response_format={"type": "json_schema", "json_schema": {"name": "notes", "schema": schema}},
    )
    return json.loads(answer.choices[0].message.content or "")


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object with all of these and no more."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def summarise(client: OpenAI, model: str, heard: list[list[dict[str, Any]]]) -> tuple[str, list[dict[str, Any]]]:
    """The summary of all pieces, and the action points with their times."""
    summaries, actions = [], {}
    for lines in heard:
        made = notes(client, model, [line["text"] for line in lines])
        summaries.append(made["summary"])
        for action in made["actions"]:
            at = next(line["start"] for line in lines if line["text"] == action["said"])
            actions.setdefault(at, {"at": at, **action})
    whole = summaries[0] if len(summaries) == 1 else notes(client, model, summaries)["summary"]
    return whole, [actions[at] for at in sorted(actions)]


def clock(seconds: float) -> str:
    """Hours, minutes, seconds and milliseconds, as SubRip writes them."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{milliseconds:03d}"


def main() -> None:
    """Hear, print, sum up and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--out", type=Path, help="name of the .json and the .srt; else the recording's")
    parser.add_argument("--base-url", default=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"))
    parser.add_argument("--model", default="gpt-4o-mini-audio-preview", help="sums up")
    parser.add_argument("--hear", default="whisper-1", help="the model that transcribes")
    wanted = parser.parse_args()
    out = wanted.out or wanted.recording
    key = os.environ.get("OPENAI_API_KEY", "anything")
    client = OpenAI(base_url=wanted.base_url, api_key=key, timeout=1800)  # a small machine hears slowly
    heard: list[list[dict[str, Any]]] = []
    words: list[dict[str, Any]] = []
    try:
        for piece in hear(client, wanted.hear, wanted.recording):
            words += piece
            if piece:
                heard.append(lines_of(piece))
                for line in heard[-1]:
                    print(f"{clock(line['start'])}  {line['text']}", flush=True)
        summary, actions = summarise(client, wanted.model, heard) if heard else ("", [])
    except (OSError, APIError) as error:
        sys.exit(f"summary: {error}")
    except (KeyError, TypeError, ValueError, StopIteration):
        sys.exit("summary: the model gave something else than was asked for; try another --model")
    print(f"\n{summary or 'Nothing was heard.'}")
    for action in actions:
        print(f"- {action['action']}  ({clock(action['at'])}: {action['said']})")
    lines = [line for piece in heard for line in piece]
    found = {"summary": summary, "actions": actions, "lines": lines, "words": words}
    out.with_suffix(".json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    out.with_suffix(".srt").write_text(
        "".join(
            f"{number}\n{clock(line['start'])} --> {clock(line['end'])}\n{line['text']}\n\n"
            for number, line in enumerate(lines, 1)
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
