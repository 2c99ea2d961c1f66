"""The description of the API is true: what it says is taken is taken, and nothing else."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from msgspec import Struct

from tests.support.schemas import document, examples, of_struct, paths, replaced
from tests.wire.recorded import shared
from tests.wire.test_compatibility import SECTIONS, fields, named
from vivavoce.core.errors import BadRequest
from vivavoce.wire import chat, openapi
from vivavoce.wire.ignored import IGNORED
from vivavoce.wire.listing import CompletionsQuery
from vivavoce.wire.openapi import CHANGES_NOTHING, REFUSED, Ways
from vivavoce.wire.operation import EVENTS, FORM
from vivavoce.wire.routes import OPERATIONS
from vivavoce.wire.transcription import FormUpload, JsonUpload, decode_form

TAKEN: dict[str, type[Struct]] = {
    struct.__name__: struct
    for operation in OPERATIONS
    for kind, kinds in operation.takes.items()
    for root in kinds
    for struct in openapi._structs(root)
    if kind != FORM and f"#/components/schemas/{struct.__name__}" not in REFUSED
}
JUNK: list[Any] = [
    None, True, 0, 1, 2, -1, 9, 129, 2**31, 2**63, 0.5, 4.5, -2.5, "", "x", "auto", "text", "none", "a b", "x\n",
    *("x" * length for length in (65, 513, 4097)), *(["x"] * length for length in (0, 1, 5, 129)), ["audio"], [None],
    [[]], [{}], {}, {"x": None}, {"x": 1}, {"type": "text"}, {"type": "text", "text": "x"}, {"id": "x"}, {"name": "x"},
    {"x" * 65: "x"}, {str(number): "x" for number in range(17)},
]  # fmt: skip
"""Put everywhere. Not among it: 1.0, which JSON Schema takes for an integer, and neither the original nor we do."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(-1e6, 1e6).filter(lambda number: not number.is_integer())
    | st.text(st.characters(codec="utf-8"), max_size=5)
    | st.sampled_from(["text", "auto", "user", "function"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "content", "text", "name"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def fits(struct: type[Struct], value: Any) -> bool:
    try:
        msgspec.json.decode(json.dumps(value), type=struct)
    except msgspec.ValidationError:
        return False
    return True


def agree(name: str, value: Any) -> bool:
    return fits(TAKEN[name], value) == of_struct(name).is_valid(value)


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_schema_takes_is_taken(name: str) -> None:
    found = examples({"$ref": f"#/components/schemas/{name}"})
    assert found
    assert [value for value in found if not of_struct(name).is_valid(value)] == []
    assert [value for value in found if not fits(TAKEN[name], value)] == []


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_schema_refuses_is_refused_wherever_it_stands(name: str) -> None:
    whole = examples({"$ref": f"#/components/schemas/{name}"})[0]
    wrong = [replaced(whole, path, junk) for path in paths(whole) for junk in JUNK]
    wrong += [replaced(whole, path) for path in paths(whole)]
    assert [value for value in wrong if not agree(name, value)] == []


@settings(max_examples=200)
@given(st.data())
def test_schema_and_server_agree_on_any_value_anywhere(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(TAKEN)))
    value = data.draw(st.sampled_from(examples({"$ref": f"#/components/schemas/{name}"})))
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(paths(value))
        if places:
            value = replaced(value, data.draw(st.sampled_from(places)), data.draw(VALUES))
    assert agree(name, value)


def test_a_form_with_what_the_schema_takes_is_taken() -> None:
    for value in examples({"$ref": "#/components/schemas/FormUpload"}):
        sent = [(key, item) for key, items in value.items() for item in (items if isinstance(items, list) else [items])]
        form = [(key, item if isinstance(item, str) else json.dumps(item)) for key, item in sent]
        if value["model"] and "word" not in value.get("timestamp_granularities", ()):
            decode_form(form)
    assert set(msgspec.structs.asdict(FormUpload("m", file=b""))) - {"file"} == set(
        document()["components"]["schemas"]["JsonUpload"]["properties"]
    ) - {"input_audio"}
    assert not re.search("null", json.dumps(document()["components"]["schemas"]["FormUpload"]))
    assert JsonUpload.__struct_fields__[:-1] == FormUpload.__struct_fields__[:-1]


@pytest.mark.parametrize(
    ("struct", "body"),
    [
        (
            "ChatRequest",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        ),
        ("ChatRequest", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
        ("ChatRequest", {"tool_choice": {"type": "custom", "custom": {"name": "x"}}}),
    ],
)
def test_what_is_always_refused_is_in_no_schema(struct: str, body: dict[str, Any]) -> None:
    whole = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
    assert not of_struct(struct).is_valid(whole)
    with pytest.raises(BadRequest):
        chat.decode(json.dumps(whole).encode())
    schemas = json.dumps(document()["components"]["schemas"])
    assert not any(f'"{reference}"' in schemas for reference in REFUSED)


def test_every_recorded_request_fits() -> None:
    found = [entry for path in shared("recorded").glob("*.json") for entry in json.loads(path.read_text())["Entries"]]
    for end, struct, least in (("/chat/completions", "ChatRequest", 20), ("/audio/speech", "SpeechRequest", 4)):
        asked = [each["RequestBody"] for each in found if each["RequestUri"].endswith(end) and each["RequestBody"]]
        assert len(asked) >= least
        refused = [body for body in asked if not of_struct(struct).is_valid(body)]
        assert [body for body in refused if "image_url" not in json.dumps(body)] == []


@pytest.mark.parametrize("ways", [Ways(locked=True), Ways(repeats=False, aiml=True)])
def test_it_is_whole(ways: Ways) -> None:
    described = document(ways)
    schemas = described["components"]["schemas"]
    for name, schema in schemas.items():
        assert re.fullmatch(r"\w+", name), "two structs of one name"
        Draft202012Validator({**schema, "components": described["components"]})
    used = set(re.findall(r'"#/components/(\w+)/([\w-]+)"', json.dumps(described)))
    assert {name for kind, name in used if kind == "schemas"} == set(schemas)
    assert all(name in described["components"][kind] for kind, name in used)
    operations = [each for methods in described["paths"].values() for each in methods.values()]
    assert len({each["operationId"] for each in operations}) == len(operations) == len(OPERATIONS)
    assert described["openapi"] == "3.1.0"


def test_keys_are_asked_for_where_there_are_some() -> None:
    open_, locked = document(), document(Ways(locked=True))
    assert (open_["security"], locked["security"]) == ([{}, {"bearer": []}], [{"bearer": []}])
    asked = locked["paths"]["/chat/completions"]["post"]
    assert "401" in asked["responses"]
    assert "security" not in asked
    assert "403" in asked["responses"]  # an admin key does no work
    assert "415" not in asked["responses"]
    assert locked["paths"]["/health/live"]["get"]["security"] == []
    assert "401" not in locked["paths"]["/health/live"]["get"]["responses"]
    assert not any("401" in each["responses"] for path in open_["paths"].values() for each in path.values())
    assert {"403", "415"} < set(open_["paths"]["/chat/completions"]["post"]["responses"])


def test_a_repeated_request_and_a_created_answer_are_described_where_there_are_such() -> None:
    def of_chats(ways: Ways) -> tuple[set[str], set[str]]:
        chats = document(ways)["paths"]["/chat/completions"]["post"]
        return {each["name"] for each in chats["parameters"]}, {"200", "201", "409", "422"} & set(chats["responses"])

    assert of_chats(Ways()) == ({"Idempotency-Key", "X-Client-Request-Id"}, {"200", "409", "422"})
    assert of_chats(Ways(repeats=False, aiml=True)) == ({"X-Client-Request-Id"}, {"201"})
    assert "201" not in document(Ways(aiml=True))["paths"]["/audio/speech"]["post"]["responses"]


def test_what_stands_in_the_url_is_described() -> None:
    asked = {each["name"]: each for each in document()["paths"]["/chat/completions"]["get"]["parameters"]}
    assert list(asked) == [*CompletionsQuery.__struct_encode_fields__, "X-Client-Request-Id"]
    assert asked["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert (asked["metadata"]["style"], asked["metadata"]["schema"]["maxProperties"]) == ("deepObject", 16)
    one = document()["paths"]["/chat/completions/{completion_id}/messages"]["get"]["parameters"]
    assert [each["name"] for each in one if each["in"] == "path"] == ["completion_id"]


def test_events_are_described_one_by_one() -> None:
    for operation in OPERATIONS:
        if EVENTS in operation.gives:
            answers = document()["paths"][operation.path][operation.method.lower()]["responses"]["200"]["content"]
            data = answers[EVENTS]["schema"]["properties"]["data"]["anyOf"]
            named_ = [each["$ref"].rpartition("/")[2] for each in data[0]["contentSchema"]["anyOf"]]
            assert named_ == [kind.__name__ for kind in operation.gives[EVENTS]]


def test_what_changes_nothing_says_so_and_is_what_the_page_says() -> None:
    said = {
        name: {field for field, inner in schema["properties"].items() if inner.get("description") == CHANGES_NOTHING}
        for name, schema in document()["components"]["schemas"].items()
    }
    assert {name: names for name, names in said.items() if names} == {name: set(of) for name, of in IGNORED.items()}
    nested = {"AssistantMessage": "messages[].", "StreamOptions": "stream_options."}
    nested["JsonSchemaBody"] = "response_format.json_schema."
    for section in ("Chat completions: the request", "Transcriptions and translations: the request"):
        known = [path for kind in SECTIONS[section] for path in fields(kind)]
        ignored = {path for path, verdict in named(section, known) if verdict == "ignored" and path in known}
        names = [kind.__name__ for kind in SECTIONS[section]]
        ours = {f"{nested.get(name, '')}{of}" for name in [*names, *nested] for of in IGNORED[name]} & set(known)
        below = {path for path in known for above in ours if path.startswith((f"{above}.", f"{above}["))}
        assert ignored == ours | below
