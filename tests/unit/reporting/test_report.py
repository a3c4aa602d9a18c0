import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.assignment import Mode
from tag_policy.model.outcome import CREATOR_NOT_LOOKED_UP, CREATOR_UNREADABLE, LIMIT, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.rule import RuleError
from tag_policy.model.text import clean
from tag_policy.reporting import sns_message as reporting
from tag_policy.reporting.report import MOST_KEPT, Outcomes, Report, Severity, Tally, summary
from tests.support.builders import NOW, mark, outcome, ref, report

TOMORROW = NOW + timedelta(days=1)
MARK = mark(TOMORROW, TOMORROW)
ONE_OF_EACH = [
    outcome(Result.TAGGED),
    outcome(Result.NOTIFIED, remedy=Remedy.NOTIFY, tag_key="", value=None),
    outcome(Result.MARKED, mark=MARK),
    outcome(Result.UNMARKED, remedy=Remedy.UNMARK, tag_key="due", value=None),
    outcome(Result.DEFERRED, value=None, detail="its event may be on its way"),
    outcome(Result.FAILED, code="TagLimitExceeded", detail="too many tags"),
    outcome(Result.STOPPED, remedy=Remedy.STOP, tag_key="", value=None),
    outcome(Result.TERMINATED, remedy=Remedy.TERMINATE, tag_key="", value=None),
    outcome(Result.LEFT, remedy=Remedy.LEAVE, tag_key="due", value=None),
]


def parts(of: Report) -> tuple[str, dict[str, Any]]:
    message = json.loads(reporting.message(of))
    return message["email"], json.loads(message["default"])


def test_the_summary_counts_findings_by_outcome() -> None:
    counted = summary(report(instances=1000, compliant=490, violations=1010, outcomes=ONE_OF_EACH))

    assert counted == {
        "mode": "enforce",
        "trigger": "schedule",
        "scope": "all",
        "acts": True,
        "vpc_ids": ["vpc-abc123c1"],
        "rules": 3,
        "rule_errors": 0,
        "instances": 1000,
        "compliant": 490,
        "exempt": 0,
        "violations": 1010,
        "complete": True,
        "held_back": 0,
        "seconds": 0.0,
        "outcomes": {
            "tagged": 1,
            "terminated": 1,
            "stopped": 1,
            "notified": 1,
            "left": 1,
            "marked": 1,
            "unmarked": 1,
            "deferred": 1,
            "failed": 1,
        },
    }


def test_a_run_that_found_nothing_has_nothing_to_say() -> None:
    assert not report().has_something_to_say
    assert report(outcomes=ONE_OF_EACH[:1]).has_something_to_say
    assert report(rule_errors=[RuleError("7", "bad")]).has_something_to_say
    assert report(problems=["no time"]).has_something_to_say


def test_the_subject_begins_with_the_counts_that_matter() -> None:
    subject = reporting.subject(report(outcomes=ONE_OF_EACH))

    assert subject.startswith(
        "Tag policy: 1 terminated, 1 stopped, 1 failed, 1 marked, 1 left, 1 deferred"
    )


def test_a_subject_that_is_too_long_loses_whole_parts_and_the_gentlest_first() -> None:
    subject = reporting.subject(
        report(
            mode=Mode.AUDIT,
            outcomes=[found for found in ONE_OF_EACH for _ in range(1000)],
            rule_errors=[RuleError("7", "bad")] * 100,
            problems=["no time"],
        )
    )

    assert len(subject) <= 99
    assert "INCOMPLETE, 1000 terminated, 1000 stopped" in subject
    assert subject.endswith(("failed", "stopped", "rules", "deferred"))


def test_rule_errors_never_make_a_message_too_large() -> None:
    errors = [RuleError(str(number), "x" * 300_000) for number in range(1500)]

    text, machine = parts(report(rule_errors=errors, problems=["p" * 300_000]))

    assert len(reporting.message(report(rule_errors=errors)).encode()) < 262_144
    assert "and 1,450 more" in text
    assert machine["summary"]["rule_errors"] == 1500


def test_the_findings_are_grouped_by_outcome_worst_first() -> None:
    text, _ = parts(report(outcomes=ONE_OF_EACH))

    headings = [line for line in text.splitlines() if line.endswith("(1)")]
    assert headings == [
        "TERMINATED (1)",
        "STOPPED (1)",
        "FAILED (1)",
        "ANNOUNCED: THIS WILL HAPPEN UNLESS THEY ARE TAGGED BEFORE (1)",
        "NOT TOUCHED, BECAUSE SOMEBODY HAS TO DECIDE (1)",
        "LEFT FOR THE NEXT RUN (1)",
        "UNTAGGED, NOT TOUCHED (1)",
        "MARK REMOVED (1)",
        "TAGGED (1)",
    ]


