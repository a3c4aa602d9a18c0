"""The table of what hangs off instances, by its type; instances are in resources/instance.py.

In the order in which they are judged: what a value may be taken from comes first.
"""

from collections.abc import Mapping

from tag_policy.model.resource import ResourceType
from tag_policy.resources.elastic_ip import ELASTIC_IP
from tag_policy.resources.image import IMAGE
from tag_policy.resources.kind import Kind
from tag_policy.resources.network_interface import NETWORK_INTERFACE
from tag_policy.resources.snapshot import SNAPSHOT
from tag_policy.resources.volume import VOLUME

KINDS: Mapping[ResourceType, Kind] = {
    kind.type: kind for kind in (VOLUME, NETWORK_INTERFACE, ELASTIC_IP, IMAGE, SNAPSHOT)
}


def kind_of(resource_id: str) -> Kind | None:
    """Return the kind that an id is of; None for an instance's."""
    return next((kind for kind in KINDS.values() if resource_id.startswith(kind.id_prefix)), None)
