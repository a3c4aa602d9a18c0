from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from tag_policy.aws.pace import PacedCalls
from tag_policy.model.rule import Action, Rule
from tag_policy.model.tag_text import is_blank
from tag_policy.rules import table as rules
from tests.support.builders import DEFAULT_RULES, NOW
from tests.support.clock import SimulatedClock


def item(rule_id: object, **attributes: str) -> dict[str, Any]:
    return {"RuleId": {"N": str(rule_id)}} | {k: {"S": v} for k, v in attributes.items()}


GOOD = item(1, TagKey="ProjectCode", Action="Update", Required="Y", Default="Proj007")


def test_the_three_default_items_are_the_three_default_rules() -> None:
    items = [
        item(3, TagKey="Expires", Action="Function", Required="N", Default="today()"),
        GOOD,
        item(2, TagKey="CreatedBy", Action="UserLookup"),
    ]

    parsed = rules.parse(items)

    assert (list(parsed.rules), list(parsed.errors)) == (list(DEFAULT_RULES), [])
    assert parsed.may_end


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (item(7, Action="Update", Default="x"), "TagKey is missing"),
        (item(7, TagKey=" ", Action="Update", Default="x"), "TagKey is missing"),
        (item(7, TagKey="k" * 128, Action="Update", Default="x"), "longer than 127"),
        (item(7, TagKey="A\nTERMINATED (9)", Action="Update", Default="x"), "cannot be printed"),
        (item(7, TagKey="K", Action="x" * 300_000, Default="x"), "xxx…'; it must be one of"),
        (item(7, TagKey="\u200b", Action="Update", Default="x"), "TagKey is missing or blank"),
        (item(7, TagKey="K ", Action="Update", Default="x"), "'K ' begins or ends with a blank"),
        (item(7, TagKey=" K", Action="Update", Default="x"), "' K' begins or ends with a blank"),
        (item(7, TagKey="aws:x", Action="Update", Default="x"), "starts with 'aws:'"),
        (
            item(7, TagKey="K", Default="x"),
            "Default is given, but Check writes no value; leave it out, or make the Action",
        ),
        (item(7, TagKey="K", Action="Delete", Default="x"), "Action is 'Delete'; it must be one"),
        (item(7, TagKey="K", Action="update", Default="x"), "Action is 'update'; it must be one"),
        (
            item(7, TagKey="K", Action="Update", Default="x", Required="maybe"),
            "Required is 'maybe'; it must be 'Y' or 'N'",
        ),
        (item(7, TagKey="K", Action="Update"), "Default is missing or blank; give the value"),
        (item(7, TagKey="K", Action="Update", Default=" "), "Default is missing or blank"),
        (item(7, TagKey="K", Action="Update", Default="\u200b\u2060"), "missing or blank"),
        (item(7, TagKey="K", Action="UserLookup", Default="\ufeff"), "missing or blank"),
        (item(7, TagKey="K", Action="Update", Default="v" * 257), "longer than 256"),
        (item(7, TagKey="K", Action="Function"), "give the call to make, such as 'today()'"),
        (item(7, TagKey="K", Action="Function", Default="now()"), "names no known function"),
        (item(7, TagKey="K", Action="UserLookup", Default=""), "leave the attribute out"),
        (item("1.5", TagKey="K", Action="Update", Default="x"), "positive whole number"),
        (item(-1, TagKey="K", Action="Update", Default="x"), "positive whole number"),
        (item("9" * 39, TagKey="K", Action="Update", Default="x"), "positive whole number"),
        (item(7, TagKey="ProjectCode", Action="UserLookup"), "already has rule 1"),
        ({"RuleId": {"N": "7"}, "TagKey": {"N": "5"}}, "TagKey is of type N; it must be a string"),
    ],
)
def test_a_bad_item_is_reported_with_its_id_and_the_others_go_on(
    bad: dict[str, Any], problem: str
) -> None:
    parsed = rules.parse([bad, GOOD])

    assert [rule.tag_key for rule in parsed.rules] == ["ProjectCode"]
    (error,) = parsed.errors
    assert error.rule_id == bad["RuleId"]["N"]
    assert problem in error.problem


