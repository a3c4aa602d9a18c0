"""Which AWS services a resource belongs to: from what only AWS can write.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_MANAGER_TAGS = {
    "aws:autoscaling:groupName": "autoscaling",
    "aws:backup:source-resource": "backup",
    "aws:cloudformation:stack-name": "cloudformation",
    "aws:dlm:lifecycle-policy-id": "dlm",
    "aws:ec2:fleet-id": "ec2fleet",
    "aws:ec2spot:fleet-request-id": "spotfleet",
    "aws:elasticmapreduce:job-flow-id": "elasticmapreduce",
    "aws:servicecatalog:provisioningPrincipalArn": "servicecatalog",
}
"""Tags with which AWS says what a resource is part of, and the service that says it.

Nobody else can write a tag that begins with ``aws:``.
"""

_NO_MANAGERS: Mapping[str, str] = MappingProxyType({})
"""What next to all resources have: thousands of them are held at a time."""


def managers(description: Mapping[str, Any], tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a resource is part of, by service; ``operator`` is who manages it for its owner.

    ``description`` is what EC2 tells of it. Of an interface that a service has made it says so in
    words of its own, and so it does of an address.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html
    """
    found = {service: tags[key] for key, service in _MANAGER_TAGS.items() if tags.get(key)}
    operator = description.get("Operator", {})
    if operator.get("Managed"):
        found["operator"] = operator.get("Principal", "an AWS service")
    elif description.get("RequesterManaged"):
        found["operator"] = description.get("RequesterId", "an AWS service")
    elif description.get("ServiceManaged"):
        found["operator"] = description["ServiceManaged"]
    return found or _NO_MANAGERS
