"""A creator as the value of a tag."""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tag_policy.creators.tag_value import creator_tag, detail_tag, fit
from tag_policy.model.launch import Launch, PrincipalKind
from tag_policy.settings import AttributionDetails, CreatorFormat

LAUNCH = Launch(
    PrincipalKind.ROLE,
    name="jane",
    role="Deploy",
    arn="arn:aws:sts::111122223333:assumed-role/Deploy/jane",
    event_id="5a3c9e01-7d41-4c8e-9b0a-2f6e8d4c1001",
    event_time=datetime(2026, 10, 5, 9, 12, 31, tzinfo=UTC),
)

# IAM names and session names, which are nearly all that there is, and anything else.
names = st.text("abAB01+=,.@-_", min_size=1, max_size=70) | st.text(min_size=1, max_size=600)


@pytest.mark.parametrize("name", ["alice", "jane@example.com", "autoscaling:web-asg", "Müller 2"])
def test_a_name_that_fits_stays_as_it_is(name: str) -> None:
    assert fit(name) == name


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("smith,john", "smith_john="),
        ("aws:alice", "_aws:alice="),
        ("AWS:alice", "_AWS:alice="),
        ("al\ud800ice\n", "al_ice="),
        ("a" * 300, "a" * 239 + "="),
        ("alice=0123456789abcdef", "alice=0123456789abcdef="),
    ],
)
def test_a_name_that_does_not_fit_ends_in_a_hash(name: str, starts: str) -> None:
    value = fit(name)

    assert value.startswith(starts)
    assert re.fullmatch(r"[0-9a-f]{16}", value.removeprefix(starts))


@given(names)
def test_a_value_holds_only_what_every_service_allows_in_a_tag(name: str) -> None:
    value = fit(name)

    assert 0 < len(value) <= 256
    assert value == value.strip()
    assert not value.lower().startswith("aws:")
    assert all(unicodedata.category(c)[0] in "LN" or c in " _.:/=+-@" for c in value)


@given(names, names)
@example("smith,john", "smith_john")
@example("smith,john", fit("smith,john"))
@example("a" * 300, "a" * 301)
@example("alice ", "alice")
def test_two_names_never_look_alike(one: str, other: str) -> None:
    assert (fit(one) == fit(other)) == (one == other)


def test_a_principal_without_an_arn_or_a_role_keeps_its_name() -> None:
    service = replace(LAUNCH, name="spot.amazonaws.com", role="", arn="")

    assert {creator_tag(service, how) for how in CreatorFormat} == {"spot.amazonaws.com"}


@pytest.mark.parametrize(
    ("details", "tag"),
    [
        (AttributionDetails.OFF, None),
        (AttributionDetails.EVENT_ID, ("CreatedBy:event-id", LAUNCH.event_id)),
        (AttributionDetails.EVENT_TIME, ("CreatedBy:event-time", "2026-10-05T09:12:31Z")),
    ],
)
def test_a_detail_stands_next_to_its_creator(
    details: AttributionDetails, tag: tuple[str, str] | None
) -> None:
    assert detail_tag("CreatedBy", LAUNCH, details) == tag
