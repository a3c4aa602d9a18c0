"""What follows a violation that lasts: decisions alone, and a life of an instance at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import Instance, Interface
from tag_policy.model.ladder import LEAST, Step
from tag_policy.model.mark import Mark
from tag_policy.model.remedy import End, Remedy
from tag_policy.model.rule import Action, Rule
from tag_policy.resources.marks import completed
from tag_policy.rules.evaluation import Evaluator
from tag_policy.rules.mark import read_mark
from tests.support.builders import ENGINE, NOW, evaluate, instance, mark, settings

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE, EXEMPT = "tag-policy:due", "tag-policy:exempt"
HOW = settings(
    max_escalation="terminate",
    schedule="rate(1 hour)",
    isolation_security_groups='{"vpc-abc123c1": "sg-150"}',
)
OLD = {"created_at": NOW - 100 * DAY}


def rule(rule_id: int = 10, tag_key: str = "Owner", **escalate: str) -> Rule:
    ladder = tuple(Step(End(end), after) for end, after in escalate.items())
    return Rule(rule_id, tag_key, Action.CHECK, required=True, default="", escalate=ladder)


OWNER = rule(stop="7d", terminate="14d")
STAGE = rule(20, "Stage", stop="1d")


def announced(of: Rule, end: End, time: datetime, before: timedelta) -> str:
    """Return the mark of a step that comes at a time, and was announced so long before."""
    return str(Mark(ENGINE, end, time, of.cause, time - before))


def old(tags: dict[str, str], state: str = "running", **changes: Any) -> Instance:
    found = instance({"Name": "web", **tags}, state, **(OLD | changes))
    return replace(found, started_at=NOW - 99 * DAY)


def judge(found: Instance, rules: Sequence[Rule] = (OWNER,), **more: str) -> list[Finding]:
    how = settings(max_escalation="terminate", schedule="rate(1 hour)", **more)
    return evaluate(found, rules, how)


def follows(findings: Sequence[Finding]) -> Finding:
    """Return the one finding that is no violation of a rule."""
    (finding,) = (f for f in findings if f.remedy is not Remedy.REPORT)
    return finding


# From the first announcement to the last step


def test_a_violation_is_announced_with_all_that_follows() -> None:
    reported, marked = judge(old({}))

    assert (reported.remedy, reported.code, reported.tag_key) == (
        Remedy.REPORT,
        Code.MISSING,
        "Owner",
    )
    assert reported.reason == (
        "required tag missing; what follows: stop after 7d, then terminate after 14d"
    )
    assert (marked.remedy, marked.code, marked.rule_id) == (Remedy.MARK, Code.MISSING, 10)
    assert (marked.tag_key, marked.value, marked.violation) == (DUE, None, False)
    assert marked.reason == "Owner: required tag missing; terminate 7d after that"
    assert marked.mark is not None
    assert str(marked.mark).startswith(f"{ENGINE}: stop at 2026-11-30T08:00:00Z: rule 10 (")


def test_what_was_announced_waits_for_its_time() -> None:
    value = announced(OWNER, End.STOP, NOW + HOUR, 7 * DAY)

    waits = follows(judge(old({DUE: value})))

    assert (waits.remedy, waits.code, waits.reason) == (Remedy.WAIT, Code.ANNOUNCED, value)


def test_when_its_time_has_come_the_step_is_made_by_its_mark() -> None:
    value = announced(OWNER, End.STOP, NOW, 7 * DAY)

    due = follows(judge(old({DUE: value})))

    assert (due.remedy, due.rule_id, due.mark) == (Remedy.STOP, 10, None)
    assert (due.tag_key, due.value, due.violation) == (DUE, value, False)
    assert due.reason == "Owner: required tag missing; terminate 7d after that"


def test_then_the_next_step_is_announced_and_counted_from_now() -> None:
    value = announced(OWNER, End.STOP, NOW - HOUR, 7 * DAY)

    reported, marked = judge(old({DUE: value}, "stopped"))

    assert reported.reason == (
        "required tag missing; it is stopped; what follows: terminate 7d after that"
    )
    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.TERMINATE, NOW + 7 * DAY)
    assert marked.reason == "Owner: required tag missing", "nothing else comes then"


def test_the_last_step_is_made_too() -> None:
    value = announced(OWNER, End.TERMINATE, NOW - HOUR, 7 * DAY)

    assert follows(judge(old({DUE: value}, "stopped"))).remedy is Remedy.TERMINATE


def test_what_was_done_is_not_done_again_and_its_mark_stays_for_people_to_read() -> None:
    value = announced(STAGE, End.STOP, NOW - HOUR, DAY)

    (reported,) = judge(old({DUE: value}, "stopped"), [STAGE])

    assert reported.reason == "required tag missing; it is stopped"


def test_what_is_right_again_loses_its_mark() -> None:
    value = announced(OWNER, End.STOP, NOW, 7 * DAY)

    (unmark,) = judge(old({DUE: value, "Owner": "ann"}))

    assert (unmark.remedy, unmark.value) == (Remedy.UNMARK, value)


@pytest.mark.parametrize("state", ["stopping", "stopped"])
def test_what_was_stopped_already_has_that_step_behind_it(state: str) -> None:
    """And the rule's time begins when it is announced."""
    marked = follows(judge(old({}, state)))

    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.TERMINATE, NOW + 14 * DAY)