def with_values(*values: dict[str, Any]) -> dict[str, Any]:
    return item(7, TagKey="K") | {"AllowedValues": {"L": list(values)}}


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (item(7, TagKey="K", AllowedValues="prod"), "AllowedValues must be a list (L) of strings"),
        (item(7, TagKey="K") | {"AllowedValues": {"SS": ["a"]}}, "must be a list (L) of strings"),
        (with_values({"S": "a"}, {"N": "5"}), "must be a list (L) of strings"),
        (with_values(), "must be a list (L) of strings"),
        (item(7, TagKey="K") | {"AllowedPattern": {"L": []}}, "AllowedPattern is of type L"),
        (item(7, TagKey="K", Expires="yes"), "Expires is 'yes'; it must be 'Y' or 'N'"),
        (item(7, TagKey="K", Expires="N", MaxLifetime="9d"), "MaxLifetime goes with Expires"),
        (item(7, TagKey="K", Note="\u200b"), "Note must have 1 to 200 characters"),
    ],
)
def test_what_an_item_says_of_values_in_another_form_makes_it_bad(
    bad: dict[str, Any], problem: str
) -> None:
    parsed = rules.parse([bad, GOOD])

    assert ids(parsed) == [1]
    assert problem in errors(parsed)["7"]


def when(**conditions: list[str]) -> dict[str, Any]:
    """Make conditions on tags."""
    listed = {f"tag:{k}": {"L": [{"S": v} for v in some]} for k, some in conditions.items()}
    return {"When": {"M": listed}}


@pytest.mark.parametrize(
    "bad",
    [
        {"S": "prod"},
        {"M": {}},
        {"M": {"tag:Stage": {"S": "prod"}}},
        {"M": {"tag:Stage": {"L": []}}},
        {"M": {"tag:Stage": {"L": [{"N": "5"}]}}},
        {"L": [{"S": "prod"}]},
    ],
)
def test_conditions_in_another_form_make_an_item_bad(bad: dict[str, Any]) -> None:
    parsed = rules.parse([item(7, TagKey="K") | {"When": bad}, GOOD])

    assert ids(parsed) == [1]
    assert "When must be a map (M) of facts to lists (L)" in errors(parsed)["7"]


def test_conditions_are_in_the_rule() -> None:
    (rule,) = rules.parse([item(7, TagKey="K") | when(Stage=["prod", "!x"], Name=["*"])]).rules

    assert rule.when == (("tag:Stage", ("prod", "!x")), ("tag:Name", ("*",)))
    assert rule.asks_for_tags == ["Stage", "Name"]


@pytest.mark.parametrize("key", ["tag-policy:due", "TAG-POLICY:Exempt", "k" * 128, "a\nb"])
def test_conditions_on_what_is_no_tag_of_peoples_are_refused(key: str) -> None:
    asking = item(7, TagKey="K") | when(**{key: ["*"]})

    parsed = rules.parse([asking], ("tag-policy:due", "tag-policy:exempt"))

    assert "which is not a tag that people write" in errors(parsed)["7"]


def test_rules_of_a_key_with_conditions_are_all_rules_in_whatever_order_they_stand() -> None:
    some = [item(number, TagKey="K") | when(Stage=[str(number)]) for number in (3, 1, 2)] + [
        item(9, TagKey="K")
    ]

    for items in (some, some[::-1]):
        assert ids(rules.parse(items)) == [1, 2, 3, 9]


def test_an_item_that_has_gone_silences_what_comes_behind_it_as_a_bad_one_does() -> None:
    """It was for some of them only: what is behind it would now be written to all."""
    rest, asking, apart = (
        update(20, "K"),
        item(30, TagKey="L") | when(K=["x"]),
        item(40, TagKey="M"),
    )
    seeded = {10: "K", 20: "K", 30: "L", 40: "M"}

    parsed = rules.parse([rest, asking, apart], seeded=seeded)

    assert ids(parsed) == [40]
    assert "is that of rule 10, which comes before this one" in errors(parsed)["20"]
    assert "When asks for 'K', which is that of rule 10" in errors(parsed)["30"]
    assert "it is not in the table" in errors(parsed)["10"]


def test_behind_a_rule_for_all_no_other_is_one() -> None:
    parsed = rules.parse([item(1, TagKey="K"), item(2, TagKey="K") | when(Stage=["x"])])

    assert ids(parsed) == [1]
    assert "this one never applies" in errors(parsed)["2"]


def test_a_condition_on_what_is_written_later_is_refused_and_silences_what_comes_behind() -> None:
    asking = item(1, TagKey="K") | when(stage=["x"])
    behind = item(3, TagKey="K")

    parsed = rules.parse([asking, update(2, "Stage"), behind])

    assert ids(parsed) == [2]
    assert "When asks for the tag 'stage', which rule 2 may write" in errors(parsed)["1"]
    assert "is that of rule 1, which comes before" in errors(parsed)["3"]


