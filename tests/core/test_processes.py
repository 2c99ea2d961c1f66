import asyncio
import signal
import sys

from vivavoce.core.processes import kill


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