def test_what_somebody_stopped_too_soon_waits_for_its_time_and_is_not_terminated_sooner() -> None:
    """What a schedule stops each night would be announced twice a day else, and never end."""
    value = announced(OWNER, End.STOP, NOW + 6 * DAY, 7 * DAY)

    waits = follows(judge(old({DUE: value}, "stopped")))
    assert (waits.remedy, waits.reason) == (Remedy.WAIT, value)

    due = announced(OWNER, End.STOP, NOW, 7 * DAY)
    then = follows(judge(old({DUE: due}, "stopped")))
    assert then.mark is not None
    assert (then.mark.action, then.mark.time, then.mark.follows) == (
        End.TERMINATE,
        NOW + 7 * DAY,
        True,
    )


def test_what_was_started_again_without_being_right_is_announced_anew() -> None:
    stopped_by = announced(OWNER, End.STOP, NOW - 2 * HOUR, 7 * DAY)
    started = replace(old({DUE: stopped_by}), started_at=NOW - HOUR)

    marked = follows(judge(started))

    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.STOP, NOW + 7 * DAY)


def test_it_is_not_terminated_by_the_mark_that_it_got_while_it_was_stopped() -> None:
    value = announced(OWNER, End.TERMINATE, NOW - HOUR, 7 * DAY)
    started = replace(old({DUE: value}), started_at=NOW - DAY)

    marked = follows(judge(started))

    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.STOP, NOW + 7 * DAY)


def test_nothing_is_terminated_within_a_day_of_its_own_announcement() -> None:
    quick = rule(stop="1h", terminate="24h")
    value = announced(quick, End.STOP, NOW, HOUR)

    marked = follows(judge(old({DUE: value}, "stopped"), [quick]))

    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.TERMINATE, NOW + DAY)
    soon = announced(quick, End.TERMINATE, NOW, 23 * HOUR)
    assert follows(judge(old({DUE: soon}, "stopped"), [quick])).remedy is Remedy.WAIT


# Which rule has the mark


def test_a_mark_is_overdue_from_when_it_could_have_been_made() -> None:
    value = announced(OWNER, End.STOP, NOW - DAY - HOUR / 2, timedelta())

    assert follows(judge(old({DUE: value}))).remedy is Remedy.STOP
    too_late = announced(OWNER, End.STOP, NOW - DAY - 2 * HOUR, timedelta())
    assert follows(judge(old({DUE: too_late}))).remedy is Remedy.MARK


def test_a_mark_of_a_time_that_no_step_of_the_rule_could_have_is_not_believed() -> None:
    value = announced(OWNER, End.STOP, NOW + 60 * DAY, 61 * DAY)

    marked = follows(judge(old({DUE: value})))

    assert marked.mark is not None
    assert marked.mark.time == NOW + 60 * DAY, "nor is anything sooner than people were told"