def test_a_bad_item_silences_what_asks_for_its_key_and_what_comes_behind_that() -> None:
    bad = item(1, TagKey="Stage", Action="Nothing")
    asking = item(2, TagKey="K") | when(Stage=["x"])
    behind, apart = item(3, TagKey="K"), item(4, TagKey="L")

    parsed = rules.parse([bad, asking, behind, apart])

    assert ids(parsed) == [4]
    assert "When asks for 'Stage', which is that of rule 1" in errors(parsed)["2"]
    assert "TagKey 'K' is that of rule 2" in errors(parsed)["3"]


def test_a_second_rule_of_another_case_silences_what_asks_for_its_tag() -> None:
    asking = item(3, TagKey="K") | when(owner=["!*"])

    parsed = rules.parse([item(1, TagKey="Owner"), update(2, "owner"), asking])

    assert ids(parsed) == [1]
    assert "When asks for 'owner', which is that of rule 2" in errors(parsed)["3"]


def test_a_bad_item_says_nothing_of_what_asks_for_its_key_before_it() -> None:
    asking = item(1, TagKey="K") | when(Stage=["x"])

    assert ids(rules.parse([asking, item(2, TagKey="Stage", Action="Nothing")])) == [1]


def test_an_item_that_says_nothing_but_its_key_is_a_check() -> None:
    parsed = rules.parse([item(7, TagKey="Owner")])

    assert parsed.rules == (Rule(7, "Owner", Action.CHECK, required=True, default=""),)


def test_all_that_an_item_says_of_values_is_in_the_rule() -> None:
    whole = with_values({"S": "2026-*"}, {"S": "2027-*"}) | {
        "AllowedPattern": {"S": "^[0-9-]+$"},
        "Expires": {"S": "Y"},
        "MaxLifetime": {"S": "6m"},
        "Note": {"S": "ask ops"},
    }

    assert rules.parse([whole]).rules == (
        Rule(
            rule_id=7,
            tag_key="K",
            action=Action.CHECK,
            required=True,
            default="",
            allowed_values=("2026-*", "2027-*"),
            allowed_pattern="^[0-9-]+$",
            expires=True,
            max_lifetime="6m",
            note="ask ops",
        ),
    )


def ids(parsed: rules.ParsedTable) -> list[int]:
    return [rule.rule_id for rule in parsed.rules]


def errors(parsed: rules.ParsedTable) -> dict[str, str]:
    return {error.rule_id: error.problem for error in parsed.errors}


def update(rule_id: object, tag_key: str, default: str = "x") -> dict[str, Any]:
    return item(rule_id, TagKey=tag_key, Action="Update", Default=default)


def test_the_second_of_two_rules_for_a_tag_is_silenced_when_the_first_is_bad() -> None:
    bad = item(1, TagKey="ProjectCode", Action="Update")

    parsed = rules.parse([update(2, "ProjectCode"), bad, update(3, "Other")])

    assert ids(parsed) == [3]
    assert errors(parsed).keys() == {"1", "2"}
    assert "is that of rule 1, which comes before this one" in errors(parsed)["2"]
    assert "apply to instances meant for that one" in errors(parsed)["2"]
    assert parsed.may_end


def test_a_bad_item_silences_no_rule_before_it() -> None:
    parsed = rules.parse([update(1, "Owner"), item(2, TagKey="Owner", Action="Delete")])

    assert ids(parsed) == [1]
    assert errors(parsed).keys() == {"2"}


@pytest.mark.parametrize("key", ["owner", "OWNER", " Owner", "Owner ", "Owner\u200b"])
def test_a_bad_item_silences_a_key_that_is_the_same_but_for_case_and_blanks(key: str) -> None:
    parsed = rules.parse([item(1, TagKey=key, Action="Delete"), update(2, "Owner")])

    assert ids(parsed) == []
    assert parsed.may_end


@pytest.mark.parametrize("rule_id", [{"N": "1.5"}, {"N": "-3"}, {"N": "1e2"}, {"S": "9"}, None])
def test_a_bad_item_whose_place_is_unknown_silences_all_rules_of_its_key(
    rule_id: dict[str, str] | None,
) -> None:
    bad = update(0, "Owner") | {"RuleId": rule_id}
    if rule_id is None:
        del bad["RuleId"]

    parsed = rules.parse([update(1, "Owner"), update(2, "Other"), bad])

    assert ids(parsed) == [2]
    assert "an item without a readable RuleId, which may come before" in errors(parsed)["1"]
    assert parsed.may_end