def test_a_failure_tells_the_instance_the_tag_and_the_code_of_aws_in_one_line() -> None:
    text, _ = parts(report(outcomes=[o for o in ONE_OF_EACH if o.code]))

    (line,) = [line for line in text.splitlines() if "TagLimitExceeded" in line]
    assert "i-0123456789abcdef0" in line
    assert 'ProjectCode = "Proj007"' in line
    assert "required tag missing" in line


def test_the_head_tells_where_and_when() -> None:
    text, machine = parts(report(outcomes=ONE_OF_EACH))

    for expected in ("eu-west-1", "123456789012", "vpc-abc123c1", "2026-11-23 08:00:00 UTC"):
        assert expected in text
    assert machine["region"] == "eu-west-1"
    assert machine["time"] == "2026-11-23T08:00:00+00:00"


def test_an_audit_cannot_be_mistaken_for_something_done() -> None:
    audit = report(mode=Mode.AUDIT, outcomes=ONE_OF_EACH)
    text, machine = parts(audit)

    assert text.startswith("AUDIT: NOTHING WAS CHANGED")
    for heading in [line for line in text.splitlines() if line.endswith("(1)")]:
        assert "WOULD" in heading
    assert reporting.subject(audit).startswith("Tag policy AUDIT, nothing done; would be: 1 term")
    assert machine["summary"]["mode"] == "audit"


def test_what_is_announced_says_what_will_happen_and_when() -> None:
    text, machine = parts(report(outcomes=[o for o in ONE_OF_EACH if o.result is Result.MARKED]))

    assert "terminate at 2026-11-24T08:00:00Z  required tag missing" in text
    assert machine["findings"][0]["due"] == MARK.what


def test_each_instance_that_a_limit_held_back_is_listed() -> None:
    held = [
        outcome(
            Result.DEFERRED,
            instance=ref(f"i-{number:017x}"),
            remedy=Remedy.TERMINATE,
            reason="no tags at all",
            tag_key="",
            value=None,
            code=LIMIT,
            detail="20 are due, and a run may end 10 at most",
        )
        for number in range(20)
    ]

    text, _ = parts(report(outcomes=held))

    assert all(f"i-{number:017x}  not terminated  no tags at all" in text for number in range(20))
    assert text.count("a run may end 10 at most") == 20


def test_the_first_line_is_the_verdict() -> None:
    def first_line(**changes: Any) -> str:
        return parts(report(**changes))[0].splitlines()[0]

    tagged = [outcome() for _ in range(1200)]
    failed, terminated = ONE_OF_EACH[5], ONE_OF_EACH[7]
    assert first_line(outcomes=tagged) == "ALL WELL: 1,200 tags written."
    assert first_line(outcomes=[terminated, *tagged[:1]]) == (
        "PLEASE CHECK: 1 instance terminated, 1 tag written."
    )
    assert first_line(outcomes=[failed, failed]) == "NEEDS ACTION: 2 remedies failed."
    assert first_line(problems=["p"], rule_errors=[RuleError("7", "bad")]) == (
        "NEEDS ACTION: the run is incomplete, 1 rule cannot be used."
    )
    assert first_line(outcomes=tagged[:1], mode=Mode.AUDIT) == (
        "AUDIT: NOTHING WAS CHANGED. An enforcing run would say: 1 tag written."
    )
    held = [outcome(Result.DEFERRED, code=LIMIT), outcome(Result.DEFERRED)]
    assert first_line(outcomes=held) == (
        "NEEDS ACTION: 1 held back by a limit, 1 finding left for the next run."
    )


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"outcomes": [ONE_OF_EACH[0], ONE_OF_EACH[3], ONE_OF_EACH[4]]}, "info"),
        *(({"outcomes": [ONE_OF_EACH[number]]}, "warning") for number in (1, 2, 6, 7, 8)),
        ({"outcomes": [outcome(Result.DEFERRED, code="ServiceUnavailable")]}, "warning"),
        ({"outcomes": [outcome(Result.DEFERRED, remedy=Remedy.TERMINATE)]}, "warning"),
        ({"outcomes": [ONE_OF_EACH[5]]}, "error"),
        ({"outcomes": [outcome(Result.DEFERRED, code=LIMIT)]}, "error"),
        ({"problems": ["p"]}, "error"),
        ({"rule_errors": [RuleError("7", "bad")]}, "error"),
    ],
)
def test_the_severity_says_whether_somebody_is_needed(
    changes: dict[str, Any], severity: str
) -> None:
    assert reporting.attributes(report(**changes))["severity"] == severity
    assert parts(report(**changes))[1]["severity"] == severity


