"""Which engines carry a model's turns."""

from vivavoce.assembly import Engine
from vivavoce.carrying import loads
from vivavoce.config import ModelConfig
from vivavoce.core.admitted import Admitted, working_for
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool

HERE = {name: Pool(Spec(name, "some:Engine")) for name in ("ear", "brain", "voice", "german", "omni")}
POOLS: dict[str, Pool | None] = {**HERE, "elsewhere": None}


def named(model: ModelConfig) -> dict[str, list[str]]:
    """The names of the engines that carry each part."""
    names = {id(pool.load): name for name, pool in HERE.items()}
    return {part: [names[id(load)] for load in found] for part, found in loads(model, POOLS).items()}


def test_each_part_is_carried_by_all_that_may_play_it() -> None:
    model = ModelConfig("brain", "ear", {"default": "voice", "de": "german"})
    assert named(model) == {"think": ["brain"], "hear": ["ear"], "speak": ["voice", "german"]}


def test_what_is_elsewhere_has_no_bound_of_ours() -> None:
    assert named(ModelConfig("elsewhere", ["ear", "elsewhere"], "voice")) == {"speak": ["voice"]}


def test_what_answers_by_itself_may_hand_over() -> None:
    model = ModelConfig("brain", "ear", "voice", respond="omni")
    assert named(model)["respond"] == ["omni", "brain"]
    assert "respond" not in named(ModelConfig("elsewhere", respond="omni"))


def test_who_has_words_recalled_is_not_in_the_ears_line() -> None:
    pool, turn = Pool(Spec("ear", "some:Engine")), Admitted("", 0.0)
    ear = Engine("ear", "some", None, pool, frozenset({"hear"}))
    for how, coming in (("heard", {turn}), ("joined", set[Admitted]()), ("recalled", set[Admitted]())):
        pool.load.coming = {turn}
        with working_for(turn):
            ear.looked_up(how)
        assert pool.load.coming == coming
    pool.load.coming = {turn}
    ear.looked_up("recalled")  # somebody whom nobody let in
    assert pool.load.coming == {turn}
