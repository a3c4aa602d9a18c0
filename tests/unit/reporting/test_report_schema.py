"""What machines get is what docs/report.schema.json says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from tag_policy.model.assignment import Mode
from tag_policy.model.launch import Launch, PrincipalKind
from tag_policy.model.outcome import LIMIT, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.rule import RuleError
from tag_policy.reporting import sns_message as reporting
from tag_policy.reporting.report import Tally
from tests.support.builders import outcome, ref, report

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)

LAUNCH = Launch(
    PrincipalKind.ROLE, "jane", "Deploy", "arn:…", "event", datetime(2026, 11, 1, tzinfo=UTC)
)

outcomes = st.lists(
    st.builds(
        lambda result, remedy, text, code, launch: outcome(
            result,
            remedy=remedy,
            resource=ref(name=text),
            owner=text,
            value=text,
            detail=text,
            code=code,
            launch=launch,
            detail_tag=("CreatedBy:event-id", text) if launch else None,
        ),
        st.sampled_from(list(Result)),
        st.sampled_from([remedy for remedy in Remedy if remedy is not Remedy.WAIT]),
        st.text(max_size=300),
        st.sampled_from(["", LIMIT, "TagLimitExceeded"]),
        st.sampled_from([None, LAUNCH]),
    ),
    max_size=8,
)


def machine(of: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(json.loads(reporting.message(of))["default"])
    return parsed


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@given(outcomes, st.sampled_from(list(Mode)), st.lists(st.text(), max_size=2))
def test_whatever_a_run_finds_its_json_is_as_the_schema_says(
    outcomes: list[Any], mode: Mode, problems: list[str]
) -> None:
    found = machine(
        report(
            outcomes=outcomes,
            mode=mode,
            problems=problems,
            rule_errors=[RuleError("7", problem) for problem in problems],
            by_vpc={"vpc-abc123c1": Tally(3, 1, 0, 2)},
        )
    )

    VALIDATOR.validate(found)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1},
        {"severity": "high"},
        {"findings": [{"result": "tagged"}]},
        {"findings": [{"result": "eaten", "remedy": "tag", "resource_id": "i-1", "vpc_id": "v"}]},
        {"findings_left_out": -1},
        {"summary": {}},
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate(machine(report(outcomes=[outcome()])) | change)


def test_every_field_that_is_written_is_described() -> None:
    found = machine(
        report(
            outcomes=[outcome(launch=LAUNCH, owner="jane", detail_tag=("a", "b"), code="x")],
            by_vpc={"vpc-abc123c1": Tally()},
        )
    )

    assert found.keys() == SCHEMA["properties"].keys()
    assert found["summary"].keys() == SCHEMA["$defs"]["summary"]["properties"].keys()
    assert found["vpcs"][0].keys() == SCHEMA["$defs"]["vpc"]["properties"].keys()
    assert found["findings"][0].keys() <= SCHEMA["$defs"]["finding"]["properties"].keys()
