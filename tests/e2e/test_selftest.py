"""The embedded default passes its own trial: it hears what it says, calls a tool and answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vivavoce.catalogue import embedded


def test_the_embedded_default_is_tried(tmp_path: Path) -> None:
    weights = embedded.fetched()
    if weights is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the embedded weights are not here; `make test` fetches")
    (tmp_path / "weights").symlink_to(weights.parent)
    environment = {**os.environ, "VIVAVOCE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "vivavoce", "selftest", "--json", "-"]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, timeout=300, check=False)
    report = json.loads(done.stdout)
    assert report["ok"], report["found"]
    assert done.returncode == 0
    hear, sound, tool, answer = report["found"]
    assert hear["figures"]["wer"] <= 0.4
    assert sound["figures"]["first_audio_s"] > 0
    assert tool["said"] == 'get_weather {"city": "Paris"}'
    assert "Madrid" in answer["figures"]["answer"]
