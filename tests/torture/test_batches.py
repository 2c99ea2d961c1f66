"""A batch of a thousand lines, worked on by a server that is killed twenty times."""

from pathlib import Path

import pytest

from tests.server.test_batches_killed import killed_again_and_again
from tests.torture.budget import MINUTES


@pytest.mark.skipif(not MINUTES, reason="it takes a minute or two")
def test_a_thousand_lines_are_done_once_each(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 1000, 20)
