import math
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vivavoce.benchmark import processes
from vivavoce.benchmark.asking import Turn
from vivavoce.benchmark.figures import Measured, Spread, quantile
from vivavoce.benchmark.player import Player
from vivavoce.benchmark.processes import Processes
from vivavoce.benchmark.watching import Generator


def played(*pieces: tuple[float, float]) -> Player:
    player = Player()
    for at, seconds in pieces:
        player.add(at, seconds)
    return player


def test_sound_that_comes_in_time_has_no_gap() -> None:
    player = played((5, 1), (5.1, 1), (6.9, 0.5), (7.51, 1))  # the last 10 ms late: no player shows that
    assert (player.gaps, player.gap_s, player.sound_s) == (0, 0, 3.5)


def test_sound_that_comes_late_has_one_and_what_follows_is_played_after_it() -> None:
    player = played((5, 1), (6.5, 1), (7.4, 1), (9, 1))
    assert player.gaps == 2
    assert player.gap_s == pytest.approx(0.5 + 0.5)
    assert played((5, 1), (9, 0)).gaps == 0  # nothing came


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(20, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.95)) == (10, 19)
    assert quantile([3.0], 0.95) == 3
    assert quantile([1.0, 9.0], 0.95) == 9
    assert Spread.of([]) is None


def turn(first_audio_s: float | None, end: str = "answered") -> Turn:
    return Turn(spoken=False, end=end, first_audio_s=first_audio_s)  # type: ignore[arg-type]


def test_one_refused_turn_of_twenty_is_over_the_p95_and_two_are_it() -> None:
    one = Measured(1, [turn(0.5)] * 19 + [turn(None, "refused")]).first_audio()
    two = Measured(1, [turn(0.5)] * 18 + [turn(None, "refused"), turn(0.1, "failed")]).first_audio()
    assert one == Spread(0.5, 0.5)
    assert two == Spread(0.5, math.inf)


def test_a_late_load_generator_is_told() -> None:
    assert not Generator(0.01, 0.2, 0.3).is_bottleneck(0.5)
    assert Generator(0.06, 0.2, 0.3).is_bottleneck(0.5)
    assert Generator(0.0, 0.0, 0.95).is_bottleneck(None)


WORKING = """
import socket, subprocess, sys, time
listener = socket.create_server(("127.0.0.1", 0))
held = subprocess.Popen([sys.executable, "-c", "import time; held = bytearray(64 << 20); print(1, flush=True); "
    "end = time.process_time() + 0.2\\nwhile time.process_time() < end: pass\\nprint(2, flush=True); time.sleep(60)"],
    stdout=subprocess.PIPE)
held.stdout.readline(), held.stdout.readline()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
held.kill()
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux tells it")
def test_a_server_is_found_by_its_port_with_all_that_it_started() -> None:
    with subprocess.Popen([sys.executable, "-c", WORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert server.stdin
        port = int(server.stdout.readline())
        found = processes.find("localhost", port)
        assert found == Processes((server.pid,))
        assert len(found.all()) == 2
        assert found.cpu_s() >= 0.2
        assert 64 < found.memory_mb() < 500
        [name] = found.names()
        assert re.fullmatch(r"python\S* 2", name)
        assert processes.find("192.0.2.1", port) is None  # nobody's address
        server.stdin.close()
        server.wait(20)
    assert found.all() == []
    assert (found.cpu_s(), found.memory_mb()) == (0, 0)


def test_a_port_where_nobody_listens_has_no_processes() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert processes.find("127.0.0.1", held.getsockname()[1]) is None
