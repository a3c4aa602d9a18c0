"""The run that answers AWS Config; by default it evaluates and touches nothing."""

from collections import deque

from tag_policy.aws.clients import AWS_ERRORS
from tag_policy.model.finding import Finding, Verdict
from tag_policy.model.resource import Resource
from tag_policy.resources.instance import asks_for_managed
from tag_policy.runs.engine import Engine
from tag_policy.runs.event_run import act, judge_one
from tag_policy.runs.sweep import judge_all
from tag_policy.triggers.config_rule import (
    ConfigRequest,
    Evaluation,
    evaluation,
    not_applicable,
    put_evaluations,
)

_NOT_OURS = "gone, or in no VPC that the rules are for"
_OR_HIDDEN = (
    f"{_NOT_OURS}; or an AWS service manages it, and the account hides it from this function, "
    "whose SDK cannot ask for it"
)
_EXEMPT = "exempt"


def answer(engine: Engine, request: ConfigRequest) -> None:
    """Evaluate what AWS Config asks about, tell it, and act where the settings say so."""
    if request.instance_id is None:
        evaluations, found = _evaluate_all(engine)
    else:
        evaluations, found = _evaluate_one(engine, request, request.instance_id)
    try:
        context = engine.context
        paced = context.paced(context.until_margin())
        refused = put_evaluations(context.clients.config, request, evaluations, paced)
    except AWS_ERRORS as error:
        engine.problem(f"AWS Config could not be told: {error}", failed=True)
    else:
        if refused:
            engine.problem(
                f"AWS Config did not accept the evaluation of {', '.join(refused)}", failed=True
            )
    if not engine.context.assignment.acts:
        return
    if request.instance_id is None:
        engine.remedy(found)
    else:
        act(engine, found, {})


def _evaluate_all(engine: Engine) -> tuple[list[Evaluation], list[list[Finding]]]:
    evaluations: list[Evaluation] = []

    def evaluate(resource: Resource, verdict: Verdict) -> None:
        evaluations.append(_evaluation(resource.ref.resource_id, verdict))

    judged = judge_all(engine, evaluate)
    if engine.context.assignment.acts:
        return evaluations, list(judged)
    deque(judged, maxlen=0)  # what nobody acts on is not held
    return evaluations, []


def _evaluate_one(
    engine: Engine, request: ConfigRequest, instance_id: str
) -> tuple[list[Evaluation], list[list[Finding]]]:
    if request.gone:
        return [not_applicable(instance_id, _NOT_OURS)], []
    verdict, may_be_done = judge_one(engine, instance_id)
    if engine.report.failed:
        return [], []  # nothing is known of it
    if verdict is None:
        sees_all = asks_for_managed(engine.context.clients.ec2)
        return [not_applicable(instance_id, _NOT_OURS if sees_all else _OR_HIDDEN)], []
    return [_evaluation(instance_id, verdict)], may_be_done


def _evaluation(instance_id: str, verdict: Verdict) -> Evaluation:
    if verdict.exempt:
        return not_applicable(instance_id, _EXEMPT)
    return evaluation(instance_id, verdict.findings)