def test_the_step_before_the_last_that_is_done_makes_the_next_no_sooner() -> None:
    """Isolated by its mark, and then stopped by its owner."""
    ladder = rule(isolate="1d", stop="7d", terminate="14d")
    value = announced(ladder, End.ISOLATE, NOW - HOUR, DAY)
    stopped = replace(
        old({DUE: value}, "stopped"), interfaces=(Interface("eni-1", VPC, ("sg-150",)),)
    )

    marked = follows(judge(stopped, [ladder], **GROUPS))

    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.TERMINATE, NOW + 14 * DAY)


def test_what_another_rule_was_announced_for_is_not_undercut() -> None:
    value = announced(STAGE, End.STOP, NOW + 30 * DAY, timedelta())

    marked = follows(judge(old({DUE: value, "Stage": "prod"}), [OWNER, STAGE]))

    assert (marked.rule_id, marked.mark is not None) == (10, True)
    assert marked.mark is not None
    assert marked.mark.time == NOW + 30 * DAY


def test_of_two_rules_the_earlier_step_is_announced() -> None:
    found = judge(old({}), [OWNER, STAGE])

    marked = follows(found)
    assert marked.mark is not None
    assert (marked.rule_id, marked.mark.time) == (20, NOW + DAY)
    assert len(found) == 3, "each violation is reported"


def test_of_two_that_come_at_once_the_first_is_announced() -> None:
    assert follows(judge(old({}), [STAGE, rule(5, "Team", stop="24h")])).rule_id == 5


def test_the_rule_that_has_the_mark_keeps_it() -> None:
    value = announced(OWNER, End.STOP, NOW + 5 * DAY, 7 * DAY)

    waits = follows(judge(old({DUE: value}), [OWNER, STAGE]))

    assert (waits.remedy, waits.reason) == (Remedy.WAIT, value)


def test_after_a_step_another_rule_may_come_first() -> None:
    owner = rule(stop="7d", terminate="60d")
    team = rule(30, "Team", terminate="30d")
    value = announced(owner, End.STOP, NOW - HOUR, 7 * DAY)

    marked = follows(judge(old({DUE: value}, "stopped"), [owner, team]))

    assert marked.mark is not None
    assert (marked.rule_id, marked.mark.time) == (30, NOW + 30 * DAY)


def test_a_rule_that_is_right_leaves_its_mark_to_another_which_begins_from_now() -> None:
    value = announced(STAGE, End.STOP, NOW - 30 * DAY, DAY)

    marked = follows(judge(old({DUE: value, "Stage": "prod"}), [OWNER, STAGE]))

    assert marked.mark is not None
    assert (marked.rule_id, marked.mark.time) == (10, NOW + 7 * DAY)
    assert marked.value == value, "which gives way to the new one"


def test_what_is_being_announced_is_what_is_announced_though_another_step_would_come_sooner() -> (
    None
):
    """Found in a history: the next step of one rule gave way to another's when it was begun."""
    owner = rule(isolate="1h", stop="2h")
    begun = Mark(ENGINE, End.STOP, NOW + HOUR, owner.cause, None).announcing
    found = replace(old({DUE: begun}), interfaces=(Interface("eni-1", VPC, ("sg-150",)),))

    marked = follows(judge(found, [owner, rule(20, "Stage", stop="1h")], **GROUPS))

    assert (marked.rule_id, marked.value) == (10, begun)
    assert marked.mark is not None
    assert marked.mark.time == NOW + 2 * HOUR
    is_isolated_no_more = replace(found, interfaces=(Interface("eni-1", VPC, ("sg-1",)),))
    again = follows(judge(is_isolated_no_more, [owner], **GROUPS))
    assert again.mark is not None
    assert again.mark.action is End.ISOLATE


@pytest.mark.parametrize(
    "changed",
    [
        replace(OWNER, allowed_values=("ann",)),
        replace(OWNER, when=(("state", ("running",)),)),
        rule(stop="7d", terminate="15d"),
        rule(stop="8d", terminate="14d"),
        rule(tag_key="Team", stop="7d", terminate="14d"),
    ],
)
def test_a_rule_that_says_something_else_now_is_announced_anew(changed: Rule) -> None:
    value = announced(OWNER, End.STOP, NOW - HOUR, 7 * DAY)

    marked = follows(judge(old({DUE: value}), [changed]))

    assert marked.remedy is Remedy.MARK
    assert marked.mark is not None
    assert marked.mark.time >= NOW + 7 * DAY
    assert "the mark in its tag tag-policy:due does not count" in marked.reason


