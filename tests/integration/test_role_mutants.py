"""Every part of the role's policies is needed: without it, some answer of the table changes.

Each mutant is one edit of what Terraform renders. It is killed when at least one case of
``tests/support/role_cases.py`` has another answer than it should have.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.iam import allows, refuses
from tests.support.policies import Policies, Rendered
from tests.support.role_cases import CASES, Case

# Which statements are edited in which variant: all that it has, or those that others have not.
SUBJECTS: dict[str, set[str] | None] = {
    "terminate": None,
    "stop": {
        "LeaveWordsAndMarksOfOthers",
        "NeverEndAnExemptInstance",
        "StopMarkedUntaggedInstances",
    },
    "two-ends": {"StopMarkedUntaggedInstances", "TerminateMarkedUntaggedInstances"},
    "in-vpc": {"LetLambdaPutTheFunctionIntoTheVpc", "ButNotTheFunctionItself"},
    "warned": {"TerminateMarkedUntaggedInstances", "TakeBackTheMark"},
    "event-id": {"lock CreatedBy:event-id"},
    "events": {"TakeEventsFromTheQueue", "TellAwsConfig"},
    "archive": {
        "KeepTheReport",
        "ReadTheNumbersOfEarlierRuns",
        "SeeThatThereAreNone",
        "UseTheKeyOfTheBucket",
    },
    "encrypted": {"UseTheKeyOfTablesTopicQueueAndBucket"},
    "taking": {"DeleteTagsThatAreNotToBeUsed", "ReadWhereValuesComeFrom"},
    "escalating": {
        "IsolateWhatARuleHasMarked",
        "StopWhatARuleHasMarked",
        "TerminateWhatARuleHasMarked",
        "NeverEndAnExemptInstance",
        "IsolateInTheVpcsOfTheGroups",
        "IsolateWithTheGroups",
    },
    "isolate": {"IsolateMarkedUntaggedInstances", "NeverEndAnExemptInstance"},
    "given": {"UseTheKeyOfTheRulesTable", "UseTheKeyOfTheTopic"},
}

DUE = "aws:ResourceTag/tag-policy:due"
EXEMPT = "aws:ResourceTag/tag-policy:exempt"

OF_ENDING = [
    "removed",
    "any action",
    "any resource",
    "without Null aws:ResourceTag/CreatedBy",
    "negated Null aws:ResourceTag/CreatedBy",
    "without Null aws:ResourceTag/Expires",
    "negated Null aws:ResourceTag/Expires",
    "without Null aws:ResourceTag/Name",
    "negated Null aws:ResourceTag/Name",
    "without Null aws:ResourceTag/ProjectCode",
    "negated Null aws:ResourceTag/ProjectCode",
    f"without StringLike {DUE}",
    f"anything StringLike {DUE}",
    f"any end StringLike {DUE}",
]
"""The edits of a statement that ends instances."""

OF_ENDING_BY_A_RULE = [
    "removed",
    "any action",
    "any resource",
    f"without StringLike {DUE}",
    f"anything StringLike {DUE}",
    f"any end StringLike {DUE}",
]
"""The edits of a statement that ends what has tags."""

# Every edit that ``edits`` makes of those statements, so that what is new in a policy is seen here.
EDITS: dict[tuple[str, str], list[str]] = {
    ("terminate", "ReadTheRules"): ["removed", "any action", "any resource"],
    ("terminate", "RememberWhatWasTold"): ["removed", "any action", "any resource"],
    ("terminate", "ListInstancesAndVpcs"): ["removed", "any action"],
    ("terminate", "LookUpWhoLaunchedAnInstance"): ["removed", "any action"],
    ("terminate", "WriteTheTagsOfTheRules"): [
        "removed",
        "any action",
        "any resource",
        "without ForAllValues:StringEquals aws:TagKeys",
        "one more ForAllValues:StringEquals aws:TagKeys",
        "without Null aws:TagKeys",
        "negated Null aws:TagKeys",
    ],
    ("terminate", "LeaveWordsAndMarksOfOthers"): [
        "removed",
        "no resource of ours",
        "without ForAnyValue:StringEquals aws:TagKeys",
        "another ForAnyValue:StringEquals aws:TagKeys",
        f"without Null {DUE}",
        f"negated Null {DUE}",
        f"without StringNotLike {DUE}",
        f"anything StringNotLike {DUE}",
        f"without terminate: * StringNotLike {DUE}",
        f"without announcing terminate: * StringNotLike {DUE}",
        f"without stop at * StringNotLike {DUE}",
        f"without terminate at * StringNotLike {DUE}",
    ],
    ("terminate", "TakeBackTheMark"): [
        "removed",
        "any action",
        "any resource",
        "without ForAllValues:StringEquals aws:TagKeys",
        "one more ForAllValues:StringEquals aws:TagKeys",
        "without Null aws:TagKeys",
        "negated Null aws:TagKeys",
    ],
    ("terminate", "TerminateMarkedUntaggedInstances"): OF_ENDING,
    ("terminate", "NeverEndAnExemptInstance"): [
        "removed",
        "no resource of ours",
        f"without Null {EXEMPT}",
        f"negated Null {EXEMPT}",
    ],
    ("terminate", "PublishTheReport"): ["removed", "any action", "any resource"],
    ("terminate", "WriteTheLog"): ["removed", "any action", "any resource"],
    ("terminate", "lock CreatedBy"): [
        "removed",
        "no resource of ours",
        "without ForAnyValue:StringEquals aws:TagKeys",
        "another ForAnyValue:StringEquals aws:TagKeys",
        "without StringLike aws:ResourceTag/CreatedBy",
        "anything StringLike aws:ResourceTag/CreatedBy",
    ],
    ("terminate", "lock Expires"): [
        "removed",
        "no resource of ours",
        "without ForAnyValue:StringEquals aws:TagKeys",
        "another ForAnyValue:StringEquals aws:TagKeys",
        "without StringLike aws:ResourceTag/Expires",
        "anything StringLike aws:ResourceTag/Expires",
    ],
    ("terminate", "lock ProjectCode"): [
        "removed",
        "no resource of ours",
        "without ForAnyValue:StringEquals aws:TagKeys",
        "another ForAnyValue:StringEquals aws:TagKeys",
        "without StringLike aws:ResourceTag/ProjectCode",
        "anything StringLike aws:ResourceTag/ProjectCode",
    ],
    ("stop", "StopMarkedUntaggedInstances"): OF_ENDING,
    ("stop", "LeaveWordsAndMarksOfOthers"): [
        "removed",
        "no resource of ours",
        "without ForAnyValue:StringEquals aws:TagKeys",
        "another ForAnyValue:StringEquals aws:TagKeys",
        f"without Null {DUE}",
        f"negated Null {DUE}",
        f"without StringNotLike {DUE}",
        f"anything StringNotLike {DUE}",
        f"without stop: * StringNotLike {DUE}",
        f"without announcing stop: * StringNotLike {DUE}",
        f"without stop at * StringNotLike {DUE}",
        f"without terminate at * StringNotLike {DUE}",
    ],
    ("stop", "NeverEndAnExemptInstance"): [
        "removed",
        "no resource of ours",
        f"without Null {EXEMPT}",
        f"negated Null {EXEMPT}",
    ],
    ("two-ends", "StopMarkedUntaggedInstances"): OF_ENDING,
    ("two-ends", "TerminateMarkedUntaggedInstances"): OF_ENDING,
    ("in-vpc", "LetLambdaPutTheFunctionIntoTheVpc"): ["removed", "any action"],
    ("in-vpc", "ButNotTheFunctionItself"): [
        "removed",
        "no resource of ours",
        "without ArnEquals lambda:SourceFunctionArn",
        "another ArnEquals lambda:SourceFunctionArn",
    ],
    ("warned", "TakeBackTheMark"): [
        "removed",
        "any action",
        "any resource",
        "without ForAllValues:StringEquals aws:TagKeys",
        "one more ForAllValues:StringEquals aws:TagKeys",
        "without Null aws:TagKeys",
        "negated Null aws:TagKeys",
    ],
    ("warned", "TerminateMarkedUntaggedInstances"): OF_ENDING,
    ("event-id", "lock CreatedBy:event-id"): [
        "removed",
        "no resource of ours",
        "without ForAnyValue:StringEquals aws:TagKeys",
        "another ForAnyValue:StringEquals aws:TagKeys",
        "without StringLike aws:ResourceTag/CreatedBy:event-id",
        "anything StringLike aws:ResourceTag/CreatedBy:event-id",
    ],
    ("events", "TakeEventsFromTheQueue"): ["removed", "any action", "any resource"],
    ("events", "TellAwsConfig"): ["removed", "any action"],
    ("archive", "KeepTheReport"): ["removed", "any action", "any resource"],
    ("archive", "ReadTheNumbersOfEarlierRuns"): ["removed", "any action", "any resource"],
    ("archive", "SeeThatThereAreNone"): ["removed", "any action", "any resource"],
    ("archive", "UseTheKeyOfTheBucket"): [
        "removed",
        "any action",
        "any resource",
        "without StringLike kms:ViaService",
        "anything StringLike kms:ViaService",
    ],
    ("encrypted", "UseTheKeyOfTablesTopicQueueAndBucket"): [
        "removed",
        "any action",
        "any resource",
        "without StringEquals kms:ViaService",
        "one less StringEquals kms:ViaService",
    ],
    ("taking", "ReadWhereValuesComeFrom"): [
        "removed",
        "any action of autoscaling",
        "any action of ec2",
    ],
    ("taking", "DeleteTagsThatAreNotToBeUsed"): [
        "removed",
        "any action",
        "any resource",
        "without ForAllValues:StringEquals aws:TagKeys",
        "one more ForAllValues:StringEquals aws:TagKeys",
        "without Null aws:TagKeys",
        "negated Null aws:TagKeys",
        f"without Null {EXEMPT}",
        f"negated Null {EXEMPT}",
    ],
    ("escalating", "IsolateWhatARuleHasMarked"): OF_ENDING_BY_A_RULE,
    ("escalating", "StopWhatARuleHasMarked"): OF_ENDING_BY_A_RULE,
    ("escalating", "TerminateWhatARuleHasMarked"): OF_ENDING_BY_A_RULE,
    ("escalating", "IsolateInTheVpcsOfTheGroups"): [
        "removed",
        "any action",
        "any resource",
        "without ArnLike ec2:Vpc",
        "another ArnLike ec2:Vpc",
    ],
    ("escalating", "IsolateWithTheGroups"): ["removed", "any action", "any resource"],
    ("escalating", "NeverEndAnExemptInstance"): [
        "removed",
        "no resource of ours",
        f"without Null {EXEMPT}",
        f"negated Null {EXEMPT}",
    ],
    ("isolate", "IsolateMarkedUntaggedInstances"): OF_ENDING,
    ("isolate", "NeverEndAnExemptInstance"): [
        "removed",
        "no resource of ours",
        f"without Null {EXEMPT}",
        f"negated Null {EXEMPT}",
    ],
    ("given", "UseTheKeyOfTheRulesTable"): [
        "removed",
        "any action",
        "any resource",
        "without StringEquals kms:ViaService",
        "one less StringEquals kms:ViaService",
    ],
    ("given", "UseTheKeyOfTheTopic"): [
        "removed",
        "any action",
        "any resource",
        "without StringEquals kms:ViaService",
        "one less StringEquals kms:ViaService",
    ],
}


def _values(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def name_of(statement: dict[str, Any]) -> str:
    if "Sid" in statement:
        return str(statement["Sid"])
    return f"lock {statement['Condition']['ForAnyValue:StringEquals']['aws:TagKeys']}"


def edits(statement: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield every single edit of a statement, and what it says then; None for nothing at all."""
    yield "removed", None
    allow = statement["Effect"] == "Allow"
    if allow:
        actions = _values(statement["Action"])
        services = {action.split(":")[0] for action in actions}
        for service in services:
            others = [action for action in actions if not action.startswith(f"{service}:")]
            name = "any action" if len(services) == 1 else f"any action of {service}"
            yield name, statement | {"Action": [f"{service}:*", *others]}
        if statement["Resource"] != "*":
            yield "any resource", statement | {"Resource": "*"}
    if not allow:
        yield "no resource of ours", statement | {"Resource": "arn:aws:ec2:us-east-1:1:instance/*"}
    for operator, keys in statement.get("Condition", {}).items():
        for key, value in keys.items():
            without = copy.deepcopy(statement)
            del without["Condition"][operator][key]
            yield f"without {operator} {key}", without
            for about, other in _other_values(operator, value):
                changed = copy.deepcopy(statement)
                changed["Condition"][operator][key] = other
                yield f"{about} {operator} {key}", changed


