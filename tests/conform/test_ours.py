"""Our own server holds what it must and should."""

from pathlib import Path
from typing import Any

import pytest

from tests.conform.serving import failing, looked_at, served
from vivavoce.conform.examine import GROUPS
from vivavoce.server.service import Access

NOT_YET = {"fields.logprobs", "openapi.described"}


async def test_everything_that_must_or_should_hold_does(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        outcomes = await looked_at(server)
    assert failing(outcomes) == set()
    assert failing(outcomes, "may") <= NOT_YET
    assert [each.check.name for each in outcomes if each.result == "skipped"] == []


@pytest.mark.parametrize(
    ("options", "wanted", "skipped"),
    [
        ({"access": Access()}, {"key": None}, {"errors"}),
        ({}, {"url_ends": "/v1"}, set[str]()),
        ({}, {"chat": "gpt-4o-mini-audio-preview"}, set[str]()),
    ],
    ids=["any key", "address with /v1", "a model that is named"],
)
async def test_servers_are_met_as_they_are(
    tmp_path: Path, options: dict[str, Any], wanted: dict[str, Any], skipped: set[str]
) -> None:
    async with served(tmp_path, **options) as server:
        more = {"url": server.url + wanted.pop("url_ends", "")} | wanted
        outcomes = await looked_at(server, "models", "text", "errors", **more)
    assert failing(outcomes) == set()
    assert {each.check.name.partition(".")[0] for each in outcomes if each.result == "skipped"} == skipped


async def test_what_a_server_does_not_offer_is_skipped(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        known = dict(server.service.models)
        server.service.models.clear()  # type: ignore[attr-defined]
        server.service.models.update({"an-audio-model": known["gpt-4o-mini-audio-preview"]})  # type: ignore[attr-defined]
        outcomes = await looked_at(server, "text", "speech", "transcriptions", "translations")
    assert failing(outcomes) == set()
    told = {each.check.name.partition(".")[0]: each.why for each in outcomes if each.result == "skipped"}
    assert told["speech"] == "no model that reads aloud; see --speech-model"
    assert set(told) == {"speech", "transcriptions", "translations"}


def test_every_check_has_a_name_of_its_own_and_says_what_it_expects() -> None:
    checks = [check for group in GROUPS for check in group.checks]
    names = [check.name for check in checks]
    assert sorted(names) == sorted(set(names))
    for check in checks:
        assert check.told.endswith("."), check.name
        assert "\n" not in check.told, check.name
