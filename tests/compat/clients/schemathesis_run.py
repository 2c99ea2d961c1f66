"""Schemathesis against our own description: requests of every kind it allows and forbids; run, and hooked into, here.

What a schema cannot say is put in by hand where a request is to be good: a model that is there, a voice it has, sound.
"""

import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import wave
from base64 import b64encode
from pathlib import Path
from typing import Any

import schemathesis

SEED = 1
MODELS = {
    "/chat/completions": "gpt-4o-mini-audio-preview",
    "/audio/speech": "tts-1",
    "/audio/transcriptions": "gpt-4o-transcribe",
    "/audio/translations": "whisper-1",
}
REACHED = {
    "POST /chat/completions 200 application/json",
    "POST /chat/completions 200 text/event-stream",
    "POST /chat/completions 400 application/json",
    "POST /audio/speech 200 audio/mpeg",
    "POST /audio/speech 200 text/event-stream",
    "POST /audio/speech 400 application/json",
    "POST /audio/transcriptions 200 application/json",
    "POST /audio/transcriptions 200 text/event-stream",
    "POST /audio/transcriptions 200 text/plain",
    "POST /audio/transcriptions 400 application/json",
    "POST /audio/translations 200 application/json",
    "POST /audio/translations 200 text/plain",
    "POST /audio/translations 400 application/json",
    "GET /models/{model} 200 application/json",
    "GET /chat/completions 200 application/json",
    "GET /chat/completions/{completion_id} 200 application/json",
    "POST /chat/completions/{completion_id} 200 application/json",
    "DELETE /chat/completions/{completion_id} 200 application/json",
    "GET /chat/completions/{completion_id}/messages 200 application/json",
}
"""Kinds of answers without which a run has shown nothing."""
SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
TURN = itertools.count()


def recording() -> str:
    """A tenth of a second as a WAV of nothing but ASCII, so that it is text to a form."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"@" * 1600)
    return file.getvalue().decode("ascii")


SOUND = recording()
BASE64 = b64encode(SOUND.encode()).decode()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Let a good request mean something, and see to it that every kind of answer is asked for."""
    del context, kwargs
    path, body = case.operation.path, case.body
    if not case.meta.generation.mode.is_positive:
        return
    turn = next(TURN)
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = f"key {turn}"
    if "completion_id" in (case.path_parameters or {}):
        case.path_parameters["completion_id"] = stored()
    if path not in MODELS or not isinstance(body, dict):
        return
    fill(body)
    body["model"] = MODELS[path]
    if "language" in body:
        body["language"] = "en"
    if turn % 3 == 0:
        body |= {"stream_format": "sse"} if path == "/audio/speech" else {"stream": True}
    elif turn % 3 == 1 and path in ("/audio/transcriptions", "/audio/translations"):
        body["response_format"] = "srt"
    if turn % 2 == 0 and path == "/chat/completions":
        body |= SPOKEN


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Note what was answered."""
    del context
    kind = response.headers.get("content-type", [""])[0].partition(";")[0]
    with Path(os.environ["ANSWERED"]).open("a") as log:
        log.write(f"{case.operation.method.upper()} {case.operation.path} {response.status_code} {kind}\n")


def stored() -> str:
    """The id of a completion that is there; another one each time, for it may be deleted."""
    asked = {"model": MODELS["/chat/completions"], "messages": [{"role": "user", "content": "Hi"}], "store": True}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ.get('VIVAVOCE_KEY')}"}
    url = f"{os.environ['VIVAVOCE_URL']}/v1/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(asked).encode(), headers)) as answer:  # noqa: S310
        return json.load(answer)["id"]


def fill(value: Any) -> None:
    """Put sound, and a voice that is there, wherever they belong; leave out answers that nobody gave."""
    for key, inner in list(value.items()) if isinstance(value, dict) else []:
        if key == "voice":
            value[key] = "alloy"
        elif key == "file" and not isinstance(inner, dict):
            value[key] = SOUND
        elif key == "input_audio" and isinstance(inner, dict):
            inner["data"] = BASE64
        elif key == "audio" and isinstance(inner, dict) and "id" in inner:
            del value[key]
        else:
            fill(inner)
    for inner in value if isinstance(value, list) else []:
        fill(inner)


def main() -> None:
    """Run it. Whether a good request is answered with 2xx is not asked: a schema cannot say what follows what."""
    url, key = os.environ["VIVAVOCE_URL"], os.environ.get("VIVAVOCE_KEY")
    phases, examples = os.environ["PHASES"], os.environ["EXAMPLES"]
    with tempfile.TemporaryDirectory() as folder:
        answered = Path(folder, "answered.txt")
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", f"--url={url}/v1",
            f"--seed={SEED}", f"--phases={phases}", f"--max-examples={examples}", "--checks=all",
            "--exclude-checks=positive_data_acceptance", "--request-timeout=20", "--continue-on-failure", "--no-color",
            *([f"--header=Authorization: Bearer {key}"] if key else []),
        ]  # fmt: skip
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": __file__, "ANSWERED": str(answered)}
        done = subprocess.run(command, cwd=folder, env=environment, check=False)
        missed = REACHED - set(answered.read_text().splitlines())
    assert not missed, f"never answered: {sorted(missed)}"
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
