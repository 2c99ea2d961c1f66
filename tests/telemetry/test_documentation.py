"""`docs/metrics.md` names every metric with its labels, and none that is not there."""

import re
from pathlib import Path

from vivavoce.core.watching import Cache, Outcome, Stage
from vivavoce.telemetry.meters import Meters

TEXT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def test_every_metric_stands_there_and_none_is_made_up() -> None:
    told = re.findall(r"^# TYPE (vivavoce_\w+)", Meters().page().decode(), re.MULTILINE)
    rows = re.findall(r"^\| `(vivavoce_\w+)` \|", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(told)
    known = {f"{name}{end}" for name in told for end in ("", "_bucket", "_count", "_sum")}
    assert set(re.findall(r"\bvivavoce_\w+\w", TEXT)) - {"vivavoce_"} <= known


def test_every_stage_outcome_and_cache_stands_there() -> None:
    assert all(f"`{word}`" in TEXT for kind in (Stage, Outcome, Cache) for word in kind.__args__)
