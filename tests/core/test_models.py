import pytest

from vivavoce.core.cascade import Cascade
from vivavoce.core.models import Model, ModelCard
from vivavoce.testing import Says


def test_a_model_is_a_value() -> None:
    model = Model("alias", "alias-2026-01-01", Cascade(None, Says(), None), ModelCard(hears=False, speaks=False))
    assert (model.card.voices, model.created) == ((), 0)
    with pytest.raises(AttributeError):
        model.name = "other"  # type: ignore[misc]
