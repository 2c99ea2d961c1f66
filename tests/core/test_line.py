"""Who is served next, in a line where some are more urgent and some ask for much."""

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.line import Line, Standing


def served(line: Line[str]) -> str:
    """Serve everybody; who they were, in order."""
    order: list[str] = []
    while len(line):
        who = next(iter(line))
        line.serve(who)
        order.append(who)
    return "".join(order)


def line(**standings: Standing) -> Line[str]:
    made: Line[str] = Line()
    for who, standing in standings.items():
        made.join(who, standing)
    return made


def test_who_stands_alike_is_served_first_come_first_served() -> None:
    same = Standing()
    assert served(line(a=same, b=same, c=same)) == "abc"


def test_the_urgent_goes_first_whenever_it_came() -> None:
    assert served(line(a=Standing(2), b=Standing(0), c=Standing(1), d=Standing(0))) == "bdca"


def test_projects_take_turns_and_within_them_the_turns_of_conversations() -> None:
    much, little = Standing(project="much", turn=1), Standing(project="little", turn=9)
    other = Standing(project="much", turn=2)
    assert served(line(a=much, b=much, c=much, d=other, e=little, f=little)) == "aedfbc"


def test_who_was_served_is_behind_those_who_come_now() -> None:
    waiting = line(a=Standing(project="one"), b=Standing(project="one"))
    waiting.serve("a")
    waiting.join("c", Standing(project="two"))
    assert list(waiting) == ["b", "c"]
    waiting.serve("b")
    waiting.join("d", Standing(project="one"))
    assert list(waiting) == ["c", "d"]


def test_who_leaves_moves_nobody_but_those_behind() -> None:
    waiting = line(a=Standing(), b=Standing(), c=Standing(1), d=Standing(project="two"))
    waiting.leave("a")
    assert len(waiting) == 3
    assert list(waiting) == ["b", "d", "c"]
    for who in "bcd":
        waiting.leave(who)
    assert list(waiting) == []


STANDINGS = st.builds(Standing, st.integers(0, 2), st.sampled_from("xyz"), st.integers(0, 2))


@given(st.dictionaries(st.text(min_size=1, max_size=1), STANDINGS))
def test_it_serves_everybody_once_as_it_said_it_would_by_rank(standings: dict[str, Standing]) -> None:
    waiting = line(**standings)
    foretold = list(waiting)
    order = served(waiting)
    assert list(order) == foretold
    assert sorted(order) == sorted(standings)
    ranks = [standings[who].rank for who in order]
    assert ranks == sorted(ranks)


@given(st.lists(st.sampled_from("xyz"), max_size=12))
def test_of_projects_that_wait_none_is_served_twice_before_another_once(projects: list[str]) -> None:
    waiting: Line[int] = Line()
    for number, project in enumerate(projects):
        waiting.join(number, Standing(project=project, turn=number))
    first = [projects[number] for number in list(waiting)[: len(set(projects))]]
    assert sorted(first) == sorted(set(projects))
