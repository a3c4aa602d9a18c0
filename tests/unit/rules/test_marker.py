"""What engines have said in the marker's tags: what is nobody's, ours, others'."""

from datetime import timedelta

import pytest

from tag_policy.model.finding import Code
from tag_policy.model.remedy import End, Remedy
from tag_policy.rules.mark import Announcing
from tag_policy.rules.marker import Marker, not_understood
from tests.support.builders import ENGINE, NOW, instance, mark, settings

DAY = timedelta(days=1)
DUE, FORMER = "tag-policy:due", "tag-policy:former"
OURS = str(mark(NOW + DAY, NOW))
OTHERS = str(mark(NOW + DAY, NOW, engine="other"))
MARKER = Marker(settings(former_marker_tag_keys=f'["{FORMER}"]'), ENGINE, NOW)


@pytest.mark.parametrize(
    ("tags", "is_all"),
    [
        ({}, True),
        ({DUE: "somebody's own words"}, True),
        ({DUE: OURS, FORMER: OTHERS}, True),
        ({FORMER: "somebody's own words"}, False),
        ({DUE: OURS, "Name": ""}, False),
    ],
)
def test_marks_alone_are_no_tags_of_anybodys(tags: dict[str, str], is_all: bool) -> None:
    assert MARKER.is_all(tags) is is_all


def test_only_marks_of_this_engine_are_removed_each_by_its_value() -> None:
    found = MARKER.own_marks_to_remove(instance({DUE: OTHERS, FORMER: OURS}))

    assert [(f.remedy, f.code, f.tag_key, f.value) for f in found] == [
        (Remedy.UNMARK, Code.NO_LONGER_DUE, FORMER, OURS)
    ]


def test_a_mark_in_a_former_tag_goes_and_the_other_stays() -> None:
    (finding,) = MARKER.former_marks_to_remove(instance({DUE: OURS, FORMER: OURS}))

    assert (finding.tag_key, finding.reason) == (
        FORMER,
        "its mark belongs in the tag tag-policy:due now",
    )
    assert Marker(settings(), ENGINE, NOW).former_marks_to_remove(instance({DUE: OURS})) == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({DUE: "soon"}, Code.MARKER_TAKEN),
        ({DUE: OTHERS}, Code.ANOTHER_ENGINE),
        ({DUE: OURS, FORMER: OTHERS}, Code.ANOTHER_ENGINE),
    ],
)
def test_what_others_say_there_is_left_to_them(tags: dict[str, str], code: Code) -> None:
    finding = MARKER.left_to_others(instance(tags), "Owner: missing")

    assert finding is not None
    assert (finding.remedy, finding.code) == (Remedy.LEAVE, code)
    assert finding.reason.startswith("Owner: missing; ")


@pytest.mark.parametrize("tags", [{}, {DUE: OURS}, {"Name": "soon"}])
def test_what_nobody_else_says_is_not(tags: dict[str, str]) -> None:
    assert MARKER.left_to_others(instance(tags), "Owner: missing") is None


def test_nothing_is_written_for_an_earlier_time_than_people_were_told_of() -> None:
    told = MARKER.told(instance({DUE: OURS}))

    assert told == [NOW + DAY]
    sooner = MARKER.to_write(End.STOP, "untagged", timedelta(hours=1), told)
    assert sooner.time == NOW + DAY
    later = MARKER.to_write(End.STOP, "untagged", 2 * DAY, told, is_announced=False, lead=DAY)
    assert (later.time, later.announced, later.lead) == (NOW + 2 * DAY, None, DAY)


def test_people_read_why_they_are_told_again() -> None:
    assert not_understood(None, DUE) == ""
    assert "does not count" in not_understood(mark(NOW, NOW), DUE)
    assert "not known whether" in not_understood(Announcing(ENGINE, NOW), DUE)
