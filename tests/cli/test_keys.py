"""`vivavoce keys`: the keys of this machine's server, whether or not it runs."""

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import httpx2
import pytest

from tests.cli.conftest import SCRIPTED, Ran
from vivavoce import cli
from vivavoce.account.keys import KeyRing
from vivavoce.cli import serve
from vivavoce.cli.terminal import is_log
from vivavoce.config import Config, ServerConfig
from vivavoce.store.keys import Keys
from vivavoce.testing.serving import serving

KEY = re.compile(r"sk-vv-[A-Za-z0-9_-]{43}\n")


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `vivavoce` in this process, in a pipe."""
    (tmp_path / "vivavoce.toml").write_text(SCRIPTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIVAVOCE_CONFIG", raising=False)

    def go(*arguments: str) -> Ran:
        capsys.readouterr()
        code = cli.run([*arguments])
        said = capsys.readouterr()
        return Ran(code, said.out.encode(), said.err)

    return go


def listed(run: Run, *arguments: str) -> list[list[str]]:
    return [line.split("\t") for line in run("keys", "list", *arguments).text.splitlines()]


def test_a_key_is_made_printed_once_listed_put_anew_and_revoked(run: Run, tmp_path: Path) -> None:
    made = run(
        "keys", "create", "phone", "--project", "shop", "--model", "talker", "--tier", "free", "--expires", "90d"
    )
    assert KEY.fullmatch(made.text), made.err
    assert made.err == ""
    ((key_id, shown, *said, expires, used, state),) = listed(run)
    assert (said[:4], used, state) == (["phone", "shop", "free", "talker"], "-", "good")
    assert shown == f"sk-vv-****{made.text[-5:-1]}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", expires)
    new = run("keys", "rotate", key_id, "--grace", "1h")
    assert KEY.fullmatch(new.text), new.err
    assert new.text != made.text
    old, other = listed(run)
    assert (old[0], old[-1][:6], other[-1]) == (key_id, "until ", "good")
    assert run("keys", "revoke", key_id, "--yes").code == 0
    assert [each[0] for each in listed(run)] == [other[0]]
    assert [each[-1] for each in listed(run, "--all")] == ["revoked", "good"]
    (told,) = json.loads(run("keys", "list", "--json").text)
    assert (told["id"], told["project"], told["models"]) == (other[0], "shop", ["talker"])
    for each in (made, new):
        for path in (tmp_path / "home").rglob("*"):
            assert not path.is_file() or each.text.strip().encode() not in path.read_bytes()


def test_whoever_looks_after_a_server_need_not_know_the_keys_of_its_engines(run: Run, tmp_path: Path) -> None:
    elsewhere = '[engines.up]\nuse = "openai"\noptions = { base_url = "http://localhost:1/v1", api_key = "$NOT_SET" }\n'
    (tmp_path / "vivavoce.toml").write_text(elsewhere + SCRIPTED)
    for arguments in (["keys", "create", "phone"], ["keys", "list"], ["usage"], ["backup", "copy"]):
        assert run(*arguments).code == 0, arguments
    refused = run("config", "check")
    assert (refused.code, "$NOT_SET is not set" in refused.err + refused.text) == (1, True)


def test_an_admin_key_belongs_to_no_project(run: Run) -> None:
    assert run("keys", "create", "boss", "--admin").text.startswith("sk-vv-admin-")
    run("keys", "create", "phone")
    assert [each[3] for each in listed(run)] == ["(admin)", "default"]
    assert [each[3] for each in listed(run, "--project", "default")] == ["default"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", ""), "1 to 128 characters"),
        (("create", "phone", "--project", "a b"), "no project's name"),
        (("create", "phone", "--tier", "gold"), "there is no tier 'gold'; there are free, 1, 2"),
        (("create", "phone", "--model", "gpt-9"), "there is no model 'gpt-9'"),
        (("create", "phone", "--expires", "soon"), "'soon' is no time such as 90d"),
        (("create", "phone", "--expires", "99999d"), "is no time"),
        (("revoke", "key_1", "--yes"), "there is no key key_1; vivavoce keys list"),
        (("rotate", "key_1"), "there is no key key_1"),
        (("revoke", f"sk-vv-{'a' * 43}", "--yes"), "there is no key of that id"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run("keys", *arguments)
    assert done.code
    assert said in done.err
    assert done.err.count("\n") == 1
    assert done.out == b""


def test_what_has_ended_is_not_ended_again_and_nobody_is_asked_in_a_pipe(run: Run) -> None:
    run("keys", "create", "phone")
    ((key_id, *_),) = listed(run)
    assert "--yes agrees" in run("keys", "revoke", key_id).err
    assert run("keys", "revoke", key_id, "--yes").code == 0
    assert "has ended already" in run("keys", "revoke", key_id, "--yes").err
    assert "has ended, or will before that" in run("keys", "rotate", key_id).err


def test_a_server_that_runs_takes_and_refuses_keys_as_they_are_made_and_revoked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with serving(tmp_path / "home", folder=tmp_path) as server, httpx2.Client(trust_env=False, timeout=10) as http:

        def status(key: str) -> int:
            return http.get(f"{server.url}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code

        assert status("anything") == 200
        made = run("keys", "create", "phone")
        assert made.code == 0, made.err
        key = made.text.strip()
        assert status(key) == 200
        assert key[6:] not in http.get(f"{server.url}/metrics", headers={"authorization": f"Bearer {key}"}).text
        assert within(lambda: status("anything") == 401)
        ((key_id, *_),) = listed(run)
        assert run("keys", "revoke", key_id, "--yes").code == 0
        assert within(lambda: status(key) == 401)


def test_who_may_come_in_is_said_at_the_start_and_the_first_key_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing(cast("Keys", None), b"")
    for server, said in (
        (ServerConfig(), "any key, from this machine only"),
        (ServerConfig(host="192.0.2.1"), "nobody, until vivavoce keys create makes a key"),
        (ServerConfig(host="192.0.2.1", keys=["k"]), "keys from the configuration"),
    ):
        assert serve._entry(Config(server=server), ring) == said
    monkeypatch.setattr(ring, "_used", True)
    assert serve._entry(Config(), ring) == "keys that were made"
    admin = ["sk-vv-admin-one"]
    for _ in range(2):
        serve._tell_first(admin)
    assert capsys.readouterr().out.count("sk-vv-admin-one") == 1


def test_what_is_printed_into_a_file_or_the_journal_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as file:
        assert is_log(file)
    with Path(os.devnull).open("w") as nowhere:
        assert is_log(nowhere)
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as pipe:
        assert not is_log(pipe)
        about = os.fstat(pipe.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino}")
        assert is_log(pipe)


def within(happens: Callable[[], bool], limit_s: float = 30.0) -> bool:
    """Whether something happens; the server takes 2 seconds at most, and a slow machine its own time."""
    end = time.monotonic() + limit_s
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("option", ["--project=shop", "--tier=free", "--model=talker"])
def test_an_admin_key_is_for_no_project_tier_or_model(run: Run, option: str) -> None:
    ran = run("keys", "create", "boss", "--admin", option)
    assert (ran.code, ran.text) == (1, "")
    assert "--admin" in ran.err