def _other_values(operator: str, value: Any) -> Iterator[tuple[str, Any]]:
    values = _values(value)
    match operator:
        case "Null":
            yield "negated", "false" if value == "true" else "true"
        case "StringLike":
            yield "anything", "*"
            if any(": " in pattern for pattern in values):
                yield "any end", [pattern.split(": ")[0] + ": *" for pattern in values]
        case "StringNotLike":
            yield "anything", "*"
            for number, pattern in enumerate(values):
                others = [*values[:number], *values[number + 1 :]]
                yield f"without {pattern}", others
        case "ForAllValues:StringEquals":
            yield "one more", [*values, "Name"]
        case "ForAnyValue:StringEquals":
            yield "another", "Name"
        case "ArnEquals" | "ArnLike":
            yield "another", [f"{value}-2" for value in values]
        case "StringEquals":
            yield "one less", values[1:]


def subjects(policies: dict[str, Policies]) -> Iterator[tuple[str, int, int, dict[str, Any]]]:
    for variant, names in SUBJECTS.items():
        for number, document in enumerate(policies[variant]):
            for position, statement in enumerate(document["Statement"]):
                if names is None or name_of(statement) in names:
                    yield variant, number, position, statement


def mutants(policies: dict[str, Policies]) -> dict[tuple[str, str, str], Policies]:
    """Return every mutant by its variant, its statement and its edit."""
    made = {}
    for variant, number, position, statement in subjects(policies):
        for edit, edited in edits(statement):
            mutant = copy.deepcopy(policies[variant])
            statements = mutant[number]["Statement"]
            statements[position : position + 1] = [] if edited is None else [edited]
            made[variant, name_of(statement), edit] = mutant
    return made


