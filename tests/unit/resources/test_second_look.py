"""What a second look takes for the same as before."""

from dataclasses import replace
from datetime import timedelta

from tag_policy.model.finding import Verdict
from tag_policy.resources.second_look import Seen
from tests.support.builders import DEFAULT_RULES, NOW, evaluate, instance, mark, settings

DUE = "tag-policy:due"


def test_a_mark_of_no_grace_period_gives_way_where_another_has_come_in_the_meantime() -> None:
    """Such as one that a run under newer settings has announced to people by now."""
    (finding,) = evaluate(instance({}), DEFAULT_RULES, settings())
    announced = str(mark(NOW + timedelta(days=1), NOW))
    instance_id = finding.instance.instance_id

    def still(seen: str | None) -> bool:
        verdicts = {instance_id: Verdict((replace(finding, value=seen),))}
        return Seen({}, verdicts, NOW).still(instance_id, [finding])

    assert still(finding.value)
    assert not still(announced)
