"""Other spellings of a rule's key: which tags of an instance are meant by them. Pure."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache

from tag_policy.model.rule import Rule
from tag_policy.model.tag_keys import as_iam_compares
from tag_policy.model.tag_text import is_blank


@lru_cache(maxsize=10_000)  # the same keys, for each instance and rule
def folded(tag_key: str) -> str:
    """Return a form of a key that is the same for keys of one meaning.

    They differ only in case, blanks, ``_`` and ``-``. The validation of aliases in variables.tf
    folds keys in the same way.
    """
    return "".join(tag_key.casefold().split()).replace("_", "").replace("-", "")


class Spellings:
    """The keys of some tags, by their meaning; worked out once, where a rule asks for it."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = tags

    @cached_property
    def _keys(self) -> Mapping[str, Sequence[str]]:
        keys: dict[str, list[str]] = {}
        for key in self._tags:
            keys.setdefault(folded(key), []).append(key)
        return keys

    def of(self, form: str) -> Sequence[str]:
        """Return the keys of a folded form."""
        return self._keys.get(form, ())


class Aliases:
    """The other spellings of the key of a rule.

    Without any listed there are none. With some, keys that differ from the rule's own, or from a
    listed one, only in case, blanks, ``_`` and ``-`` are meant, too.
    """

    def __init__(self, rule: Rule, taken: Collection[str]) -> None:
        """Take a rule, and the keys that rules and the engine have taken, as IAM compares them."""
        self._tag_key = rule.tag_key
        self._places = {alias: place for place, alias in enumerate(rule.aliases)}
        listed = (rule.tag_key, *rule.aliases) if rule.aliases else ()
        self._forms = forms_of(rule)
        self._own = frozenset(map(as_iam_compares, listed))
        self._taken = taken
        self._renamed = frozenset(rule.aliases if rule.rename else ())

    def of(self, tags: Mapping[str, str], spellings: Spellings) -> Sequence[tuple[str, str]]:
        """Return the keys and values of the tags that are meant by it and have a value.

        Those that are listed come first, in the order of the rule, and then the others by key.
        """
        keys = [key for form in self._forms for key in spellings.of(form) if self._means(key)]
        last = len(self._places)
        keys.sort(key=lambda key: (self._places.get(key, last), key))
        return [(key, tags[key]) for key in keys if not is_blank(tags[key])]

    def _means(self, key: str) -> bool:
        if key == self._tag_key:
            return False
        compared = as_iam_compares(key)
        return compared in self._own or compared not in self._taken

    def is_renamed(self, tag_key: str) -> bool:
        """Tell whether a tag of that key is to be deleted when its value has been taken over."""
        return tag_key in self._renamed


def forms_of(rule: Rule) -> frozenset[str]:
    """Return the folded forms of all spellings of a rule's key; none where it lists no other."""
    return frozenset(map(folded, (rule.tag_key, *rule.aliases) if rule.aliases else ()))
