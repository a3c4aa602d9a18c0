"""The sweep: every instance of the VPCs. The schedule's, a person's, and AWS Config's."""

from tag_policy import inventory
from tag_policy.aws import AWS_ERRORS
from tag_policy.model import Finding
from tag_policy.run import TIME_WAS_UP, Judged, Run


def sweep(run: Run) -> None:
    """Judge every instance of the VPCs, and act."""
    run.remedy(judge_all(run))


def judge_all(run: Run, judged: Judged | None = None) -> list[Finding]:
    """Judge every instance of the VPCs and return what was found; ``judged`` is told of each.

    Listing may take half of the time, so that some is left to act on what is known by then.
    """
    vpc_ids, ec2 = run.report.vpc_ids, run.clients.ec2
    listing = run.half_of_the_time()
    try:
        for vpc_id in inventory.missing_vpcs(ec2, vpc_ids):
            run.problem(f"{vpc_id} does not exist in this account and region")
    except AWS_ERRORS as error:
        run.problem(f"whether the VPCs exist could not be asked: {error}")
    findings = run.judge(inventory.instances_of_vpcs(ec2, vpc_ids), listing, judged)
    if listing.passed:
        run.problem(TIME_WAS_UP)
    return findings
