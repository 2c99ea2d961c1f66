"""The configuration: what is taken, and what is said of what is not."""

from pathlib import Path

import pytest

from vivavoce import config as module
from vivavoce.config import Config, ConfigError, ModelConfig, PriceConfig, StoreConfig, find, load
from vivavoce.defaults import CHAT_NAMES, DEFAULT_MODEL, embedded, snapshot, thinking_at

WHOLE = """\
# Everything at once
[server]
port = 8001
keys = ["$MY_KEY"]

[engines.ear]
use = "scripted"
[engines.brain]
use = "openai"
workers = 2
options = { base_url = "http://localhost:1/v1", api_key = "$MY_KEY" }
[engines.voice]
use = "espeak"

[models."my.model"]
hear = "ear"
think = "brain"
speak = { default = "voice", de = "voice" }
aliases = ["mine"]
voices = { anna = "alloy" }
language = "de"
on_overflow = "trim"
price = { text_in = 0.15, audio_out = 20 }
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIVAVOCE_CONFIG", raising=False)
    monkeypatch.setenv("MY_KEY", "sk-mine")


def written(text: str, path: str = "my.toml") -> Path:
    Path(path).write_text(text)
    return Path(path)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(written(text))
    assert "\n" not in str(error.value)
    return str(error.value)


def told(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        load(written(text))
    return error.value.said


def test_without_a_file_everything_has_its_default() -> None:
    config = load(None)
    assert (config.server.host, config.server.port, config.server.keys) == ("127.0.0.1", 8000, [])
    assert (config.limits.body_mb, config.limits.audio_seconds, config.limits.wait_ms) == (48, 600, 2000)
    assert (config.engines, config.models, config.server.strict) == ({}, {}, False)
    assert not config.server.aiml
    assert (config.store.replies_hours, config.store.replies_mb) == (24, 1024)
    assert (config.store.completions_days, config.store.completions) == (30, 10_000)


def test_a_whole_file_is_read() -> None:
    config = load(written(WHOLE))
    assert config.server.keys == ["sk-mine"]
    assert config.engines["brain"].options["api_key"] == "sk-mine"
    assert config.engines["brain"].workers == 2
    model = config.models["my.model"]
    assert (model.hear, model.think, model.speak) == ("ear", "brain", {"default": "voice", "de": "voice"})
    assert (model.aliases, model.voices, model.language) == (["mine"], {"anna": "alloy"}, "de")
    assert (model.on_overflow, ModelConfig().on_overflow) == ("trim", "refuse")
    assert (model.price, ModelConfig().price) == (PriceConfig(text_in=0.15, audio_out=20), None)


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("port = 8001", "prot = 8001", "my.toml:3: unknown key 'prot' in [server]; did you mean 'port'?"),
        ("[server]", "[sever]", "my.toml:2: unknown key 'sever'; did you mean 'server'?"),
        ("workers = 2", "worker = 2", "my.toml:10: unknown key 'worker' in [engines.brain]; did you mean 'workers'?"),
        ('hear = "ear"\nthink = "brain"\nspeak = { default = "voice", de = "voice" }', "", "names no engine: give it"),
        ('language = "de"', "lang = 1", "my.toml:21: unknown key 'lang' in [models.my.model]; did you mean 'language'?"),  # noqa: E501
        ("port = 8001", "zzz = 8001", "my.toml:3: unknown key 'zzz' in [server]; known: host, port, keys, "),
        ("port = 8001", 'port = "8001"', "my.toml:3: server.port: expected `int`, got `str`"),
        ("port = 8001", "port = 70000", "my.toml:3: server.port: expected `int` <= 65535"),
        ("[server]", "[store]\nreplies_hours = -1\n[server]", "my.toml:3: store.replies_hours: expected `float` >= 0"),
        ("[server]", "[store]\nreplies_mb = 0\n[server]", "my.toml:3: store.replies_mb: expected `float` > 0"),
        ("[server]", "[store]\ncompletions_days = -1\n[server]", "my.toml:3: store.completions_days: expected `int` >= 0"),  # noqa: E501
        ("workers = 2", "workers = 0", "my.toml:10: engines.brain.workers: expected `int` >= 1"),
        ('aliases = ["mine"]', 'aliases = [\n"mine",\n1]', "my.toml:19: models.my.model.aliases.1: expected `str`, got `int`"),  # noqa: E501
        ("port = 8001", "port = ", "my.toml:3: invalid value (at line 3"),
        ('hear = "ear"', 'hear = "eer"', "my.toml:16: [models.\"my.model\"] names engine 'eer', which is not there; did you mean 'ear'?"),  # noqa: E501
        ('think = "brain"', 'think = ["brain", "zzz"]', "my.toml:17: [models.\"my.model\"] names engine 'zzz'"),
        ('think = "brain"', "think = []", "my.toml:17: models.my.model.think: expected `array` of length >= 1"),
        ('think = "brain"', 'respond = "zzz"', "my.toml:17: [models.\"my.model\"] names engine 'zzz'"),
        ('de = "voice"', 'de = "zzz"', "names engine 'zzz', which is not there"),
        ('de = "voice"', 'de = ["voice", "zzz"]', "my.toml:18: [models.\"my.model\"] names engine 'zzz'"),
        ('{ default = "voice", de = "voice" }', "{}", "my.toml:18: [models.\"my.model\"] speak names no engine"),
        ('aliases = ["mine"]', 'aliases = ["my.model"]', "my.toml:19: 'my.model' is the name of two models"),
        ("workers = 2", "first_s = 0", "my.toml:10: engines.brain.first_s: expected `float` > 0"),
        ('keys = ["$MY_KEY"]', 'keys = ["$NOT_SET"]', "my.toml:4: $NOT_SET is not set in the environment"),
        ('keys = ["$MY_KEY"]', 'keys = [""]', "my.toml:4: [server] keys: a key is empty"),
        ("audio_out = 20", "audio_out = -1", "my.toml:23: models.my.model.price.audio_out: expected `float` >= 0"),
        ("audio_out = 20", "sound = 1", "my.toml:23: unknown key 'sound' in [models.my.model.price]"),
        ('"trim"', '"drop"', "my.toml:22: models.my.model.on_overflow: invalid enum value 'drop'; known: refuse, trim"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(wrong: str, right: str, said: str) -> None:
    assert wrong in WHOLE
    assert said in refused(WHOLE.replace(wrong, right))


def test_a_role_is_one_engine_or_several_in_order() -> None:
    roles = 'hear = ["voice", "ear"]\nspeak = { default = ["voice", "ear"], de = "voice" }\nrespond = "brain"'
    text = WHOLE.replace('hear = "ear"\nthink = "brain"\nspeak = { default = "voice", de = "voice" }', roles)
    model = load(written(text)).models["my.model"]
    assert model.engines("hear") == ["voice", "ear"]
    assert model.engines("think") == []
    assert model.engines("speak") == ["voice", "ear", "voice"]
    assert model.speakers() == {"default": ["voice", "ear"], "de": ["voice"]}
    assert model.engines("respond") == ["brain"]


def test_everything_wrong_is_told_at_once() -> None:
    text = (
        WHOLE.replace("port", "prot").replace("workers = 2", "workers = 0").replace('language = "de"', "language = 1")
    )
    text = text.replace('api_key = "$MY_KEY"', 'api_key = "$NOT_SET"') + "[sever]\n"
    assert told(text) == (
        "my.toml:3: unknown key 'prot' in [server]; did you mean 'port'?",
        "my.toml:10: engines.brain.workers: expected `int` >= 1",
        "my.toml:11: $NOT_SET is not set in the environment",
        "my.toml:21: models.my.model.language: expected a language, such as en",
        "my.toml:24: unknown key 'sever'; did you mean 'server'?",
    )
    names = WHOLE.replace('hear = "ear"', 'hear = "eer"').replace('["mine"]', '["my.model"]')
    assert [problem.split(": ")[0] for problem in told(names)] == ["my.toml:16", "my.toml:19"]
    assert module.read(written(WHOLE))[1] == []
    assert told("\nport = ") == ("my.toml:2: invalid value (at end of document)",)


def test_one_mistake_in_a_table_does_not_hide_the_others() -> None:
    text = """\
