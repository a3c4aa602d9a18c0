"""Who launched it, from userIdentity elements as CloudTrail's user guide documents them.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.identity import creator_of


def assumed_role(role: str, session: str, **context: Any) -> dict[str, Any]:
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{session}",
        "arn": f"arn:aws:sts::123456789012:assumed-role/{role}/{session}",
        "sessionContext": {"sessionIssuer": {"type": "Role", "userName": role}, **context},
    }


@pytest.mark.parametrize(
    ("identity", "creator"),
    [
        ({"type": "IAMUser", "userName": "alice"}, "alice"),
        ({"type": "IAMUser", "userName": "alice", "invokedBy": "signin.amazonaws.com"}, "alice"),
        (assumed_role("Deploy", "jane"), "jane"),
        (assumed_role("AWSReservedSSO_Admin_0a1b", "jane@example.com"), "jane@example.com"),
        (assumed_role("Deploy", "ci", sourceIdentity="jane"), "jane"),
        (assumed_role("WebRole", "i-0123456789abcdef0"), "WebRole/i-0123456789abcdef0"),
        (assumed_role("Terraform", "aws-go-sdk-1700000000000000000"), "Terraform"),
        (assumed_role("Pipeline", "botocore-session-1700000000"), "Pipeline"),
        (assumed_role("Old", "1700000000000"), "Old"),
        (assumed_role("Deploy", "12345"), "12345"),
        (assumed_role("AWSReservedSSO_Admin_0a1b", "1700000000"), "1700000000"),
        (assumed_role("AWSServiceRoleForAutoScaling_mine", "AutoScaling"), "autoscaling"),
        (assumed_role("AWSServiceRoleForAutoScaling", "AutoScaling"), "autoscaling"),
        ({"type": "Root", "arn": "arn:aws:iam::123456789012:root"}, "root"),
        (
            {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"},
            "autoscaling.amazonaws.com",
        ),
        (
            {"type": "FederatedUser", "arn": "arn:aws:sts::123456789012:federated-user/bob"},
            "bob",
        ),
        ({"type": "SAMLUser", "userName": "carol"}, "carol"),
        ({"type": "WebIdentityUser", "userName": "dave"}, "dave"),
        ({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "1"}, "AIDAEXAMPLE"),
        ({"type": "IAMUser", "userName": "al\ud800ice\n"}, "alice"),
        ({"type": "IAMUser", "userName": "\x00"}, None),
        ({"type": "IAMUser"}, None),
        ({"type": "AWSService"}, None),
        ({}, None),
    ],
)
def test_each_kind_of_principal(identity: dict[str, Any], creator: str | None) -> None:
    assert creator_of(identity) == creator


def test_an_auto_scaling_member_is_known_by_its_group() -> None:
    identity = assumed_role("AWSServiceRoleForAutoScaling", "AutoScaling")

    assert creator_of(identity, "web-asg") == "autoscaling:web-asg"


def test_a_person_who_launches_what_carries_a_group_tag_is_still_that_person() -> None:
    assert creator_of(assumed_role("Deploy", "jane"), "web-asg") == "jane"


def test_a_session_without_an_arn_is_found_in_the_principal_id() -> None:
    identity = assumed_role("Deploy", "jane")
    del identity["arn"]

    assert creator_of(identity) == "jane"


def test_a_name_too_long_for_a_tag_is_cut_and_stays_unlike_any_other() -> None:
    identity = assumed_role("AWSServiceRoleForAutoScaling", "AutoScaling")

    first, second = creator_of(identity, "g" * 254 + "1"), creator_of(identity, "g" * 254 + "2")

    assert first is not None
    assert second is not None
    assert len(first) == len(second) == 256
    assert first != second


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
fields = ["type", "userName", "arn", "principalId", "invokedBy", "sessionContext"]
kinds = st.sampled_from(["IAMUser", "AssumedRole", "Root", "AWSService", "FederatedUser", "New"])


@given(st.dictionaries(st.sampled_from(fields), json_values | kinds))
def test_no_element_is_a_crash_and_a_creator_always_fits_a_tag(identity: dict[str, Any]) -> None:
    creator = creator_of(identity)

    assert creator is None or (creator.strip() and len(creator) <= 256)
