"""The report as people read it."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tag_policy.model.assignment import Mode
from tag_policy.model.outcome import LIMIT, Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.rule import RuleError
from tag_policy.model.text import LINE_LIMIT
from tag_policy.reporting import sns_message as reporting
from tag_policy.reporting.report import Tally
from tests.support.builders import outcome, ref, report
from tests.support.reports import MARK, ONE_OF_EACH, parts
from tests.support.strangers import a_report, evil, harmless_twin


def test_the_findings_are_grouped_by_outcome_worst_first() -> None:
    text, _ = parts(report(outcomes=ONE_OF_EACH))

    headings = [line for line in text.splitlines() if line.endswith("(1)")]
    assert headings == [
        "TERMINATED (1)",
        "STOPPED (1)",
        "ISOLATED (1)",
        "FAILED (1)",
        "ANNOUNCED: THIS WILL HAPPEN UNLESS THEIR TAGS ARE FIXED FIRST (1)",
        "NOT TOUCHED, BECAUSE SOMEBODY HAS TO DECIDE (1)",
        "NOT AS THE RULES SAY, LEFT FOR PEOPLE TO FIX (1)",
        "LEFT FOR THE NEXT RUN (1)",
        "UNTAGGED, NOT TOUCHED (1)",
        "NOT DONE, BECAUSE THE VPC IS ONLY AUDITED (1)",
        "MARK REMOVED (1)",
        "TAG DELETED (1)",
        "TAGGED (1)",
    ]


def test_a_failure_tells_the_instance_the_tag_and_the_code_of_aws_in_one_line() -> None:
    text, _ = parts(report(outcomes=[o for o in ONE_OF_EACH if o.code]))

    (line,) = [line for line in text.splitlines() if "TagLimitExceeded" in line]
    assert "i-0123456789abcdef0" in line
    assert 'ProjectCode = "Proj007"' in line
    assert "required tag missing" in line


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (Result.REMOVED, 'i-0123456789abcdef0  cc = "4711"  '),
        (Result.FAILED, 'i-0123456789abcdef0  delete cc = "4711"  '),
        (Result.DEFERRED, 'i-0123456789abcdef0  delete cc = "4711"  '),
        (Result.AUDITED, 'i-0123456789abcdef0  delete cc = "4711"  '),
    ],
)
def test_a_tag_that_is_to_be_deleted_is_not_taken_for_one_that_is_written(
    result: Result, line: str
) -> None:
    text, _ = parts(
        report(outcomes=[outcome(result, remedy=Remedy.REMOVE, tag_key="cc", value="4711")])
    )

    assert line in text


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
            resource=ref(f"i-{number:017x}"),
            remedy=Remedy.TERMINATE,
            reason="no tags at all",
            tag_key="",
            value=None,
            code=LIMIT,
            detail="20 are due, but a run may end 10 at most",
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
    assert first_line(outcomes=[failed, failed]) == "NEEDS ACTION: 2 changes failed."
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


def test_a_tag_without_the_detail_that_aws_refused_is_not_told_as_all_well() -> None:
    told = report(outcomes=[outcome(Result.TAGGED, code="UnauthorizedOperation")])

    assert parts(told)[0].startswith("PLEASE CHECK: 1 tag written.")


def test_findings_are_grouped_by_owner_where_one_is_known() -> None:
    sam, jane, nobody = (
        outcome(resource=ref(f"i-{number}"), owner=owner)
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


def test_the_next_time_of_a_cron_is_told_in_its_time_zone() -> None:
    deferred = [outcome(Result.DEFERRED, value=None, detail="throttled")]
    berlin = {"schedule": "cron(0 6 * * ? *)", "time_zone": ZoneInfo("Europe/Berlin")}

    text, machine = parts(report(outcomes=deferred, **berlin))

    when = "at the next time of cron(0 6 * * ? *), Europe/Berlin"
    assert f"  Looked at again {when}.\n" in text
    assert machine["next_run"] == when


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


def test_many_instances_that_wait_for_the_same_share_a_line() -> None:
    waiting = [
        outcome(Result.DEFERRED, resource=ref(f"i-{number}"), value=None, detail="throttled")
        for number in range(800)
    ]
    another = outcome(Result.DEFERRED, value=None, detail="it is so new")

    text, machine = parts(report(outcomes=[*waiting, another]))

    assert "i-0, i-1, i-2 and 797 other instances  ProjectCode  required tag missing" in text
    assert text.count("throttled") == 1
    assert text.count("it is so new") == 1
    assert "LEFT FOR THE NEXT RUN (801)" in text
    assert len(machine["findings"]) == 801, "machines are told of each"


strangers_text = st.text(max_size=300)


results = st.sampled_from(list(Result))


@given(
    st.lists(
        st.builds(
            lambda result, name, value, detail: outcome(
                result, resource=ref(name=name), value=value, detail=detail
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


LINES = len(reporting.whole_text(harmless_twin()).split("\n"))


@settings(max_examples=60, deadline=None)
@given(st.lists(evil, min_size=1, max_size=12))
def test_whatever_stands_in_every_field_the_report_has_the_lines_that_it_always_has(
    texts: list[str],
) -> None:
    numbers = iter(range(10**6))

    def text() -> str:  # never empty, and no two alike: else some lines would be others
        number = next(numbers)
        return f"{number:06}{texts[number % len(texts)]}"

    of = a_report(text)
    written = reporting.whole_text(of)

    lines = written.split("\n")
    assert len(lines) == LINES == len(written.splitlines())
    assert all(line.isprintable() and len(line) <= LINE_LIMIT for line in lines)
    assert sum(line.startswith("TERMINATED") for line in lines) == 1


def test_problems_that_are_many_are_left_to_the_log() -> None:
    text = reporting.whole_text(report(problems=[f"problem {n}" for n in range(25)]))

    assert "problem 19\n  and 5 more; the log names all of them" in text
    assert "problem 20" not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"remedy": Remedy.STOP}, "would be stopped"),
        ({"remedy": Remedy.TERMINATE}, "would be terminated"),
        ({"remedy": Remedy.UNMARK}, "its mark would be removed"),
        ({"remedy": Remedy.MARK, "mark": MARK}, MARK.what),
        ({"tag_key": "Team", "value": "ops"}, 'Team = "ops"'),
    ],
)
def test_of_what_is_only_audited_the_line_says_what_would_be_done(
    changes: dict[str, Any], said: str
) -> None:
    text, _ = parts(report(outcomes=[outcome(Result.AUDITED, **changes)]))

    (line,) = [line for line in text.splitlines() if line.startswith("  i-")]
    assert f"  {said}  " in line


def test_of_a_kind_with_too_many_to_list_their_number_is_told_and_others_are_listed() -> None:
    def mend(number: int, **changes: Any) -> Outcome:
        of = ref(f"i-{number}")
        return outcome(Result.REPORTED, resource=of, remedy=Remedy.REPORT, value=None, **changes)

    many = [mend(number, owner="jane", note="ask ops") for number in range(5_000)]
    text, machine = parts(report(outcomes=[*many, mend(9, tag_key="Owner", reason="tag empty")]))

    assert (
        "  i-0, i-1, i-2 and 4,997 other instances  ProjectCode  required tag missing - ask ops\n"
    ) in text
    assert "i-9  Owner  tag empty" in text
    assert "LEFT FOR PEOPLE TO FIX (5,001)" in text
    assert "left out" not in text, "all of them are told of"
    assert machine["findings_left_out"] == 4_800, "machines have the log for these"
