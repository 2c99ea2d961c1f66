import re

import pytest

from tests.wire.recorded import whole
from vivavoce.wire.ids import audio_id, batch_id, completion_id, request_id


@pytest.mark.parametrize(
    ("make", "form"),
    [
        (completion_id, r"chatcmpl-[0-9A-Za-z]{29}"),
        (audio_id, r"audio_[0-9a-f]{32}"),
        (batch_id, r"batch_[0-9a-f]{32}"),
        (request_id, r"req_[0-9a-f]{32}"),
    ],
)
def test_ids_have_the_form_of_the_original_and_are_never_the_same(make: object, form: str) -> None:
    ids = {make() for _ in range(100)}  # type: ignore[operator]
    assert len(ids) == 100
    assert all(re.fullmatch(form, one) for one in ids)


def test_the_recorded_ids_have_that_form() -> None:
    answer = whole("ChatTests-ChatWithAudio")
    assert re.fullmatch(r"chatcmpl-[0-9A-Za-z]{29}", answer["id"])
    assert re.fullmatch(r"audio_[0-9a-f]{32}", answer["choices"][0]["message"]["audio"]["id"])