def test_a_note_changes_nothing_and_neither_does_the_order_of_a_map() -> None:
    when = (("state", ("running",)), ("region", ("eu-*",)))

    assert replace(OWNER, note="see the wiki").cause == OWNER.cause
    assert replace(OWNER, when=when).cause == replace(OWNER, when=when[::-1]).cause
    assert replace(OWNER, rule_id=11).cause != OWNER.cause


# What leads to nothing


def test_what_the_engine_mends_itself_leads_to_nothing() -> None:
    fills = replace(OWNER, action=Action.UPDATE, default="ops")

    assert [f.remedy for f in judge(old({}), [fills])] == [Remedy.TAG]


def test_what_nobody_requires_leads_to_nothing() -> None:
    assert judge(old({}), [replace(OWNER, required=False)]) == []


def test_what_is_wrong_and_no_violation_leads_to_nothing() -> None:
    """Two values of a tag that nobody requires."""
    optional = replace(OWNER, required=False, aliases=("own", "holder"))

    (conflict,) = judge(old({"own": "ann", "holder": "bob"}), [optional])

    assert (conflict.code, conflict.violation) == (Code.CONFLICT, False)
    assert "follows" not in conflict.reason
    required = replace(optional, required=True)
    assert follows(judge(old({"own": "ann", "holder": "bob"}), [required])).remedy is Remedy.MARK


def test_an_exempt_instance_is_left_alone() -> None:
    assert judge(old({EXEMPT: "", DUE: announced(OWNER, End.STOP, NOW, 7 * DAY)})) == []


@pytest.mark.parametrize(("key", "value"), [(EXEMPT, "2020-01-01"), (EXEMPT.upper(), "")])
def test_what_iam_keeps_for_a_tag_that_exempts_no_more_is_reported_and_its_mark_goes(
    key: str, value: str
) -> None:
    """Else AWS would refuse to end it in every run."""
    mark = announced(OWNER, End.STOP, NOW, 7 * DAY)

    reported, unmark = judge(old({key: value, DUE: mark}))

    assert reported.reason == (
        f"required tag missing; nothing follows: IAM guards it while it has the tag {key}"
    )
    assert (unmark.remedy, unmark.value) == (Remedy.UNMARK, mark)


def test_a_managed_instance_is_reported_and_its_mark_goes() -> None:
    value = announced(OWNER, End.STOP, NOW, 7 * DAY)
    managed = old({DUE: value}, managers={"autoscaling": "web"})

    reported, unmark = judge(managed)

    assert reported.reason == (
        "required tag missing; nothing follows, because autoscaling manages it"
    )
    assert (unmark.remedy, unmark.value) == (Remedy.UNMARK, value)
    assert follows(judge(managed, protect_managed="false")).remedy is Remedy.STOP


def test_a_young_instance_is_reported_and_nothing_is_announced() -> None:
    (reported,) = judge(old({}, created_at=NOW - timedelta(minutes=14)))

    assert reported.reason == (
        "required tag missing; nothing follows yet: it is younger than the minimum age"
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("soon", Code.MARKER_TAKEN),
        (str(mark(NOW, NOW - DAY, engine="other")), Code.ANOTHER_ENGINE),
    ],
)
def test_what_others_say_in_the_marker_is_left_to_them(value: str, code: Code) -> None:
    reported, left = judge(old({DUE: value}))

    assert reported.reason.endswith(f"nothing follows while its tag {DUE} holds what others wrote")
    assert (left.remedy, left.code, left.rule_id) == (Remedy.LEAVE, code, 10)
    assert left.reason.startswith("Owner: required tag missing; ")
    assert not left.violation


def test_without_a_ladder_nothing_follows() -> None:
    (reported,) = judge(old({}), [rule()])

    assert reported.reason == "required tag missing"


def test_what_rests_on_a_tag_that_is_still_to_be_written_is_not_announced() -> None:
    """Its write may be refused, and then the rule does not concern the instance."""
    stage = Rule(5, "Stage", Action.UPDATE, required=True, default="prod")
    only_prod = replace(OWNER, when=(("tag:Stage", ("prod",)),))

    findings = judge(old({}), [stage, only_prod])

    assert [f.remedy for f in findings] == [Remedy.TAG, Remedy.REPORT]
    assert follows(judge(old({"Stage": "prod"}), [stage, only_prod])).remedy is Remedy.MARK


