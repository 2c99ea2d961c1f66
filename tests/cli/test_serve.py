"""What `vivavoce serve` does beside serving."""

import gc

from vivavoce.cli.serve import keep_what_is_loaded


def test_what_is_loaded_is_looked_through_no_more() -> None:
    loaded = len(gc.get_objects())
    assert loaded > 10_000
    keep_what_is_loaded()
    try:
        assert len(gc.get_objects()) < loaded / 100
    finally:
        gc.unfreeze()