@pytest.mark.parametrize(
    "tag_key",
    [None, {"N": "5"}, {"S": ""}, {"S": "\u200b"}, {"S": "k" * 128}, {"S": "Own\u200ber"}],
)
def test_nothing_may_be_ended_where_the_tag_of_a_bad_item_is_unknown(
    tag_key: dict[str, str] | None,
) -> None:
    bad = update(7, "K") | {"TagKey": tag_key}
    if tag_key is None:
        del bad["TagKey"]

    parsed = rules.parse([GOOD, bad])

    assert not parsed.may_end
    assert ids(parsed) == [1], "tags are filled all the same"


def test_a_misspelt_attribute_is_an_error_that_names_it_and_the_one_that_was_meant() -> None:
    misspelt = item(1, TagKey="Owner", Action="Update", Defualt="x")

    parsed = rules.parse([misspelt, GOOD | {"RuleId": {"N": "2"}}])

    assert ids(parsed) == [2]
    assert errors(parsed)["1"].startswith(
        "attribute 'Defualt' (did you mean 'Default'?) is not known, and might have narrowed"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("tag_key", "TagKey"), ("ACTION", "Action"), ("Require", "Required"), ("rule-id", "RuleId")],
)
def test_the_nearest_known_attribute_is_suggested_whatever_its_case(name: str, meant: str) -> None:
    (error,) = rules.parse([GOOD | {name: {"S": "x"}}]).errors

    assert f"(did you mean {meant!r}?)" in error.problem


def test_an_attribute_that_is_like_none_might_have_narrowed_the_rule_too() -> None:
    parsed = rules.parse([GOOD | {"Zone": {"L": []}}, update(2, "ProjectCode")])

    assert ids(parsed) == []
    assert "attribute 'Zone' is not known" in errors(parsed)["1"]
    assert "did you mean" not in errors(parsed)["1"]
    assert "known are RuleId, TagKey, Action, Required, Default" in errors(parsed)["1"]


def test_of_a_thousand_unknown_attributes_three_are_named() -> None:
    many = {f"Attribute{number:03}": {"S": "x"} for number in range(1000)}

    (error,) = rules.parse([GOOD | many]).errors

    assert "'Attribute000', 'Attribute001', 'Attribute002' and 997 more are not known" in (
        error.problem
    )


@pytest.mark.parametrize("key", ["tag-policy:due", "Tag-Policy:Due", "TAG-POLICY:EXEMPT"])
def test_a_rule_about_a_key_of_the_engine_is_an_error_whatever_its_case(key: str) -> None:
    own_keys = ("tag-policy:due", "tag-policy:exempt")

    parsed = rules.parse([update(1, key), update(2, "Due")], own_keys)

    assert ids(parsed) == [2]
    assert "is the engine's own mark or exemption" in errors(parsed)["1"]


def test_of_two_keys_that_differ_only_in_case_the_later_is_an_error_because_of_the_locks() -> None:
    parsed = rules.parse([update(2, "owner"), update(1, "Owner"), update(3, "Owners")])

    assert ids(parsed) == [1, 3]
    assert "TagKey 'owner' differs only in case from that of rule 1" in errors(parsed)["2"]
    assert "the locks in IAM take the two for one" in errors(parsed)["2"]


def test_ids_are_ordered_as_numbers() -> None:
    items = [item(i, TagKey=f"K{i}", Action="UserLookup") for i in (10, 9, 100)]

    assert [rule.rule_id for rule in rules.parse(items).rules] == [9, 10, 100]