def test_a_rule_of_which_nothing_is_known_keeps_its_mark_and_leads_to_nothing() -> None:
    from_vpc = replace(OWNER, action=Action.UPDATE, default="", sources=("vpc",))
    value = announced(from_vpc, End.STOP, NOW, 7 * DAY)

    findings = judge(old({DUE: value}), [from_vpc, STAGE])  # what the VPC has was not read

    assert [f.remedy for f in findings if f.remedy is not Remedy.REPORT] == [
        Remedy.WAIT,
        Remedy.WAIT,
    ]
    assert {f.code for f in findings if f.remedy is Remedy.WAIT} == {
        Code.NOT_KNOWN_YET,
        Code.ANNOUNCED,
    }


def test_a_mark_of_an_instance_without_tags_means_nothing_where_it_has_some() -> None:
    value = str(mark(NOW, NOW - DAY, End.STOP))

    marked = follows(judge(old({DUE: value})))

    assert marked.remedy is Remedy.MARK


def test_a_mark_that_names_a_rule_means_nothing_where_an_instance_has_no_tags() -> None:
    value = announced(OWNER, End.TERMINATE, NOW, DAY)
    bare = replace(old({}), tags={DUE: value})

    (finding,) = judge(bare, untagged_action="terminate", grace_period="24h")

    assert (finding.remedy, finding.code) == (Remedy.MARK, Code.UNTAGGED)
    (finding,) = judge(bare, untagged_action="terminate", grace_period="0s")
    assert finding.mark is not None
    assert finding.mark.cause == "untagged"


def test_untagged_instances_are_escalated_where_rules_are_for_them() -> None:
    bare = replace(old({}), tags={})

    assert follows(judge(bare, untagged_action="remediate")).remedy is Remedy.MARK
    (notified,) = judge(bare, untagged_action="notify")
    assert notified.remedy is Remedy.NOTIFY


def test_an_end_that_nobody_remembers_to_have_announced_becomes_an_announcement() -> None:
    value = announced(OWNER, End.TERMINATE, NOW, 7 * DAY)
    due = follows(judge(old({DUE: value}, "stopped")))

    anew = Evaluator([OWNER], HOW, ENGINE, NOW).announced_anew(due)

    assert (anew.remedy, anew.value) == (Remedy.MARK, value)
    assert anew.mark is not None
    assert (anew.mark.action, anew.mark.time) == (End.TERMINATE, NOW + 14 * DAY), "all of it"
    assert "no record that people were told" in anew.reason


def test_what_is_to_be_announced_anew_is_though_its_time_has_come_by_its_mark() -> None:
    found = old({DUE: announced(OWNER, End.STOP, NOW, 7 * DAY)})
    anew = Evaluator([OWNER], HOW, ENGINE, NOW, anew={found.ref.resource_id})

    assert follows(anew(found).findings).remedy is Remedy.MARK


# Isolating

VPC = "vpc-abc123c1"
GROUPS = {"isolation_security_groups": f'{{"{VPC}": "sg-150"}}'}
EXPOSED = rule(60, "Owner", isolate="1d", stop="3d")


def reachable(tags: dict[str, str], *groups: str, state: str = "running") -> Instance:
    interface = Interface("eni-1", VPC, groups or ("sg-1", "sg-2"))
    return replace(old(tags, state), interfaces=(interface,))


def test_an_instance_is_announced_isolated_announced_and_stopped() -> None:
    marked = follows(judge(reachable({}), [EXPOSED], **GROUPS))
    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.ISOLATE, NOW + DAY)

    value = announced(EXPOSED, End.ISOLATE, NOW, DAY)
    due = follows(judge(reachable({DUE: value}), [EXPOSED], **GROUPS))
    assert (due.remedy, due.found, due.rule_id) == (Remedy.ISOLATE, "eni-1: sg-1, sg-2", 60)

    then = follows(judge(reachable({DUE: value}, "sg-150"), [EXPOSED], **GROUPS))
    assert then.mark is not None
    assert (then.mark.action, then.mark.time) == (End.STOP, NOW + 2 * DAY)


