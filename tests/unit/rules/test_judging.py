"""What one rule says of a tag: where its value is taken from, and other spellings of its key."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.model.finding import Code, Finding
from tag_policy.model.remedy import Remedy
from tag_policy.model.rule import Action, Rule
from tag_policy.model.unknown import Unknown, Value
from tag_policy.rules.aliases import Spellings
from tag_policy.rules.conditions import Context
from tag_policy.rules.judging import Judge
from tests.support.builders import CREATED_BY, HOME, NOW, PROJECT_CODE, instance

FACTS = {"team": "platforms", "long": "x" * 256}
TAKEN = {"costcenter", "owner", "tag-policy:due"}
CENTER = Rule(
    10,
    "CostCenter",
    Action.UPDATE,
    required=True,
    default="none",
    sources=("subnet", "vpc"),
    aliases=("cc", "cost-centre"),
    rename=True,
    note="ask finance",
)


def found(
    rule: Rule,
    tags: Mapping[str, str],
    parents: Mapping[str, Value] | None = None,
    **how: Any,
) -> Sequence[Finding] | None:
    """Return what a rule says; ``parents`` are the values of its key in a subnet and a VPC."""
    subject = replace(instance(tags), subnet_id="subnet-1")
    judge = Judge(rule, NOW, lambda kind, *_: (parents or {}).get(kind), TAKEN, **how)
    return judge.findings(
        subject, lambda: Context(subject, tags.get, HOME, NOW, FACTS, Spellings(tags))
    )


def told(findings: Sequence[Finding] | None) -> list[tuple[Remedy, Code, str, str | None, str]]:
    """Return of each finding what is done, why, to which tag, with which value and whence."""
    assert findings is not None
    return [(f.remedy, f.code, f.tag_key, f.value, f.source) for f in findings]


# Sources


@pytest.mark.parametrize(
    ("parents", "value", "source"),
    [
        ({"subnet": "1", "vpc": "2"}, "1", "subnet"),
        ({"vpc": "2"}, "2", "vpc"),
        ({"subnet": " ", "vpc": "2"}, "2", "vpc"),
        ({}, "none", "default"),
    ],
)
@pytest.mark.parametrize("tags", [{"Name": "web"}, {"CostCenter": ""}, {"CostCenter": " "}])
def test_the_first_source_that_has_a_value_gives_it_and_else_the_default_does(
    parents: Mapping[str, str], value: str, source: str, tags: dict[str, str]
) -> None:
    (finding,) = found(CENTER, tags, parents) or ()

    assert (finding.remedy, finding.value, finding.source) == (Remedy.TAG, value, source)
    assert finding.violation
    assert finding.note == "ask finance"


def test_a_source_that_cannot_be_read_stops_the_list_and_the_rule_waits() -> None:
    assert found(CENTER, {}, {"subnet": Unknown.VALUE, "vpc": "2"}) is None
    assert told(found(CENTER, {}, {"subnet": "1", "vpc": Unknown.VALUE}))[0][3] == "1"


def test_a_source_whose_value_is_not_allowed_is_passed_over_and_named() -> None:
    rule = replace(CENTER, aliases=(), rename=False, allowed_values=("4*", "none"))

    (finding,) = found(rule, {}, {"subnet": "9", "vpc": "42"}) or ()
    (own,) = found(rule, {}, {"subnet": "9\n", "vpc": "8"}) or ()

    assert (finding.value, finding.source) == ("42", "vpc")
    assert (own.value, own.source) == ("none", "default")
    assert own.reason == (
        "required tag missing; not taken, because not allowed: subnet has '9\\n', vpc has '8'"
    )


def test_where_no_source_gives_a_value_and_there_is_no_default_the_tag_is_reported() -> None:
    rule = replace(CENTER, default="", allowed_values=("4*",), aliases=(), rename=False)

    (missing,) = found(rule, {"Name": "web"}, {"vpc": "9"}) or ()
    (empty,) = found(replace(rule, required=False), {"CostCenter": ""}) or ()

    assert (missing.remedy, missing.code) == (Remedy.REPORT, Code.MISSING)
    assert missing.reason == (
        "required tag missing; not taken, because not allowed: vpc has '9'; expected '4*'"
    )
    assert (empty.remedy, empty.code, empty.violation) == (Remedy.REPORT, Code.EMPTY, True)


def test_what_is_not_required_is_taken_from_sources_and_not_from_the_default() -> None:
    rule = replace(CENTER, required=False)

    (taken,) = found(rule, {}, {"vpc": "2"}) or ()

    assert (taken.value, taken.violation) == ("2", False)
    assert found(rule, {}) == (), "a default is for what is required"
    assert found(replace(rule, default=""), {}) == ()
    assert found(replace(rule, default=""), {}, {"subnet": Unknown.VALUE}) is None


def test_what_is_taken_is_written_as_the_rule_spells_it() -> None:
    rule = replace(
        PROJECT_CODE,
        sources=("vpc",),
        normalize=("trim", "lower"),
        synonyms=(("prod", ("live*",)),),
        allowed_values=("prod", "dev"),
        default="dev",
    )

    assert told(found(rule, {}, {"vpc": " Live 1"}))[0][3:] == ("prod", "vpc")


def test_what_grows_too_long_when_it_is_spelt_is_passed_over() -> None:
    rule = replace(PROJECT_CODE, sources=("fact:long",), normalize=("upper",), default="D")
    facts = {"long": "ß" * 200}

    subject = instance({})
    judge = Judge(rule, NOW, lambda *_: None)
    (finding,) = (
        judge.findings(
            subject, lambda: Context(subject, lambda _: None, HOME, NOW, facts, Spellings({}))
        )
        or ()
    )

    assert (finding.value, finding.source) == ("D", "default")


def test_the_creator_is_asked_for_where_no_source_has_a_value() -> None:
    rule = replace(CREATED_BY, sources=("vpc",))

    assert told(found(rule, {}, {"vpc": "ops"}))[0][3:] == ("ops", "vpc")
    (finding,) = found(rule, {}) or ()
    assert (finding.value, finding.fallback, finding.source) == (None, "Undefined", "creator")
    assert finding.comes_from_the_rule


def test_what_is_not_allowed_gives_way_to_what_sources_have_and_what_is_allowed_never() -> None:
    rule = replace(
        PROJECT_CODE,
        sources=("vpc",),
        default="",
        replace_invalid=True,
        allowed_values=("LAA", "OPG"),
    )
    tags = {"ProjectCode": "Platforms"}

    assert told(found(rule, tags, {"vpc": "LAA"})) == [
        (Remedy.TAG, Code.NOT_ALLOWED, "ProjectCode", "LAA", "vpc")
    ]
    (left,) = found(rule, tags, {"vpc": "9"}) or ()
    assert (left.remedy, left.value) == (Remedy.REPORT, None)
    assert left.reason.endswith("; not taken, because not allowed: vpc has '9'")
    assert found(rule, tags, {"vpc": Unknown.VALUE}) is None
    assert found(rule, {"ProjectCode": "OPG"}, {"vpc": "LAA"}) == []


@pytest.mark.parametrize(
    ("sources", "may_change"),
    [
        ((), False),
        (("subnet", "vpc", "image", "launch_template", "fact:team"), False),
        (("vpc", "tag:Stage"), True),
        (("auto_scaling_group",), True),
        (("public_ip",), True),
    ],
)
def test_what_was_taken_from_something_that_may_change_is_looked_at_right_before(
    sources: tuple[str, ...], may_change: bool
) -> None:
    rule = replace(PROJECT_CODE, sources=sources)

    (finding,) = found(rule, {}, {"vpc": "x"}) or ()

    assert finding.unlocked is may_change
    assert finding.absent_keys == (None if may_change else frozenset({"ProjectCode"}))


# Aliases


@pytest.mark.parametrize("tags", [{}, {"CostCenter": ""}, {"CostCenter": "\u200b"}])
@pytest.mark.parametrize("value", ["4711", " 4711 "])
def test_the_value_of_another_spelling_is_taken_and_what_is_listed_deleted_after(
    tags: dict[str, str], value: str
) -> None:
    written, removed = found(CENTER, tags | {"cc": value}, {"subnet": "1"}) or ()

    assert told([written, removed]) == [
        (
            Remedy.TAG,
            Code.EMPTY if tags else Code.MISSING,
            "CostCenter",
            value,
            "alias:cc",
        ),
        (Remedy.REMOVE, Code.ALIAS, "cc", value, ""),
    ]
    assert written.violation
    assert written.unlocked
    assert written.absent_keys is None
    assert removed.after_writing
    assert not removed.violation
    assert removed.reason == "its value is in CostCenter"


@pytest.mark.parametrize("key", ["cc", "COST_CENTER", "costcenter", "cost-centre", "Cost Centre"])
def test_without_rename_no_tag_is_deleted_and_what_is_not_listed_never(key: str) -> None:
    kept = replace(CENTER, rename=False)

    assert told(found(kept, {key: "4711"})) == [
        (Remedy.TAG, Code.MISSING, "CostCenter", "4711", f"alias:{key}")
    ]
    if key not in CENTER.aliases:
        assert len(found(CENTER, {key: "4711"}) or ()) == 1
        assert found(CENTER, {key: "4711", "CostCenter": "4711"}) == []


def test_where_the_value_stands_in_its_place_already_what_is_listed_is_deleted_at_once() -> None:
    tags = {"CostCenter": "4711", "cc": "4711", "cost-centre": "4711", "COSTCENTER": "4711"}

    first, second = found(CENTER, tags) or ()

    assert [first.tag_key, second.tag_key] == ["cc", "cost-centre"]
    assert not first.after_writing
    assert (first.value, first.found, first.violation) == ("4711", "4711", False)
    assert found(replace(CENTER, rename=False), tags) == []


@pytest.mark.parametrize("rename", [True, False])
def test_another_value_is_a_conflict_and_nothing_is_written_or_deleted(rename: bool) -> None:
    rule = replace(CENTER, rename=rename)

    (finding,) = found(rule, {"CostCenter": "1", "cc": "2", "cost-centre": "1"}) or ()

    assert (finding.remedy, finding.code, finding.found) == (Remedy.REPORT, Code.CONFLICT, "1")
    assert finding.reason == "it is there with another value: 'cc' has '2'"
    assert not finding.violation, "the value in its place is right"


def test_where_values_differ_and_none_is_in_its_place_people_have_to_say_which_it_is() -> None:
    tags = {"cc": "1", "cost-centre": "2", "COSTCENTER": "1"}

    (finding,) = found(CENTER, tags, {"vpc": "3"}) or ()
    (optional,) = found(replace(CENTER, required=False), tags) or ()

    assert (finding.remedy, finding.code) == (Remedy.REPORT, Code.CONFLICT)
    assert finding.reason == (
        "required tag missing; it is there with different values: 'cc' has '1', 'COSTCENTER' has "
        "'1', 'cost-centre' has '2'"
    )
    assert (finding.violation, optional.violation) == (True, False)


def test_values_are_compared_as_the_rule_spells_them() -> None:
    rule = Rule(
        40,
        "is-production",
        Action.CHECK,
        required=True,
        default="",
        aliases=("isproduction",),
        rename=True,
        normalize=("trim", "lower"),
        synonyms=(("true", ("yes",)), ("false", ("no",))),
        allowed_values=("true", "false"),
    )

    assert told(found(rule, {"IsProduction": "Yes "})) == [
        (Remedy.TAG, Code.MISSING, "is-production", "true", "alias:IsProduction")
    ]
    assert found(rule, {"IsProduction": "Yes ", "is-production": "true"}) == []
    assert told(found(rule, {"isproduction": "YES", "is-production": "true"})) == [
        (Remedy.REMOVE, Code.ALIAS, "isproduction", "YES", "")
    ]
    assert told(found(rule, {"isproduction": "no", "is-production": "true"}))[0][1] is Code.CONFLICT
    assert told(found(rule, {"isproduction": "yes", "is-production": "Yes"})) == [
        (Remedy.TAG, Code.MISSPELT, "is-production", "true", "spelling"),
        (Remedy.REMOVE, Code.ALIAS, "isproduction", "yes", ""),
    ]


def test_what_another_spelling_has_and_is_not_allowed_is_neither_taken_nor_deleted() -> None:
    rule = replace(CENTER, allowed_values=("4*",), default="")

    (missing,) = found(rule, {"cc": "9"}) or ()
    (taken,) = found(rule, {"cc": "9"}, {"vpc": "42"}) or ()
    both = found(rule, {"cc": "9", "cost-centre": "43"}) or ()

    assert (missing.remedy, missing.code) == (Remedy.REPORT, Code.MISSING)
    assert missing.reason == (
        "required tag missing; not taken, because not allowed: 'cc' has '9'; expected '4*'"
    )
    assert (taken.value, taken.source) == ("42", "vpc")
    assert told(both) == [
        (Remedy.TAG, Code.MISSING, "CostCenter", "43", "alias:cost-centre"),
        (Remedy.REMOVE, Code.ALIAS, "cost-centre", "43", ""),
    ]
    same = found(rule, {"CostCenter": "9", "cc": "9"})
    assert told(same) == [(Remedy.REPORT, Code.NOT_ALLOWED, "CostCenter", None, "")]


def test_a_value_that_is_not_allowed_is_no_conflict_with_the_right_one() -> None:
    """What a rule writes beside it would be one in the next run."""
    rule = replace(CENTER, allowed_values=("4*",))

    assert found(rule, {"CostCenter": "42", "cc": "zzz"}) == []
    assert told(found(rule, {"CostCenter": "42", "cc": "43"}))[0][1] is Code.CONFLICT


def test_nothing_is_deleted_for_a_value_that_would_not_be_written() -> None:
    rule = replace(CENTER, normalize=("lower",), allowed_pattern="^[A-Z]+$", default="")

    assert found(rule, {"CostCenter": "ABC", "cc": "abc"}) == []


def test_a_key_of_another_rule_or_of_the_engine_is_no_other_spelling() -> None:
    rule = replace(CENTER, tag_key="OWNERS", aliases=("team",), sources=())

    assert told(found(rule, {"owner-s": "x"}))[0][4] == "alias:owner-s"
    taken = Judge(rule, NOW, lambda *_: None, {"owner-s"})
    subject = instance({"owner-s": "x"})
    asked = Context(subject, lambda _: None, HOME, NOW, {}, Spellings(subject.tags))
    assert told(taken.findings(subject, lambda: asked))[0][4] == "default"


VALUES = st.sampled_from(["", " ", "4711", " 4711", "4712", "9", "Yes"])
TAGS = st.dictionaries(
    st.sampled_from(["CostCenter", "cc", "CC", "cost-centre", "costcenter", "Name"]), VALUES
)
RULES = st.builds(
    replace,
    st.just(CENTER),
    action=st.sampled_from([Action.UPDATE, Action.CHECK, Action.USER_LOOKUP]),
    required=st.booleans(),
    rename=st.booleans(),
    sources=st.sampled_from([(), ("subnet",), ("subnet", "vpc")]),
    normalize=st.sampled_from([(), ("trim",)]),
    allowed_values=st.sampled_from([(), ("47*", "none"), ("4711", "none")]),
)


@given(RULES, TAGS, st.dictionaries(st.sampled_from(["subnet", "vpc"]), VALUES))
def test_a_second_run_changes_nothing_and_what_is_written_is_right(
    rule: Rule, tags: dict[str, str], parents: dict[str, str]
) -> None:
    left = dict(tags)
    for finding in found(rule, tags, parents) or ():
        value = "none" if finding.value is None else finding.value
        if finding.remedy is Remedy.TAG:
            left[finding.tag_key] = value
        elif finding.remedy is Remedy.REMOVE:
            assert left[finding.tag_key] == value
            del left[finding.tag_key]

    again = found(rule, left, parents) or ()

    assert {finding.remedy for finding in again} <= {Remedy.REPORT, Remedy.LEAVE}
    if left.get("CostCenter") != tags.get("CostCenter"):
        assert [f for f in again if f.code is not Code.CONFLICT] == []
    assert bool(left) is bool(tags) or not tags, "the last tag is never deleted"
