"""`make demo`: the whole engine at work, from `terraform apply` to the last e-mail.

An instance without tags is announced; its owner acts, or does not; a day later, the other is ended.

Real: Terraform, the AWS provider, this module, the deployed zip, AWS's Lambda runtime client.
Embedded: AWS itself. Nothing here can reach a real AWS account, whatever credentials there are.
"""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tag_policy.reporting.wording import WORDING
from tests.support import fleet
from tests.support.embedded_aws import Answer, EmbeddedAws
from tests.support.past import backdate, make_due
from tests.support.terraform import ROOT, RootModule, TerraformError

console = Console(highlight=False, width=None if sys.stdout.isatty() else 118)

ADDRESS = "cloud-admins@example.com"
MARKER = "tag-policy:due"


@dataclass(frozen=True)
class Case:
    """One instance of the demo, and what it is there to show."""

    resource_id: str
    shows: str
    launched_by: str
    is_ours: bool = True


@dataclass(frozen=True)
class Look:
    """What an instance looks like at one moment."""

    state: str
    tags: Mapping[str, str]


def main() -> int:
    """Run the demo; returns the exit status."""
    started = time.monotonic()
    _introduce()
    with EmbeddedAws() as aws:
        with _step("Starting the embedded AWS and launching some instances"):
            vpc, cases = _launch(aws)
        module = aws.root_module(
            ROOT / "examples" / "minimal",
            vpc_id=vpc.vpc_id,
            untagged_action="terminate",
            email_subscriptions=[ADDRESS],
        )
        try:
            with _step("terraform init, plan and apply in examples/minimal, which audits"):
                printed = module.apply()
            _show_terraform(printed)
            _show_audit(aws, module, cases)
            module.environment["TF_VAR_mode"] = "enforce"
            with _step('terraform apply, with mode = "enforce"'):
                printed = module.apply()
        except TerraformError as error:
            console.print(error, style="red")
            return 1
        _show_terraform(printed)
        succeeded = _show_runs(aws, module, cases)
        with _step("terraform destroy"):
            printed = module.destroy()
        _show_terraform(printed)
    console.print(f"\nThat took {time.monotonic() - started:.0f} seconds.", style="dim")
    return 0 if succeeded else 1


def _introduce() -> None:
    console.print(
        Panel(
            "[bold]Real[/]      Terraform, the AWS provider, this module, the packaged function "
            "under AWS's own\n          Lambda runtime client.\n"
            "[bold]Embedded[/]  AWS: moto's server on a loopback port of this machine. No AWS "
            "account is\n          involved, and none could be reached.",
            title="Tag Policy Engine for AWS: a demonstration",
            border_style="cyan",
        )
    )


def _launch(aws: EmbeddedAws) -> tuple[fleet.Vpc, list[Case]]:
    """Launch a VPC in which each instance shows a case."""
    vpc, other = fleet.create_vpc(aws), fleet.create_vpc(aws)
    jane = fleet.role_session(aws, "AWSReservedSSO_Developer_0a1b2c3d", "jane@example.com")
    sam = fleet.iam_user(aws, "sam")

    def launch(
        tags: dict[str, str] | None = None,
        *,
        by: fleet.Credentials,
        into: fleet.Vpc = vpc,
        **options: Any,
    ) -> str:
        (instance_id,) = fleet.launch(aws, into, tags, by=by, **options)
        return instance_id

    compliant = {"Name": "db", "ProjectCode": "Apollo", "CreatedBy": "ann", "Expires": "2030-01-01"}
    (member,) = fleet.launch_group(aws, vpc, "web-asg")
    claimed, forgotten = launch(by=jane), launch(by=sam)
    protected, asked = launch(by=sam, zone=1, protected=True), launch({MARKER: "ask Jane"}, by=sam)
    for instance_id in (claimed, forgotten, protected, asked):
        backdate(instance_id, timedelta(hours=1))
    by_jane, by_sam = "jane, through single sign-on", "the IAM user sam"
    return vpc, [
        Case(claimed, "no tags; its owner will act", by_jane),
        Case(forgotten, "no tags; nobody will act", by_sam),
        Case(protected, "no tags; protected from termination", by_sam),
        Case(asked, "only the engine's tag, in somebody's own words", by_sam),
        Case(launch(by=sam), "no tags; just launched when the demo begins", by_sam),
        Case(launch({"tag-policy:exempt": ""}, by=sam), "exempt", by_sam),
        Case(launch({"Name": "web"}, by=jane), "only a Name", by_jane),
        Case(launch({"Name": "api", "ProjectCode": ""}, by=sam), "an empty tag", by_sam),
        Case(launch(compliant, by=jane), "compliant", by_jane),
        Case(member, "in an Auto Scaling group", "Auto Scaling"),
        Case(launch(by=sam, into=other), "no tags; in another VPC", by_sam, is_ours=False),
    ]


def _show_audit(aws: EmbeddedAws, module: RootModule, cases: list[Case]) -> None:
    """Show what is there, and a run that changes nothing."""
    before = _look(aws, cases)
    _title("Before")
    console.print(_table(cases, before, before))

    _title("An audit, which is the default: it says what it would do")
    if _show_run(aws, module.outputs["tag_policy"], cases, before) != before:
        raise SystemExit("The audit changed something, and should not have.")