def test_what_is_stopped_has_isolating_behind_it() -> None:
    (reported,) = judge(reachable({}, state="stopped"), [EXPOSED], **GROUPS)

    assert reported.remedy is Remedy.REPORT


def test_what_people_put_back_without_making_it_right_is_announced_anew() -> None:
    value = announced(EXPOSED, End.STOP, NOW + DAY, 2 * DAY)

    marked = follows(judge(reachable({DUE: value}), [EXPOSED], **GROUPS))

    assert marked.mark is not None
    assert (marked.mark.action, marked.mark.time) == (End.ISOLATE, NOW + DAY)


def test_what_is_right_again_and_still_isolated_is_told_until_somebody_puts_it_back() -> None:
    right = reachable({"Owner": "ann"}, "sg-150")

    (finding,) = judge(right, [EXPOSED], **GROUPS)

    assert (finding.remedy, finding.code, finding.violation) == (
        Remedy.REPORT,
        Code.ISOLATED_ALREADY,
        False,
    )
    assert finding.reason.endswith("restore its former groups")
    assert judge(reachable({"Owner": "ann"}), [EXPOSED], **GROUPS) == []


def test_a_rule_that_only_reports_any_more_loses_its_mark() -> None:
    """Its group was taken out of the settings."""
    value = announced(EXPOSED, End.STOP, NOW + DAY, 2 * DAY)

    reported, unmark = judge(reachable({DUE: value}, "sg-150"), [EXPOSED])

    assert "isolation_security_groups has no group" in reported.reason
    assert (unmark.remedy, unmark.value) == (Remedy.UNMARK, value)


def test_a_step_that_comes_sooner_for_a_mark_nobody_remembers_is_announced_in_all_its_time() -> (
    None
):
    """A stranger may write the mark of a step that was never announced."""
    value = announced(OWNER, End.STOP, NOW - HOUR, 7 * DAY)
    sooner = follows(judge(old({DUE: value}, "stopped")))
    assert sooner.mark is not None
    assert sooner.mark.follows

    anew = Evaluator([OWNER], HOW, ENGINE, NOW).announced_anew(sooner)

    assert anew.mark is not None
    assert (anew.mark.action, anew.mark.time, anew.mark.follows) == (
        End.TERMINATE,
        NOW + 14 * DAY,
        False,
    )


def test_without_a_group_for_its_vpc_a_rule_that_isolates_only_reports_and_others_go_on() -> None:
    reported, stage, marked = judge(reachable({}), [EXPOSED, STAGE])

    assert reported.reason == (
        "required tag missing; nothing follows, because isolation_security_groups has no group for "
        "vpc-abc123c1"
    )
    assert (stage.rule_id, marked.rule_id) == (20, 20)
    assert judge(old({}), [EXPOSED], **GROUPS)[0].reason.endswith(
        "nothing follows, because its network interfaces are not known"
    )


# The life of an instance at random

_LADDERS = st.sampled_from(
    [
        {"stop": "1h"},
        {"stop": "7d", "terminate": "14d"},
        {"stop": "1h", "terminate": "24h"},
        {"terminate": "2d"},
        {"stop": "3d", "terminate": "90d"},
        {"isolate": "2h", "stop": "1d", "terminate": "5d"},
        {"isolate": "7d"},
    ]
)
_ACTS = st.sampled_from(
    [
        *("mend Owner", "spoil Owner", "mend Stage", "spoil Stage", "stop", "start"),
        *("put back", "isolate it", "change 10", "none"),
    ]
)
_PAUSES = st.sampled_from([HOUR, 5 * HOUR, DAY - HOUR, DAY, 2 * DAY, 7 * DAY, 30 * DAY])


