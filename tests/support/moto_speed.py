"""What moto works out anew for each call, remembered: a quarter of the time of a history.

For moto 5.2.5. Each of these is the same for the same class, or the same place in an answer.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from moto.core import responses
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker

from tests.support.extensions import replace


def extend() -> None:
    """Remember the operations of a service, and where in a model the parts of an answer stand."""
    replace(responses, "method_names_from_class", cache)
    replace(XFormedAttributePicker, "get_possible_keys", _make_possible_keys)


def _make_possible_keys(original: Callable[..., Iterable[str]]) -> Callable[..., Iterable[str]]:
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}

    def get_possible_keys(
        self: XFormedAttributePicker, context: AttributePickerContext
    ) -> Iterable[str]:
        shape = context.shape
        parent = getattr(shape, "parent", None)
        place = (
            tuple(self.alias_providers),
            context.service_model and context.service_model.service_name,
            type(context.obj),
            context.key,
            shape and (shape.name, shape.type_name, shape.serialization.get("name")),
            parent and (parent.name, parent.type_name),
        )
        keys = known.get(place)
        if keys is None:
            keys = known[place] = tuple(original(self, context))
        return keys

    return get_possible_keys
