"""`make demo`: the whole engine at work, from `terraform apply` to the e-mail.

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

from tests.support import fleet
from tests.support.embedded_aws import Answer, EmbeddedAws
from tests.support.past import backdate
from tests.support.terraform import ROOT, RootModule, TerraformError

console = Console(highlight=False, width=None if sys.stdout.isatty() else 118)

ADDRESS = "cloud-admins@example.com"


@dataclass(frozen=True)
class Case:
    """One instance of the demo, and what it is there to show."""

    instance_id: str
    shows: str
    launched_by: str


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
        with _step("Starting the embedded AWS and launching ten instances"):
            vpc, cases = _launch(aws)
        module = aws.root_module(
            ROOT / "examples" / "minimal",
            vpc_id=vpc.vpc_id,
            untagged_action="terminate",
            email_subscriptions=[ADDRESS],
        )
        try:
            with _step("terraform init, plan and apply in examples/minimal"):
                printed = module.apply()
        except TerraformError as error:
            console.print(error, style="red")
            return 1
        _show_terraform(printed)
        succeeded = _show_run(aws, module, cases)
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
    old, protected = launch(by=sam), launch(by=sam, zone=1, protected=True)
    for instance_id in (old, protected):
        backdate(instance_id, timedelta(hours=1))
    return vpc, [
        Case(old, "no tags at all, an hour old", "the IAM user sam"),
        Case(protected, "no tags, an hour old, but protected", "the IAM user sam"),
        Case(launch(by=sam), "no tags, but launched just now", "the IAM user sam"),
        Case(launch({"tag-policy:exempt": ""}, by=sam), "exempt", "the IAM user sam"),
        Case(launch({"Name": "web"}, by=jane), "only a Name", "jane, through single sign-on"),
        Case(
            launch({"Name": "api", "ProjectCode": ""}, by=sam), "an empty tag", "the IAM user sam"
        ),
        Case(
            launch({"Name": "job", "ProjectCode": "Hermes"}, by=jane),
            "some tags",
            "jane, through single sign-on",
        ),
        Case(launch(compliant, by=jane), "compliant", "jane, through single sign-on"),
        Case(member, "in an Auto Scaling group", "Auto Scaling"),
        Case(launch(by=sam, into=other), "no tags, in another VPC", "the IAM user sam"),
    ]


def _show_run(aws: EmbeddedAws, module: RootModule, cases: list[Case]) -> bool:
    """Show two runs of the function; returns whether they did what they should."""
    engine = module.outputs["tag_policy"]
    before = _look(aws, cases)
    console.print(Rule("Before", style="cyan"))
    console.print(_table(cases, before, before))

    with _step(f"Invoking the deployed function {engine['function_name']}"):
        answer = aws.invoke(engine["function_name"])
    _show_answer(answer)
    after = _look(aws, cases)
    console.print(Rule("After: what changed is marked", style="cyan"))
    console.print(_table(cases, before, after))

    email = aws.emails()[-1]
    console.print(
        Panel(
            Text(f"To:       {email.address}\nSubject:  {email.subject}\n\n{email.text}"),
            title="The e-mail, as the topic delivered it",
            border_style="green",
        )
    )

    with _step("Invoking the function again"):
        answer = aws.invoke(engine["function_name"])
    _show_answer(answer)
    if _look(aws, cases) != after:
        console.print("The second run changed something, and should not have.", style="bold red")
        return False
    console.print(
        "  Nothing was left to change. The protected instance stays in the report until somebody\n"
        "  tags it or lifts the protection.\n"
    )
    return True


def _look(aws: EmbeddedAws, cases: list[Case]) -> dict[str, Look]:
    return {
        case.instance_id: Look(
            fleet.state_of(aws, case.instance_id), fleet.tags_of(aws, case.instance_id)
        )
        for case in cases
    }


def _table(cases: list[Case], before: Mapping[str, Look], now: Mapping[str, Look]) -> Table:
    table = Table(show_lines=True, expand=False)
    table.add_column("Instance", no_wrap=True)
    table.add_column("Shows")
    table.add_column("State", no_wrap=True)
    table.add_column("Tags", min_width=34)
    for case in cases:
        was, is_now = before[case.instance_id], now[case.instance_id]
        state = Text(is_now.state, style="bold red" if is_now.state != was.state else "")
        shows = Text.assemble(case.shows, "\n", (f"launched by {case.launched_by}", "dim"))
        table.add_row(case.instance_id, shows, state, _tags(was.tags, is_now.tags))
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
    lines.rstrip()
    return lines or Text("  none", style="dim")


def _show_answer(answer: Answer) -> None:
    if answer.failed:
        raise SystemExit(f"The function failed: {answer.payload}")
    outcomes = ", ".join(
        f"{number} {outcome}" for outcome, number in answer.payload["outcomes"].items() if number
    )
    violations = answer.payload["violations"]
    console.print(
        f"  {answer.payload['instances']} instances, {answer.payload['compliant']} compliant, "
        f"{violations} violation{'' if violations == 1 else 's'}: {outcomes or 'nothing to do'}\n"
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