@dataclass
class Life:
    """An instance, and what people were told of it since each rule was last seen to be right.

    ``told`` is by RuleId: when, and of which end; what was told of another ladder is forgotten.
    """

    found: Instance
    now: datetime = NOW
    told: dict[int, list[tuple[datetime, End]]] = field(default_factory=dict)
    ends: list[End] = field(default_factory=list)

    def act(self, what: str, rules: dict[str, Rule]) -> None:
        tags = dict(self.found.tags)
        match what.split():
            case ["mend", key]:
                tags[key] = "x"
            case ["spoil", key]:
                tags.pop(key, None)
            case ["stop"]:
                self.found = replace(self.found, state="stopped")
            case ["start"] if self.found.state == "stopped":
                self.found = replace(self.found, state="running", started_at=self.now)
            case ["put", "back"]:
                self.let("sg-1")
            case ["isolate", _]:
                self.let("sg-150")
            case ["change", _]:
                rules["Owner"] = replace(rules["Owner"], allowed_values=("x", f"{self.now}"))
            case _:
                pass
        self.found = replace(self.found, tags=tags)

    def let(self, group: str) -> None:
        self.found = replace(self.found, interfaces=(Interface("eni-1", VPC, (group,)),))

    def run(self, rules: Sequence[Rule], seconds: int) -> None:
        findings = Evaluator(rules, HOW, ENGINE, self.now)(self.found).findings
        violated = {f.rule_id for f in findings if f.remedy is Remedy.REPORT}
        for right in self.told.keys() - violated:
            del self.told[right]
        tags = dict(self.found.tags)
        for finding in findings:
            match finding.remedy:
                case Remedy.UNMARK:
                    assert tags.pop(finding.tag_key) == finding.value
                case Remedy.MARK:
                    assert finding.mark is not None
                    accepted = (self.now + timedelta(seconds=seconds)).replace(microsecond=0)
                    final = completed(finding.mark, accepted)
                    assert read_mark(str(final)) == replace(final, lead=timedelta(), follows=False)
                    tags[DUE] = str(final)
                    said = self.told.setdefault(finding.rule_id, [])
                    said.append((accepted, finding.mark.action))
                case Remedy.ISOLATE | Remedy.STOP | Remedy.TERMINATE:
                    self._end(finding, rules)
                case _:
                    pass
        self.found = replace(self.found, tags=tags)

    def _end(self, finding: Finding, rules: Sequence[Rule]) -> None:
        end = End(finding.remedy)
        (step,) = (s for r in rules if r.rule_id == finding.rule_id for s in r.escalate
                   if s.end is end)  # fmt: skip
        told = self.told.get(finding.rule_id, [])
        of_it = [at for at, what in told if what is end]
        assert of_it, "it is ended, and nobody was told"
        assert self.now - of_it[-1] >= LEAST[end]
        assert self.now - told[0][0] >= step.delay, "earlier than the rule says"
        assert self.found.state != "stopped" or end is not End.STOP
        assert end is not End.ISOLATE or self.found.interfaces[0].groups == ("sg-1",)
        self.ends.append(end)
        if end is End.ISOLATE:
            self.let("sg-150")
        if end is End.STOP:
            self.found = replace(self.found, state="stopped")


@given(
    _LADDERS,
    _LADDERS,
    st.lists(st.tuples(_ACTS, _PAUSES, st.integers(0, 900)), min_size=1, max_size=12),
)
def test_no_step_comes_before_its_time_and_none_without_a_word(
    owner: dict[str, str], stage: dict[str, str], days: list[tuple[str, timedelta, int]]
) -> None:
    rules = {"Owner": rule(**owner), "Stage": rule(20, "Stage", **stage)}
    life = Life(reachable({}, "sg-1"))
    for what, pause, seconds in days:
        cause = rules["Owner"].cause
        life.act(what, rules)
        if rules["Owner"].cause != cause:
            life.told.pop(10, None)
        life.run(list(rules.values()), seconds)
        if End.TERMINATE in life.ends:
            return
        life.now += pause


def test_left_alone_an_instance_is_stopped_and_then_terminated_in_time() -> None:
    """The property above would be true of an engine that does nothing."""
    life = Life(old({}))
    happened: list[tuple[timedelta, End]] = []
    while End.TERMINATE not in life.ends:
        before = len(life.ends)
        life.run([OWNER], seconds=60)
        happened += [(life.now - NOW, end) for end in life.ends[before:]]
        life.now += HOUR
    (to_stop, stopped), (to_terminate, terminated) = happened
    assert (stopped, terminated) == (End.STOP, End.TERMINATE)
    assert 7 * DAY < to_stop <= 7 * DAY + HOUR
    assert 14 * DAY < to_terminate <= 14 * DAY + 3 * HOUR