attribute_values = st.one_of(
    st.builds(lambda text: {"S": text}, st.text(max_size=300)),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.just({"NULL": True}),
    st.just({"L": []}),
)
tag_keys = st.sampled_from(
    [{"S": key} for key in ("ProjectCode", "projectcode", "Owner", "Owner ")]
)
good_or_not = {
    "TagKey": st.one_of(tag_keys, attribute_values),
    "Action": st.one_of(st.sampled_from([{"S": a} for a in Action]), attribute_values),
    "Default": st.one_of(st.just({"S": "today()"}), attribute_values),
}
optional = {
    "Required": st.one_of(attribute_values, st.sampled_from([{"S": "Y"}, {"S": "N"}])),
    "RuleId": st.one_of(
        st.builds(lambda n: {"N": str(n)}, st.one_of(st.integers(1, 9), st.floats())),
        attribute_values,
    ),
    "AllowedValues": st.one_of(
        st.lists(attribute_values, max_size=3).map(lambda listed: {"L": listed}),
        st.just({"L": [{"S": "today()"}, {"S": "*"}]}),
        attribute_values,
    ),
    "AllowedPattern": st.one_of(
        st.text(alphabet="ab[](){}*+?|^$.\\-0,", max_size=9).map(lambda text: {"S": text}),
        attribute_values,
    ),
    "Expires": st.one_of(attribute_values, st.sampled_from([{"S": "Y"}, {"S": "N"}])),
    "MaxLifetime": st.one_of(attribute_values, st.sampled_from([{"S": "9d"}, {"S": "0d"}])),
    "Note": attribute_values,
    "Normalize": st.one_of(
        st.lists(st.sampled_from(["trim", "lower", "upper", "x"]).map(lambda s: {"S": s})).map(
            lambda some: {"L": some}
        ),
        attribute_values,
    ),
    "Synonyms": st.one_of(
        attribute_values,
        st.just({"M": {"today()": {"L": [{"S": "x*"}]}}}),
        st.just({"M": {"x": {"L": [{"N": "5"}]}}}),
    ),
    "ReplaceInvalid": st.one_of(attribute_values, st.sampled_from([{"S": "Y"}, {"S": "N"}])),
    "When": st.one_of(
        attribute_values,
        st.dictionaries(
            st.sampled_from(["tag:Owner", "tag:ProjectCode", "tag:x", "state", "age", "hue"]),
            st.lists(
                st.sampled_from(["*", "!*", ">9d", "x"]).map(lambda s: {"S": s}), max_size=2
            ).map(lambda some: {"L": some}),
            max_size=2,
        ).map(lambda conditions: {"M": conditions}),
    ),
}
items = st.one_of(
    st.fixed_dictionaries(good_or_not, optional=optional),
    st.fixed_dictionaries({}, optional=good_or_not | optional),
    st.dictionaries(st.text(max_size=300), attribute_values, max_size=6),
)


@given(st.lists(items, max_size=8))
def test_no_item_whatsoever_is_a_crash_and_each_is_a_rule_or_an_error(
    items: list[dict[str, Any]],
) -> None:
    parsed = rules.parse(items)

    valid = list(parsed.rules)
    assert len(valid) + len(parsed.errors) == len(items)
    assert valid == sorted(valid, key=lambda rule: rule.rule_id)
    for_all = [rule.tag_key.lower() for rule in valid if not rule.when]
    assert len(set(for_all)) == len(for_all)
    for rule in valid:
        later = {
            other.tag_key
            for other in valid
            if other.rule_id >= rule.rule_id and (other.action != "Check" or other.changes_values)
        }
        assert not later & set(rule.asks_for_tags)
    assert all(is_blank(rule.default) is (rule.action is Action.CHECK) for rule in valid)


UNPRINTABLE = "\U000e0001" * 250


def assert_printable_and_short(table: list[dict[str, Any]]) -> None:
    for error in rules.parse(table).errors:
        assert str(error).isprintable()
        assert len(error.problem) <= rules.MAX_PROBLEM_LENGTH
        assert len(error.rule_id) <= 80


@pytest.mark.parametrize(
    "strange",
    [
        item(1, TagKey="K", Action="Function", Default=UNPRINTABLE),
        item(1, TagKey="K", Action="Function", Default=f"{'x' * 250}()"),
        item(1, TagKey="K" + UNPRINTABLE[:100], Action="UserLookup"),
        item(1, TagKey="K", Action=UNPRINTABLE),
        item(1, TagKey="K", Action="UserLookup", Required="N" * 300_000),
        item(1, TagKey="K") | {UNPRINTABLE + str(n): {"NULL": True} for n in range(1000)},
        item("9" * 5000, TagKey="K", Action="UserLookup"),
        item("\n" * 5000, TagKey="K", Action="UserLookup"),
        item("1", **{"x" * 65_535: ""}),
    ],
)
def test_an_error_about_a_strange_item_is_printable_and_short(strange: dict[str, Any]) -> None:
    assert len(rules.parse([strange]).errors) == 1
    assert_printable_and_short([strange])


@given(st.lists(items, max_size=8))
def test_whatever_stands_in_the_table_an_error_is_printable_and_short(
    items: list[dict[str, Any]],
) -> None:
    assert_printable_and_short(items)


numbered = st.lists(
    st.tuples(st.sampled_from(["Owner", "owner", "Team"]), st.booleans()), max_size=8
).map(lambda some: list(enumerate(some, 1)))


@given(numbered.flatmap(st.permutations))
def test_a_rule_is_applied_only_where_nothing_about_its_key_comes_before_it(
    drawn: list[tuple[int, tuple[str, bool]]],
) -> None:
    items = [
        update(rule_id, key) if good else item(rule_id, TagKey=key, Action="Delete")
        for rule_id, (key, good) in drawn
    ]

    applied = set(ids(rules.parse(items)))

    firsts = {
        key: min(rule_id for rule_id, (other, _) in drawn if other.lower() == key)
        for key in {key.lower() for _, (key, _) in drawn}
    }
    good_ids = {rule_id for rule_id, (_, good) in drawn if good}
    assert applied == set(firsts.values()) & good_ids


