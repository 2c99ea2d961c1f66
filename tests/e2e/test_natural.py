"""`pull natural` from a hub on this machine whose brains are all the embedded one, by other names."""

import json
import os
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.hub import Repo, serving
from vivavoce.catalogue import embedded
from vivavoce.catalogue.recommended import ALL
from vivavoce.catalogue.references import OnHub, parse
from vivavoce.cli import app


def test_a_set_is_fetched_written_down_and_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = embedded.fetched()
    if weights is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the embedded weights are not here; `make test` fetches")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for each in ALL:
            reference = parse(each.reference)
            if each.role == "think" and isinstance(reference, OnHub):
                hub.repos[reference.repo] = Repo({reference.path: weights.read_bytes()})
        refused = CliRunner().invoke(app, ["pull", "natural"])
        assert refused.exit_code == 1
        assert "--yes agrees to it" in refused.output
        assert "pip install 'vivavoce[sherpa,whisper]'" in refused.output  # tests/extras has one with each
        assert not any(path.startswith("/store") for path, _ in hub.asked)
        done = CliRunner().invoke(app, ["pull", "natural", "--yes"])
        assert done.exit_code == 0, done.output
        assert "98.4 MB, apache-2.0" in done.output
        written = Path("vivavoce.toml").read_text()
        brain = tomllib.loads(written)["engines"]["brain"]
        assert brain["use"] == "llama"
        findings = [line.split("\t")[:3] for line in done.output.splitlines() if "\t" in line]
        assert ["ok", "tool call", "-"] in findings
        report = json.loads(Path("vivavoce-selftest.json").read_text())
        assert [["ok" if each["ok"] else "-", each["what"]] for each in report["found"]] == [
            row[:2] for row in findings
        ]
        again = CliRunner().invoke(app, ["pull", "natural", "--yes", "--language", "de"])
        assert "is there already and is left as it is" in again.output
        assert Path("vivavoce.toml").read_text() == written
        report = json.loads(Path("vivavoce-selftest.json").read_text())
        assert {each["language"] for each in report["found"] if "language" in each} == {"de"}
        listed = CliRunner().invoke(app, ["models", "--pulled"]).output
        assert [line.split("\t")[3] for line in listed.splitlines()] == ["brain"]