@pytest.mark.parametrize("code", [CREATOR_UNREADABLE, CREATOR_NOT_LOOKED_UP])
def test_what_only_a_person_can_mend_is_never_told_as_all_well(code: str) -> None:
    told = report(outcomes=[outcome(Result.TAGGED), outcome(Result.DEFERRED, code=code)])

    assert told.severity is Severity.WARNING
    assert parts(told)[0].startswith("PLEASE CHECK: ")


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("", "not terminated"),  # it changed, or the time was up
        ("TooSlow", "not terminated"),
        (LIMIT, "not terminated"),
        ("RequestTimeout", "termination not confirmed"),
        ("NotConfirmed", "termination not confirmed"),
    ],
)
def test_an_end_that_was_never_tried_is_not_told_as_one_that_may_have_been(
    code: str, what: str
) -> None:
    left = outcome(Result.DEFERRED, remedy=Remedy.TERMINATE, tag_key="", value=None, code=code)

    assert f"i-0123456789abcdef0  {what}  " in parts(report(outcomes=[left]))[0]


def test_an_end_is_told_as_one_and_not_as_one_that_was_not_made() -> None:
    ends = {Result.TERMINATED: Remedy.TERMINATE, Result.STOPPED: Remedy.STOP}
    outcomes = [outcome(result, remedy=one, tag_key="", value=None) for result, one in ends.items()]

    for mode in (Mode.ENFORCE, Mode.AUDIT):
        text = parts(report(mode=mode, outcomes=outcomes))[0]
        lines = [line for line in text.splitlines() if "i-0123456789abcdef0" in line]
        assert len(lines) == 2
        assert all("not " not in line and "confirmed" not in line for line in lines)


def test_each_message_of_an_incomplete_run_says_that_it_is() -> None:
    marked = [outcome(Result.MARKED, instance=ref(f"i-{n:017x}"), mark=MARK) for n in range(1500)]
    run = report(outcomes=marked, problems=["no time"], rule_errors=[RuleError("7", "bad")])

    several = list(reporting.messages(run))

    assert len(several) > 1
    for one in several:
        machine = json.loads(json.loads(one.body)["default"])
        assert machine["verdict"].startswith("NEEDS ACTION: the run is incomplete, 1 rule cannot")
        assert not machine["summary"]["complete"]
        assert (one.attributes["severity"], one.attributes["complete"]) == ("error", "false")
        assert "INCOMPLETE" in one.subject


def test_a_tag_without_the_detail_that_aws_refused_is_not_told_as_all_well() -> None:
    told = report(outcomes=[outcome(Result.TAGGED, code="UnauthorizedOperation")])

    assert parts(told)[0].startswith("PLEASE CHECK: 1 tag written.")


def test_the_vpcs_of_a_message_are_those_that_it_is_about() -> None:
    two = {"vpc_ids": ("vpc-abc123c1", "vpc-2")}

    assert reporting.attributes(report(outcomes=[outcome()], **two))["vpc_ids"] == ["vpc-abc123c1"]
    for flaw in ({"problems": ["p"]}, {"rule_errors": [RuleError("7", "bad")]}):
        attributes = reporting.attributes(report(outcomes=[outcome()], **two, **flaw))
        assert attributes["vpc_ids"] == ["vpc-abc123c1", "vpc-2"]


def test_findings_are_grouped_by_owner_where_one_is_known() -> None:
    sam, jane, nobody = (
        outcome(instance=ref(f"i-{number}"), owner=owner)
        for number, owner in enumerate(["sam", "jane", ""])
    )

    text, machine = parts(report(outcomes=[nobody, sam, jane]))

    lines = text[text.index("TAGGED") :].splitlines()
    assert [line.split("  ")[:3] for line in lines[1:7]] == [
        ["", "jane:"],
        ["", "", "i-1"],
        ["", "sam:"],
        ["", "", "i-0"],
        ["", "launched by somebody unknown:"],
        ["", "", "i-2"],
    ]
    assert [finding.get("owner") for finding in machine["findings"]] == ["jane", "sam", None]


