"""What a verdict says of an instance as a whole."""

from tag_policy.model.finding import Verdict
from tests.support.builders import outcome


def test_an_instance_that_was_judged_and_needs_nothing_is_compliant() -> None:
    assert Verdict().compliant


def test_an_instance_with_a_finding_is_not_compliant() -> None:
    assert not Verdict((outcome().finding,)).compliant


def test_an_exempt_instance_is_not_counted_as_one_in_perfect_order() -> None:
    assert not Verdict(exempt=True).compliant
