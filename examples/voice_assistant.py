"""A voice assistant: speak into the microphone, or give recordings as turns, and hear the answers as they come.

With the microphone, Enter begins and ends what you say. Ctrl-C stops an answer, and otherwise the program.
"""

import argparse
import base64
import io
import os
import sys
import wave
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openai import APIError, OpenAI

HEARD_HZ, SPOKEN_HZ = 16_000, 24_000
TURNS = 6  # so many the model is reminded of


class Conversation:
    """What was said on both sides."""

    def __init__(self, client: OpenAI, model: str, voice: str, instructions: str) -> None:
        self._client, self._model, self._voice = client, model, voice
        self._system = {"role": "system", "content": instructions}
        self._turns: list[tuple[Any, str, str]] = []  # the question, and the answer's audio id and transcript

    def ask(self, recording: bytes, form: str) -> Generator[tuple[str, bytes], None, None]:
        """The answer as it comes: words, sound (24 kHz, mono, 16 bit), or both."""
        sound = {"data": base64.b64encode(recording).decode(), "format": form}
        question = {"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}
        name, words, whole = "", "", False
        try:
            with self._stream(question) as chunks:
                for chunk in chunks:
                    audio = chunk.choices[0].delta.audio if chunk.choices else None
                    if audio:
                        name, words = name or audio.id or "", words + (audio.transcript or "")
                        yield audio.transcript or "", base64.b64decode(audio.data or "")
            whole = True
        finally:
            if words:  # an answer that was stopped is remembered by the words so far
                self._turns = [*self._turns, (question, name if whole else "", words)][-TURNS:]

    def _stream(self, question: Any) -> Any:
        try:
            return self._create(question)
        except APIError as error:
            if error.code != "audio_not_found":
                raise
            # The sound of an answer is kept for an hour; after it, its words do.
            self._turns = [(asked, "", words) for asked, _, words in self._turns]
            return self._create(question)

    def _create(self, question: Any) -> Any:
        messages = [self._system]
        for asked, name, words in self._turns:
            messages += [asked, {"role": "assistant", **({"audio": {"id": name}} if name else {"content": words})}]
        return self._client.chat.completions.create(
            model=self._model,
            modalities=["text", "audio"],
            audio={"voice": self._voice, "format": "pcm16"},
            messages=[*messages, question],
            stream=True,
        )


def devices() -> Any:
    """The microphone and the loudspeaker."""
    try:
        import sounddevice  # noqa: PLC0415 - wanted for these alone

        for kind in ("input", "output"):
            sounddevice.query_devices(kind=kind)
    except (ImportError, OSError) as error:
        sys.exit(f"no sounddevice here ({error}): pip install sounddevice, and on Debian apt install libportaudio2")
    except sounddevice.PortAudioError as error:
        sys.exit(f"no microphone or no loudspeaker here ({error}): give recordings, and --out for the answers")
    return sounddevice


def microphone(sounddevice: Any) -> Iterator[tuple[bytes, str]]:
    """What is said between two times Enter, each time as a WAV."""
    while True:
        input("Enter, then speak. ")
        heard = io.BytesIO()
        with wave.open(heard, "wb") as file:
            file.setparams((1, 2, HEARD_HZ, 0, "NONE", ""))

            def keep(data: Any, *_: Any, file: wave.Wave_write = file) -> None:
                file.writeframes(bytes(data))

            with sounddevice.RawInputStream(samplerate=HEARD_HZ, channels=1, dtype="int16", callback=keep):
                input("Enter again when you have said it. ")
        yield heard.getvalue(), "wav"


@contextmanager
def loudspeaker(sounddevice: Any) -> Iterator[Any]:
    """Something that plays what is written to it."""
    with sounddevice.RawOutputStream(samplerate=SPOKEN_HZ, channels=1, dtype="int16") as stream:
        yield stream.write


@contextmanager
def saved(file: Path) -> Iterator[Any]:
    """Something that puts what is written to it into a WAV file, which is whole after each time."""
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, SPOKEN_HZ, 0, "NONE", ""))
        yield sound.writeframes


def main() -> None:
    """Take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "recording", nargs="*", type=Path, help="a turn each, of any kind of sound; else the microphone"
    )
    parser.add_argument("--out", type=Path, help="folder for the answers, rather than the loudspeaker")
    parser.add_argument("--instructions", default="You are a helpful assistant. Answer in one or two short sentences.")
    parser.add_argument("--base-url", default=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"))
    parser.add_argument("--model", default="gpt-4o-mini-audio-preview")
    parser.add_argument("--voice", default="alloy")
    wanted = parser.parse_args()
    sounddevice = None if wanted.recording and wanted.out else devices()
    client = OpenAI(base_url=wanted.base_url, api_key=os.environ.get("OPENAI_API_KEY", "anything"))
    conversation = Conversation(client, wanted.model, wanted.voice, wanted.instructions)
    files = ((file.read_bytes(), file.suffix[1:]) for file in wanted.recording)
    try:
        if wanted.out:
            wanted.out.mkdir(parents=True, exist_ok=True)
        for number, turn in enumerate(files if wanted.recording else microphone(sounddevice), 1):
            with saved(wanted.out / f"{number}.wav") if wanted.out else loudspeaker(sounddevice) as put:
                say(conversation.ask(*turn), put)
    except (OSError, APIError) as error:
        sys.exit(f"\nvoice_assistant: {error}")
    except (KeyboardInterrupt, EOFError):
        print()


def say(answer: Generator[tuple[str, bytes], None, None], put: Any) -> None:
    """Print and play an answer as it comes, until Ctrl-C."""
    try:
        for words, sound in answer:
            print(words, end="", flush=True)
            put(sound)
    except KeyboardInterrupt:
        answer.close()
        print(" (stopped)", end="")
    print()


if __name__ == "__main__":
    main()
