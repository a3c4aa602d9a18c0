from datetime import date, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tag_policy.model.finding import Code, Finding
from tag_policy.model.remedy import Remedy
from tag_policy.model.tag_text import trimmed
from tag_policy.rules.dates import read_date
from tag_policy.rules.exemption import (
    Exemption,
    read_exemption,
    unreadable_exemption,
)
from tests.support.builders import ref

TODAY = date(2026, 11, 23)


def test_without_the_tag_there_is_no_exemption() -> None:
    assert read_exemption(None, TODAY) is Exemption.NONE


@given(st.dates(), st.dates(), st.sampled_from(["", " ", "\t", "\u200b", "\ufeff"]))
def test_a_date_exempts_until_that_day_has_ended(last: date, today: date, edge: str) -> None:
    expected = Exemption.EXEMPT if today <= last else Exemption.EXPIRED

    assert read_exemption(f"{edge}{last.isoformat()}{edge}", today) is expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "\u200b",
        "true",
        "TRUE",
        "yes",
        "y",
        "on",
        "1",
        "until the migration is done",
        "no agent on this host",
        "not before the migration is done",
        "see OPS-1234",
        "INC0020241231",
        "v1.2.3",
        "until version 10.0.12 ships",
        "10.0.0.12 is the licence server",
        "asked for by team 7 in March",
        "maybe 3 of them",
        "market 4",
        "42 people need it",
        "arn:aws:iam::123456789012:role/ops",
        "because",
    ],
)
def test_a_reason_in_words_exempts_without_end_and_nobody_needs_to_be_told(value: str) -> None:
    assert read_exemption(value, TODAY) is Exemption.EXEMPT


@pytest.mark.parametrize(
    "value",
    [
        "false",
        "False",
        " FALSE ",
        "'false'",
        "no",
        "No.",
        "n",
        "off",
        "none",
        "null",
        "never",
        "0",
        "00",
        "2",
        "2020",
        "2020/01/01",
        "2020-1-1",
        "01.02.2024",
        "1. 2. 2024",
        "01.02.24",
        "12/31/26",
        "20240115",
        "2024-W50",
        "1767225600",
        "2026-02-30",
        "2026-13-01",
        "2020-01-01T00:00:00Z",
        "2020-01-01t00:00:00+01:00",
        "2020-01-01 12:00 UTC",
        "20200101T000000Z",
        "\u0662\u0660\u0662\u0660-\u0660\u0661-\u0660\u0661",  # Arabic-Indic digits
        "\uff12\uff10\uff12\uff10-\uff10\uff11-\uff10\uff11",  # fullwidth digits
        "1800z",
        "1800 UTC",
        "24h",
        "30 days",
        "2 weeks",
        "until 2020-01-01",
        "2020-01-01 (Ann)",
        "exempt until 20200101, Ann",
        "until 31.12.2020",
        "until 2020-W50",
        "31-Dec-2020",
        "31st December",
        "Dec 31, 2020",
        "by 18:00",
    ],
)
def test_what_may_be_meant_otherwise_exempts_and_is_unreadable(value: str) -> None:
    exemption = read_exemption(value, TODAY)

    assert exemption is Exemption.UNREADABLE
    assert exemption.exempts


@given(st.text(max_size=256), st.dates())
def test_only_a_date_ends_an_exemption_whatever_else_is_written(value: str, today: date) -> None:
    assume(read_date(trimmed(value)) is None)

    assert read_exemption(value, today).exempts


@given(st.dates(), st.sampled_from(["%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%SZ"]))
def test_a_date_in_another_form_never_ends_an_exemption_and_is_always_unreadable(
    day: date, form: str
) -> None:
    assert read_exemption(day.strftime(form), day + timedelta(1)) is Exemption.UNREADABLE


@pytest.mark.parametrize(
    ("exemption", "exempts"),
    [
        (Exemption.NONE, False),
        (Exemption.EXEMPT, True),
        (Exemption.EXPIRED, False),
        (Exemption.UNREADABLE, True),
    ],
)
def test_what_is_unreadable_exempts(exemption: Exemption, exempts: bool) -> None:
    assert exemption.exempts is exempts


def test_people_are_told_what_stands_there_and_what_would_be_right() -> None:
    assert unreadable_exemption(ref(), "tag-policy:exempt", "2020/01/01") == Finding(
        ref(),
        Remedy.LEAVE,
        Code.EXEMPTION_UNREADABLE,
        "exempt without end, because '2020/01/01' in its tag tag-policy:exempt is not a date "
        "such as 2026-12-31; write the last day that way, or remove the tag to end the exemption",
        violation=False,
        tag_key="tag-policy:exempt",
    )


@given(st.text(max_size=300))
@example("x" * 256)
@example("\u202e" * 256)
def test_what_is_told_of_a_value_is_printable_and_short(value: str) -> None:
    reason = unreadable_exemption(ref(), "tag-policy:exempt", value).reason

    assert reason.isprintable()
    assert len(reason) <= 280
