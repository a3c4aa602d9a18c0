"""What all runs do alike: the order of things, and what becomes of them when one goes wrong."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import EndpointConnectionError

from tag_policy.model.assignment import Assignment, Mode, Scope
from tag_policy.model.finding import Code, Finding, Verdict
from tag_policy.model.instance import Instance
from tag_policy.model.launch import Nobody
from tag_policy.model.outcome import LIMIT, PART, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.reporting.publish import RunError
from tag_policy.runs.engine import TIME_WAS_UP, Engine
from tag_policy.runs.memory import Memory, Told
from tests.support.builders import NOW, mark, ref
from tests.support.small_aws import (
    CREATED_BY,
    EVENTS,
    PROJECT,
    STATE_TABLE,
    SWEEP,
    VPC,
    SmallAws,
    context,
    refusal,
    rule,
)

DAY = timedelta(days=1)
DUE = "tag-policy:due"
ONE, TWO, THREE = "i-0000000000000001", "i-0000000000000002", "i-0000000000000003"
Work = Callable[[Engine], None]


def engine(
    aws: SmallAws, assignment: Assignment = SWEEP, *, seconds: float = 900, **changes: str
) -> Engine:
    how = {"grace_period": "24h", "schedule": "rate(1 hour)"} | changes
    return Engine(context(aws, assignment, seconds=seconds, **how))


def ready(aws: SmallAws, assignment: Assignment = SWEEP, **changes: Any) -> Engine:
    """Return an engine that has read its rules, and has some instances to have looked at."""
    this = engine(aws, assignment, **changes)
    assert this._read_rules()
    this.tallies[VPC].instances = 1_000
    return this


def small_aws(**changes: Any) -> SmallAws:
    return SmallAws(**({"rules": [PROJECT, CREATED_BY]} | changes))


def nothing(_: Engine) -> None:
    """Do no work."""


def listed(aws: SmallAws, instance_id: str, tags: dict[str, str] | None = None) -> Instance:
    """Add an instance; return it as a look of this moment shows it."""
    aws.add(instance_id, tags)
    shown = replace(ref(instance_id, created_at=NOW - DAY), seen_at=NOW, shown_at=NOW)
    return Instance(shown, "running", dict(tags or {}), started_at=NOW - DAY)


def told(aws: SmallAws) -> dict[str, Any]:
    """Return the JSON of the only message."""
    (message,) = aws.published
    parsed: dict[str, Any] = json.loads(json.loads(message["Message"])["default"])
    return parsed


def remedied(this: Engine, found: Iterator[list[Finding]] | list[list[Finding]]) -> list[Outcome]:
    noted: list[Outcome] = []
    this.remedy(found, noted=noted.append)
    return noted


# A whole run


def test_a_run_without_rules_judges_nothing_and_fails() -> None:
    aws = small_aws(rules=[])
    worked: list[Engine] = []

    with pytest.raises(RunError, match="has no valid rule; nothing was checked"):
        engine(aws).carry_out(worked.append)

    assert worked == []
    assert not told(aws)["summary"]["complete"]


def test_a_run_whose_rules_are_all_bad_says_what_is_bad_about_them() -> None:
    aws = small_aws(rules=[rule(1, "", "Update", "x"), rule(2, "Owner", "Delete", "x")])

    with pytest.raises(RunError, match="no valid rule"):
        engine(aws).carry_out(nothing)

    assert [error["rule_id"] for error in told(aws)["rule_errors"]] == ["1", "2"]


@pytest.mark.parametrize(
    "error",
    [refusal("AccessDeniedException"), EndpointConnectionError(endpoint_url="https://dynamodb")],
    ids=lambda error: type(error).__name__,
)
def test_a_run_that_cannot_read_the_rules_does_nothing_and_tells_people(error: Exception) -> None:
    aws = small_aws(failing={"Scan": [error]})
    worked: list[Engine] = []

    with pytest.raises(RunError, match="the rules table tag-policy-rules cannot be read"):
        engine(aws).carry_out(worked.append)

    assert worked == []
    assert len(aws.published) == 1


def test_work_that_breaks_off_is_told_with_all_that_was_done_before_and_fails_the_run() -> None:
    aws = small_aws()
    lacks = listed(aws, ONE, {"CreatedBy": "ann"})

    def work(this: Engine) -> None:
        this.remedy(this.judge([lacks], lambda: False))
        raise KeyError("a fault in the code")

    with pytest.raises(RunError, match="the run broke off: KeyError: 'a fault in the code'"):
        engine(aws).carry_out(work)

    assert aws.tags(ONE)["ProjectCode"] == "Proj007"
    assert told(aws)["summary"]["outcomes"]["tagged"] == 1
    assert "the run broke off" in told(aws)["problems"][0]


def test_what_a_run_announced_before_it_broke_off_gets_its_mark_once_people_were_told() -> None:
    aws = small_aws()
    doomed = listed(aws, ONE)

    def work(this: Engine) -> None:
        this.remedy(this.judge([doomed], lambda: False))
        raise KeyError

    with pytest.raises(RunError):
        engine(aws).carry_out(work)

    assert aws.tags(ONE)[DUE].startswith("tag-policy: terminate at ")
    assert aws.calls.index("Publish") < max(
        number for number, call in enumerate(aws.calls) if call == "CreateTags"
    )


def test_a_message_that_is_refused_leaves_nobody_with_a_mark_that_counts() -> None:
    aws = small_aws(failing={"Publish": [refusal("AuthorizationError", 403)]})
    doomed = listed(aws, ONE)
    this = engine(aws)

    with pytest.raises(RunError, match="could not be published"):
        this.carry_out(lambda of: of.remedy(of.judge([doomed], lambda: False)))

    assert aws.tags(ONE)[DUE].startswith("announcing ")
    assert aws.state == {}, "nobody was told of anything"
    assert this.outcomes.counted[Result.MARKED] == 0
    assert [one.code for one in this.outcomes.of(Result.DEFERRED)] == ["Untold"]


def test_what_becomes_of_an_announcement_is_logged_once_and_as_it_has_become(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aws = small_aws(failing={"Publish": [refusal("AuthorizationError", 403)]})
    doomed = listed(aws, ONE)

    with caplog.at_level(logging.INFO, "tag_policy"), pytest.raises(RunError):
        engine(aws).carry_out(lambda of: of.remedy(of.judge([doomed], lambda: False)))

    lines = [record.getMessage() for record in caplog.records if ONE in record.getMessage()]
    assert lines == [f"deferred {ONE}"]


def test_a_run_that_has_nothing_to_say_tells_nobody_and_returns_its_numbers() -> None:
    aws = small_aws()
    fine = listed(aws, ONE, {"ProjectCode": "Apollo", "CreatedBy": "ann"})

    summary = engine(aws).carry_out(lambda of: of.remedy(of.judge([fine], lambda: False)))

    assert aws.published == []
    assert (summary["instances"], summary["compliant"], summary["violations"]) == (1, 1, 0)
    assert summary["complete"]


def test_a_problem_makes_a_run_incomplete_and_only_a_failure_rings_the_alarm() -> None:
    aws = small_aws()

    summary = engine(aws).carry_out(lambda of: of.problem("a VPC does not exist"))

    assert not summary["complete"]
    with pytest.raises(RunError, match="AWS Config could not be told"):
        engine(aws).carry_out(lambda of: of.problem("AWS Config could not be told", failed=True))


@pytest.mark.parametrize(
    ("assignment", "schedule", "is_told"),
    [(SWEEP, "rate(1 hour)", True), (EVENTS, "rate(1 hour)", False), (EVENTS, "", True)],
    ids=["a sweep", "events before a sweep", "events and no sweep"],
)
def test_a_source_that_could_not_be_read_is_told_once_an_hour_and_not_for_each_launch(
    assignment: Assignment, schedule: str, is_told: bool
) -> None:
    this = engine(small_aws(), assignment, schedule=schedule)

    this._could_not_read("the tags of VPCs could not be read")

    told = ["the tags of VPCs could not be read"] if is_told else []
    assert list(this.report.problems) == told


def test_the_key_of_a_bad_item_is_no_other_spelling_of_a_rules_key() -> None:
    aliases = {"Aliases": {"L": [{"S": "cc"}]}}
    cost = {"RuleId": {"N": "1"}, "TagKey": {"S": "CostCenter"}} | aliases
    bad = rule(2, "cost-center", "Update", "x") | {"Zone": {"S": "x"}}
    aws = small_aws(rules=[cost, bad])
    this = ready(aws)

    (finding,) = this.evaluate(listed(aws, ONE, {"cost-center": "4711"})).findings

    assert (finding.remedy, finding.tag_key) == (Remedy.REPORT, "CostCenter")


def test_a_note_leaves_a_run_complete() -> None:
    this = engine(small_aws())

    summary = this.carry_out(lambda of: of.note("instances may be hidden"))

    assert summary["complete"]
    assert this.report.notes == ["instances may be hidden"]


def test_the_seconds_of_a_run_are_those_that_it_took() -> None:
    this = engine(small_aws())

    summary = this.carry_out(lambda of: of.context.clock.sleep(12.34))

    assert summary["seconds"] == 12.3


# What people know already


def told_of_an_untagged_instance(aws: SmallAws) -> bool:
    """Sweep an instance that is only to be reported; return whether a message names it."""
    aws.published.clear()
    untagged = listed(aws, ONE)
    this = engine(aws, untagged_action="notify")
    with suppress(RunError):
        this.carry_out(lambda of: of.remedy(of.judge([untagged], lambda: False)))
    return ONE in "".join(message["Message"] for message in aws.published)


def test_what_a_delivered_message_has_named_is_named_by_no_sweep_of_the_same_day() -> None:
    aws = small_aws()

    assert [told_of_an_untagged_instance(aws) for _ in range(3)] == [True, False, False]


def test_what_a_refused_message_has_named_is_named_by_the_next_sweep() -> None:
    aws = small_aws(failing={"Publish": [refusal("AuthorizationError", 403)]})

    assert [told_of_an_untagged_instance(aws) for _ in range(3)] == [False, True, False]


def test_a_message_that_is_refused_once_does_not_make_what_is_known_new() -> None:
    aws = small_aws()
    assert told_of_an_untagged_instance(aws)
    aws.failing["Publish"] = [refusal("AuthorizationError", 403)]
    with pytest.raises(RunError):
        engine(aws).carry_out(lambda of: of.problem("a VPC does not exist"))

    assert not told_of_an_untagged_instance(aws)


# What may be ended


def ends(this: Engine, number: int = 1) -> list[Outcome]:
    """Try to end some instances by marks of which people were told."""
    aws: Any = this.context.clients.ec2
    said = str(mark(NOW, NOW - DAY))
    ids = [f"i-{n:017x}" for n in range(number)]
    Memory(this.context.clients, STATE_TABLE).remember_told(dict.fromkeys(ids, Told(NOW, said)))
    doomed = [listed(aws, i, {DUE: said}) for i in ids]
    return remedied(this, this.judge(doomed, lambda: False))


def test_a_run_about_a_part_ends_nothing_because_limits_hold_against_the_whole() -> None:
    this = ready(small_aws(), replace(SWEEP, scope=Scope.SOME))

    (outcome,) = ends(this)

    assert (outcome.result, outcome.code) == (Result.DEFERRED, PART)


def test_a_run_that_has_seen_a_part_of_everything_ends_nothing_either() -> None:
    this = ready(small_aws())
    this.has_seen_a_part()

    (outcome,) = ends(this)

    assert (outcome.result, outcome.code) == (Result.DEFERRED, PART)


def test_a_bad_rule_of_which_the_tag_cannot_be_read_ends_nothing() -> None:
    """It might have been the rule by which an instance has no need of another tag."""
    unreadable = {"RuleId": {"N": "9"}, "TagKey": {"N": "1"}, "Action": {"S": "Update"}}
    this = ready(small_aws(rules=[PROJECT, unreadable]))

    (outcome,) = ends(this)

    assert outcome.code == PART
    assert "fix that rule" in outcome.detail


def test_why_a_run_may_end_nothing_is_told_as_it_was_known_first() -> None:
    this = ready(small_aws(), replace(SWEEP, scope=Scope.SOME))
    this.has_seen_a_part()

    (outcome,) = ends(this)

    assert "only a part of the instances" in outcome.detail


def test_over_the_limit_all_are_held_back_and_not_only_those_that_are_too_many() -> None:
    this = ready(small_aws(), max_destructive="2")

    assert {(one.result, one.code) for one in ends(this, 3)} == {(Result.DEFERRED, LIMIT)}


# Judging


def breaking_off(*instances: Instance, error: Exception) -> Iterator[Instance]:
    yield from instances
    raise error


def test_a_listing_that_breaks_off_yields_what_was_found_and_ends_nothing() -> None:
    aws = small_aws()
    this = ready(aws)
    listing = breaking_off(listed(aws, ONE), error=refusal("RequestLimitExceeded", 503))

    found = list(this.judge(listing, lambda: False))

    assert [one.resource.resource_id for some in found for one in some] == [ONE]
    assert this.may_not_end
    assert this.report.failed
    assert "could not all be listed" in this.report.problems[0]


def test_a_fault_in_judging_is_not_taken_for_an_error_of_the_listing() -> None:
    this = ready(small_aws())

    with pytest.raises(ZeroDivisionError):
        list(this.judge(breaking_off(error=ZeroDivisionError()), lambda: False))


def test_when_the_time_is_up_no_further_instance_is_asked_for() -> None:
    aws = small_aws()
    this = ready(aws)
    drawn: list[str] = []

    def listing() -> Iterator[Instance]:
        for instance_id in (ONE, TWO, THREE):
            drawn.append(instance_id)
            yield listed(aws, instance_id)

    found = list(this.judge(listing(), lambda: len(drawn) == 2))

    assert drawn == [ONE, TWO]
    assert [some[0].resource.resource_id for some in found] == [ONE, TWO], "seen, so judged"
    assert this.may_not_end


def test_a_listing_that_was_seen_to_its_end_may_end_instances() -> None:
    aws = small_aws()
    this = ready(aws)

    list(this.judge([listed(aws, ONE)], lambda: False))

    assert this.may_not_end == ""


def test_every_instance_is_counted_in_its_vpc_and_as_what_it_is() -> None:
    aws = small_aws()
    this = ready(aws, replace(SWEEP, vpc_ids=(VPC, "vpc-0def")))
    this.tallies[VPC].instances = 0
    fine = {"ProjectCode": "Apollo", "CreatedBy": "ann"}
    other = listed(aws, THREE, fine)
    instances = [
        listed(aws, ONE, {"Name": "lacks two"}),
        listed(aws, TWO, {"Name": "web", "tag-policy:exempt": "until 2027-01-01: a test"}),
        replace(other, ref=replace(other.ref, vpc_id="vpc-0def")),
    ]
    judged: list[Verdict] = []

    list(this.judge(instances, lambda: False, lambda _, verdict: judged.append(verdict)))

    here, there = this.tallies.values()
    assert (here.instances, here.compliant, here.exempt, here.violations) == (2, 0, 1, 2)
    assert (there.instances, there.compliant, there.exempt, there.violations) == (1, 1, 0, 0)
    assert [(verdict.compliant, verdict.exempt) for verdict in judged] == [
        (False, False),
        (False, True),
        (True, False),
    ]


def test_what_is_left_to_the_sweep_is_logged_and_neither_counted_nor_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aws = small_aws()
    this = ready(aws, EVENTS)

    with caplog.at_level(logging.INFO, "tag_policy"):
        found = list(
            this.judge([listed(aws, ONE)], lambda: False, remedies=frozenset({Remedy.TAG}))
        )

    assert found == [[]]
    assert this.tallies[VPC].violations == 0
    assert this.tallies[VPC].compliant == 0, "it is not in order"
    assert f"left to the sweep {ONE}: no tags at all" in caplog.text


# Acting


def test_tags_with_known_values_are_written_while_the_rest_is_still_being_found() -> None:
    aws = small_aws()
    this = ready(aws)
    lacks = [listed(aws, f"i-{n:017x}", {"CreatedBy": "ann"}) for n in range(201)]
    tagged_before_the_last: list[bool] = []

    def found() -> Iterator[list[Finding]]:
        for number, one in enumerate(lacks):
            if number == 200:
                tagged_before_the_last.append("ProjectCode" in aws.tags(one_of(lacks)))
            yield list(this.evaluate(one).findings)

    remedied(this, found())

    assert tagged_before_the_last == [True]
    assert all("ProjectCode" in aws.tags(one.ref.resource_id) for one in lacks)


def one_of(instances: list[Instance]) -> str:
    return instances[0].ref.resource_id


def test_tags_of_an_instance_that_waits_for_its_creator_wait_with_it_and_share_the_call() -> None:
    aws = small_aws()
    this = ready(aws)
    found = list(this.judge([listed(aws, ONE, {"Name": "web"})], lambda: False))

    this.remedy(found, {ONE: Nobody("it is too old")})

    assert aws.tags(ONE) == {"Name": "web", "ProjectCode": "Proj007", "CreatedBy": "Undefined"}
    assert aws.calls.count("CreateTags") == 1


def test_an_answer_that_is_there_already_is_not_asked_for_again() -> None:
    aws = small_aws()
    this = ready(aws)
    found = list(this.judge([listed(aws, ONE, {"Name": "web"})], lambda: False))

    this.remedy(found, {ONE: Nobody("it is too old")})

    assert "LookupEvents" not in aws.calls


def test_creators_that_may_be_known_later_are_left_for_later_where_somebody_asks_again() -> None:
    def outcome_of(schedule: str) -> Outcome:
        aws = small_aws()
        this = ready(aws, schedule=schedule)
        new = listed(aws, ONE, {"Name": "web", "ProjectCode": "x"})
        new = replace(new, ref=replace(new.ref, created_at=NOW))
        (only,) = remedied(this, this.judge([new], lambda: False))
        return only

    with_a_sweep, without = outcome_of("rate(1 hour)"), outcome_of("")

    assert (with_a_sweep.result, without.result) == (Result.DEFERRED, Result.DEFERRED)
    assert with_a_sweep.code == ""
    assert without.code == "creator-not-looked-up", "which is never told as ALL WELL"


def test_what_waits_for_its_time_is_logged_and_is_no_outcome(
    caplog: pytest.LogCaptureFixture,
) -> None:
    aws = small_aws()
    this = ready(aws)
    young = listed(aws, ONE)
    young = replace(young, ref=replace(young.ref, created_at=NOW))

    with caplog.at_level(logging.INFO, "tag_policy"):
        assert remedied(this, this.judge([young], lambda: False)) == []

    assert f"waiting {ONE}: no tags at all; younger than the minimum age" in caplog.text


def test_time_that_is_up_is_told_as_what_was_left_undone() -> None:
    aws = small_aws()
    this = ready(aws)
    clock: Any = this.context.clock
    found = list(this.judge([listed(aws, ONE, {"CreatedBy": "ann"})], lambda: False))
    clock.sleep(800)

    (outcome,) = remedied(this, found)

    assert outcome.result is Result.DEFERRED
    assert this.report.problems == [TIME_WAS_UP]
    assert "ProjectCode" not in aws.tags(ONE)


def test_an_audit_decides_all_and_changes_nothing() -> None:
    aws = small_aws()
    this = ready(aws, replace(SWEEP, mode=Mode.AUDIT))
    instances = [listed(aws, ONE, {"CreatedBy": "ann"}), listed(aws, TWO)]

    outcomes = remedied(this, this.judge(instances, lambda: False))

    assert [one.result for one in outcomes] == [Result.TAGGED, Result.MARKED]
    assert (aws.tags(ONE), aws.tags(TWO)) == ({"CreatedBy": "ann"}, {})
    assert not {"CreateTags", "BatchWriteItem"} & set(aws.calls)


def test_a_mark_that_is_taken_back_is_remembered_as_gone_and_in_an_audit_it_is_not() -> None:
    for mode, expected in ((Mode.AUDIT, None), (Mode.ENFORCE, "")):
        aws = small_aws()
        said = str(mark(NOW + DAY, NOW))
        this = ready(aws, replace(SWEEP, mode=mode))
        memory = Memory(aws.clients, STATE_TABLE)
        memory.remember_told({ONE: Told(NOW + DAY, said)})
        tags = {DUE: said, "ProjectCode": "x", "CreatedBy": "ann"}

        (outcome,) = remedied(this, this.judge([listed(aws, ONE, tags)], lambda: False))

        assert outcome.result is Result.UNMARKED
        remembered = memory.last_told([ONE])[ONE].mark
        assert remembered == (said if expected is None else expected)


# Spot requests


def spot(aws: SmallAws, instance_id: str, request: str, **tags: str) -> Instance:
    one = listed(aws, instance_id, tags)
    return replace(one, ref=replace(one.ref, spot_request_id=request))


def test_what_a_persistent_request_would_launch_anew_is_left_and_the_others_are_announced() -> None:
    aws = small_aws(persistent_spot_requests={"sir-1"})
    this = ready(aws)
    instances = [spot(aws, ONE, "sir-1"), spot(aws, TWO, "sir-2"), listed(aws, THREE)]

    outcomes = remedied(this, this.judge(instances, lambda: False))

    by_id = {one.finding.resource.resource_id: one for one in outcomes}
    assert by_id[ONE].finding.code is Code.PROTECTED
    assert {by_id[i].result for i in (TWO, THREE)} == {Result.MARKED}
    assert aws.tags(ONE) == {}


def test_where_requests_cannot_be_asked_for_only_those_they_concern_are_left_for_later() -> None:
    aws = small_aws(
        failing={"DescribeSpotInstanceRequests": [refusal("UnauthorizedOperation", 403)]}
    )
    this = ready(aws)
    instances = [
        spot(aws, ONE, "sir-1"),
        spot(aws, TWO, "sir-2", CreatedBy="ann"),
        listed(aws, THREE),
    ]

    outcomes = remedied(this, this.judge(instances, lambda: False))

    results = {one.finding.resource.resource_id: one.result for one in outcomes}
    assert results == {ONE: Result.DEFERRED, TWO: Result.TAGGED, THREE: Result.MARKED}
    assert not this.report.complete


def test_requests_are_asked_for_only_where_something_is_to_be_ended() -> None:
    aws = small_aws()
    this = ready(aws)

    remedied(this, this.judge([spot(aws, ONE, "sir-1", Name="web")], lambda: False))

    assert "DescribeSpotInstanceRequests" not in aws.calls


def test_who_protects_nothing_that_is_managed_asks_for_no_request() -> None:
    aws = small_aws(persistent_spot_requests={"sir-1"})
    this = ready(aws, protect_managed="false")

    (outcome,) = remedied(this, this.judge([spot(aws, ONE, "sir-1")], lambda: False))

    assert outcome.result is Result.MARKED
    assert "DescribeSpotInstanceRequests" not in aws.calls


def test_the_report_knows_the_schedule_and_its_time_zone() -> None:
    this = engine(small_aws(), SWEEP, schedule="cron(0 6 * * ? *)", time_zone="Europe/Berlin")

    assert this.report.schedule == "cron(0 6 * * ? *)"
    assert this.report.time_zone == ZoneInfo("Europe/Berlin")
