"""Schemathesis against `/openapi.json`: no server error, every answer as described, nothing taken that is not."""

from tests.compat.conftest import KEY
from tests.compat.environments import Client
from tests.compat.test_clients import run

SCHEMATHESIS = Client("schemathesis", "schemathesis_run.py", ("schemathesis==4.32.5",))
LIMIT_S = 400


def test_every_answer_is_as_described(scripted: str) -> None:
    run(SCHEMATHESIS, scripted, LIMIT_S, PHASES="fuzzing", EXAMPLES="30")


def test_every_answer_is_as_described_where_keys_are_asked_for(scripted_with_key: str) -> None:
    run(SCHEMATHESIS, scripted_with_key, LIMIT_S, PHASES="coverage,fuzzing", EXAMPLES="20", VIVAVOCE_KEY=KEY)
