"""The composition root: from a file to models that answer, and a server that starts and ends."""

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.waiting import until
from vivavoce import generations, main
from vivavoce.assembly import Engine
from vivavoce.config import Config, ConfigError, EngineConfig, ServerConfig, StoreConfig, load
from vivavoce.core.audio import Pcm
from vivavoce.core.context import too_long
from vivavoce.core.engines import Card, Hearing
from vivavoce.core.errors import BadRequest, EngineFailed
from vivavoce.core.models import Model, Price
from vivavoce.core.streams import once
from vivavoce.core.turn import AudioDelta, Message, Text, TextDelta, Turn, TurnDone, TurnEvent
from vivavoce.defaults import VOICES, thinking_at
from vivavoce.engines.child import EngineMissing
from vivavoce.engines.pool import Pool
from vivavoce.starting import Running, better
from vivavoce.store import sweeping
from vivavoce.store.database import StoreInUse
from vivavoce.testing import scripted

SCRIPTED = """
[engines.one]
use = "scripted"
options = { says = "Hello there. Bye." }
[models."gpt-4o-mini-audio-preview"]
hear = "one"
think = "one"
speak = "one"
aliases = ["mine"]
voices = { anna = "echo" }
"""


@dataclass
class Cards:
    """An engine that does nothing but say what would be better."""

    note: str

    def card(self) -> Card:
        return Card("it", (), note=self.note)


@pytest.fixture(autouse=True)
def _no_waiting_at_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{Path.cwd() / 'src'}")


@pytest.fixture
def configured(tmp_path: Path) -> Any:
    def read(text: str = SCRIPTED) -> Config:
        (tmp_path / "my.toml").write_text(text)
        return load(tmp_path / "my.toml")

    return read


