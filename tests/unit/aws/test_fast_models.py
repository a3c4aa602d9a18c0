"""The lean models: what is read of botocore's files is what botocore reads of them."""

import gzip
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError

from tag_policy.aws.fast import models as lean_models
from tag_policy.aws.fast.models import SERVICES, LeanFileLoader

DATA = Path(botocore.loaders.__file__).parent / "data"
VERSIONS = {
    "autoscaling": "2011-01-01",
    "cloudtrail": "2013-11-01",
    "config": "2014-11-12",
    "dynamodb": "2012-08-10",
    "ec2": "2016-11-15",
    "s3": "2006-03-01",
    "sns": "2010-03-31",
    "sqs": "2012-11-05",
}


def test_the_files_of_every_service_that_clients_are_made_of_are_compared() -> None:
    """That clients are made of just these: ``test_clients``."""
    assert set(VERSIONS) == set(SERVICES)


@pytest.mark.parametrize(
    "name",
    ["endpoints", "partitions", "_retry", "sdk-default-configuration"]
    + [
        f"{service}/{version}/{kind}"
        for service, version in VERSIONS.items()
        for kind in ("service-2", "paginators-1", "endpoint-rule-set-1", "waiters-2", "no-such")
    ],
)
def test_a_file_is_read_as_botocore_reads_it(name: str) -> None:
    path = str(DATA / name)

    lean, full = LeanFileLoader().load_file(path), botocore.loaders.JSONFileLoader().load_file(path)

    assert lean == full
    assert lean or name.endswith(("waiters-2", "no-such"))


def test_what_is_not_packed_is_read_first(tmp_path: Path) -> None:
    (tmp_path / "model.json.gz").write_bytes(gzip.compress(b'{"from": "packed"}'))
    path = str(tmp_path / "model")

    assert LeanFileLoader().load_file(path) == {"from": "packed"}

    (tmp_path / "model.json").write_text('{"from": "é"}', encoding="utf-8")
    assert LeanFileLoader().load_file(path) == {"from": "é"}
    assert botocore.loaders.JSONFileLoader().load_file(path) == {"from": "é"}


def test_a_service_that_we_make_no_client_of_is_not_looked_for() -> None:
    """botocore looks through some four hundred folders to know which services there are."""
    session = botocore.session.get_session()

    lean_models.register(session)

    with pytest.raises(UnknownServiceError):
        session.create_client("lambda", "eu-west-1")