def wrong_answers(mutant: Policies, variant: str) -> list[Case]:
    return [
        case
        for case in CASES
        if case.variant == variant
        and not (allows if case.allowed else refuses)(mutant, case.request)
    ]


@pytest.fixture(autouse=True)
def _in_process_aws() -> None:
    """No call is made here, so that nothing has to answer."""


@pytest.fixture(scope="session")
def every_mutant(rendered: Rendered) -> dict[tuple[str, str, str], Policies]:
    return mutants(rendered.policies)


def test_every_part_of_every_statement_is_edited(
    every_mutant: dict[tuple[str, str, str], Policies],
) -> None:
    listed = {(*subject, edit) for subject, some in EDITS.items() for edit in some}

    assert set(every_mutant) == listed


@pytest.mark.parametrize("variant", SUBJECTS)
def test_without_an_edit_every_answer_is_right(policies: dict[str, Policies], variant: str) -> None:
    assert wrong_answers(policies[variant], variant) == []


@pytest.mark.parametrize(
    ("variant", "statement", "edit"),
    [(*subject, edit) for subject, some in EDITS.items() for edit in some],
)
def test_an_edit_of_a_policy_is_seen(
    every_mutant: dict[tuple[str, str, str], Policies], variant: str, statement: str, edit: str
) -> None:
    mutant = every_mutant[variant, statement, edit]

    assert wrong_answers(mutant, variant) != []
