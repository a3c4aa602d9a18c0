"""Other spellings of a rule's key: which tags of an instance are meant by them. Pure."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from tag_policy.model.rule import Rule
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_text import is_blank


@lru_cache(maxsize=10_000)  # the same keys, for each instance and rule
def folded(tag_key: str) -> str:
    """Return a form of a key that is the same for keys of one meaning.

    They differ only in case, blanks, ``_`` and ``-``.
    """
    return "".join(tag_key.casefold().split()).replace("_", "").replace("-", "")


class Aliases:
    """The other spellings of the key of a rule.

    Without any listed there are none. With some, keys that differ from the rule's own, or from a
    listed one, only in case, blanks, ``_`` and ``-`` are meant, too.
    """

    def __init__(self, rule: Rule, taken: Collection[str]) -> None:
        """Take a rule, and the keys that other rules and the engine have taken.

        Keys are compared as IAM does.
        """
        self._tag_key = rule.tag_key
        self._listed = rule.aliases
        self._forms = frozenset(map(folded, (rule.tag_key, *rule.aliases)))
        own = set(map(as_iam_compares, (rule.tag_key, *rule.aliases)))
        self._taken = frozenset(map(as_iam_compares, taken)) - own
        self._renamed = frozenset(rule.aliases if rule.rename else ())

    def of(self, tags: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """Return the keys and values of the tags that are meant by it and have a value.

        Those that are listed come first, in the order of the rule, and then the others by key.
        """
        if not self._listed:
            return ()
        found = [(key, tags[key]) for key in self._listed if not is_blank(tags.get(key, ""))]
        others = [
            (key, value)
            for key, value in tags.items()
            if key != self._tag_key
            and key not in self._listed
            and folded(key) in self._forms
            and not key.startswith("aws:")
            and as_iam_compares(key) not in self._taken
            and not is_blank(value)
        ]
        return [*found, *sorted(others)]

    def is_renamed(self, tag_key: str) -> bool:
        """Tell whether a tag of that key is to be deleted when its value has been taken over."""
        return tag_key in self._renamed