def _show_runs(aws: EmbeddedAws, module: RootModule, cases: list[Case]) -> bool:
    """Show three runs that act; returns whether they did what they should."""
    engine = module.outputs["tag_policy"]
    claimed, forgotten, *_ = (case.resource_id for case in cases)
    begin = _look(aws, cases)

    _title("The first run that acts: tags are written, and what has none is announced")
    told = _show_run(aws, engine, cases, begin)

    _title("Jane tags her instance, and a day passes")
    name = [{"Key": "Name", "Value": "jenkins"}]
    aws.client("ec2").create_tags(Resources=[claimed], Tags=name)
    _let_a_day_pass(aws, engine["state_table_name"], cases, told)
    console.print(f"  {claimed} has a Name now. Of {forgotten}, nobody has taken notice.\n")

    _title("The second run: what nobody wanted is ended")
    ended = _show_run(aws, engine, cases, _look(aws, cases))

    _title("A third run straight after it")
    with _step(f"Invoking the function {engine['function_name']}"):
        answer = aws.invoke(engine["function_name"])
    _show_answer(answer)
    if _look(aws, cases) != ended:
        console.print("The last run changed something, and should not have.", style="bold red")
        return False
    console.print(
        "  Nothing was left to change, and nothing is new, so that there is no e-mail. What is as\n"
        "  it was is listed once a day, until a person decides about it.\n"
    )
    wanted = {claimed: "running", forgotten: "terminated"}
    return all(ended[instance_id].state == state for instance_id, state in wanted.items())


def _show_run(
    aws: EmbeddedAws, engine: Mapping[str, Any], cases: list[Case], before: Mapping[str, Look]
) -> Mapping[str, Look]:
    """Invoke the function, and show what it changed and told; returns what is there now."""
    with _step(f"Invoking the function {engine['function_name']}"):
        answer = aws.invoke(engine["function_name"])
    _show_answer(answer)
    after = _look(aws, cases)
    if after == before:
        console.print("  No instance was changed.\n")
    else:
        console.print(_table(cases, before, after, only_changed=True))
    email = aws.emails()[-1]
    console.print(
        Panel(
            Text(f"To:       {email.address}\nSubject:  {email.subject}\n\n{email.text}"),
            title="The e-mail, as the topic delivered it",
            border_style="green",
        )
    )
    return after


def _let_a_day_pass(
    aws: EmbeddedAws, state_table: str, cases: list[Case], told: Mapping[str, Look]
) -> None:
    """Make everything a day older: instances, and what was announced of them."""
    for case in cases:
        if case.is_ours:
            backdate(case.resource_id, timedelta(days=1, hours=1))
        if "announced" in told[case.resource_id].tags.get(MARKER, ""):
            make_due(aws, case.resource_id, state_table, MARKER)


def _title(title: str) -> None:
    console.print(Rule(title, style="cyan"))


def _look(aws: EmbeddedAws, cases: list[Case]) -> dict[str, Look]:
    return {
        case.resource_id: Look(
            fleet.state_of(aws, case.resource_id), fleet.tags_of(aws, case.resource_id)
        )
        for case in cases
    }


def _table(
    cases: list[Case],
    before: Mapping[str, Look],
    now: Mapping[str, Look],
    *,
    only_changed: bool = False,
) -> Table:
    """Return a table of instances: what is new is marked with ``+``, what is gone with ``-``."""
    table = Table(show_lines=True, expand=False)
    table.add_column("Instance", no_wrap=True)
    table.add_column("Shows")
    table.add_column("State", no_wrap=True)
    table.add_column("Tags", min_width=34)
    for case in cases:
        was, is_now = before[case.resource_id], now[case.resource_id]
        if only_changed and was == is_now:
            continue
        state = Text(is_now.state, style="bold red" if is_now.state != was.state else "")
        shows = Text.assemble(case.shows, "\n", (f"launched by {case.launched_by}", "dim"))
        table.add_row(case.resource_id, shows, state, _tags(was.tags, is_now.tags))
    return table


def _tags(was: Mapping[str, str], is_now: Mapping[str, str]) -> Text:
    lines = Text()
    for key, value in is_now.items():
        if key.startswith("aws:ec2launchtemplate"):
            continue  # two lines that show nothing
        changed = was.get(key) != value
        shown = value if value.strip() else '""'
        lines.append(
            f"{'+ ' if changed else '  '}{key} = {shown}\n", style="bold green" if changed else ""
        )
    for key in was.keys() - is_now.keys():
        lines.append(f"- {key}\n", style="bold red")
    lines.rstrip()
    return lines or Text("  none", style="dim")


def _show_answer(answer: Answer) -> None:
    if answer.failed:
        raise SystemExit(f"The function failed: {answer.payload}")
    numbers = answer.payload["outcomes"]
    outcomes = ", ".join(
        f"{numbers[result]} {wording.one if numbers[result] == 1 else wording.many}"
        for result, wording in WORDING.items()
        if numbers[result]
    )
    console.print(
        f"  {answer.payload['instances']} instances, {answer.payload['compliant']} compliant: "
        f"{outcomes or 'nothing to do'}\n"
    )


def _show_terraform(printed: str) -> None:
    for line in printed.splitlines():
        if re.match(r"(Plan:|Apply complete!|Destroy complete!)", line):
            console.print(f"  {line}")
    console.print()


@contextmanager
def _step(title: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(f"{title} …"):
        yield
    console.print(f"[bold cyan]▸[/] {title} [dim]({time.monotonic() - started:.0f} s)[/]")


if __name__ == "__main__":
    sys.exit(main())
