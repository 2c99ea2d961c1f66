"""Which engines have to carry the turns of a model."""

from collections.abc import Mapping

from vivavoce.config import ROLES, ModelConfig
from vivavoce.core.load import Load
from vivavoce.core.needs import Part
from vivavoce.engines.pool import Pool


def loads(settings: ModelConfig, pools: Mapping[str, Pool | None]) -> dict[Part, list[Load]]:
    """How busy the engines of each part are, where all that may play it are on this machine.

    What answers by itself may hand over to what thinks. `pools`: by the name of the engine; None for one elsewhere.
    """
    found: dict[Part, list[Load]] = {}
    for role in ROLES:
        names = settings.engines(role)
        if role == "respond" and names:
            names = [*names, *settings.engines("think")]
        here = [pool.load for name in names if (pool := pools[name]) is not None]
        if here and len(here) == len(names):
            found[role] = here
    return found
