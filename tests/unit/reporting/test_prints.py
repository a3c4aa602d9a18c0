"""Whatever strangers write into whichever field, what is printed keeps its form."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tag_policy import handler
from tag_policy.aws.errors import Refusal, refusal_of
from tag_policy.model.assignment import Mode, Scope, Trigger
from tag_policy.model.finding import Code, Finding
from tag_policy.model.instance import InstanceRef
from tag_policy.model.launch import Launch, PrincipalKind
from tag_policy.model.mark import Mark
from tag_policy.model.outcome import Outcome
from tag_policy.model.outcome import Result as Res
from tag_policy.model.remedy import Remedy, UntaggedAction
from tag_policy.model.rule import RuleError
from tag_policy.model.target import Target
from tag_policy.model.text import DETAIL_LIMIT, LINE_LIMIT
from tag_policy.reporting import page
from tag_policy.reporting import sns_message as reporting
from tag_policy.reporting.log import CleanRecord
from tag_policy.reporting.publish import RunError
from tag_policy.reporting.report import Outcomes, Report, Tally
from tag_policy.triggers.config_rule import Compliance, Evaluation, evaluation
from tests.support.builders import NOW, outcome, ref, report

FORGED = [
    "\nTERMINATED (9)\n  i-0123456789abcdef0",
    "\r\n",
    "\u2028\u2029\x85\x0b\x0c",
    "\u202egnirts",
    "\u200b",
    "\ud800",
    '"\\' * 200,
    "\x00" * 300,
    "x" * 5_000,
    "</script>",
]
evil = st.sampled_from(FORGED) | st.text(st.characters(exclude_categories=[]), max_size=40)


def a_report(text: Callable[[], str]) -> Report:
    """Make a report with a text of ``text`` in each field that holds one."""
    launch = Launch(PrincipalKind.ROLE, text(), text(), text(), text(), NOW)
    outcomes = [
        Outcome(
            Finding(
                InstanceRef(text(), text(), text(), NOW, {text(): text()}),
                remedy,
                Code.MISSING,
                text(),
                mark=Mark(text(), UntaggedAction.STOP, NOW, text(), None),
                tag_key=text(),
                value=text(),
                fallback=text(),
                owner=text(),
                launch=launch,
                detail_tag=(text(), text()),
            ),
            result,
            text(),
            text(),
        )
        for result in Res
        for remedy in (Remedy.TAG, Remedy.MARK, Remedy.STOP)
    ]
    return Report(
        mode=Mode.ENFORCE,
        trigger=Trigger.EVENTS,
        scope=Scope.SOME,
        acts=True,
        rehearsal=False,
        vpc_ids=[text(), text()],
        target=Target(text(), text(), text()),
        time=datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
        log_group=text(),
        request_id=text(),
        engine=text(),
        schedule=text(),
        rule_errors=[RuleError(text(), text()) for _ in range(60)],
        by_vpc={"vpc-1": Tally(), "vpc-2": Tally()},
        outcomes=Outcomes(outcomes),
        problems=[text() for _ in range(30)],
        page=text(),
    )


def harmless_twin() -> Report:
    """Make such a report of harmless texts, no two of them alike, as those of strangers may be."""
    numbers = iter(range(10**6))
    return a_report(lambda: f"text-{next(numbers):06}")


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


@settings(max_examples=40, deadline=None)
@given(st.lists(evil, min_size=1, max_size=12))
def test_whatever_stands_in_every_field_the_message_and_the_page_can_be_sent(
    texts: list[str],
) -> None:
    turn = iter(range(10**6))
    of = a_report(lambda: texts[next(turn) % len(texts)])

    message = reporting.message(of)
    assert len(message.encode()) <= reporting.MESSAGE_LIMIT
    parts = json.loads(message)
    machine = json.loads(parts["default"])
    assert json.dumps(machine, ensure_ascii=False).isprintable()
    assert len(machine["findings"]) + machine["findings_left_out"] == len(of.outcomes)
    subject = reporting.subject(of)
    assert subject.isascii()
    assert subject.isprintable()
    assert 0 < len(subject) <= reporting.SUBJECT_LIMIT
    lines = [
        json.dumps(reporting.as_record(o), ensure_ascii=False) for o in of.outcomes.of(Res.TAGGED)
    ]
    assert page.render(of, [], lines).encode()


@pytest.mark.parametrize("character", ["\\", '"', "😀", "\x00", "x"])
def test_the_worst_that_strangers_can_write_fits_into_a_message(character: str) -> None:
    message = reporting.message(a_report(lambda: character * 5_000))

    assert len(message.encode()) <= reporting.MESSAGE_LIMIT
    assert json.loads(json.loads(message)["default"])["summary"]["outcomes"]["tagged"] == 3


def test_a_subject_is_one_line_whatever_the_names_in_it_hold() -> None:
    subject = reporting.subject(
        report(vpc_ids=["vpc-1\nBcc: all"], target=Target("aws", "eu\x00west", "1"))
    )

    assert subject == "Tag policy: nothing to do - vpc-1 Bcc: all eu west"


def test_problems_that_are_many_are_left_to_the_log() -> None:
    text = reporting.whole_text(report(problems=[f"problem {n}" for n in range(25)]))

    assert "problem 19\n  and 5 more; the log names all of them" in text
    assert "problem 20" not in text


def test_a_problem_is_one_line_from_the_moment_that_it_is_remembered() -> None:
    of = report().with_problem("a\nb" + "x" * 10**6, failed=True)

    (problem,) = of.problems
    assert problem.startswith("a b")
    assert len(problem) == LINE_LIMIT
    assert len(str(RunError("; ".join([*of.problems, "\ud800" * 9])))) == LINE_LIMIT


@given(st.lists(evil, min_size=1, max_size=5), st.sampled_from(list(Compliance)))
def test_an_annotation_is_one_line_that_config_takes_or_none(
    texts: list[str], compliance: Compliance
) -> None:
    findings = [
        replace(outcome(remedy=remedy).finding, reason=text, tag_key=text)
        for text in texts
        for remedy in (Remedy.TAG, Remedy.NOTIFY)
    ]

    for made in (evaluation("i-1", findings), Evaluation("i-1", compliance, texts[0])):
        assert made.annotation == "" or 1 <= len(made.annotation) <= 256
        assert made.annotation.isprintable()
        assert made.annotation.encode().decode() == made.annotation


def test_a_reason_of_aws_is_cut_where_it_is_made() -> None:
    refusal = refusal_of(ValueError("Unable to parse response\n" + "x" * 372_000))

    assert len(refusal.detail) == DETAIL_LIMIT
    assert refusal.detail.startswith("Unable to parse response x")
    assert Refusal(Res.FAILED, "", "a\nb").code == "a b"


@contextmanager
def records_of_the_function() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(CleanRecord)
    yield
    logging.setLogRecordFactory(before)


@given(evil)
def test_a_line_of_the_log_is_one_line_whatever_it_quotes(text: str) -> None:
    with records_of_the_function():
        log = logging.getLogger("tag_policy.test")
        record = log.makeRecord(log.name, 40, "", 0, "message %s is bad", (text,), None)

    said = record.getMessage()
    assert said.isprintable()
    assert len(said) <= LINE_LIMIT
    assert said.startswith("message ")


def test_the_function_has_its_log_cleaned() -> None:
    assert handler.__name__
    assert logging.getLogRecordFactory() is CleanRecord


@pytest.mark.parametrize("name", ["web\n", "\ud800"])
def test_a_finding_is_the_same_clean_line_in_the_log_and_in_the_archive(name: str) -> None:
    record = reporting.as_record(outcome(instance=ref(name=name), code="\n", tag_key="\u202e"))

    assert all(value.isprintable() for value in record.values())
    assert json.dumps(record, ensure_ascii=False).encode()