[engines.a]
wokers = 1
workers = 0
options = 1
[models.m]
think = ["b", 5]
hear = "b"
speak = { de = "a", en = "c" }
language = 1
voices = { x = 1, y = "z" }
aliases = ["n", "n"]
[models.o]
respond = 5
aliases = ["n"]
"""
    assert told(text) == (
        "my.toml:1: [engines.a] lacks 'use'",
        "my.toml:2: unknown key 'wokers' in [engines.a]; did you mean 'workers'?",
        "my.toml:3: engines.a.workers: expected `int` >= 1",
        "my.toml:4: engines.a.options: expected `object`, got `int`",
        "my.toml:6: models.m.think.1: expected `str`, got `int`",
        "my.toml:7: [models.\"m\"] names engine 'b', which is not there",
        "my.toml:8: [models.\"m\"] names engine 'c', which is not there",
        "my.toml:9: models.m.language: expected a language, such as en",
        "my.toml:10: models.m.voices.x: expected `str`, got `int`",
        "my.toml:11: 'n' is the name of two models, or twice that of one",
        "my.toml:13: models.o.respond: expected `str | array | null`, got `int`",
        "my.toml:14: 'n' is the name of two models, or twice that of one",
    )


def test_what_is_right_is_read_beside_what_is_wrong() -> None:
    text = WHOLE.replace("port = 8001", 'port = "8001"').replace('{ anna = "alloy" }', '{ anna = 1, bert = "echo" }')
    config, problems = module.read(written(text))
    assert (config.server.port, config.server.keys) == (8000, ["sk-mine"])
    assert (config.models["my.model"].voices, config.models["my.model"].hear) == ({"bert": "echo"}, "ear")
    assert [problem.line for problem in problems] == [3, 20]


def test_a_variable_may_hold_what_looks_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "$NOT_SET")
    assert load(written(WHOLE)).server.keys == ["$NOT_SET"]


def test_engines_that_are_no_table_are_no_engines() -> None:
    first, second = told('engines = 1\n[models.m]\nthink = "a"\n')
    assert first == "my.toml:1: engines: expected `object`, got `int`"
    assert second == "my.toml:3: [models.\"m\"] names engine 'a', which is not there"


@pytest.mark.parametrize("table", ["server", "engines", "models"])
def test_a_table_must_be_one(table: str) -> None:
    assert refused(f"{table} = 1") == f"my.toml:1: {table}: expected `object`, got `int`"


def test_of_two_tables_the_wrong_ones_line_is_named() -> None:
    text = '[engines.a]\nuse = "x"\nworkers = 1\n[engines.b]\nuse = "y"\nwokers = 1\n'
    assert refused(text).startswith("my.toml:6: unknown key 'wokers' in [engines.b]")


def test_a_secret_is_never_part_of_an_error() -> None:
    assert "sk-mine" not in refused(WHOLE.replace("port = 8001", 'port = "$MY_KEY"'))


@pytest.mark.parametrize(
    "mistake",
    [
        ('on_overflow = "trim"', 'on_overflow = "$MY_KEY"'),
        ('think = "brain"', 'think = ["brain", "$MY_KEY"]'),
        ('speak = { default = "voice", de = "voice" }', 'speak = { default = "$MY_KEY" }'),
        ('["mine"]', '["$MY_KEY", "$MY_KEY"]'),
    ],
)
def test_what_a_variable_holds_is_said_by_its_name(mistake: tuple[str, str]) -> None:
    said = refused(WHOLE.replace(*mistake))
    assert "$MY_KEY" in said
    assert "sk-mine" not in said


def test_a_file_that_is_no_text_is_said_so() -> None:
    Path("my.toml").write_bytes(b"#\n#\xff\xfe")
    with pytest.raises(ConfigError, match=r"my\.toml:2: this is not UTF-8"):
        load(Path("my.toml"))


def test_the_file_is_the_one_given_or_named_or_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(None) is None
    here = written("", "vivavoce.toml")
    assert find(None) == here
    named = written("", "named.toml")
    monkeypatch.setenv("VIVAVOCE_CONFIG", str(named))
    assert find(None) == named
    assert find(here) == here
    for missing in (Path("missing.toml"), None):
        monkeypatch.setenv("VIVAVOCE_CONFIG", "missing.toml")
        with pytest.raises(ConfigError, match=r"missing\.toml: no such file"):
            find(missing)


def test_data_is_kept_where_it_is_told_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", "/there")
    assert module.data_folder(StoreConfig()) == Path("/there/data")
    monkeypatch.delenv("VIVAVOCE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert module.data_folder(StoreConfig()) == Path("/data/vivavoce")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert module.data_folder(StoreConfig()) == Path.home() / ".local/share/vivavoce"
    assert module.data_folder(StoreConfig(folder="~/second")) == Path.home() / "second"


def test_the_embedded_default_has_the_originals_names() -> None:
    config = embedded(Config(), "/weights", flite=False)
    model = config.models[DEFAULT_MODEL]
    assert (model.hear, model.think, model.speak) == ("ear", "brain", "voices")
    assert model.aliases == CHAT_NAMES
    assert config.engines["brain"].options == {"model": "/weights"}
    assert {engine.use for engine in config.engines.values()} == {"pocketsphinx", "llama", "espeak"}


def test_flite_speaks_english_where_it_is() -> None:
    config = embedded(Config(), "/weights", flite=True)
    assert config.models[DEFAULT_MODEL].speak == {"default": "voices", "en": "voice-en"}
    assert config.engines["voice-en"].use == "flite"


@pytest.mark.parametrize(
    ("named", "speak", "language"),
    [
        (["voices"], "voices", "en"),
        (["voice-en"], {"default": "voices", "en": "voice-en"}, "en"),
        (["voice-de"], {"default": "voices", "de": "voice-de", "en": "voice-en"}, "de"),
        (["voice-zh"], {"default": "voices", "zh": "voice-zh", "en": "voice-en"}, "en"),
        (["voice-zh", "voice-fr", "voices"], {"default": "voices", "zh": "voice-zh", "fr": "voice-fr"}, "fr"),
    ],
)  # fmt: skip
def test_a_voice_of_ones_own_speaks_what_its_name_says(named: list[str], speak: object, language: str) -> None:
    own = load(written("".join(f'[engines.{name}]\nuse = "mine"\n' for name in named)))
    config = embedded(own, "", flite=True)
    for model in (DEFAULT_MODEL, "tts-1"):
        assert (config.models[model].speak, config.models[model].language) == (speak, language)
    assert all(config.engines[name].use == "mine" for name in named)


def test_a_file_with_models_of_its_own_gets_no_embedded_ones() -> None:
    own = load(written(WHOLE))
    assert embedded(own, "/weights", flite=True) == own


def test_an_engine_of_ones_own_takes_the_place_of_the_embedded_one() -> None:
    own = load(written('[engines.brain]\nuse = "mine"\n'))
    assert embedded(own, "", flite=False).engines["brain"].use == "mine"


def test_a_brain_elsewhere_thinks_for_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVAVOCE_THINK_KEY", "sk-brain")
    config = thinking_at(embedded(Config(), "", flite=False), "http://localhost:11434/v1#llama3.2")
    assert config.engines["brain"].use == "openai"
    assert config.engines["brain"].options == {
        "base_url": "http://localhost:11434/v1",
        "model": "llama3.2",
        "api_key": "sk-brain",
    }
    thinking = {name: model.think for name, model in config.models.items() if model.think}
    assert thinking == {"gpt-4o-mini-audio-preview": "brain"}


@pytest.mark.parametrize("address", ["", "localhost:11434", "ftp://x/v1", "http://", "#llama"])
def test_what_is_no_address_is_said_so(address: str) -> None:
    with pytest.raises(ConfigError, match="not an address"):
        thinking_at(Config(), address)


def test_an_answer_gives_the_dated_name() -> None:
    assert snapshot("gpt-4o-mini-audio-preview") == "gpt-4o-mini-audio-preview-2024-12-17"
    assert snapshot("mine") == "mine"
