"""The run that answers AWS Config; by default it evaluates and touches nothing."""

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.model import Finding, Instance
from tag_policy.runs.engine import Run
from tag_policy.runs.event_run import act, judge_one
from tag_policy.runs.sweep import judge_all
from tag_policy.triggers.config_rule import (
    ConfigRequest,
    Evaluation,
    evaluation,
    not_applicable,
    put_evaluations,
)

_NOT_OURS = "exempt, gone, or in no VPC that the rules are for"
_EXEMPT = "exempt"


def answer(run: Run, request: ConfigRequest) -> None:
    """Evaluate what AWS Config asks about, tell it, and act where the settings say so."""
    if request.instance_id is None:
        evaluations, found = _evaluate_all(run)
    else:
        evaluations, found = _evaluate_one(run, request, request.instance_id)
    try:
        paced = run.paced(run.part_of_the_time(1))
        refused = put_evaluations(run.clients.config, request, evaluations, paced)
    except AWS_ERRORS as error:
        run.problem(f"AWS Config could not be told: {error}", failed=True)
    else:
        if refused:
            run.problem(f"AWS Config did not take what {', '.join(refused)} are", failed=True)
    if not run.settings.config_rule_remediates:
        return
    if request.instance_id is None:
        run.remedy(found)
    else:
        act(run, found, {})


def _evaluate_all(run: Run) -> tuple[list[Evaluation], list[list[Finding]]]:
    evaluations: list[Evaluation] = []

    def evaluate(instance: Instance, findings: list[Finding] | None) -> None:
        instance_id = instance.ref.instance_id
        evaluations.append(
            not_applicable(instance_id, _EXEMPT)
            if findings is None
            else evaluation(instance_id, findings)
        )

    found = list(judge_all(run, evaluate))
    return evaluations, found


def _evaluate_one(
    run: Run, request: ConfigRequest, instance_id: str
) -> tuple[list[Evaluation], list[list[Finding]]]:
    if request.gone:
        return [not_applicable(instance_id, _NOT_OURS)], []
    findings, may_be_done = judge_one(run, instance_id)
    if run.report.failed:
        return [], []  # nothing is known of it
    if findings is None:
        return [not_applicable(instance_id, _NOT_OURS)], []
    return [evaluation(instance_id, findings)], may_be_done
