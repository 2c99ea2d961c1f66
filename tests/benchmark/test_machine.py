import os
import platform
from pathlib import Path

from vivavoce.benchmark.machine import Machine, here


def test_this_machine_is_told_as_the_system_tells_it() -> None:
    found = here(3)
    assert (found.cores, found.python) == (3, platform.python_version())
    assert found.cpu
    assert found.system
    assert found.memory_mb is not None
    assert 0 < found.memory_mb <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


def test_the_model_of_the_processor_is_read_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A  Fast\tOne\nmodel name\t: A  Fast One\n")
    assert here(2, tmp_path / "cpuinfo").cpu == "A Fast One"
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nCPU implementer\t: 0x41\n")
    assert here(2, tmp_path / "cpuinfo").cpu == here(2, tmp_path / "none").cpu == platform.machine()


def test_a_container_has_the_memory_that_it_may_hold(tmp_path: Path) -> None:
    whole = here(2, container=tmp_path / "none").memory_mb
    for said, held in (("67108864\n", 64), ("max\n", whole), (f"{1 << 60}\n", whole)):
        (tmp_path / "max").write_text(said)
        assert here(2, container=tmp_path / "max").memory_mb == held


def test_it_is_one_line() -> None:
    assert str(Machine("A CPU", 1, 6144, "Debian 12", "3.11.7")) == "A CPU, 1 core, 6 GB, Debian 12, Python 3.11.7"
    assert str(Machine("A CPU", 2, None, "Debian 12", "3.11.7")) == "A CPU, 2 cores, Debian 12, Python 3.11.7"
