"""A secret in a file."""

from pathlib import Path
from threading import Barrier, Thread

import pytest

from vivavoce.store.secret import BYTES, secret_in


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    found = secret_in(path)
    assert len(found) == BYTES == 32
    assert secret_in(path) == found
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret_in(tmp_path / "another") != found


def test_all_who_ask_at_once_are_told_the_same(tmp_path: Path) -> None:
    told: list[bytes] = []
    together = Barrier(8)

    def ask() -> None:
        together.wait()
        told.append(secret_in(tmp_path / "secret"))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(told), len(set(told))) == (8, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_damaged_secret_is_said_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x" * 31)
    with pytest.raises(OSError, match="is damaged") as error:
        secret_in(path)
    assert error.value.filename == str(path)


def test_a_secret_that_everybody_can_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    found = secret_in(path)
    for mode in (0o604, 0o644, 0o602, 0o666):
        path.chmod(mode)
        with pytest.raises(OSError, match="can be read by everybody on this machine: chmod 600"):
            secret_in(path)
    for mode in (0o600, 0o400, 0o640):
        path.chmod(mode)
        assert secret_in(path) == found
