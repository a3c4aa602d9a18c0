"""Who launched it: recorded launch events, and what becomes of each in a tag."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.creators.principal import Principal, principal_of
from tag_policy.creators.run_instances import read_launch
from tag_policy.creators.tag_value import creator_tag
from tag_policy.model.launch import Launch
from tag_policy.model.launch import PrincipalKind as Kind
from tag_policy.settings import CreatorFormat
from tests.support.recorded import FOLDER, recorded, recording

STS = "arn:aws:sts::111122223333"
IAM = "arn:aws:iam::111122223333"


@dataclass(frozen=True)
class Case:
    """What is expected of one recorded event, in each of the three formats."""

    kind: Kind
    name: str
    role: str
    arn: str
    role_and_name: str
    managers: dict[str, str] = field(default_factory=dict)


SSO_ROLE = "AWSReservedSSO_Developer_0a1b2c3d4e5f6789"
POD_SESSION = "eks-prod-karpenter-7c-1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
GO_SESSION = "aws-go-sdk-1759654682000000000"

CASES = {
    "iam-user": Case(Kind.IAM_USER, "Alice", "", f"{IAM}:user/Alice", "Alice"),
    "iam-user-with-a-path": Case(
        Kind.IAM_USER, "Alice", "", f"{IAM}:user/teams/data/Alice", "Alice"
    ),
    "iam-user-in-the-console": Case(Kind.IAM_USER, "Alice", "", f"{IAM}:user/Alice", "Alice"),
    "assumed-role": Case(
        Kind.ROLE, "mateo", "Deploy", f"{STS}:assumed-role/Deploy/mateo", "Deploy/mateo"
    ),
    "role-of-saml-federation": Case(
        Kind.ROLE,
        "martha_rivera@example.com",
        "Developers",
        f"{STS}:assumed-role/Developers/martha_rivera@example.com",
        "Developers/martha_rivera@example.com",
    ),
    "single-sign-on": Case(
        Kind.SINGLE_SIGN_ON,
        "jane@example.com",
        SSO_ROLE,
        f"{STS}:assumed-role/{SSO_ROLE}/jane@example.com",
        f"{SSO_ROLE}/jane@example.com",
    ),
    "source-identity": Case(
        Kind.SOURCE_IDENTITY,
        "jane",
        "Deploy",
        f"{STS}:assumed-role/Deploy/pipeline-7f3a",
        "Deploy/jane",
    ),
    "source-identity-behind-an-sdk-session": Case(
        Kind.SOURCE_IDENTITY,
        "jane",
        "Terraform",
        f"{STS}:assumed-role/Terraform/{GO_SESSION}",
        "Terraform/jane",
    ),
    "lambda-function": Case(
        Kind.ROLE,
        "nightly-tests",
        "nightly-tests-role",
        f"{STS}:assumed-role/nightly-tests-role/nightly-tests",
        "nightly-tests-role/nightly-tests",
    ),
    "session-named-by-the-go-sdk": Case(
        Kind.ROLE,
        "Terraform",
        "Terraform",
        f"{STS}:assumed-role/Terraform/{GO_SESSION}",
        "Terraform",
    ),
    "session-named-by-botocore": Case(
        Kind.ROLE,
        "Pipeline",
        "Pipeline",
        f"{STS}:assumed-role/Pipeline/botocore-session-1759654682",
        "Pipeline",
    ),
    "karpenter": Case(
        Kind.ROLE,
        "KarpenterController-prod",
        "KarpenterController-prod",
        f"{STS}:assumed-role/KarpenterController-prod/1759654682123456789",
        "KarpenterController-prod",
        {"ec2fleet": "fleet-0a1b2c3d"},
    ),
    "karpenter-with-pod-identity": Case(
        Kind.ROLE,
        "KarpenterController-prod",
        "KarpenterController-prod",
        f"{STS}:assumed-role/KarpenterController-prod/{POD_SESSION}",
        "KarpenterController-prod",
        {"ec2fleet": "fleet-0a1b2c3d"},
    ),
    "root": Case(Kind.ROOT, "root", "", f"{IAM}:root", "root"),
    "federated-user": Case(
        Kind.FEDERATED_USER, "Carlos", "broker", f"{STS}:federated-user/Carlos", "broker/Carlos"
    ),
    "identity-center-user": Case(
        Kind.OTHER,
        "544894e8-80c1-707f-60e3-3ba6510dfac1",
        "",
        "544894e8-80c1-707f-60e3-3ba6510dfac1",
        "544894e8-80c1-707f-60e3-3ba6510dfac1",
    ),
    "aws-service": Case(
        Kind.AWS_SERVICE, "spot.amazonaws.com", "", "spot.amazonaws.com", "spot.amazonaws.com"
    ),
    "auto-scaling": Case(
        Kind.AWS_SERVICE,
        "autoscaling:web-asg",
        "AWSServiceRoleForAutoScaling",
        f"{STS}:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling",
        "AWSServiceRoleForAutoScaling/autoscaling:web-asg",
        # A stack that makes a group passes its own tag on to the members.
        {"autoscaling": "web-asg", "cloudformation": "web", "ec2fleet": "fleet-0a1b2c3d"},
    ),
    "auto-scaling-with-a-role-of-its-own": Case(
        Kind.AWS_SERVICE,
        "autoscaling:payments",
        "AWSServiceRoleForAutoScaling_payments",
        f"{STS}:assumed-role/AWSServiceRoleForAutoScaling_payments/AutoScaling",
        "AWSServiceRoleForAutoScaling_payments/autoscaling:payments",
        {"autoscaling": "payments"},
    ),
    "eks-node-group": Case(
        Kind.AWS_SERVICE,
        "autoscaling:eks-workers-9cc1b2a4",
        "AWSServiceRoleForAutoScaling",
        f"{STS}:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling",
        "AWSServiceRoleForAutoScaling/autoscaling:eks-workers-9cc1b2a4",
        {"autoscaling": "eks-workers-9cc1b2a4"},
    ),
    "eks-node-group-by-its-own-role": Case(
        Kind.AWS_SERVICE,
        "eks-nodegroup.amazonaws.com",
        "AWSServiceRoleForAmazonEKSNodegroup",
        f"{STS}:assumed-role/AWSServiceRoleForAmazonEKSNodegroup/EKS",
        "AWSServiceRoleForAmazonEKSNodegroup/eks-nodegroup.amazonaws.com",
    ),
    "emr": Case(
        Kind.AWS_SERVICE,
        "elasticmapreduce:j-2AXXXXXXGAPLF",
        "EMR_DefaultRole_V2",
        f"{STS}:assumed-role/EMR_DefaultRole_V2/CCSSession",
        "EMR_DefaultRole_V2/elasticmapreduce:j-2AXXXXXXGAPLF",
        {"elasticmapreduce": "j-2AXXXXXXGAPLF"},
    ),
    "batch": Case(
        Kind.AWS_SERVICE,
        "batch.amazonaws.com",
        "AWSServiceRoleForBatch",
        f"{STS}:assumed-role/AWSServiceRoleForBatch/aws-batch",
        "AWSServiceRoleForBatch/batch.amazonaws.com",
    ),
    "batch-with-a-service-role": Case(
        Kind.AWS_SERVICE,
        "batch.amazonaws.com",
        "AWSBatchServiceRole",
        f"{STS}:assumed-role/AWSBatchServiceRole/aws-batch",
        "AWSBatchServiceRole/batch.amazonaws.com",
    ),
    "spot-fleet": Case(
        Kind.AWS_SERVICE,
        "spotfleet:sfr-0a1b2c3d",
        "AWSServiceRoleForEC2SpotFleet",
        f"{STS}:assumed-role/AWSServiceRoleForEC2SpotFleet/SpotFleet",
        "AWSServiceRoleForEC2SpotFleet/spotfleet:sfr-0a1b2c3d",
        {"spotfleet": "sfr-0a1b2c3d"},
    ),
    "ec2-fleet": Case(
        Kind.AWS_SERVICE,
        "ec2fleet:fleet-0a1b2c3d",
        "AWSServiceRoleForEC2Fleet",
        f"{STS}:assumed-role/AWSServiceRoleForEC2Fleet/EC2Fleet",
        "AWSServiceRoleForEC2Fleet/ec2fleet:fleet-0a1b2c3d",
        {"ec2fleet": "fleet-0a1b2c3d"},
    ),
    "cloudformation-on-behalf-of-a-person": Case(
        Kind.SINGLE_SIGN_ON,
        "jane@example.com",
        SSO_ROLE,
        f"{STS}:assumed-role/{SSO_ROLE}/jane@example.com",
        f"{SSO_ROLE}/jane@example.com",
        {"cloudformation": "web"},
    ),
    "cloudformation-with-a-service-role": Case(
        Kind.AWS_SERVICE,
        "cloudformation:web",
        "cfn-exec-role",
        f"{STS}:assumed-role/cfn-exec-role/AWSCloudFormation",
        "cfn-exec-role/cloudformation:web",
        {"cloudformation": "web"},
    ),
}

# An instance is named with its role in every format but the ARN.
INSTANCE = "BuildServer/i-0f9e8d7c6b5a43210"


def launch_of(file: str, managers: dict[str, str] | None = None) -> Launch:
    event = read_launch(recorded(file))
    assert event is not None
    assert event.user_identity is not None
    principal = principal_of(event.user_identity, managers or {})
    assert principal is not None
    return Launch(
        kind=principal.kind,
        name=principal.name,
        role=principal.role,
        arn=principal.arn,
        event_id=event.event_id,
        event_time=event.event_time,
    )


@pytest.mark.parametrize("file", CASES)
def test_each_kind_of_principal(file: str) -> None:
    case = CASES[file]

    launch = launch_of(file, case.managers)

    assert (launch.kind, launch.name, launch.role) == (case.kind, case.name, case.role)
    assert creator_tag(launch, CreatorFormat.NAME) == case.name
    assert creator_tag(launch, CreatorFormat.ARN) == case.arn
    assert creator_tag(launch, CreatorFormat.ROLE_AND_NAME) == case.role_and_name


def test_an_instance_that_launches_is_named_with_its_role() -> None:
    launch = launch_of("instance-role")

    assert launch.kind is Kind.INSTANCE
    assert (launch.name, launch.role) == ("i-0f9e8d7c6b5a43210", "BuildServer")
    assert creator_tag(launch, CreatorFormat.NAME) == INSTANCE
    assert creator_tag(launch, CreatorFormat.ROLE_AND_NAME) == INSTANCE
    assert creator_tag(launch, CreatorFormat.ARN) == f"{STS}:assumed-role/{INSTANCE}"


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_each_recorded_event_says_where_aws_documents_its_shape(path: Any) -> None:
    pages = recording(path.stem)["documented_at"]

    assert pages
    assert all(page.startswith("https://docs.aws.amazon.com/") for page in pages)


@pytest.mark.parametrize(
    ("file", "service"),
    [
        ("auto-scaling", "autoscaling.amazonaws.com"),
        ("emr", "elasticmapreduce.amazonaws.com"),
        ("cloudformation-with-a-service-role", "cloudformation.amazonaws.com"),
    ],
)
def test_a_service_whose_tag_is_gone_is_known_by_its_principal(file: str, service: str) -> None:
    assert launch_of(file).name == service


def assumed_role(role: str, session: str, path: str = "", **more: Any) -> dict[str, Any]:
    issuer = {"type": "Role", "userName": role, "arn": f"{IAM}:role/{path}{role}"}
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{session}",
        "arn": f"{STS}:assumed-role/{role}/{session}",
        "sessionContext": {"sessionIssuer": issuer},
        **more,
    }


def name_of(identity: dict[str, Any], **managers: str) -> str | None:
    principal = principal_of(identity, managers)
    return principal and principal.name


def test_a_person_who_launches_what_carries_a_group_tag_is_still_that_person() -> None:
    assert name_of(assumed_role("Deploy", "jane"), autoscaling="web-asg") == "jane"


@pytest.mark.parametrize(
    "identity",
    [
        assumed_role("AWSServiceRoleForAutoScaling", "AutoScaling"),
        assumed_role("Deploy", "AWSCloudFormation"),
        assumed_role("Deploy", "AutoScaling", invokedBy="signin.amazonaws.com"),
    ],
)
def test_who_calls_themselves_a_service_is_none(identity: dict[str, Any]) -> None:
    principal = principal_of(identity, {"autoscaling": "web-asg", "cloudformation": "web"})

    assert principal is not None
    assert principal.kind is Kind.ROLE
    assert principal.name in ("AutoScaling", "AWSCloudFormation")


SSO_PATH = "aws-reserved/sso.amazonaws.com/eu-west-1/"


def test_a_session_of_digits_through_single_sign_on_is_a_person() -> None:
    role = "AWSReservedSSO_Admin_0a1b"
    assert name_of(assumed_role(role, "1700000000", SSO_PATH)) == "1700000000"
    assert name_of(assumed_role("Admin", "1700000000")) == "Admin"
    assert name_of(assumed_role("Admin", "12345")) == "12345"


@pytest.mark.parametrize("path", ["", "aws-reserved/", "sso.amazonaws.com/", "x/aws-reserved/sso/"])
def test_a_role_is_single_sign_ons_by_its_path_and_not_by_its_name(path: str) -> None:
    role = "AWSReservedSSO_Admin_0a1b2c3d4e5f6789"
    theirs = principal_of(assumed_role(role, "jane", SSO_PATH), {})
    somebodys = principal_of(assumed_role(role, "jane", path), {})

    assert theirs is not None
    assert somebodys is not None
    assert (theirs.kind, somebodys.kind) == (Kind.SINGLE_SIGN_ON, Kind.ROLE)


def test_a_session_named_like_an_instance_is_one_only_with_credentials_of_an_instance() -> None:
    session = "i-0f9e8d7c6b5a43210"
    named = assumed_role("BuildServer", session)
    delivered = assumed_role("BuildServer", session)
    delivered["sessionContext"]["ec2RoleDelivery"] = "2.0"

    by_name, by_delivery = principal_of(named, {}), principal_of(delivered, {})

    assert by_name is not None
    assert by_delivery is not None
    assert (by_name.kind, by_name.name) == (Kind.ROLE, "BuildServer")
    assert (by_delivery.kind, by_delivery.name) == (Kind.INSTANCE, session)


PRODUCT = "SC-111122223333-pp-abcdefghijklm"
JANE = f"{STS}:assumed-role/Developers/jane@example.com"


@pytest.mark.parametrize(
    ("provisioner", "name", "kind"),
    [
        (JANE, "jane@example.com", Kind.ROLE),
        (f"{STS}:assumed-role/Pipeline/botocore-session-1759654682", "Pipeline", Kind.ROLE),
        (f"{IAM}:user/teams/alice", "alice", Kind.IAM_USER),
        (f"{IAM}:root", "root", Kind.ROOT),
        (f"{IAM}:role/teams/Portfolio", "Portfolio", Kind.OTHER),
        ("no ARN", f"cloudformation:{PRODUCT}", Kind.AWS_SERVICE),
        ("no ARN:user/alice", f"cloudformation:{PRODUCT}", Kind.AWS_SERVICE),
        ("arn:aws:iam::111122223333:user/", f"cloudformation:{PRODUCT}", Kind.AWS_SERVICE),
    ],
)
def test_behind_a_product_is_who_provisioned_it(provisioner: str, name: str, kind: Kind) -> None:
    identity = assumed_role("Launch", "servicecatalog", invokedBy="cloudformation.amazonaws.com")

    principal = principal_of(identity, {"cloudformation": PRODUCT, "servicecatalog": provisioner})

    assert principal is not None
    assert (principal.name, principal.kind) == (name, kind)


def test_a_member_of_a_group_in_a_product_is_the_groups() -> None:
    path = "aws-service-role/autoscaling.amazonaws.com/"
    identity = assumed_role("AWSServiceRoleForAutoScaling", "AutoScaling", path)

    assert name_of(identity, autoscaling="web", servicecatalog=JANE) == "autoscaling:web"


def test_a_person_whose_stack_is_not_of_a_product_is_still_that_person() -> None:
    identity = assumed_role("Deploy", "jane", invokedBy="cloudformation.amazonaws.com")

    assert name_of(identity, cloudformation="web") == "jane"


def test_a_service_that_manages_what_it_launched_is_the_creator_and_no_other() -> None:
    identity = assumed_role("ecsInfrastructureRole", "ECSManaged", invokedBy="ecs.amazonaws.com")

    assert name_of(identity, operator="ecs.amazonaws.com") == "ecs.amazonaws.com"
    assert name_of(identity, operator="eks.amazonaws.com") == "ECSManaged"


def test_a_person_who_has_a_service_launch_what_it_manages_is_still_that_person() -> None:
    role = "AWSReservedSSO_Admin_0a1b"
    identity = assumed_role(role, "jane@example.com", SSO_PATH, invokedBy="ecs.amazonaws.com")

    assert name_of(identity, operator="ecs.amazonaws.com") == "jane@example.com"


def test_without_an_issuer_the_role_stands_in_the_arn() -> None:
    identity = assumed_role("Pipeline", "botocore-session-1759654682")
    del identity["sessionContext"]

    principal = principal_of(identity, {})

    assert principal is not None
    assert (principal.name, principal.role) == ("Pipeline", "Pipeline")


def test_a_federated_user_whom_a_program_named_is_the_user_who_made_it() -> None:
    identity = {
        "type": "FederatedUser",
        "arn": f"{STS}:federated-user/vault-token-ec2-1759654682-AbCd1234EFgh5678IJkl",
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "userName": "vault"}},
    }

    assert name_of(identity) == "vault"
    assert name_of({**identity, "arn": f"{STS}:federated-user/Carlos"}) == "Carlos"


def test_who_named_a_federated_user_is_not_lost() -> None:
    """Whoever may call GetFederationToken may call the user alice."""
    identity = {
        "type": "FederatedUser",
        "arn": f"{STS}:federated-user/alice",
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "userName": "mallory"}},
    }

    principal = principal_of(identity, {})

    assert principal is not None
    assert (principal.name, principal.role) == ("alice", "mallory")


def test_what_cannot_be_printed_does_not_come_into_a_name() -> None:
    name = "al\nice\x1b[2J\u202e"

    principal = principal_of({"type": "IAMUser", "userName": name, "arn": name * 1000}, {})

    assert principal is not None
    assert principal.name == "al ice [2J"
    assert principal.arn.isprintable()
    assert len(principal.arn) <= 2048


def test_a_session_without_an_arn_is_found_in_the_principal_id() -> None:
    identity = assumed_role("Deploy", "jane")
    del identity["arn"]

    principal = principal_of(identity, {})

    assert principal is not None
    assert (principal.name, principal.role) == ("jane", "Deploy")


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ({"type": "SAMLUser", "userName": "carol"}, "carol"),
        ({"type": "WebIdentityUser", "userName": "dave"}, "dave"),
        ({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "1"}, "AIDAEXAMPLE"),
        ({"type": "AWSAccount", "accountId": "444455556666"}, "444455556666"),
        ({"type": "IAMUser", "accountId": "444455556666"}, None),
        ({"type": "IAMUser"}, None),
        ({"type": "AWSService"}, None),
        ({"type": "AssumedRole"}, None),
        ({}, None),
    ],
)
def test_an_element_that_says_little(identity: dict[str, Any], name: str | None) -> None:
    assert name_of(identity) == name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
fields = ["type", "userName", "arn", "principalId", "invokedBy", "sessionContext"]
kinds = st.sampled_from(["IAMUser", "AssumedRole", "Root", "AWSService", "FederatedUser", "New"])
elements = st.dictionaries(st.sampled_from(fields), json_values | kinds)


@given(elements, st.sampled_from(CreatorFormat))
def test_no_element_is_a_crash_and_a_creator_always_fits_a_tag(
    identity: dict[str, Any], how: CreatorFormat
) -> None:
    principal = principal_of(identity, {})

    if principal is not None:
        now = datetime(2026, 11, 23, tzinfo=UTC)
        launch = Launch(principal.kind, principal.name, principal.role, principal.arn, "", now)
        value = creator_tag(launch, how)
        assert value.strip()
        assert len(value) <= 256


def test_a_made_up_session_without_its_role_names_nobody() -> None:
    session = {"type": "AssumedRole", "principalId": "AROAEXAMPLE:botocore-session-1759654682"}
    person = session | {"principalId": "AROAEXAMPLE:jane"}

    assert principal_of(session, {}) is None
    named = principal_of(person, {})
    assert named is not None
    assert named.name == "jane"


def test_a_service_of_china_is_known_by_its_name_there() -> None:
    identity = {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:CCSSession",
        "arn": "arn:aws-cn:sts::111122223333:assumed-role/EMR_DefaultRole/CCSSession",
        "invokedBy": "elasticmapreduce.amazonaws.com.cn",
    }

    named = principal_of(identity, {"elasticmapreduce": "j-1ABC"})

    assert named is not None
    assert named.name == "elasticmapreduce:j-1ABC"


def test_a_service_that_launches_on_its_own_is_told_with_the_role_that_it_acted_with() -> None:
    identity = assumed_role("EMR_DefaultRole", "CCSSession", invokedBy="batch.amazonaws.com")

    assert principal_of(identity, {"batch": "nightly"}) == Principal(
        Kind.AWS_SERVICE,
        "batch:nightly",
        "EMR_DefaultRole",
        f"{STS}:assumed-role/EMR_DefaultRole/CCSSession",
    )


def test_a_made_up_session_in_a_stack_is_the_stacks_and_without_one_its_roles() -> None:
    identity = assumed_role("Deploy", GO_SESSION, invokedBy="cloudformation.amazonaws.com")

    assert name_of(identity, cloudformation="web") == "cloudformation:web"
    assert name_of(identity) == "Deploy"


@pytest.mark.parametrize(
    ("provisioner", "principal"),
    [
        (JANE, Principal(Kind.ROLE, "jane@example.com", "Developers", JANE)),
        (f"{IAM}:user/a/alice", Principal(Kind.IAM_USER, "alice", "", f"{IAM}:user/a/alice")),
        (f"{IAM}:root", Principal(Kind.ROOT, "root", "", f"{IAM}:root")),
        (f"{IAM}:role/a/Pipe", Principal(Kind.OTHER, "Pipe", "", f"{IAM}:role/a/Pipe")),
    ],
)
def test_who_provisioned_a_product_is_told_with_role_and_arn(
    provisioner: str, principal: Principal
) -> None:
    identity = assumed_role("Launch", "servicecatalog", invokedBy="cloudformation.amazonaws.com")

    found = principal_of(identity, {"cloudformation": PRODUCT, "servicecatalog": provisioner})

    assert found == principal


def test_a_session_in_the_principal_id_is_all_that_follows_the_first_colon() -> None:
    identity = {"type": "AssumedRole", "principalId": "AROAEXAMPLE:team:jane"}

    assert name_of(identity) == "team:jane"


def test_a_service_that_manages_what_it_launched_is_told_with_the_role_that_it_acted_with() -> None:
    identity = assumed_role("ecsInfrastructureRole", "ECSManaged", invokedBy="ecs.amazonaws.com")

    assert principal_of(identity, {"operator": "ecs.amazonaws.com"}) == Principal(
        Kind.AWS_SERVICE,
        "ecs.amazonaws.com",
        "ecsInfrastructureRole",
        f"{STS}:assumed-role/ecsInfrastructureRole/ECSManaged",
    )


def test_a_service_that_was_recorded_as_the_root_user_is_told_with_its_arn() -> None:
    root = {"type": "Root", "arn": f"{IAM}:root", "invokedBy": "autoscaling.amazonaws.com"}

    assert principal_of(root, {"autoscaling": "web"}) == Principal(
        Kind.AWS_SERVICE, "autoscaling:web", "", f"{IAM}:root"
    )


def test_a_federated_user_without_any_name_is_nobody() -> None:
    assert principal_of({"type": "FederatedUser"}, {}) is None


def test_a_name_is_the_last_part_of_an_arn_whatever_its_path() -> None:
    assert name_of({"type": "IAMUser", "arn": f"{IAM}:user/teams/data/Alice"}) == "Alice"
