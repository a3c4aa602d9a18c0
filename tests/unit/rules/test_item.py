"""What an item says of where values come from and of other spellings, and what is none."""

from typing import Any

import pytest

from tag_policy.model.rule import Action, Rule
from tag_policy.rules.item import ItemError, name_of, rule_id_of, to_rule

OWN = {"tag-policy:due", "tag-policy:exempt"}
FACTS = {"team": "ops"}


def listed(*texts: str) -> dict[str, Any]:
    return {"L": [{"S": text} for text in texts]}


def rule(**attributes: Any) -> Rule:
    """Return the rule of an item about CostCenter."""
    item = {"RuleId": {"N": "10"}, "TagKey": {"S": "CostCenter"}} | attributes
    return to_rule({name: value for name, value in item.items() if value is not None}, OWN, FACTS)


def test_an_item_with_everything_that_finds_a_value_is_a_rule() -> None:
    whole = rule(
        Action={"S": "Update"},
        ResourceTypes=listed("instance"),
        From=listed("subnet", "vpc:cc", "tag:Team", "fact:team", "public_ip"),
        Aliases=listed("cc", "COSTCENTER"),
        Rename={"S": "Y"},
    )

    assert whole == Rule(
        10,
        "CostCenter",
        Action.UPDATE,
        required=True,
        default="",
        sources=("subnet", "vpc:cc", "tag:Team", "fact:team", "public_ip"),
        aliases=("cc", "COSTCENTER"),
        rename=True,
    )
    assert whole.is_unlocked
    assert whole.asks_for_tags == ["Team"]
    assert whole.deletes_keys == ("cc", "COSTCENTER")


def test_what_a_rule_deletes_and_asks_for() -> None:
    remove = rule(Action={"S": "Remove"}, When={"M": {"tag:Stage": listed("prod")}})
    kept = rule(Aliases=listed("cc"))

    assert remove.deletes_keys == ("CostCenter",)
    assert remove.asks_for_tags == ["Stage"]
    assert not remove.is_unlocked
    assert kept.deletes_keys == ()
    assert rule().deletes_keys == ()


UPDATE = {"Action": {"S": "Update"}, "Default": {"S": "x"}}


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"Action": {"S": "Update"}}, "give the value to set, or From, which says where it comes"),
        ({"Action": {"S": "Update"}, "Default": {"S": " "}}, "Default is missing or blank"),
        ({"From": listed("vpc")}, "From says where a value comes from, but Check writes none"),
        (UPDATE | {"From": {"S": "vpc"}}, "From must be a list (L) of strings (S)"),
        (UPDATE | {"From": listed()}, "From must be a list (L) of strings (S), one at least"),
        (UPDATE | {"From": listed("vpc", "vpc")}, "From names a source twice"),
        (
            UPDATE | {"From": listed(*(f"vpc:{number}" for number in range(21)))},
            "From has more than 20 sources",
        ),
        (UPDATE | {"From": listed("vpcs")}, "From names 'vpcs', which is not known; known are"),
        (
            UPDATE | {"From": listed("instance")},
            "From names 'instance', which is not known of instance",
        ),
        (UPDATE | {"From": listed("tag:CostCenter")}, "which is the tag that is missing"),
        (UPDATE | {"From": listed("tag:Tag-Policy:Due")}, "which is the engine's own tag"),
        (
            UPDATE | {"From": listed("fact:tem")},
            "From names 'fact:tem', which is not in the input facts of this engine",
        ),
        (
            {"When": {"M": {"fact:stage": listed("prod")}}},
            "When names 'fact:stage', which is not in the input facts of this engine",
        ),
        (
            {"When": {"M": {"attached": listed("true")}}},
            "When asks for 'attached', which is not known of instance; it is of volume, network-in",
        ),
        ({"Aliases": listed()}, "Aliases must be a list (L) of strings (S), one at least"),
        ({"Aliases": listed("cc", "cc")}, "Aliases has one twice"),
        ({"Aliases": listed(*map(str, range(51)))}, "Aliases has more than 50"),
        ({"Aliases": listed("CostCenter")}, "which is the TagKey itself"),
        ({"Aliases": listed("tag-policy:DUE")}, "the engine's own mark or exemption"),
        *(
            ({"Aliases": listed(bad)}, "which people cannot use as a tag key")
            for bad in ("", " ", "a\nb", "k" * 128, "aws:x", "AWS:x")
        ),
        ({"Rename": {"S": "Y"}}, "Rename is 'Y', which needs Aliases"),
        ({"Rename": {"S": "yes"}, "Aliases": listed("cc")}, "Rename is 'yes'; it must be 'Y' or"),
        (
            {"ResourceTypes": listed("volume", "volume")},
            "ResourceTypes has one twice; once will do",
        ),
        (
            {"ResourceTypes": listed("Instance")},
            "ResourceTypes has 'Instance', which is not one of instance, volume, network-interface",
        ),
        ({"ResourceTypes": listed()}, "ResourceTypes must be a list (L) of strings (S)"),
        ({"Action": {"S": "Remove"}, "Default": {"S": "x"}}, "Remove writes no value"),
        *(
            (
                {"Action": {"S": "Remove"}} | attribute,
                "only When, ResourceTypes and Note may go with it",
            )
            for attribute in (
                {"Aliases": listed("cc")},
                {"Required": {"S": "N"}, "AllowedValues": listed("x")},
                {"Expires": {"S": "Y"}},
                {"From": listed("vpc")},
                {"Normalize": listed("trim")},
            )
        ),
    ],
)
def test_what_is_none_is_said_with_what_would_be_right(
    attributes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ItemError) as error:
        rule(**attributes)

    assert problem in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "attributes",
    [
        UPDATE | {"From": listed(*(f"vpc:{number}" for number in range(20)))},
        {"Aliases": listed(*map(str, range(50)))},
        {"Aliases": listed("k" * 127)},
        {"Aliases": listed("costcenter")},
        {"Rename": {"S": "N"}},
        {"Action": {"S": "Remove"}, "Note": {"S": "see the wiki"}, "Required": {"S": "N"}},
        {"ResourceTypes": listed("instance")},
        UPDATE | {"From": listed("fact:team"), "When": {"M": {"fact:team": listed("!*")}}},
        {"Action": {"S": "UserLookup"}, "From": listed("vpc")},
        {"Action": {"S": "Function"}, "Default": {"S": "today()"}, "From": listed("vpc")},
        {
            "Action": {"S": "Update"},
            "From": listed("vpc"),
            "Expires": {"S": "Y"},
            "AllowedValues": listed("2*"),
        },
        {
            "Action": {"S": "Update"},
            "From": listed("vpc"),
            "AllowedValues": listed("a"),
            "ReplaceInvalid": {"S": "Y"},
        },
    ],
)
def test_their_good_neighbours_are_rules(attributes: dict[str, Any]) -> None:
    assert rule(**attributes).rule_id == 10


def test_an_item_is_called_by_its_id_as_it_stands_there() -> None:
    assert (rule_id_of({"RuleId": {"N": "10"}}), name_of({"RuleId": {"N": "10"}})) == (10, "10")
    assert (rule_id_of({"RuleId": {"N": "1.5"}}), name_of({"RuleId": {"N": "1.5"}})) == (
        None,
        "1.5",
    )
    assert (rule_id_of({}), name_of({})) == (None, "(without RuleId)")
