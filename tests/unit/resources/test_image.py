"""Images, as DescribeImages tells of them."""

from tag_policy.model.resource import ResourceType
from tag_policy.resources.image import IMAGE


def test_an_image_hangs_off_the_instance_that_it_was_made_of() -> None:
    assert IMAGE.parent_ids({"SourceInstanceId": "i-1"}) == {ResourceType.INSTANCE: ["i-1"]}
    assert IMAGE.parent_ids({}) == {ResourceType.INSTANCE: []}
    assert IMAGE.fields({"State": "available"}) == {"state": "available"}
