"""Images (AMIs) of the account, as DescribeImages tells of them.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
"""

from typing import Any

from tag_policy.model.resource import ResourceType
from tag_policy.resources.kind import Description, Kind, ParentIds


def _parent_ids(image: Description) -> ParentIds:
    instance_id = image.get("SourceInstanceId")
    return {ResourceType.INSTANCE: [instance_id] if instance_id else []}


def _fields(image: Description) -> dict[str, Any]:
    return {"state": image.get("State", "")}


IMAGE = Kind(
    type=ResourceType.IMAGE,
    operation="describe_images",
    answer="Images",
    id_prefix="ami-",
    id_name="ImageId",
    id_filter="image-id",
    filters={ResourceType.INSTANCE: "source-instance-id"},
    request={"Owners": ["self"]},  # others share theirs, whose tags are none of ours
    parent_ids=_parent_ids,
    fields=_fields,
    created="CreationDate",
)
