"""Bodies that ask for keys, and what is told of them."""

import pytest

from vivavoce.core.errors import BadRequest
from vivavoce.wire import keys
from vivavoce.wire.keys import NewAdminKey, NewProjectKey, ProjectKey, Rotation


def test_what_a_body_asks_for() -> None:
    assert keys.decode(b'{"name": "a"}', NewAdminKey) == NewAdminKey("a")
    whole = b'{"name": "a", "expires_in_seconds": 5, "tier": "free", "models": ["m"], "more": 1}'
    assert keys.decode(whole, NewProjectKey) == NewProjectKey("a", 5, "free", ["m"])
    assert keys.decode(b"{}", Rotation) == Rotation(0)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "name"),
        (b'{"name": 5}', "name"),
        (b'{"name": "a", "models": [5]}', "models[0]"),
        (b'{"name": "a", "expires_in_seconds": 1.5}', "expires_in_seconds"),
        (b"", None),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as error:
        keys.decode(body, NewProjectKey)
    assert error.value.param == param


def test_a_projects_name_is_one_that_can_stand_anywhere() -> None:
    for name in ("default", "key-456f1612bd25c6c8455039437bf441f4", "a", "A.b_c-9", "x" * 64):
        keys.check_project(name)
    for name in ("", "-a", ".", "a b", "a/b", "ä", "x" * 65, "a\n"):
        with pytest.raises(BadRequest):
            keys.check_project(name)


def test_errors_show_only_the_beginning_of_what_was_sent() -> None:
    long = "x" * 999
    assert keys.unknown_models([long]).param == "models"
    assert str(keys.unknown_tier("gold", ["free", "1"])) == "Invalid value: 'gold'. Supported values are: 'free', '1'."
    for error in (keys.unknown_models([long]), keys.unknown_tier(long, ["free"])):
        assert "x" * 64 in error.message
        assert "x" * 65 not in error.message
    assert {keys.needs_admin().code, keys.only_admin().code} == {"insufficient_permissions"}
    assert (keys.no_such_key().status, keys.no_such_key().code) == (404, "api_key_not_found")


def test_a_key_is_told_of_in_the_originals_shape() -> None:
    told = ProjectKey(
        id="key_1", name="a", redacted_value="sk-****", created_at=1, expires_at=None, last_used_at=None, owner={},
        project_id="shop", tier=None, models=None,
    )  # fmt: skip
    assert told.object == "organization.project.api_key"
    assert told.owner_project_access == "active"
