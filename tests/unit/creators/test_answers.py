"""What becomes of findings that wait for a creator, by the answer about their instance."""

from dataclasses import replace
from typing import Any

import pytest

from tag_policy.creators.answers import instances_to_look_up, waits_for_creator, with_creators
from tag_policy.model.finding import Code, Finding
from tag_policy.model.launch import Answer, Known, Launch, Nobody, NotKnownYet, PrincipalKind
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tests.support.builders import NOW, ref, settings

A, B = ref("i-a"), ref("i-b")
LAUNCH = Launch(PrincipalKind.ROLE, "jane", "admin", "arn:aws:…", "event-1", NOW)


def waiting(instance: Any = A, key: str = "CreatedBy", **more: Any) -> Finding:
    return Finding(
        instance,
        Remedy.TAG,
        Code.MISSING,
        "required tag missing",
        tag_key=key,
        fallback="Undefined",
        **more,
    )


def filled(instance: Any = A, **more: Any) -> Finding:
    return replace(waiting(instance, "ProjectCode"), value="P", **more)


def answered(*findings: Finding, answer: Answer, **how: str) -> tuple[list[Finding], list[Outcome]]:
    return with_creators(findings, {"i-a": answer}, settings(**how))


@pytest.mark.parametrize(
    ("finding", "waits"),
    [
        (waiting(), True),
        (filled(), False),
        (waiting(value=""), False),
        (replace(waiting(), remedy=Remedy.LEAVE), False),
        (replace(filled(), remedy=Remedy.MARK), False),
    ],
)
def test_a_tag_without_a_value_waits_for_a_creator(finding: Finding, waits: bool) -> None:
    assert waits_for_creator(finding) is waits


def test_each_instance_is_looked_up_once_whatever_its_number_of_tags() -> None:
    findings = [waiting(B), waiting(A), waiting(A, "Owner"), filled(ref("i-c"))]

    assert instances_to_look_up(findings) == [B, A]


def test_whoever_is_known_is_written_with_the_proof_and_the_detail() -> None:
    ready, deferred = answered(
        waiting(), answer=Known(LAUNCH), creator_format="role/name", attribution_details="event_id"
    )

    assert deferred == []
    assert ready == [
        waiting(
            value="admin/jane",
            owner="admin/jane",
            launch=LAUNCH,
            detail_tag=("CreatedBy:event-id", "event-1"),
        )
    ]


def test_no_detail_is_written_where_none_is_wanted() -> None:
    ((finding,), _) = answered(waiting(), answer=Known(LAUNCH))

    assert finding == waiting(value="jane", owner="jane", launch=LAUNCH)


def test_whoever_is_known_is_the_owner_in_all_findings_about_the_instance_and_in_no_other() -> None:
    ready, _ = answered(
        filled(owner="by a tag"), filled(B, owner="joe"), waiting(), answer=Known(LAUNCH)
    )

    assert ready == [
        filled(owner="jane"),
        filled(B, owner="joe"),
        waiting(value="jane", owner="jane", launch=LAUNCH),
    ]


def test_a_finding_of_which_the_owner_is_known_already_is_the_same() -> None:
    finding = filled(owner="jane")

    ((same, _), _) = answered(finding, waiting(), answer=Known(LAUNCH))

    assert same is finding


def test_where_nobody_is_found_the_fallback_is_written_and_told_why() -> None:
    ready, deferred = answered(
        waiting(), filled(), answer=Nobody("because it was launched long ago")
    )

    assert deferred == []
    assert ready == [
        replace(
            waiting(),
            value="Undefined",
            reason="required tag missing; creator not found, because it was launched long ago",
            source="default",
        ),
        filled(),
    ]


def test_what_is_not_known_yet_is_left_for_the_next_run_and_the_rest_is_done() -> None:
    ready, deferred = answered(
        waiting(), filled(), answer=NotKnownYet("it is on its way", "ThrottlingException")
    )

    assert ready == [filled()]
    assert deferred == [
        Outcome(waiting(), Result.DEFERRED, "it is on its way", "ThrottlingException")
    ]


def test_what_only_a_person_can_mend_has_a_code_of_its_own() -> None:
    _, deferred = answered(waiting(), answer=NotKnownYet("it cannot be read", "x", by_hand=True))

    assert deferred == [
        Outcome(waiting(), Result.DEFERRED, "it cannot be read", "creator-unreadable")
    ]
