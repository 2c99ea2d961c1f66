import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from vivavoce.core.processes import cores, kill


@pytest.mark.parametrize(
    ("said", "expected"),
    [(None, 8), ("max 100000", 8), ("nonsense", 8), ("50000 100000", 1), ("250000 100000", 3), ("9900000 100000", 8)],
)
def test_a_container_may_use_fewer_cores_than_it_sees(
    said: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    if said is not None:
        (tmp_path / "cpu.max").write_text(f"{said}\n")
    assert cores(tmp_path / "cpu.max") == expected


async def test_a_process_is_killed_once_and_never_another() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    kill(process)
    kill(process)  # it is dying: nobody has asked for its status yet
    assert await process.wait() == -signal.SIGKILL
    kill(process)


async def test_a_process_that_is_gone_unnoticed_is_none(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")

    def gone(pid: int, number: int) -> None:
        raise ProcessLookupError(pid, number)

    monkeypatch.setattr("os.kill", gone)
    kill(process)
    assert await process.wait() == 0
