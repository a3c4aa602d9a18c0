"""A rule that cannot be used, as people are told of it."""

from tag_policy.model.rule import RuleError


def test_what_is_wrong_with_a_rule_is_told_with_its_id() -> None:
    assert str(RuleError("7", "TagKey is missing")) == "rule 7: TagKey is missing"