class PagesOfATable:
    """A DynamoDB that answers one page after the other, or raises it."""

    def __init__(self, *pages: dict[str, Any] | Exception) -> None:
        self._pages = list(pages)
        self.asked: list[dict[str, Any]] = []

    def scan(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        page = self._pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return page


def scanned(table: PagesOfATable) -> list[Any]:
    paced = PacedCalls(SimulatedClock(NOW), lambda: False)
    return list(rules.scan(cast("Any", table), "the-rules", paced))


def test_a_table_is_read_page_by_page_and_as_it_is_at_the_moment() -> None:
    key = {"RuleId": {"N": "1"}}
    table = PagesOfATable(
        {"Items": [GOOD], "LastEvaluatedKey": key},
        {"Items": [], "LastEvaluatedKey": key},
        {"Items": [update(2, "Owner")]},
    )

    assert scanned(table) == [GOOD, update(2, "Owner")]
    first = {"TableName": "the-rules", "ConsistentRead": True, "Limit": 1000}
    following = first | {"ExclusiveStartKey": key}
    assert table.asked == [first, following, following]


def test_a_page_that_dynamodb_throttles_is_asked_for_again() -> None:
    throttled = ClientError({"Error": {"Code": "ThrottlingException"}}, "Scan")

    assert scanned(PagesOfATable(throttled, {"Items": [GOOD]})) == [GOOD]


def test_a_page_without_items_is_no_empty_page_and_cannot_be_read() -> None:
    with pytest.raises(ResponseParserError) as error:
        scanned(PagesOfATable({"Count": 0}))

    assert str(error.value) == "a page of the table without items, which cannot be read"


def test_a_table_of_too_many_items_cannot_be_read() -> None:
    page = {"Items": [{}] * 5_000, "LastEvaluatedKey": {"RuleId": {"N": "1"}}}

    assert len(scanned(PagesOfATable(page, {"Items": [{}] * 5_000}))) == 10_000
    with pytest.raises(ResponseParserError) as error:
        scanned(PagesOfATable(page, {"Items": [{}] * 5_001}))

    assert str(error.value) == (
        "it holds more than 10,000 items, or 4 MB of them, which no table of rules does"
    )


def test_a_table_of_too_large_items_cannot_be_read() -> None:
    def page(size: int, **more: Any) -> dict[str, Any]:
        return {"Items": [{"x" * (size - len(str([{"": {}}]))): {}}]} | more

    half = rules.MOST_BYTES // 2
    first = page(half, LastEvaluatedKey={"RuleId": {"N": "1"}})
    assert len(str(first["Items"])) == half

    assert len(scanned(PagesOfATable(first, page(half)))) == 2
    with pytest.raises(ResponseParserError, match="or 4 MB of them"):
        scanned(PagesOfATable(first, page(half + 1)))


@pytest.mark.parametrize(
    ("items", "rule_id", "problem"),
    [
        (
            [GOOD, update(2, "ProjectCode")],
            "2",
            "TagKey 'ProjectCode' already has rule 1, which concerns every instance, "
            "so this one never applies; give each tag key one rule, or the earlier one a When",
        ),
        (
            [GOOD, update(2, "projectcode")],
            "2",
            "TagKey 'projectcode' differs only in case from that of rule 1, which counts; the "
            "locks in IAM take the two for one, so give them one rule",
        ),
        (
            [item("x", TagKey="Owner", Action="Update"), update(2, "Owner")],
            "2",
            "TagKey 'Owner' is that of an item without a readable RuleId, which may come before "
            "this rule and cannot be used; this rule would now apply to instances meant for that "
            "one, so fix that one first",
        ),
        (
            [item(1, TagKey="Owner", Action="Update"), update(2, "Owner")],
            "2",
            "TagKey 'Owner' is that of rule 1, which comes before this one and cannot be used; "
            "this rule would now apply to instances meant for that one, so fix that one first",
        ),
        ([update("x", "Owner")], "x", "RuleId must be a positive whole number, such as 10"),
        (
            [update(1, "Due")],
            "1",
            "TagKey 'Due' is the engine's own mark or exemption; choose another key, such as "
            "'ProjectCode'",
        ),
        (
            [update(1, "Owner") | {name: {"S": ""} for name in ("Zone", "Yard", "Xray")}],
            "1",
            "attributes 'Xray', 'Yard', 'Zone' are not known, and might have narrowed the rule; "
            "known are RuleId, TagKey, Action, Required, Default, ResourceTypes, When, Aliases, "
            "Rename, Normalize, Synonyms, AllowedValues, AllowedPattern, ReplaceInvalid, From, "
            "Expires, MaxLifetime, Escalate, Note",
        ),
        (
            [update(1, "Owner") | {"y" * 30: {"S": ""}}],
            "1",
            "attribute 'yyyyyyyyyyyyyyyyyyy…' is not known, and might have narrowed the rule; "
            "known are RuleId, TagKey, Action, Required, Default, ResourceTypes, When, Aliases, "
            "Rename, Normalize, Synonyms, AllowedValues, AllowedPattern, ReplaceInvalid, From, "
            "Expires, MaxLifetime, Escalate, Note",
        ),
        (
            [update(1, "Owner") | {"Default": {}}],
            "1",
            "Default is of type nothing; it must be a string (S)",
        ),
        (
            [item(1, Action="Update")],
            "1",
            "TagKey is missing or blank; name the tag that the rule is about",
        ),
    ],
)
def test_what_is_wrong_with_an_item_is_said_in_whole_sentences(
    items: list[dict[str, Any]], rule_id: str, problem: str
) -> None:
    assert errors(rules.parse(items, ["due"]))[rule_id] == problem


def test_an_item_without_a_rule_id_is_called_that() -> None:
    assert errors(rules.parse([{"TagKey": {"S": "Owner"}}])).keys() == {"(without RuleId)"}


def test_a_rule_id_is_told_as_it_stands_there_up_to_40_characters() -> None:
    assert errors(rules.parse([update("9" * 40, "Owner")])).keys() == {"9" * 40}
    assert errors(rules.parse([update("9" * 41, "Owner")])).keys() == {f"'{'9' * 39}…'"}


def test_an_attribute_is_suggested_for_a_name_of_twice_the_length_and_for_no_longer_one() -> None:
    def problem(name: str) -> str:
        return errors(rules.parse([GOOD | {name: {"S": ""}}]))["1"]

    assert "(did you mean 'AllowedPattern'?)" in problem("AllowedPattern" + 14 * "x")
    assert "did you mean" not in problem("AllowedPattern" + 15 * "x")


def test_of_bad_items_about_a_tag_the_one_whose_place_is_unknown_is_named() -> None:
    """It may come before all others."""
    known, unknown = item(1, TagKey="Owner", Action="x"), item("x", TagKey="Owner", Action="x")

    for bad in ([known, unknown], [unknown, known]):
        assert (
            "an item without a readable RuleId"
            in (errors(rules.parse([*bad, update(2, "Owner")]))["2"])
        )


def test_a_bad_item_silences_a_rule_of_the_same_rule_id() -> None:
    assert ids(rules.parse([item(1, TagKey="Owner", Action="x"), update(1, "Owner")])) == []


def test_a_key_of_the_greatest_length_is_that_of_a_tag() -> None:
    assert rules.parse([item(1, TagKey="k" * 127, Action="x")]).may_end
    assert not rules.parse([item(1, TagKey="k" * 128, Action="x")]).may_end


# Items that Terraform has made, and others


def test_what_terraform_has_not_made_is_no_rule_and_says_nothing_of_the_others() -> None:
    items = [
        update(5, "Owner"),
        update(10, "Owner"),
        update(20, "Team"),
        item(30, TagKey="Team", Action="Delete"),
        {"RuleId": {"N": "40"}},
        {"TagKey": {"S": "Team"}},
    ]

    parsed = rules.parse(items, seeded={10: "Owner", 20: "Team"})

    assert [rule.rule_id for rule in parsed.rules] == [10, 20]
    assert parsed.may_end, "what is not Terraform's narrows none of its rules"
    assert [error.rule_id for error in parsed.errors] == ["5", "30", "40", "(without RuleId)"]
    assert all("has not made this item" in error.problem for error in parsed.errors)


def test_what_terraform_has_made_and_is_gone_is_said() -> None:
    parsed = rules.parse([update(10, "Owner")], seeded={10: "Owner", 20: "A", 30: "B"})

    assert [rule.rule_id for rule in parsed.rules] == [10]
    assert [(e.rule_id, "is not in the table" in e.problem) for e in parsed.errors] == [
        ("20", True),
        ("30", True),
    ]


def test_what_terraform_has_made_and_somebody_has_broken_silences_as_ever() -> None:
    broken = item(10, TagKey="Owner", Action="Delete")

    parsed = rules.parse([broken, update(20, "Owner")], seeded={10: "Owner", 20: "Team"})

    assert parsed.rules == ()
    assert [error.rule_id for error in parsed.errors] == ["10", "20"]


def test_where_people_own_the_table_every_item_counts() -> None:
    assert len(rules.parse([update(10, "Owner")], seeded=None).rules) == 1


# Between rules: sources, aliases, what is deleted


def texts(*some: str) -> dict[str, Any]:
    return {"L": [{"S": text} for text in some]}


def taking(rule_id: int, key: str, *sources: str) -> dict[str, Any]:
    return item(rule_id, TagKey=key, Action="Update") | {"From": texts(*sources)}


def also(rule_id: int, key: str, *aliases: str, rename: str = "N") -> dict[str, Any]:
    said = item(rule_id, TagKey=key, Action="Check", Rename=rename)
    return said | {"Aliases": texts(*aliases)}


def test_a_source_that_a_rule_behind_it_may_write_or_delete_is_refused() -> None:
    behind = {"Stage": update(20, "Stage"), "stage": also(20, "Stage", "env")}
    deleting = {
        "env": also(20, "Stage", "env", rename="Y"),
        "Old": item(20, TagKey="Old", Action="Remove"),
    }

    for key, later in behind.items():
        (error,) = rules.parse([taking(10, "Cost", f"tag:{key}"), later]).errors
        assert f"From asks for the tag {key!r}, which rule 20 may write; give" in error.problem
        assert not rules.parse([taking(30, "Cost", f"tag:{key}"), later]).errors
    for key, other in deleting.items():
        for rule_id in (10, 30):
            (error,) = rules.parse([taking(rule_id, "Cost", f"tag:{key}"), other]).errors
            assert f"From asks for the tag {key!r}, which rule 20 deletes" in error.problem
    checked = item(20, TagKey="Stage", Action="Check")
    assert not rules.parse([taking(10, "Cost", "tag:Stage"), checked]).errors
    assert not rules.parse([taking(10, "Cost", "tag:env"), also(20, "Stage", "env")]).errors


def test_a_key_has_one_meaning() -> None:
    both = [also(10, "Cost", "cc", "Team"), item(20, TagKey="team", Action="Check")]
    twice = [also(10, "Cost", "cc"), also(20, "Center", "CC")]

    (of_key,), (of_alias,) = (rules.parse(some).errors for some in (both, twice))

    assert of_key.rule_id == "10"
    assert "Aliases has 'Team', which is the TagKey of rule 20" in of_key.problem
    assert of_alias.rule_id == "20"
    assert "'CC' is a spelling of 'Cost', too, by the Aliases of rule 10" in of_alias.problem


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (also(10, "CostCenter", "cc"), also(20, "Charge", "c-c")),
        (also(10, "CostCenter", "cc"), also(20, "Cost-Center", "zz")),
        (also(10, "CostCenter", "x"), also(20, "Charge", "cost_center")),
    ],
)
def test_a_spelling_that_nobody_lists_has_one_meaning_too(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    (error,) = rules.parse([first, second]).errors

    assert error.rule_id == "20"
    assert "is a spelling of 'CostCenter', too, by the Aliases of rule 10" in error.problem


def test_the_keys_of_bad_and_gone_items_are_no_spelling_of_others() -> None:
    bad = update(20, "cost-center") | {"Zone": {"S": "x"}}

    parsed = rules.parse([also(10, "CostCenter", "cc"), bad], seeded={10: "a", 20: "b", 30: "Gone"})

    assert ids(parsed) == [10]
    assert parsed.other_keys == {"cost-center", "gone"}


def test_rules_of_one_key_may_share_its_other_spellings() -> None:
    when = {"When": {"M": {"state": texts("running")}}}

    assert not rules.parse([also(10, "Cost", "cc") | when, also(20, "Cost", "cc")]).errors


def test_a_bad_item_silences_who_takes_from_its_key_and_who_takes_its_key_for_an_alias() -> None:
    bad = update(20, "Stage") | {"Zone": {"S": "x"}}

    parsed = rules.parse([taking(30, "Cost", "tag:stage"), also(10, "Env", "STAGE"), bad])

    assert ids(parsed) == []
    assert "From asks for 'stage', which is that of rule 20" in errors(parsed)["30"]
    assert "Aliases has 'STAGE', which is that of rule 20, which is bad" in errors(parsed)["10"]


def test_facts_are_those_that_terraform_gives() -> None:
    asking = taking(10, "Team", "fact:team")

    assert ids(rules.parse([asking], facts={"team"})) == [10]
    assert "'fact:team', which is not in the input facts" in errors(rules.parse([asking]))["10"]