def test_an_owner_cannot_break_a_line() -> None:
    text, _ = parts(report(outcomes=[outcome(owner="a\nTERMINATED (9)\u202e")]))

    assert "  a TERMINATED (9) :" in text


def test_what_is_deferred_says_when_it_is_looked_at_again() -> None:
    deferred = [outcome(Result.DEFERRED, value=None, detail="throttled")]

    text, machine = parts(report(outcomes=deferred, schedule="rate(1 hour)"))

    assert "LEFT FOR THE NEXT RUN (1)\n  Looked at again by 2026-11-23 09:00 UTC.\n" in text
    assert machine["next_run"] == "by 2026-11-23 09:00 UTC"


def test_several_vpcs_have_a_line_each() -> None:
    by_vpc = {"vpc-1": Tally(1000, 990, 0, 12), "vpc-2": Tally(10, 0, 0, 30)}

    text, machine = parts(report(by_vpc=by_vpc, vpc_ids=tuple(by_vpc), outcomes=[outcome()]))

    assert "VPC:      vpc-1, 990 of 1,000 needed nothing\nVPC:      vpc-2, 0 of 10 needed" in text
    assert [vpc["violations"] for vpc in machine["vpcs"]] == [12, 30]


def test_where_the_report_is_to_be_read_as_a_page_is_told() -> None:
    url = "https://eu-west-1.console.aws.amazon.com/s3/object/b?region=eu-west-1&prefix=k"

    text, machine = parts(report(page=url, outcomes=[outcome()]))

    assert f"As a page: {url}" in text
    assert machine["page"] == url


def test_exempt_instances_are_counted() -> None:
    text, machine = parts(report(exempt=3, outcomes=ONE_OF_EACH))

    assert "3 exempt instances left alone." in text
    assert machine["summary"]["exempt"] == 3


def test_an_incomplete_run_and_bad_rules_are_told_before_the_findings() -> None:
    text, machine = parts(
        report(
            outcomes=ONE_OF_EACH,
            problems=["vpc-0bad does not exist"],
            rule_errors=[RuleError("7", "TagKey is missing")],
        )
    )

    assert text.index("vpc-0bad does not exist") < text.index("TERMINATED")
    assert text.index("rule 7: TagKey is missing") < text.index("TERMINATED")
    assert not machine["summary"]["complete"]


def test_a_message_over_the_limit_is_cut_at_a_line_and_says_so() -> None:
    many = [outcome(instance=ref(f"i-{number:017x}")) for number in range(5000)]
    tagged_and_terminated = [*many, ONE_OF_EACH[7]]

    text, machine = parts(report(outcomes=tagged_and_terminated))

    lines = [line for line in text.splitlines() if line.startswith("  i-")]
    assert all(line.endswith("required tag missing") for line in lines)
    left_out = machine["findings_left_out"]
    assert left_out > 0
    assert len(lines) == len(machine["findings"]) == len(tagged_and_terminated) - left_out
    assert f"{left_out:,} lines left out" in text
    assert "/aws/lambda/tag-policy" in text
    assert machine["findings"][0]["result"] == "terminated", "the worst is never left out first"
    assert machine["summary"]["outcomes"]["tagged"] == 5000, "the counts are whole"


def test_many_instances_that_wait_for_the_same_share_a_line() -> None:
    waiting = [
        outcome(Result.DEFERRED, instance=ref(f"i-{number}"), value=None, detail="throttled")
        for number in range(1000)
    ]
    another = outcome(Result.DEFERRED, value=None, detail="it is so new")

    text, machine = parts(report(outcomes=[*waiting, another]))

    assert "i-0, i-1, i-2 and 997 other instances  ProjectCode  required tag missing" in text
    assert text.count("throttled") == 1
    assert text.count("it is so new") == 1
    assert "LEFT FOR THE NEXT RUN (1,001)" in text
    assert len(machine["findings"]) == 1001, "machines are told of each"


def test_machines_get_json_people_get_text() -> None:
    message = json.loads(reporting.message(report(outcomes=ONE_OF_EACH)))

    assert set(message) == {"default", "email", "sms"}
    assert len(json.loads(message["default"])["findings"]) == len(ONE_OF_EACH)


def test_there_are_no_more_attributes_than_sns_delivers() -> None:
    assert len(reporting.attributes(report())) <= 10


strangers_text = st.text(max_size=300)
results = st.sampled_from(list(Result))


