"""The messages of a report: their subject, their size, and what each protocol gets of them."""

import json
import logging

import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter
from hypothesis import given, settings
from hypothesis import strategies as st

from tag_policy.model.assignment import Mode
from tag_policy.model.outcome import Result
from tag_policy.model.outcome import Result as Res
from tag_policy.model.rule import RuleError
from tag_policy.model.target import Target
from tag_policy.model.text import clean
from tag_policy.reporting import page
from tag_policy.reporting import sns_message as reporting
from tests.support.builders import NOW, mark, outcome, ref, report
from tests.support.reports import MARK, ONE_OF_EACH, parts
from tests.support.strangers import a_report, evil


def test_the_subject_begins_with_the_counts_that_matter() -> None:
    subject = reporting.subject(report(outcomes=ONE_OF_EACH))

    assert subject.startswith(
        "Tag policy: 1 terminated, 1 stopped, 1 isolated, 1 failed, 1 marked, 1 left, 1 reported, "
        "1 deferred"
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


def test_each_message_of_an_incomplete_run_says_that_it_is() -> None:
    marked = [outcome(Result.MARKED, resource=ref(f"i-{n:017x}"), mark=MARK) for n in range(1500)]
    run = report(outcomes=marked, problems=["no time"], rule_errors=[RuleError("7", "bad")])

    several = list(reporting.messages(run))

    assert len(several) > 1
    for one in several:
        machine = json.loads(json.loads(one.body)["default"])
        assert machine["verdict"].startswith("NEEDS ACTION: the run is incomplete, 1 rule cannot")
        assert not machine["summary"]["complete"]
        assert (one.attributes["severity"], one.attributes["complete"]) == ("error", "false")
        assert "INCOMPLETE" in one.subject


def test_the_vpcs_of_a_message_are_those_that_it_is_about() -> None:
    two = {"vpc_ids": ("vpc-abc123c1", "vpc-2")}

    assert reporting.attributes(report(outcomes=[outcome()], **two))["vpc_ids"] == ["vpc-abc123c1"]
    for flaw in ({"problems": ["p"]}, {"rule_errors": [RuleError("7", "bad")]}):
        attributes = reporting.attributes(report(outcomes=[outcome()], **two, **flaw))
        assert attributes["vpc_ids"] == ["vpc-abc123c1", "vpc-2"]


def test_a_message_over_the_limit_is_cut_at_a_line_and_says_so() -> None:
    many = [outcome(resource=ref(f"i-{number:017x}")) for number in range(5000)]
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


def test_machines_get_json_people_get_text() -> None:
    message = json.loads(reporting.message(report(outcomes=ONE_OF_EACH)))

    assert set(message) == {"default", "email", "sms"}
    assert len(json.loads(message["default"])["findings"]) == len(ONE_OF_EACH)


def test_there_are_no_more_attributes_than_sns_delivers() -> None:
    assert len(reporting.attributes(report())) <= 10


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a\nb\r\nc", "\u202egnirts", "\U0001f600" * 256, "\x00"]
)
def test_whatever_a_tag_holds_its_line_of_the_log_is_one_line_of_json(text: str) -> None:
    record = logging.makeLogRecord(
        {"msg": "tagged", "levelno": logging.INFO, "name": "tag_policy.runs.engine"}
        | reporting.as_record(outcome(value=text, resource=ref(name=text), owner=text))
    )

    line = JsonFormatter().format(record)

    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert json.loads(line)["new_value"] == clean(text, 256)


@pytest.mark.parametrize("character", ["é", "漢", "\U0001f600", '"', "\\", "\x00"])
@pytest.mark.parametrize("number", [900, 20_000])
def test_no_message_is_larger_than_sns_takes(character: str, number: int) -> None:
    value = character * 256
    many = [outcome(value=value, detail=value, resource=ref(name=value)) for _ in range(number)]

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


@pytest.mark.parametrize("result", [Result.TERMINATED, Result.STOPPED])
def test_each_instance_that_was_ended_is_named_in_a_message_however_many_they_are(
    result: Result,
) -> None:
    ids = [f"i-{number:017x}" for number in range(1_600)]
    ended = [
        outcome(result, resource=ref(instance_id=instance_id), tag_key="", value=None)
        for instance_id in ids
    ]

    bodies = [json.loads(one.body) for one in reporting.messages(report(outcomes=ended))]

    for protocol in ("default", "email"):
        told = " ".join(body[protocol] for body in bodies)
        assert [instance_id for instance_id in ids if instance_id not in told] == []


def test_a_run_publishes_ten_messages_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "MESSAGE_LIMIT", 5_000)
    announced = [
        outcome(Result.MARKED, mark=mark(NOW, NOW), resource=ref(instance_id=f"i-{number:017x}"))
        for number in range(200)
    ]

    published = list(reporting.messages(report(outcomes=announced)))

    assert len(published) == 10
    assert 0 < sum(len(one.announced) for one in published) < 200


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
    assert json.loads(json.loads(message)["default"])["summary"]["outcomes"]["tagged"] == 4


@pytest.mark.parametrize("name", ["web\n", "\ud800"])
def test_a_finding_is_the_same_clean_line_in_the_log_and_in_the_archive(name: str) -> None:
    record = reporting.as_record(outcome(resource=ref(name=name), code="\n", tag_key="\u202e"))

    assert all(value.isprintable() for value in record.values())
    assert json.dumps(record, ensure_ascii=False).encode()


def test_a_subject_is_one_line_whatever_the_names_in_it_hold() -> None:
    subject = reporting.subject(
        report(vpc_ids=["vpc-1\nBcc: all"], target=Target("aws", "eu\x00west", "1"))
    )

    assert subject == "Tag policy: nothing to do - vpc-1 Bcc: all eu west"
