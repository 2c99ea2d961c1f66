"""Who a key belongs to."""

import pytest

from vivavoce.account.callers import ANYONE, Caller, Callers, NoKey, WrongKey


async def test_without_keys_whoever_calls_is_anyone() -> None:
    callers = Callers()
    assert not callers.locked
    for key in ("", "anything"):
        assert await callers.find(key) == Caller()
    assert Caller().project == ANYONE


async def test_each_configured_key_has_a_project_of_its_own_which_it_keeps() -> None:
    callers = Callers(["sk-one", "schlüssel"])
    assert callers.locked
    found = await callers.find("sk-one")
    assert found.project == found.key_id == "key-456f1612bd25c6c8455039437bf441f4"  # stored answers are found by it
    assert await callers.find("sk-one") == found
    assert (await callers.find("schlüssel")).project not in (ANYONE, found.project)


async def test_what_is_no_key_of_ours_belongs_to_nobody() -> None:
    callers = Callers(["sk-one"])
    with pytest.raises(NoKey):
        await callers.find("")
    for key in ("sk-two", "sk-on", "sk-one ", "ключ"):
        with pytest.raises(WrongKey):
            await callers.find(key)


def test_a_model_may_be_used_by_any_of_its_names() -> None:
    assert Caller().may_use("a-model")
    one = Caller(models=frozenset({"a-model"}))
    assert one.may_use("an-alias", "a-model")
    assert not one.may_use("another")
    assert not Caller(models=frozenset()).may_use("a-model")
