"""What a second look takes for the same as before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tag_policy.model.finding import CREATOR, Code, Finding, Verdict
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End, Remedy
from tag_policy.resources.second_look import Seen
from tests.support.acting import World, world
from tests.support.builders import (
    DEFAULT_RULES,
    ENGINE,
    NOW,
    PROJECT_CODE,
    evaluate,
    instance,
    mark,
    ref,
    settings,
)
from tests.support.fake_ec2 import Asked, Description, described, number

DUE = "tag-policy:due"
A, B, C = number(1), number(2), number(3)


def test_a_mark_of_no_grace_period_gives_way_where_another_has_come_in_the_meantime() -> None:
    """Such as one that a run under newer settings has announced to people by now."""
    (finding,) = evaluate(instance({}), DEFAULT_RULES, settings())
    announced = str(mark(NOW + timedelta(days=1), NOW))
    instance_id = finding.resource.resource_id

    def still(seen: str | None) -> bool:
        verdicts = {instance_id: Verdict((replace(finding, value=seen),))}
        return Seen({}, verdicts, NOW).still(instance_id, [finding])

    assert still(finding.value)
    assert not still(announced)


QUICK = ["describe_instances"] * 2


def untidy(instance_id: str, **tags: str) -> Description:
    """Return an instance that lacks the tag ProjectCode."""
    return described(instance_id, {"Name": "web"} | tags)


def unchanged(made: World, *instance_ids: str) -> list[str]:
    ids, _ = made.second_look.unchanged({one: [missing(one)] for one in instance_ids})
    return ids


def missing(instance_id: str, key: str = "ProjectCode") -> Finding:
    return Finding(
        ref(instance_id),
        Remedy.TAG,
        Code.MISSING,
        "",
        tag_key=key,
        absent_keys=frozenset({key}),
        rule_id=PROJECT_CODE.rule_id,
    )


def asked_for(made: World, at: int = -1) -> dict[str, list[str]]:
    request = made.fleet.asked[at].request
    return {one["Name"]: sorted(one["Values"]) for one in request["Filters"]}


def test_a_look_of_less_than_ten_seconds_ago_is_fresh() -> None:
    made = world()

    assert made.second_look.is_fresh(NOW)
    assert made.second_look.is_fresh(NOW - timedelta(seconds=9.9))
    assert not made.second_look.is_fresh(NOW - timedelta(seconds=10))


def test_a_whole_look_judges_the_instances_that_are_live_and_in_the_vpcs() -> None:
    elsewhere = described(C, VpcId="vpc-other")
    made = world(untidy(A), described(B, state="terminated"), elsewhere)

    seen = made.second_look.whole([A, B, C])

    assert list(seen.instances) == [A]
    assert list(seen.verdicts) == [A]
    assert [one.tag_key for one in seen.verdicts[A].findings] == ["ProjectCode"]
    assert seen.asked_at == NOW
    assert asked_for(made) == {"instance-id": [A, B, C]}


def test_a_whole_look_is_as_old_as_the_moment_at_which_it_was_asked_for() -> None:
    made = world(untidy(A))

    def answer_slowly(_: Asked) -> None:
        made.clock.slept += timedelta(seconds=3)

    made.fleet.after = answer_slowly

    assert made.second_look.whole([A]).asked_at == NOW


def test_a_whole_look_is_taken_with_the_client_of_the_call_that_follows_where_there_is_one() -> (
    None
):
    made = world(untidy(A))

    made.second_look.whole([A])
    made.second_look.whole([A], made.fleet.client("once"))

    assert [one.client for one in made.fleet.asked] == ["look", "once"]


def test_what_another_rule_says_by_now_is_not_what_was_found() -> None:
    seen = world(untidy(A)).second_look.whole([A])

    assert not seen.still(A, [replace(missing(A), rule_id=PROJECT_CODE.rule_id + 1)])


def test_what_was_found_is_still_so_only_where_all_of_it_is_found_again() -> None:
    made = world(untidy(A), untidy(B, ProjectCode="P"))
    seen = made.second_look.whole([A, B])

    assert seen.still(A, [missing(A)])
    assert not seen.still(A, [missing(A), missing(A, "Owner")])
    assert not seen.still(B, [missing(B)])
    assert not seen.still(C, [missing(C)]), "it is not there any more"


def test_the_value_of_a_tag_to_write_is_no_matter_but_that_of_a_mark_to_delete_is() -> None:
    tag, unmark = missing(A), replace(missing(A), remedy=Remedy.UNMARK, value="what it says")
    announce, remove = (replace(unmark, remedy=one) for one in (Remedy.MARK, Remedy.REMOVE))

    def still(before: Finding, after: Finding) -> bool:
        return Seen({}, {A: Verdict((after,))}, NOW).still(A, [before])

    looked_up, taken = replace(tag, source=CREATOR), replace(tag, source="vpc", value="ops")
    assert still(replace(looked_up, value="jane"), looked_up)
    assert not still(taken, replace(taken, value="dev")), "what it was taken from has changed"
    assert still(taken, replace(taken, source="subnet"))
    assert not still(tag, replace(tag, tag_key="Owner"))
    for one in (unmark, announce, remove):
        assert still(one, one)
        assert not still(one, replace(one, value="something else"))
        assert not still(one, replace(one, tag_key="Owner"))
    assert not still(unmark, announce)


def test_a_tag_is_not_deleted_before_the_one_that_takes_its_place_is_seen() -> None:
    to_come = replace(missing(A), remedy=Remedy.REMOVE, value="x", after_writing=True)
    now = replace(to_come, after_writing=False)

    def seen(*after: Finding) -> Seen:
        return Seen({}, {A: Verdict(after)}, NOW)

    assert not seen(to_come).still(A, [to_come])
    assert seen(to_come).is_to_come(A, [to_come])
    assert seen(now).still(A, [to_come])
    assert not seen(now).is_to_come(A, [to_come])
    for other in (replace(to_come, value="y"), replace(to_come, tag_key="Owner")):
        assert not seen(other).is_to_come(A, [to_come])
    assert not seen().is_to_come(A, [to_come])
    assert not Seen({}, {}, NOW).is_to_come(A, [to_come])


@pytest.mark.parametrize("remedy", [Remedy.TERMINATE, Remedy.STOP, Remedy.NOTIFY, Remedy.LEAVE])
def test_an_end_is_the_same_whatever_its_mark_says_but_not_without_one(remedy: Remedy) -> None:
    has_its_mark = Finding(ref(A), remedy, Code.UNTAGGED, "", tag_key=DUE, value="it says")
    to_be_marked = replace(has_its_mark, mark=mark(NOW, None))

    def still(before: Finding, after: Finding) -> bool:
        return Seen({}, {A: Verdict((after,))}, NOW).still(A, [before])

    assert still(has_its_mark, replace(has_its_mark, value="something else", tag_key=""))
    assert not still(has_its_mark, to_be_marked)
    assert not still(to_be_marked, has_its_mark)
    assert not still(has_its_mark, replace(has_its_mark, remedy=Remedy.TAG))
    assert not still(has_its_mark, replace(has_its_mark, remedy=Remedy.WAIT))


@pytest.mark.parametrize("remedy", [Remedy.ISOLATE, Remedy.STOP, Remedy.TERMINATE])
def test_an_end_by_another_rule_is_another_one(remedy: Remedy) -> None:
    """People were told of each by itself."""
    due = Finding(ref(A), remedy, Code.MISSING, "", tag_key=DUE, value="what it says", rule_id=10)

    def still(after: Finding) -> bool:
        return Seen({}, {A: Verdict((after,))}, NOW).still(A, [due])

    assert still(due)
    assert not still(replace(due, rule_id=20))
    assert not still(replace(due, rule_id=0))


def test_what_is_announced_is_not_told_as_done_where_another_step_is_to_be_by_now() -> None:
    announced = Mark(ENGINE, End.STOP, NOW, "rule 10 (0a1b2c3d)", NOW)

    def is_announcing(to_be: Mark) -> bool:
        finding = Finding(
            ref(A), Remedy.MARK, Code.MISSING, "", value=announced.announcing, mark=to_be
        )
        return Seen({}, {A: Verdict((finding,))}, NOW).is_announcing(A, announced)

    assert is_announcing(replace(announced, time=NOW + timedelta(days=1)))
    assert not is_announcing(replace(announced, cause="rule 20 (0a1b2c3d)"))
    assert not is_announcing(replace(announced, action=End.TERMINATE))


def test_the_tag_of_an_instance_is_told_as_it_was_seen() -> None:
    made = world(untidy(A, Owner=""))
    seen = made.second_look.whole([A, B])

    assert seen.tag(A, "Name") == "web"
    assert seen.tag(A, "Owner") == ""
    assert seen.tag(A, "Team") is None
    assert seen.tag(B, "Name") is None


def test_a_mark_is_being_announced_where_its_tag_says_so_and_it_is_still_to_be() -> None:
    announced = mark(NOW + timedelta(days=1), None)
    made = world(
        described(A, {DUE: announced.announcing}),
        described(B, {DUE: str(announced)}),
        described(C, {DUE: announced.announcing, "Name": "web"}),
        settings=settings(grace_period="24h"),
    )
    seen = made.second_look.whole([A, B, C])

    assert seen.is_announcing(A, announced)
    assert not seen.is_announcing(A, mark(NOW, None)), "but another"
    assert not seen.is_announcing(B, announced), "but was"
    assert not seen.is_announcing(C, announced), "but is to be taken back"
    assert not seen.is_announcing(number(9), announced), "but is gone"


def test_a_quick_look_asks_what_has_ended_and_what_has_the_tag_or_is_exempt_by_now() -> None:
    made = world(untidy(A), untidy(B), untidy(C), described(number(4), state="terminated"))
    made.fleet.set(B, {"ProjectCode": ""})
    made.fleet.set(C, {"tag-policy:exempt": ""})

    assert unchanged(made, A, B, C) == [A, B], "an empty tag is to be filled, too"

    assert asked_for(made, 0) == {"instance-state-name": ["shutting-down", "terminated"]}
    assert asked_for(made, 1) == {
        "instance-id": [A, B, C],
        "tag-key": ["ProjectCode", "tag-policy:exempt"],
    }
    assert asked_for(made, 2) == {"instance-id": [B, C]}, "those are looked at as a whole"


def test_what_a_quick_look_clears_is_not_looked_at_as_a_whole() -> None:
    made = world(untidy(A), untidy(B))

    assert unchanged(made, B, A) == [B, A]
    assert made.fleet.operations() == QUICK


def test_what_has_ended_is_changed() -> None:
    made = world(untidy(A), untidy(B))
    made.fleet.descriptions[A]["State"] = {"Name": "shutting-down"}

    assert unchanged(made, A, B) == [B]


def test_a_finding_that_rests_on_more_than_absent_tags_is_looked_at_as_a_whole_at_once() -> None:
    made = world(untidy(A, ProjectCode=""), untidy(B, ProjectCode="P"))
    rests_on_more = {one: [missing(one), replace(missing(one), absent_keys=None)] for one in (A, B)}

    assert made.second_look.unchanged(rests_on_more) == ([A], NOW)
    assert made.fleet.operations() == ["describe_instances"]
    assert asked_for(made) == {"instance-id": [A, B]}


def test_only_what_rests_on_absent_tags_is_cleared_by_a_quick_look() -> None:
    made = world(untidy(A, ProjectCode=""), untidy(B))
    findings = {A: [replace(missing(A), absent_keys=None)], B: [missing(B)]}

    assert made.second_look.unchanged(findings) == ([A, B], NOW)
    assert asked_for(made, 1)["instance-id"] == [B]
    assert asked_for(made, 2) == {"instance-id": [A]}


def test_what_has_ended_is_asked_for_once_for_the_quick_looks_of_some_seconds() -> None:
    made = world(untidy(A), untidy(B))
    unchanged(made, A)

    unchanged(made, B)

    assert made.fleet.operations() == ["describe_instances"] * 3


def test_what_has_ended_is_asked_for_again_after_ten_seconds() -> None:
    made = world(untidy(A))
    unchanged(made, A)

    made.clock.slept += timedelta(seconds=9.9)
    unchanged(made, A)
    assert made.fleet.operations() == [*QUICK, "describe_instances"]
    made.clock.slept += timedelta(seconds=0.1)
    made.fleet.descriptions[A]["State"] = {"Name": "terminated"}

    assert unchanged(made, A) == []


def test_a_quick_look_is_as_old_as_the_older_of_what_it_rests_on() -> None:
    made = world(untidy(A), untidy(B))
    assert made.second_look.unchanged({A: [missing(A)]}) == ([A], NOW)
    made.clock.slept += timedelta(seconds=6)

    assert made.second_look.unchanged({B: [missing(B)]}) == ([B], NOW)


def test_a_quick_look_that_takes_long_is_as_old_as_the_moment_at_which_it_was_asked_for() -> None:
    made = world(untidy(A))

    def answer_slowly(_: Asked) -> None:
        made.clock.slept += timedelta(seconds=6)

    made.fleet.after = answer_slowly

    assert made.second_look.unchanged({A: [missing(A)]}) == ([A], NOW)
    made.fleet.after = lambda _: None
    unchanged(made, A)
    assert made.fleet.operations() == [*QUICK, *QUICK], "12 seconds later"
