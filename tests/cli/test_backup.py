"""`vivavoce backup`: a copy of the data folder."""

from pathlib import Path

import pytest

from vivavoce import cli


def test_it_is_made_once_in_each_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIVAVOCE_CONFIG", raising=False)
    assert cli.run(["backup", "copy"]) == 1
    assert capsys.readouterr().err == f"vivavoce: {tmp_path}/home/data: no server has kept anything here yet\n"
    assert cli.run(["keys", "create", "phone"]) == 0
    assert cli.run(["backup", "copy"]) == 0
    assert (tmp_path / "copy" / "keys.secret").is_file()
    assert cli.run(["backup", "copy"]) == 1
    assert "copy: is there already" in capsys.readouterr().err


def test_a_folder_on_another_disk_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIVAVOCE_CONFIG", raising=False)
    assert cli.run(["keys", "create", "phone"]) == 0
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "a").write_bytes(b"sound")
    (tmp_path / "home" / "data" / "answers").symlink_to(tmp_path / "large")
    assert cli.run(["backup", "copy"]) == 0
    assert (tmp_path / "copy" / "answers" / "a").read_bytes() == b"sound"