async def ask(model: Any, text: str, voice: str | None) -> list[TurnEvent]:
    events: list[TurnEvent] = []

    async def take(event: TurnEvent) -> None:
        events.append(event)

    await model.responder.respond(Turn((Message("user", (Text(text),)),), voice=voice), take)
    return events


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The voice and the language of every piece that any scripted engine says."""
    said: list[tuple[str, str]] = []
    synthesize = scripted.Scripted.synthesize

    def listen(self: Any, say: Any) -> Any:
        said.append((say.voice, say.language))
        return synthesize(self, say)

    monkeypatch.setattr(scripted.Scripted, "synthesize", listen)
    return said


async def test_a_file_of_scripted_engines_makes_a_model_that_answers_aloud(configured: Any) -> None:
    async with main.start(configured()) as running:
        model = running.models["gpt-4o-mini-audio-preview"]
        events = await ask(model, "Hi", "alloy")
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello there. Bye."
        assert any(isinstance(event, AudioDelta) for event in events)
        assert isinstance(events[-1], TurnDone)
        assert all(pool.ready for pool in running.pools)
        assert main.about(running) == "one: scripted"
        assert (model.card.hears, model.card.speaks, model.card.voices) == (True, True, ("anna", "alloy", "echo"))
        assert (model.snapshot, running.models["mine"].snapshot) == ("gpt-4o-mini-audio-preview-2024-12-17", "mine")
        (pid,) = running.media.pool.pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_model_has_the_price_of_its_name_unless_the_file_sets_one(configured: Any) -> None:
    async with main.start(configured()) as running:
        models = running.models
        assert models["gpt-4o-mini-audio-preview"].price == Price(*map(Decimal, ("0.15", "0.6", "10", "20")))
        assert models["mine"].price is None
    async with main.start(configured(f"{SCRIPTED}price = {{ text_in = 0.1, audio_out = 1e-7 }}")) as running:
        price = Price(Decimal("0.1"), Decimal(0), Decimal(0), Decimal("0.0000001"))
        assert [running.models[name].price for name in ("gpt-4o-mini-audio-preview", "mine")] == [price, price]


def test_what_would_make_it_better_is_said_of_the_engines_it_comes_with_alone() -> None:
    def said(**plays: str) -> str | None:
        engines = {
            role: Engine(role, use, Cards(note="" if use == "openai" else "old"), None, frozenset({role}))
            for role, use in plays.items()
        }
        options = {role: {"model": plays[role]} if plays[role].endswith(".gguf") else {} for role in plays}
        config = Config(engines={role: EngineConfig(use, options=options[role]) for role, use in plays.items()})
        nothing: Any = None
        return better(config, Running(engines, {}, nothing, nothing))

    embedded = "a far better ear, brain and voice for this machine: vivavoce pull natural"
    assert said(hear="pocketsphinx", think="llama", speak="espeak") == embedded
    assert said(hear="pocketsphinx", think="mine.gguf", speak="espeak") == embedded.replace(", brain", "")
    assert said(hear="openai", think="openai", speak="flite") == embedded.replace("ear, brain and ", "")
    assert said(hear="openai", think="mine.gguf", speak="openai") is None


async def test_models_with_the_same_ear_share_what_it_hears(configured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Hearing] = []
    transcribe = scripted.Scripted.transcribe

    def listen(self: scripted.Scripted, audio: AsyncIterable[Pcm], asked: Hearing) -> Any:
        heard.append(asked)
        return transcribe(self, audio, asked)

    monkeypatch.setattr(scripted.Scripted, "transcribe", listen)

    async def transcribed(model: Model, **asked: Any) -> list[str]:
        assert model.transcriber is not None
        return [each.text async for each in model.transcriber.transcribe(once(scripted.tone(0.2)), Hearing(**asked))]

    config = configured()
    async with main.store(config) as store, main.start(config, memory=store.heard) as running:
        for name in ("mine", "gpt-4o-mini-audio-preview", "mine"):
            assert await transcribed(running.models[name]) == ["hello world"]
        assert len(heard) == 1
        await transcribed(running.models["mine"], project="another")
        assert len(heard) == 2
        assert running.models["mine"].recalls
    config.store.heard_minutes = 0
    async with main.store(config) as store, main.start(config, memory=store.heard) as running:
        assert store.heard is None
        assert not running.models["mine"].recalls


async def test_a_voice_of_ones_own_name_is_the_engines(configured: Any, spoken: list[tuple[str, str]]) -> None:
    async with main.start(configured()) as running:
        await ask(running.models["mine"], "Hi", "anna")
        await ask(running.models["mine"], "Hi", "alloy")
    assert {voice for voice, _ in spoken} == {"echo", "alloy"}


async def test_clients_may_ask_a_voice_of_another_name_by_the_originals(
    configured: Any, spoken: list[tuple[str, str]]
) -> None:
    text = SCRIPTED.replace('voices = { anna = "echo" }', "").replace('Bye." }', 'Bye.", voices = ["amy", "ben"] }')
    async with main.start(configured(text)) as running:
        model = running.models["mine"]
        assert model.card.voices == ("amy", "ben", *VOICES)
        for voice in ("shimmer", "ben"):
            await ask(model, "Hi", voice)
    assert {voice for voice, _ in spoken} == {"amy", "ben"}


async def test_each_language_has_its_voice_and_the_rest_the_default(
    configured: Any, spoken: list[tuple[str, str]]
) -> None:
    text = (
        SCRIPTED.replace("Hello there. Bye.", "Hello there. Привет, как дела?")
        .replace('speak = "one"', 'speak = { default = "one", ru = "russian" }')
        .replace("voices = ", "language = 'en'\nvoices = ")
    )
    text += '[engines.russian]\nuse = "scripted"\noptions = { voices = ["only-russian"] }\n'
    async with main.start(configured(text)) as running:
        model = running.models["mine"]
        assert model.card.voices == ("anna", "alloy", "echo", "only-russian")
        await ask(model, "Hi", "alloy")
    assert {language for _, language in spoken} == {"en", "ru"}


@pytest.mark.parametrize("policy", ["", 'on_overflow = "refuse"\n', 'on_overflow = "trim"\n'])
async def test_a_model_trims_conversations_only_where_it_is_told_to(
    configured: Any, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    whole = scripted.Scripted.generate

    async def generate(self: scripted.Scripted, turn: Turn) -> Any:
        if len(turn.messages) > 1:
            raise too_long(10, 20)
        async for event in whole(self, turn):
            yield event

    monkeypatch.setattr(scripted.Scripted, "generate", generate)
    events: list[TurnEvent] = []

    async def take(event: TurnEvent) -> None:
        events.append(event)

    long = Turn(tuple(Message("user", (Text("Hi"),)) for _ in range(3)))
    async with main.start(configured(SCRIPTED.replace("voices = ", f"{policy}voices = "))) as running:
        responder = running.models["mine"].responder
        assert responder is not None
        if "trim" in policy:
            await responder.respond(long, take)
            assert isinstance(events[-1], TurnDone)
        else:
            with pytest.raises(BadRequest):
                await responder.respond(long, take)


@pytest.mark.parametrize(
    ("wrong", "right", "kind", "said"),
    [
        ('use = "scripted"', 'use = "sripted"', EngineMissing, "there is no engine 'sripted'; installed: "),
        ('use = "scripted"', 'use = "espeak"\nload_s = 0.001', EngineMissing, "not loaded within 0.001 s (`load_s`)"),
        ("says =", "say =", EngineMissing, "options of 'scripted': Object contains unknown field `say`"),
        ('"echo"', '"slt"', ConfigError, "anna = 'slt' names no voice; there are alloy, echo"),
    ],
)
async def test_what_cannot_be_started_is_one_clear_line(
    configured: Any, wrong: str, right: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind) as error:
        async with main.start(configured(SCRIPTED.replace(wrong, right))):
            pass
    assert said in str(error.value)


async def test_an_engine_must_be_able_to_do_what_a_model_wants(configured: Any) -> None:
    text = SCRIPTED.replace('hear = "one"', 'hear = ["one"]\nrespond = ["one"]')
    with pytest.raises(ConfigError, match=r"engine 'one' \(scripted\) cannot respond"):
        async with main.start(configured(text)):
            pass


EVERYWHERE = ["0.0.0.0", "::", "192.0.2.1"]  # noqa: S104 - nothing listens there


@pytest.mark.parametrize("host", EVERYWHERE)
async def test_with_a_key_that_is_easily_guessed_no_other_machine_is_let_in(host: str) -> None:
    for key in ("sk-1234", "changeme", "abcabc1abcabc1abcabc1abcabc1"):
        with pytest.raises(ConfigError, match="key 1 is easily guessed") as refused:
            await main.serve(Config(server=ServerConfig(host=host, keys=[key])), lambda *_: None)
        assert key not in str(refused.value)


async def test_the_first_key_is_made_once_and_only_where_other_machines_can_call(tmp_path: Path) -> None:
    told: list[str] = []
    for host in ("127.0.0.1", "localhost", "::1"):
        async with main.store(Config(store=StoreConfig(folder=str(tmp_path / host)))) as store:
            await main.make_first(ServerConfig(host=host), store.keys, told.append)
            assert (told, store.keys.used) == ([], False)
    for host in EVERYWHERE:
        async with main.store(Config(store=StoreConfig(folder=str(tmp_path / host)))) as store:
            await main.make_first(ServerConfig(host=host, keys=["k" * 40]), store.keys, told.append)
            await main.make_first(ServerConfig(host=host), store.keys, None)
            assert (told, store.keys.used) == ([], False)
            await main.make_first(ServerConfig(host=host), store.keys, told.append)
            await main.make_first(ServerConfig(host=host), store.keys, told.append)
            found = await store.keys.find(told.pop())
            assert found is not None
            assert (found.admin, told) == (True, [])


async def test_a_second_server_has_a_data_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    second = Config(store=StoreConfig(folder=str(tmp_path / "second")))
    async with main.store(Config()):
        with pytest.raises(StoreInUse, match="a second one needs its own"):
            await main.store(Config()).__aenter__()
        async with main.store(second):
            assert {path.name for path in tmp_path.iterdir()} == {"data", "second"}


async def test_a_taken_port_is_said_before_anything_is_loaded() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(OSError, match="in use") as taken:
        await main.serve(Config(server=ServerConfig(port=port)), lambda *_: None)
    assert taken.value.filename == f"127.0.0.1:{port}"
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def served(config: Config) -> AsyncIterator[tuple[httpx2.AsyncClient, main.Running]]:
    """`main.serve` in this process, ended by a signal."""
    config.server.port = 0
    up: asyncio.Queue[tuple[int, main.Running]] = asyncio.Queue()
    task = asyncio.create_task(main.serve(config, lambda port, running, _: up.put_nowait((port, running))))
    port, running = await asyncio.wait_for(up.get(), 20)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
        try:
            yield client, running
        finally:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.wait_for(task, 20)


async def until_ready(client: httpx2.AsyncClient, wanted: bool) -> None:
    async with asyncio.timeout(10):
        while ((await client.get("/health/ready")).status_code == 200) != wanted:  # noqa: ASYNC110 - we are a client
            await asyncio.sleep(0.005)


async def test_the_server_is_ready_again_after_a_process_was_killed(configured: Any) -> None:
    async with served(configured()) as (client, running):
        await until_ready(client, wanted=True)
        os.kill(running.media.pool.pids[0], signal.SIGKILL)
        await until_ready(client, wanted=False)
        await until_ready(client, wanted=True)
        assert (await client.get("/")).json()["engines"] == "one: scripted"


async def test_it_is_ready_only_when_a_brain_elsewhere_has_answered(
    configured: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(generations, "ASK_AGAIN_S", 0.01)
    down = asyncio.Event()
    generate = scripted.Scripted.generate

    async def fail_until_up(self: Any, turn: Turn) -> Any:
        if not down.is_set():
            raise EngineFailed("It is down.")
        async for event in generate(self, turn):
            yield event

    monkeypatch.setattr(scripted.Scripted, "generate", fail_until_up)
    async with served(configured()) as (client, _):
        assert (await client.get("/health/ready")).status_code == 503
        await until(lambda: "engine 'one' does not answer yet: It is down." in caplog.text)
        await asyncio.sleep(0.05)
        assert caplog.text.count("does not answer yet") == 1, "it is asked again and again, and said once"
        down.set()
        await until_ready(client, wanted=True)
        await until(lambda: "engine 'one' answers now" in caplog.text)


async def test_it_is_ready_when_one_of_those_that_stand_in_for_one_another_answers(configured: Any) -> None:
    gone = '[engines.gone]\nuse = "openai"\noptions = { base_url = "http://127.0.0.1:9/v1", model = "nobody" }\n'
    for role in ("hear", "think", "speak"):
        text = gone + SCRIPTED.replace(f'{role} = "one"', f'{role} = ["gone", "one"]')
        async with served(configured(text)) as (client, _):
            await until_ready(client, wanted=True)


async def test_a_brain_elsewhere_may_be_down_when_the_server_starts(configured: Any) -> None:
    config = thinking_at(configured(), "http://127.0.0.1:9/v1#nobody")
    async with served(config) as (client, _):
        body = {"model": "mine", "messages": [{"role": "user", "content": "Hi"}]}
        response = await client.post("/v1/chat/completions", json=body)
        assert response.status_code == 500
        assert "cannot be reached" in response.json()["error"]["message"]


@pytest.mark.parametrize("hours", [24, 0])
async def test_a_request_with_a_key_is_answered_again_as_long_as_the_file_says(configured: Any, hours: int) -> None:
    config = configured(f"{SCRIPTED}[store]\nreplies_hours = {hours}\n")
    body = {"model": "mine", "messages": [{"role": "user", "content": "Hi"}]}
    answers: list[httpx2.Response] = []
    for _ in range(2):
        async with served(config) as (client, _running):
            answers.append(await client.post("/v1/chat/completions", json=body, headers={"idempotency-key": "k"}))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (answers[0].content == answers[1].content) == bool(hours)


async def test_the_aiml_apis_ways_are_taken_where_the_file_says_so(configured: Any) -> None:
    async with served(configured(f"[server]\naiml = true\n{SCRIPTED}")) as (client, _):
        refused = await client.post("/v1/chat/completions", json={})
        assert (refused.status_code, refused.json()["statusCode"]) == (400, "400")


@pytest.mark.parametrize(("settings", "kept"), [("", 3), ("completions_days = 0", 0), ("completions = 2", 2)])
async def test_as_many_completions_are_kept_as_is_configured(
    configured: Any, monkeypatch: pytest.MonkeyPatch, settings: str, kept: int
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_S", 0.01)
    async with served(configured(f"[store]\n{settings}\n{SCRIPTED}")) as (client, _):
        body = {"model": "mine", "messages": [{"role": "user", "content": "Hi"}], "store": True}
        for _ in range(3):
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
        async with asyncio.timeout(10):
            while len((await client.get("/v1/chat/completions")).json()["data"]) != kept:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)


PROGRAM = """
import asyncio, pathlib, sys
from tests.support.waiting import until
from vivavoce import generations, main
from vivavoce.config import load
config = load(pathlib.Path(sys.argv[1]))
config.server.port = 0
asyncio.run(main.serve(config, lambda port, running, _: print(port, *running.media.pool.pids, flush=True)))
print("closed", flush=True)
"""


async def test_a_server_told_to_end_finishes_its_answers_closes_its_store_and_leaves_no_process(
    configured: Any, tmp_path: Path
) -> None:
    configured(SCRIPTED.replace("Bye.", "Bye. " * 30).replace('Bye. "', 'Bye.", token_ms = 20'))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "my.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        assert process.stdout
        assert process.stderr
        port, media = (await asyncio.to_thread(process.stdout.readline)).split()
        body = {
            "model": "mine",
            "modalities": ["text", "audio"],
            "audio": {"voice": "alloy", "format": "pcm16"},
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
        }
        text = ""
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=20) as client,
            client.stream("POST", url, json=body) as response,
        ):
            async for line in response.aiter_lines():
                if not text:
                    process.send_signal(signal.SIGTERM)
                text += f"{line}\n"
        assert text.rstrip().endswith("data: [DONE]")
        said, complaints = await asyncio.to_thread(process.communicate, timeout=20)
    assert (process.returncode, said, complaints) == (0, "closed\n", "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(media), 0)
    answer_id = re.search(r"audio_[0-9a-f]{32}", text)
    assert answer_id
    async with served(load(tmp_path / "my.toml")) as (client, _):
        named = [{"role": "assistant", "audio": {"id": answer_id[0]}}, {"role": "user", "content": "Again"}]
        response = await client.post("/v1/chat/completions", json={"model": "mine", "messages": named})
        assert response.status_code == 200, json.dumps(response.json())


async def test_every_process_has_answered_before_anybody_is_let_in(
    configured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    stream = Pool.stream

    def noting(self: Pool, method: str, *arguments: Any, wait_s: float | None = None) -> Any:
        asked.append((self.spec.name, method))
        return stream(self, method, *arguments, wait_s=wait_s)

    monkeypatch.setattr(Pool, "stream", noting)
    text = (
        SCRIPTED + '[engines.espeak]\nuse = "espeak"\nworkers = 2\n[models."other"]\nthink = "one"\nspeak = "espeak"\n'
    )
    async with main.start(configured(text)) as running:
        pool = running.engines["espeak"].pool
        assert pool is not None
        assert all(worker.used for worker in pool._workers)
        assert asked.count(("espeak", "synthesize")) == 2
        assert [method for name, method in asked if name == "media"] == ["encode", "decode"]


LIMITED = """
[server]
keys = ["a-key-of-a-test"]
[limits]
tier = "{tier}"
[tiers.free]
rpm = "none"
rpd = 2
[tiers.own]
[budgets."{project}"]
usd = 0.0008
"""


@pytest.mark.parametrize(("tier", "code"), [("free", "rate_limit_exceeded"), ("own", "insufficient_quota")])
async def test_what_was_used_of_a_day_and_of_a_budget_is_known_after_a_restart(
    configured: Any, tier: str, code: str
) -> None:
    project = f"key-{hashlib.sha256(b'a-key-of-a-test').hexdigest()[:32]}"
    limited = LIMITED.format(tier=tier, project=project)
    if tier == "free":
        limited = limited.partition("[tiers.own]")[0]
    price = "price = { text_in = 0.5, text_out = 100 }\n"
    body = {"model": "mine", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
    statuses: list[int] = []
    for _ in range(3):
        async with served(configured(SCRIPTED.replace("aliases", f"{price}aliases") + limited)) as (client, _running):
            client.headers["authorization"] = "Bearer a-key-of-a-test"
            answer = await client.post("/v1/chat/completions", json=body)
            statuses.append(answer.status_code)
    assert statuses == [200, 200, 429]
    assert answer.json()["error"]["code"] == code
