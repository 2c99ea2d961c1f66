"""Start to ready, and memory: `python bench/startup.py`."""

import statistics
import time

import httpx2

from serving import embedded_default, memory_mb

RUNS = 5


def main() -> None:
    took: list[float] = []
    for run in range(RUNS):
        began = time.perf_counter()
        with embedded_default() as server:
            while httpx2.get(f"{server.url}/health/ready", trust_env=False).status_code != 200:
                time.sleep(0.01)
            took.append(time.perf_counter() - began)
            if run == RUNS - 1:
                report("ready", memory_mb(server.pid))
                body = {
                    "model": "gpt-4o-mini-audio-preview",
                    "modalities": ["text", "audio"],
                    "audio": {"voice": "alloy", "format": "mp3"},
                    "messages": [{"role": "user", "content": "Tell me about the sea."}],
                }
                for _ in range(5):
                    httpx2.post(f"{server.url}/v1/chat/completions", json=body, timeout=120, trust_env=False)
                report("after five spoken turns", memory_mb(server.pid))
    print(f"start to ready: median {statistics.median(took):.2f} s of {RUNS} ({min(took):.2f} to {max(took):.2f})")


def report(when: str, memory: list[tuple[str, float]]) -> None:
    each = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in memory)
    print(f"resident MB {when}: {each}; together {sum(megabytes for _, megabytes in memory):.0f}")


if __name__ == "__main__":
    main()
