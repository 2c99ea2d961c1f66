"""The list of models."""

from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen
from vivavoce.conform.subject import Subject

GROUP = Group("models")
NOBODY = "conform-no-such-model"


def _is_model(model: Seen) -> None:
    model["id"].text()
    model["object"].one_of("model")
    model["created"].whole()
    model["owned_by"].text(filled=False)


@GROUP.must
async def listed(subject: Subject) -> None:
    """`GET /models` lists models with `id`, `object`, `created` and `owned_by`."""
    found = (await subject.get("/models")).json()
    found["object"].one_of("list")
    for model in found["data"].items(least=1):
        _is_model(model)


@GROUP.must
async def one(subject: Subject) -> None:
    """`GET /models/{model}` gives one model."""
    found = (await subject.get(f"/models/{subject.names.chat}")).json()
    _is_model(found)
    found["id"].one_of(subject.names.chat)


@GROUP.should
async def unknown(subject: Subject) -> None:
    """A model that is not there is 404 `model_not_found`, `param` `model`."""
    (await subject.get(f"/models/{NOBODY}")).refused(404, param="model", code="model_not_found")


@GROUP.may
async def without_prefix(subject: Subject) -> None:
    """The paths are there without `/v1` too."""
    (await subject.get("/models", root=subject.root)).json()["data"].items(least=1)
