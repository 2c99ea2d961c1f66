"""The embedded default keeps to the API as `vivavoce conform` sees it."""

from vivavoce.conform.examine import GROUPS, Wanted, examine, reach

ELSEWHERE = {"transcriptions", "translations"}
"""Half of the time of all; looked at on scripted engines (tests/conform), and heard in test_audio_endpoints."""


async def test_everything_that_must_or_should_hold_does(address: str) -> None:
    groups = [group for group in GROUPS if group.name not in ELSEWHERE]
    async with reach(Wanted(address)) as subject:
        outcomes = await examine(subject, groups, lambda _check: None)
    failed = [(each.check.name, each.why) for each in outcomes if each.result == "fails" and each.check.weight != "may"]
    assert failed == []
    assert sum(each.result == "holds" for each in outcomes) > 150
