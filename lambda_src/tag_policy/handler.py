"""The entry point: which trigger, and what runs on it."""

import logging
import os
from collections.abc import Sequence
from typing import Any, assert_never

from tag_policy.aws.clients import AWS_ERRORS, Clients
from tag_policy.aws.clock import Clock, SystemClock
from tag_policy.aws.deadline import Context
from tag_policy.aws.function_arn import FunctionArn
from tag_policy.model.assignment import Scope
from tag_policy.reporting.log import CleanRecord
from tag_policy.reporting.publish import RunError
from tag_policy.resources.vpc import find_vpcs
from tag_policy.runs.config_run import answer
from tag_policy.runs.context import RunContext
from tag_policy.runs.engine import Engine
from tag_policy.runs.event_run import put_right
from tag_policy.runs.sweep import sweep
from tag_policy.settings import Settings
from tag_policy.triggers.config_rule import ConfigRequest
from tag_policy.triggers.dispatch import read_event
from tag_policy.triggers.request import SweepRequest
from tag_policy.triggers.sqs_batch import EventsRequest, Message, bring_back, failures

# The log is where every finding is to be found, so INFO is the least that is logged.
logging.getLogger("tag_policy").setLevel(logging.INFO)
# Whatever a line quotes, it is one line.
logging.setLogRecordFactory(CleanRecord)
# Not collected for each of a hundred thousand lines: Lambda's formatter writes none of them.
# https://docs.python.org/3/howto/logging.html#optimization
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def lambda_handler(event: object, context: Context) -> dict[str, Any]:
    """Do what an event asks for, and return the summary of what was done.

    ``event`` is a scheduled event of EventBridge, ``{}``, or an object that narrows the sweep:
    ``{"vpc_ids": ["vpc-0a1b2c3d"], "mode": "audit"}``. It may also be a batch of the event queue,
    for which the messages that failed are returned, or a question of AWS Config.

    Raises SettingsError for a bad environment, EventError or ConfigRequestError for a bad event,
    and RunError when the rules or the instances cannot be read, AWS Config cannot be told, or the
    report cannot be published.
    """
    settings = Settings.from_env(os.environ)
    home = FunctionArn.parse(context.invoked_function_arn).home
    return run(event, context, settings, Clients(home), SystemClock())


def run(
    event: object, context: Context, settings: Settings, clients: Clients, clock: Clock
) -> dict[str, Any]:
    """Do what ``lambda_handler`` does, with the environment, the clients and the clock given."""
    obstacle = ""
    if settings.finds_vpcs:
        try:
            settings = settings.with_vpcs(find_vpcs(clients.ec2, settings.vpc_tags))
        except AWS_ERRORS as error:
            obstacle = f"the VPCs could not be looked up: {error}"
    request = read_event(event, settings, FunctionArn.parse(context.invoked_function_arn).home)
    engine = Engine(RunContext.begin(request.assignment, context, settings, clients, clock))
    if not settings.vpc_ids and request.assignment.scope is Scope.ALL:
        obstacle = obstacle or "no VPC of this account and region has the tags of vpc_tags"
    engine.obstacle = obstacle
    match request:
        case SweepRequest():
            return engine.carry_out(sweep)
        case EventsRequest(messages=messages):
            return _on_events(engine, messages)
        case ConfigRequest():
            return engine.carry_out(lambda this: answer(this, request))
        case _ as unreachable:
            assert_never(unreachable)


def _on_events(engine: Engine, messages: Sequence[Message]) -> dict[str, Any]:
    """Put right what messages name, and return those that failed: all, when the run does."""
    failed = list(messages)

    def work(this: Engine) -> None:
        failed[:] = put_right(this, messages)

    try:
        engine.carry_out(work)
    except RunError:
        bring_back(engine.context.clients.sqs, engine.context.settings.queue_url, messages)
        raise
    bring_back(engine.context.clients.sqs, engine.context.settings.queue_url, failed)
    return failures(failed)
