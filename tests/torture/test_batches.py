"""A batch of a thousand lines, worked on by a server that is killed five times."""

from pathlib import Path

from tests.server.test_batches_killed import killed_again_and_again


def test_a_thousand_lines_are_done_once_each(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 1000, 5)
