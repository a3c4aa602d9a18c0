"""What is held is the oldest, and no more than may be held."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.finding import Code, Finding
from tag_policy.model.launch import Launch, PrincipalKind
from tag_policy.model.remedy import Remedy
from tag_policy.runs.holding import Oldest
from tests.support.builders import NOW, mark, ref

Found = list[Finding]


def found(name: str, age: int = 0) -> Found:
    """Return two findings about an instance of an age in days."""
    instance = replace(ref(), name=name, created_at=NOW - timedelta(days=age))
    return [
        Finding(instance, Remedy.TAG, Code.MISSING, "no ProjectCode", tag_key="ProjectCode"),
        Finding(instance, Remedy.TAG, Code.EMPTY, "no Owner", tag_key="Owner", value="x"),
    ]


def names(some: Iterable[Found]) -> list[str]:
    return sorted(findings[0].resource.name for findings in some)


def test_what_there_is_room_for_is_held() -> None:
    oldest = Oldest(2)

    assert [oldest.push(found("a")), oldest.push(found("b"))] == [None, None]
    assert sorted(oldest, key=lambda some: some[0].resource.name) == [found("a"), found("b")]


def test_of_one_too_many_the_newest_is_given_back_whenever_it_came() -> None:
    oldest = Oldest(2)
    oldest.push(found("new"))
    oldest.push(found("old", 2))

    assert oldest.push(found("older than the first", 1)) == found("new")
    assert oldest.push(found("as new")) == found("as new")
    assert names(oldest) == ["old", "older than the first"]


def test_what_is_let_go_of_is_not_held_any_more() -> None:
    oldest = Oldest(2)
    oldest.push(found("a"))
    oldest.push(found("b"))

    assert names(oldest.emptied()) == ["a", "b"]
    assert list(oldest) == []


def test_a_finding_comes_back_with_all_that_it_had() -> None:
    whole = replace(
        found("a")[0],
        violation=False,
        fallback="ops",
        mark=mark(NOW, None),
        absent_keys=frozenset({"Owner"}),
        owner="jane",
        launch=Launch(PrincipalKind.ROLE, "jane", "admin", "arn:aws:…", "event-1", NOW),
        detail_tag=("CreatedByArn", "arn"),
        detail_refused="AccessDenied",
        value="y",
        rule_id=10,
        found="x",
        note="ask ops",
        unlocked=True,
        rests_on=frozenset({"Stage"}),
        source="vpc",
        after_writing=True,
    )
    unlike_the_default = [
        field.name for field in fields(whole) if getattr(whole, field.name) != field.default
    ]
    assert len(unlike_the_default) == len(fields(whole)), "a new field is to be tried here, too"
    oldest = Oldest(1)
    oldest.push([whole])

    assert list(oldest) == [[whole]]


def test_it_is_crowded_where_thousands_of_findings_are_not_alike() -> None:
    crowded, roomy = Oldest(10_000), Oldest(10_000)
    for number in range(5_000):
        assert not crowded.is_crowded
        crowded.push([replace(found("a")[0], found=str(number))])
        roomy.push(found("a"))

    assert crowded.is_crowded
    assert not roomy.is_crowded


def test_what_is_alike_is_held_once() -> None:
    oldest = Oldest(1000)
    for number in range(1000):
        oldest.push(found(f"web-{number}"))

    (one, *others) = oldest
    assert all(some[0].reason is one[0].reason for some in others)
    assert len(oldest._alike) == 1


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 10))
def test_nothing_is_lost_and_the_oldest_stay(ages: list[int], most: int) -> None:
    oldest = Oldest(most)
    back = [oldest.push(found(str(age), age)) for age in ages]

    given_back = [int(some[0].resource.name) for some in back if some is not None]
    held = [int(some[0].resource.name) for some in oldest]
    assert sorted(held) == sorted(ages)[-most:]
    assert sorted([*held, *given_back]) == sorted(ages)
