"""Whatever a server does, a file comes whole and right, or not at all."""

import hashlib
import os
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import httpx2
import pytest

from tests.support.hub import Hub, Repo, git_id
from vivavoce.catalogue import asking, files
from vivavoce.catalogue.downloads import Source, download, kept
from vivavoce.catalogue.files import FetchFailed

DATA = bytes(range(256)) * 16
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def source(hub: Hub) -> Source:
    hub.repos["o/r"] = Repo({"a.gguf": DATA})
    return Source(f"{hub.store}/store/o/r//a.gguf")


@pytest.fixture
def path(place: Path) -> Path:
    return place / "https" / "a.gguf"


def known(source: Source) -> Source:
    """With what a hub says of it."""
    return Source(source.url, len(DATA), HASH)


def get(source: Source, path: Path, http: httpx2.Client) -> list[float]:
    """Fetch it; how long was waited between attempts."""
    waits: list[float] = []
    download(source, path, http, wait=waits.append)
    return waits


def left(place: Path) -> set[str]:
    """What lies in the folder of unfinished things but locks."""
    return {each.suffix for each in (place / ".partial").iterdir()} - {".lock"}


def test_it_comes_with_its_hash_beside_it(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    seen: list[tuple[int, int]] = []
    download(source, path, http, lambda here, whole: seen.append((here, whole)))
    assert path.read_bytes() == DATA
    assert files.noted(path) == HASH
    assert seen[-1] == (len(DATA), len(DATA))
    assert get(source, path, http) == []
    assert hub.ranges() == ["all"]
    assert left(path.parents[1]) == set()


@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize(
    ("faults", "ranges"),
    [
        (["cut"], ["all", "bytes=2048-"]),
        (["cut", "cut", "cut"], ["all", "bytes=2048-", "bytes=3072-", "bytes=3584-"]),
        (["cut", "no ranges"], ["all", "bytes=2048-"]),
        (["cut", "other piece"], ["all", "bytes=2048-", "all"]),
        (["503", "429"], ["all", "all", "all"]),
        (["hang"], ["all", "bytes=2048-"]),
    ],
)
def test_what_was_cut_goes_on(
    hub: Hub, source: Source, path: Path, http: httpx2.Client, faults: list[str], ranges: list[str], *, pinned: bool
) -> None:
    hub.faults = [*faults]
    get(known(source) if pinned else source, path, http)
    assert path.read_bytes() == DATA
    assert hub.ranges() == ranges
    assert left(path.parents[1]) == set()


def test_waits_grow_or_are_as_long_as_was_asked(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["502", "500", "503", "502"]
    assert get(source, path, http) == [1.0, 2.0, 7.0, 8.0]


def test_it_is_given_up_in_the_end_and_goes_on_another_day(
    hub: Hub, source: Source, path: Path, http: httpx2.Client
) -> None:
    hub.faults = ["cut"] * 5
    with pytest.raises(FetchFailed, match=r"broke off, 5 times; try again later"):
        get(source, path, http)
    assert not kept(source, path)
    assert not path.exists()
    get(source, path, http)
    assert path.read_bytes() == DATA
    assert hub.ranges()[-1] == f"bytes={len(DATA) - len(DATA) // 32}-"


def test_a_file_that_changed_starts_anew(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["cut"] * 5
    with pytest.raises(FetchFailed):
        get(source, path, http)
    hub.repos["o/r"].files["a.gguf"] = DATA[::-1]
    get(source, path, http)
    assert path.read_bytes() == DATA[::-1]


def test_a_pinned_file_that_changed_starts_anew(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["cut"] * 5
    with pytest.raises(FetchFailed):
        get(known(source), path, http)
    hub.repos["o/r"].files["a.gguf"] = new = DATA[::-1]
    hub.asked.clear()
    get(Source(source.url, len(new), hashlib.sha256(new).hexdigest()), path, http)
    assert path.read_bytes() == new
    assert hub.ranges() == ["all"]


def test_what_is_left_of_another_file_does_no_harm(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["cut"] * 5
    with pytest.raises(FetchFailed):
        get(known(source), path, http)
    files.beside(path, "part").write_bytes(bytes(3000))
    hub.asked.clear()
    get(known(source), path, http)
    assert path.read_bytes() == DATA
    assert hub.ranges() == ["bytes=3000-", "all"]


def test_without_a_strong_tag_nothing_is_resumed(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["weak tag"]
    get(source, path, http)
    assert hub.ranges() == ["all", "all"]


def test_all_that_is_missing_is_the_end(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["chunked"]
    path.parent.mkdir(parents=True)
    files.beside(path, "part").parent.mkdir()
    files.beside(path, "part").write_bytes(DATA)
    files.beside(path, "json").write_text(f'{{"url": "", "bytes": 0, "sha256": "{HASH}"}}')
    get(Source(source.url, sha256=HASH), path, http)  # 416: the server has no more
    assert hub.ranges() == ["bytes=4096-"]
    assert path.read_bytes() == DATA


def test_416_of_a_shorter_file_starts_anew(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    path.parent.mkdir(parents=True)
    files.beside(path, "part").parent.mkdir()
    files.beside(path, "part").write_bytes(DATA + DATA)
    files.beside(path, "json").write_text(f'{{"url": "", "bytes": 0, "sha256": "{HASH}"}}')
    get(Source(source.url, sha256=HASH), path, http)
    assert hub.ranges() == ["bytes=8192-", "all"]
    assert path.read_bytes() == DATA


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("lie", "offers a.gguf with 4100 bytes; it should have 4096"),
        ("long", "sends more of a.gguf than there should be"),
        ("packed", "sends a.gguf packed"),
        ("damaged", "a.gguf came damaged, or is not what it should be; nothing of it is used"),
        ("404", "has no a.gguf"),
        ("403", "does not give a.gguf to everyone"),
        ("418", "answered 418"),
    ],
)
def test_what_can_never_be_right_is_one_line(
    hub: Hub, source: Source, path: Path, http: httpx2.Client, fault: str, words: str
) -> None:
    hub.faults = [fault]
    with pytest.raises(FetchFailed, match=words) as failed:
        get(known(source), path, http)
    assert "\n" not in str(failed.value)
    assert not path.exists()
    assert ".part" not in left(path.parents[1])


def test_a_length_nobody_says_is_only_taken_with_a_hash(
    hub: Hub, source: Source, path: Path, http: httpx2.Client
) -> None:
    hub.faults = ["no length"]
    with pytest.raises(FetchFailed, match="does not say how long"):
        get(source, path, http)
    hub.faults = ["no length"]
    get(Source(source.url, sha256=HASH), path, http)
    assert path.read_bytes() == DATA


def test_too_little_of_a_known_length_is_a_cut(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["chunked short"]
    get(known(source), path, http)
    assert path.read_bytes() == DATA


def test_a_file_of_git_is_checked_too(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    pinned = Source(source.url, len(DATA), git_sha1=git_id(DATA))
    hub.faults = ["damaged"]
    with pytest.raises(FetchFailed, match="damaged"):
        get(pinned, path, http)
    get(pinned, path, http)
    assert kept(pinned, path)
    path.write_bytes(DATA[::-1])
    assert not kept(pinned, path)


def test_the_token_goes_to_its_own_host_alone(hub: Hub, path: Path, http: httpx2.Client) -> None:
    hub.repos["o/r"] = Repo({"a.gguf": DATA}, gated=True)
    address = f"{hub.url}/o/r/resolve/main/a.gguf"
    with pytest.raises(FetchFailed, match="gated: accept its terms"):
        get(Source(address), path, http)
    hub.asked.clear()
    get(Source(address, token="hf_secret"), path, http)
    assert [headers.get("authorization") for _, headers in hub.asked] == ["Bearer hf_secret", None]


def test_a_way_that_leaves_https_is_not_taken(path: Path) -> None:
    def leads(request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme == "https":
            return httpx2.Response(302, headers={"location": "http://elsewhere.test/a.gguf"})
        return httpx2.Response(200, content=DATA)

    with (
        httpx2.Client(transport=httpx2.MockTransport(leads), follow_redirects=True) as http,
        pytest.raises(FetchFailed, match="not https"),
    ):
        get(Source("https://hub.test/a.gguf"), path, http)


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:1/a", "cannot be reached, 5 times"), ("ftp://x/a", "no address")],
)
def test_no_server_there(path: Path, http: httpx2.Client, url: str, words: str) -> None:
    with pytest.raises(FetchFailed, match=words):
        get(Source(url), path, http)


def test_a_circle_ends(path: Path) -> None:
    around = httpx2.MockTransport(lambda request: httpx2.Response(302, headers={"location": str(request.url)}))
    with (
        httpx2.Client(transport=around, follow_redirects=True) as http,
        pytest.raises(FetchFailed, match="only leads from one address to the next"),
    ):
        get(Source("https://hub.test/a.gguf"), path, http)


def test_no_room_is_said_before_anything_is_fetched(
    hub: Hub, source: Source, path: Path, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - what shutil gives
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage(10, 9, files.SPARE + 10))
    with pytest.raises(FetchFailed, match="free disk"):
        get(known(source), path, http)
    assert hub.asked == []
    with pytest.raises(FetchFailed, match="free disk"):
        get(source, path, http)  # its length is only known from the answer
    assert not files.beside(path, "part").exists()


def test_a_folder_that_cannot_be_made_is_said(source: Source, tmp_path: Path, http: httpx2.Client) -> None:
    (tmp_path / "weights").write_text("")
    with pytest.raises(FetchFailed, match="cannot be kept"):
        get(source, tmp_path / "weights" / "a.gguf", http)


def test_a_file_put_there_by_hand_is_checked_and_used(
    hub: Hub, source: Source, path: Path, http: httpx2.Client
) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    get(known(source), path, http)
    assert kept(known(source), path)
    assert hub.asked == []


def test_two_at_once_fetch_once(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    together = threading.Barrier(4)

    def run() -> None:
        together.wait()
        get(known(source), path, http)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hub.ranges() == ["all"]
    assert path.read_bytes() == DATA


def test_a_process_that_was_killed_is_gone_on_from(hub: Hub, source: Source, path: Path, http: httpx2.Client) -> None:
    hub.faults = ["hang"]
    script = (
        "import sys; from pathlib import Path; from vivavoce.catalogue import asking, downloads as d\n"
        "seen = lambda here, whole: print(here, flush=True)\n"
        "with asking.client() as http: d.download(d.Source(sys.argv[1]), Path(sys.argv[2]), http, seen)"
    )
    command = [sys.executable, "-c", script, source.url, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"2048\n"
        process.kill()
    assert not path.exists()
    hub.stop.set()
    get(source, path, http)
    assert hub.ranges() == ["all", "bytes=2048-"]
    assert path.read_bytes() == DATA


def test_the_time_limits_are_set() -> None:
    with asking.client() as http:
        assert http.timeout == asking.TIMES
        assert http.timeout.connect == 10
        assert http.timeout.read == 30
