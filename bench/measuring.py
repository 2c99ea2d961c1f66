"""What `/metrics` costs: whole answers of engines that cost nothing, by a server that measures and one that does not.

    python bench/measuring.py [rounds]

Both run side by side and are asked by turns, so that whatever else the machine does falls on both. The last line is the
median of the first over that of the second.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from vivavoce.testing.serving import serving

CONFIG = """
[server]
metrics = {metrics}
[engines.all]
use = "scripted"
options = {{ speech_ms = 20 }}
[models.talker]
hear = "all"
think = "all"
speak = "all"
"""
WRITTEN = {"model": "talker", "messages": [{"role": "user", "content": "Hi"}]}
SPOKEN = {**WRITTEN, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
WARM = 50


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder, metrics) for metrics in ("true", "false")]
        for home in homes:
            home.mkdir()
            (home / "vivavoce.toml").write_text(CONFIG.format(metrics=home.name))
        with serving(homes[0]) as measures, serving(homes[1]) as does_not:
            for what, body in (("written", WRITTEN), ("spoken", SPOKEN)):
                with_s, without_s = asked((measures.url, does_not.url), body, rounds)
                print(
                    f"{what}: {1000 * with_s:.3f} ms measured, {1000 * without_s:.3f} ms not; "
                    f"{1e6 * (with_s - without_s):.0f} us, ratio {with_s / without_s:.3f}"
                )


def asked(urls: tuple[str, str], body: dict[str, object], rounds: int) -> list[float]:
    """The median of each server, in seconds."""
    took: list[list[float]] = [[], []]
    with httpx2.Client(trust_env=False) as http:
        for turn in range(WARM + rounds):
            for url, times in list(zip(urls, took, strict=True))[:: 1 if turn % 2 else -1]:
                began = time.perf_counter()
                assert http.post(f"{url}/v1/chat/completions", json=body).status_code == 200
                times.append(time.perf_counter() - began)
    return [statistics.median(times[WARM:]) for times in took]


if __name__ == "__main__":
    main()