@given(
    st.lists(
        st.builds(
            lambda result, name, value, detail: outcome(
                result, instance=ref(name=name), value=value, detail=detail
            ),
            results,
            strangers_text,
            strangers_text,
            strangers_text,
        ),
        max_size=3,  # four that wait for the same share a line
    ),
    st.lists(strangers_text, max_size=3),
    st.sampled_from(list(Mode)),
)
def test_whatever_strangers_write_each_finding_is_one_line_and_the_subject_is_plain(
    outcomes: list[Any], problems: list[str], mode: Mode
) -> None:
    subject_of = report(outcomes=outcomes, problems=problems, mode=mode)
    text, machine = parts(subject_of)
    subject = reporting.subject(subject_of)

    assert subject.isascii()
    assert subject.isprintable()
    assert 0 < len(subject) <= 99
    lines = [line for line in text.split("\n") if line.startswith("  i-0123456789abcdef0")]
    assert len(lines) == len(outcomes)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert len(machine["findings"]) == len(outcomes)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a\nb\r\nc", "\u202egnirts", "\U0001f600" * 256, "\x00"]
)
def test_whatever_a_tag_holds_its_line_of_the_log_is_one_line_of_json(text: str) -> None:
    record = logging.makeLogRecord(
        {"msg": "tagged", "levelno": logging.INFO, "name": "tag_policy.runs.engine"}
        | reporting.as_record(outcome(value=text, instance=ref(name=text), owner=text))
    )

    line = JsonFormatter().format(record)

    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert json.loads(line)["tag_value"] == clean(text, 256)


@pytest.mark.parametrize("character", ["é", "漢", "\U0001f600", '"', "\\", "\x00"])
@pytest.mark.parametrize("number", [900, 20_000])
def test_no_message_is_larger_than_sns_takes(character: str, number: int) -> None:
    value = character * 256
    many = [outcome(value=value, detail=value, instance=ref(name=value)) for _ in range(number)]

    message = reporting.message(report(outcomes=many))

    limit = 262_144 - 8_192
    assert 0.95 * limit <= len(message.encode()) <= limit
    assert json.loads(json.loads(message)["default"])["findings_left_out"] > 0


def test_nothing_is_left_out_of_a_message_that_holds_all() -> None:
    """Up to the last line that fits, and not only to where a message is nearly full."""
    left_out, number = 0, 600
    while not left_out:
        number += 1
        message = reporting.message(report(outcomes=[outcome()] * number))
        left_out = json.loads(json.loads(message)["default"])["findings_left_out"]

    one_more = len(message.encode()) / (number - left_out)
    whole = reporting.message(report(outcomes=[outcome()] * (number - 1)))
    limit = 262_144 - 8_192
    assert limit - 2 * one_more < len(whole.encode()) <= limit


def test_all_outcomes_are_counted_and_no_more_kept_than_can_be_told() -> None:
    outcomes = Outcomes(
        outcome(result) for _ in range(100_000) for result in (Result.TAGGED, Result.FAILED)
    )

    assert outcomes.counted == {Result.TAGGED: 100_000, Result.FAILED: 100_000}
    assert len(outcomes) == 200_000
    assert len(outcomes.of(Result.FAILED)) == len(outcomes.of(Result.TAGGED)) == MOST_KEPT
    text, machine = parts(report(outcomes=[outcome(Result.TAGGED)] * 50_000))
    shown = len(machine["findings"])
    assert machine["summary"]["outcomes"]["tagged"] == 50_000
    assert machine["findings_left_out"] == 50_000 - shown
    assert f"{50_000 - shown:,} lines left out" in text


@pytest.mark.parametrize("result", [Result.TERMINATED, Result.STOPPED])
def test_each_instance_that_was_ended_is_named_in_a_message_however_many_they_are(
    result: Result,
) -> None:
    ids = [f"i-{number:017x}" for number in range(1_600)]
    ended = [
        outcome(result, instance=ref(instance_id=instance_id), tag_key="", value=None)
        for instance_id in ids
    ]

    bodies = [json.loads(one.body) for one in reporting.messages(report(outcomes=ended))]

    for protocol in ("default", "email"):
        told = " ".join(body[protocol] for body in bodies)
        assert [instance_id for instance_id in ids if instance_id not in told] == []


def test_a_run_publishes_ten_messages_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "MESSAGE_LIMIT", 5_000)
    announced = [
        outcome(Result.MARKED, mark=mark(NOW, NOW), instance=ref(instance_id=f"i-{number:017x}"))
        for number in range(200)
    ]

    published = list(reporting.messages(report(outcomes=announced)))

    assert len(published) == 10
    assert 0 < sum(len(one.announced) for one in published) < 200
