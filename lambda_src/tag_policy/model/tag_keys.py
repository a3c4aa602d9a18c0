"""Which keys of tags are one key, and for whom."""

from collections.abc import Mapping


def as_iam_compares(tag_key: str) -> str:
    """Return a form of a tag key that is the same for all keys that IAM may take for one.

    EC2 minds case in tag keys, IAM's condition keys do not, ``aws:ResourceTag/…`` included. How IAM
    folds letters outside ASCII is not documented; the widest folding is on the safe side.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
    """
    return tag_key.casefold()


def guarded_spelling(tags: Mapping[str, str], tag_key: str) -> str:
    """Return the tag whose value IAM guards when another of this key is to be written; else empty.

    The role may write a tag only where the instance has no value for it (see value_lock.tf). For
    IAM, ``owner`` and ``Owner`` are one key, and blanks are a value.
    """
    folded = as_iam_compares(tag_key)
    return next((k for k, v in tags.items() if v and as_iam_compares(k) == folded), "")
