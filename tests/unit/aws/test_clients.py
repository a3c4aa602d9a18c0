"""The clients: lean where botocore lets them be, and there in any case."""

from dataclasses import replace
from functools import cached_property
from types import ModuleType
from typing import Any

import pytest

from tag_policy.aws.clients import Clients
from tag_policy.aws.fast import models as lean_models
from tag_policy.aws.fast import parser as lean_parser
from tag_policy.aws.fast import request as lean_request
from tag_policy.aws.fast.models import SERVICES, LeanFileLoader
from tests.support.builders import HOME


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def made_of(clients: Clients) -> list[str]:
    """Make every client; return the services that they are of."""
    return sorted(
        {
            getattr(clients, name).meta.service_model.service_name
            for name, member in vars(Clients).items()
            if isinstance(member, cached_property) and not name.startswith("_")
        }
    )


def test_there_is_a_client_for_each_service_and_all_of_them_use_lean_models(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clients = Clients(HOME)

    assert made_of(clients) == sorted(SERVICES)
    assert isinstance(clients._session.get_component("data_loader").file_loader, LeanFileLoader)
    assert not caplog.records


def test_a_call_that_changes_something_is_one_attempt_and_any_other_is_repeated() -> None:
    clients = Clients(HOME)

    def attempts(client: Any) -> int:
        total: int = client.meta.config.retries["total_max_attempts"]
        return total

    assert attempts(clients.ec2_once) == attempts(clients.cloudtrail) == 1
    assert attempts(clients.ec2) == 3


@pytest.mark.parametrize("lean", [lean_models, lean_parser, lean_request])
def test_what_cannot_be_registered_makes_clients_slower_and_not_fewer(
    lean: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise AttributeError("botocore has no such method any more")

    monkeypatch.setattr(lean, "register", refuse)

    assert made_of(Clients(HOME)) == sorted(SERVICES)
    assert f"without {lean.__name__}, which is slower" in caplog.text


def test_what_is_judged_is_asked_about_where_it_is_and_everything_else_at_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients = Clients(replace(HOME, region="us-east-1"))

    there = (clients.ec2, clients.ec2_once, clients.cloudtrail)
    here = (clients.dynamodb, clients.sns, clients.sqs, clients.s3, clients.config)

    assert {client.meta.region_name for client in there} == {"us-east-1"}
    assert {client.meta.region_name for client in here} == {"eu-west-1"}
