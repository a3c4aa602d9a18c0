"""What has to be known of a type of resource that hangs off instances, so that it can be listed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tag_policy.model.resource import ResourceType

Description = Mapping[str, Any]
"""What EC2 tells of one resource."""

ParentIds = Mapping[ResourceType, Sequence[str]]
"""What a resource hangs off, or was made of: the ids, by their type."""


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each
class Kind:
    """How EC2 tells of a type of resource.

    ``operation`` is the method of a client, which answers with ``answer``; ``request`` is sent with
    each call, and ``page_size`` is how many a page may have, 0 where EC2 makes no pages.
    ``id_prefix`` is what ids begin with, ``id_name`` the field that has one, ``id_filter`` the
    filter by it, and ``filters`` those by what the type hangs off. ``parent_ids`` says what one
    hangs off, and ``fields`` what else is known of it, as fields of ``model.resource.Resource``.
    ``tags`` is the field of its tags, ``created`` that of its creation, empty where there is none.
    """

    type: ResourceType
    operation: str
    answer: str
    id_prefix: str
    id_name: str
    id_filter: str
    parent_ids: Callable[[Description], ParentIds]
    fields: Callable[[Description], dict[str, Any]]
    filters: Mapping[ResourceType, str] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    page_size: int = 1000
    tags: str = "Tags"
    created: str = ""
