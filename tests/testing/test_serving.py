"""A server in a process of its own is there while it is wanted, and gone afterwards."""

from pathlib import Path

import httpx2
import pytest

from vivavoce.testing.serving import engines, serving

CONFIG = """
[engines.script]
use = "scripted"
[models."gpt-audio"]
think = "script"
"""


def test_it_listens_where_it_says_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text(CONFIG)
    with serving(tmp_path) as server:
        listed = httpx2.get(f"{server.url}/v1/models", trust_env=False).json()
        assert [model["id"] for model in listed["data"]] == ["gpt-audio"]
        children = engines(server.pid)
        assert list(children.values()) == ["media"]
    assert not [pid for pid in (server.pid, *children) if Path("/proc", str(pid)).exists()]


def test_one_that_does_not_start_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vivavoce.toml").write_text("[server]\nprot = 1\n")
    with pytest.raises(RuntimeError, match="did not start"), serving(tmp_path):
        pass
    assert "port" in capfd.readouterr().err
