"""What strangers may write, and a report with it in each of its fields."""

from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import strategies as st

from tag_policy.model.assignment import Mode, Scope, Trigger
from tag_policy.model.finding import Code, Finding
from tag_policy.model.launch import Launch, PrincipalKind
from tag_policy.model.mark import Mark
from tag_policy.model.outcome import Outcome
from tag_policy.model.outcome import Result as Res
from tag_policy.model.remedy import End, Remedy
from tag_policy.model.resource import ResourceRef
from tag_policy.model.rule import RuleError
from tag_policy.model.target import Target
from tag_policy.reporting.report import Outcomes, Report, Tally
from tests.support.builders import NOW

FORGED = [
    "\nTERMINATED (9)\n  i-0123456789abcdef0",
    "\r\n",
    "\u2028\u2029\x85\x0b\x0c",
    "\u202egnirts",
    "\u200b",
    "\ud800",
    '"\\' * 200,
    "\x00" * 300,
    "x" * 5_000,
    "</script>",
]
evil = st.sampled_from(FORGED) | st.text(st.characters(exclude_categories=[]), max_size=40)


def a_report(text: Callable[[], str]) -> Report:
    """Make a report with a text of ``text`` in each field that holds one."""
    launch = Launch(PrincipalKind.ROLE, text(), text(), text(), text(), NOW)
    outcomes = [
        Outcome(
            Finding(
                ResourceRef(text(), text(), text(), NOW, {text(): text()}),
                remedy,
                Code.MISSING,
                text(),
                mark=Mark(text(), End.STOP, NOW, text(), None),
                tag_key=text(),
                value=text(),
                fallback=text(),
                owner=text(),
                launch=launch,
                detail_tag=(text(), text()),
                found=text(),
                note=text(),
            ),
            result,
            text(),
            text(),
        )
        for result in Res
        for remedy in (Remedy.TAG, Remedy.MARK, Remedy.STOP, Remedy.REPORT)
    ]
    return Report(
        mode=Mode.ENFORCE,
        trigger=Trigger.EVENTS,
        scope=Scope.SOME,
        acts=True,
        rehearsal=False,
        vpc_ids=[text(), text()],
        target=Target(text(), text(), text()),
        time=datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
        log_group=text(),
        request_id=text(),
        engine=text(),
        schedule=text(),
        rule_errors=[RuleError(text(), text()) for _ in range(60)],
        by_vpc={"vpc-1": Tally(), "vpc-2": Tally()},
        outcomes=Outcomes(outcomes),
        problems=[text() for _ in range(30)],
        page=text(),
    )


def harmless_twin() -> Report:
    """Make such a report of harmless texts, no two of them alike, as those of strangers may be."""
    numbers = iter(range(10**6))
    return a_report(lambda: f"text-{next(numbers):06}")
