"""What a person sees of a report's page, and can do with it."""

from datetime import timedelta
from typing import Any

import pytest

from tag_policy.model.assignment import Mode
from tag_policy.model.outcome import Outcome, Result
from tag_policy.model.remedy import Remedy
from tag_policy.model.resource import ResourceType
from tag_policy.model.rule import RuleError
from tag_policy.reporting import page
from tag_policy.reporting.report import Tally
from tests.page.conftest import OpenPage
from tests.support.builders import NOW, outcome, ref, report

OWNERS = ("jane@example.com", "sam", "")

NASTY = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>": "</script><img src=x onerror=alert(1)>",
    "a\nb": "a b",
    "\u202egnirts": "gnirts",
    "😀" * 256: "😀" * 256,
    "{{DATA}} <!-- &amp;": "{{DATA}} <!-- &amp;",
    "مرحبا": "مرحبا",
}


def findings(number: int) -> list[Outcome]:
    """Make so many findings, worst first, as a run leaves them."""
    made = [
        outcome(
            Result.TERMINATED if at % 10 == 0 else Result.TAGGED,
            remedy=Remedy.TERMINATE if at % 10 == 0 else Remedy.TAG,
            resource=ref(f"i-{at:017x}", name=f"web-{at}"),
            owner=OWNERS[at % 3],
            tag_key="" if at % 10 == 0 else "ProjectCode",
            value=None if at % 10 == 0 else f"value {at}",
            reason="no tags at all" if at % 10 == 0 else "required tag missing",
        )
        for at in range(number)
    ]
    return sorted(made, key=lambda one: one.result is not Result.TERMINATED)


def history(number: int) -> list[dict[str, Any]]:
    return [
        page.point(
            report(
                time=NOW - timedelta(hours=number - at),
                instances=100,
                compliant=80 + at % 20,
                problems=["p"] if at % 7 == 6 else [],
            )
        )
        for at in range(number)
    ]


def test_a_run_that_found_nothing_says_so(open_page: OpenPage) -> None:
    seen = open_page(instances=1000, compliant=1000)

    assert seen.text("h1") == "ALL WELL: nothing to do."
    assert "every instance is tagged" in seen.text("#count")
    assert not seen.page.locator("#controls").is_visible()
    assert not seen.page.locator("#findings").is_visible()
    assert not seen.page.locator("#trend").is_visible()
    assert "1,000\nInstances" in seen.text("#cards")
    assert "100 %\nCompliant" in seen.text("#cards")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"problems": ["the table has no valid rule"]}, "Nothing was done. What went wrong"),
        ({"instances": 10, "compliant": 6, "exempt": 1, "violations": 3}, "time has not come: 3."),
        ({"instances": 10, "compliant": 9, "exempt": 1}, "every instance is tagged"),
        ({}, "There are no instances."),
    ],
)
def test_no_finding_is_not_always_good_news(
    open_page: OpenPage, changes: dict[str, Any], words: str
) -> None:
    assert words in open_page(**changes).text("#count")


def test_what_is_exempt_is_neither_compliant_nor_not(open_page: OpenPage) -> None:
    seen = open_page(instances=100, compliant=80, exempt=20)

    assert "100 %\nCompliant" in seen.text("#cards")


def test_ten_findings_are_shown_worst_first_with_all_that_is_known(open_page: OpenPage) -> None:
    seen = open_page(findings(10), history(48), instances=1000, compliant=999)

    assert seen.column(1) == ["Terminated", *["Tagged"] * 9]
    first, second = seen.rows()[:2]
    assert "i-00000000000000000 web-0" in first
    assert "jane@example.com" in first
    assert "no tags at all" in first
    assert "ProjectCode = value 1" in second
    assert seen.text("#count") == "1 to 10 of 10"
    assert not seen.page.locator("#next").is_visible()


def test_what_was_written_over_and_whom_to_ask_is_shown(open_page: OpenPage) -> None:
    seen = open_page(
        [
            outcome(Result.TAGGED, tag_key="Stage", value="prod", found=" Production"),
            outcome(
                Result.REPORTED,
                remedy=Remedy.REPORT,
                tag_key="Owner",
                value=None,
                found="nobody",
                note="ask ops",
            ),
        ]
    )

    assert seen.column(4) == ["Owner", "Stage = prod (was Production)"]
    assert seen.column(5) == ["required tag missing - ask ops", "required tag missing"]


def test_ten_thousand_findings_are_sorted_filtered_and_turned_over(open_page: OpenPage) -> None:
    seen = open_page(findings(10_000), history(200))

    assert seen.text("#count") == "1 to 100 of 10,000"
    seen.page.click("#next")
    assert seen.text("#count") == "101 to 200 of 10,000"
    assert len(seen.rows()) == 100
    seen.page.click("th[data-field=resource] button")
    seen.page.click("th[data-field=resource] button")
    assert seen.text("#count") == "1 to 100 of 10,000"
    assert seen.column(2)[0].startswith("i-0000000000000270f web-9999")
    header = seen.page.locator("th[data-field=resource]")
    assert header.get_attribute("aria-sort") == "descending"
    seen.page.select_option("#result", "terminated")
    assert seen.text("#count") == "1 to 100 of 1,000"
    seen.page.fill("#search", "SAM web-99")
    assert set(seen.column(3)) == {"sam"}
    assert all("web-99" in cell for cell in seen.column(2))
    seen.page.fill("#search", "no such thing")
    assert seen.text("#count") == "No finding matches."


def test_what_has_no_owner_comes_last_however_it_is_sorted(open_page: OpenPage) -> None:
    seen = open_page(findings(9))

    for _ in range(2):
        seen.page.click("th[data-field=owner] button")
        assert seen.column(3)[-3:] == ["", "", ""]
    assert seen.column(3)[:3] == ["sam"] * 3


def test_what_is_not_on_the_page_is_counted(open_page: OpenPage) -> None:
    seen = open_page(findings(10_050))

    assert seen.text("#count") == "1 to 100 of 10,000 (50 more are in the bucket and in the log)"


@pytest.mark.parametrize("text", NASTY)
def test_what_strangers_write_is_shown_and_does_nothing(open_page: OpenPage, text: str) -> None:
    strange = outcome(resource=ref(name=text), owner=text, value=text, detail=text, code="x")

    seen = open_page([strange], problems=[text], rule_errors=[RuleError("7", text)])

    assert seen.text("#findings tbody td:nth-child(4)") == f"ProjectCode = {NASTY[text]}"
    assert seen.page.locator("main img, main script").count() == 0
    assert seen.page.locator("#wrong li").count() == 2
    assert seen.page.evaluate("document.scripts.length") == 2
    assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_no_other_script_would_run(open_page: OpenPage) -> None:
    seen = open_page(findings(1))

    seen.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.body.append(s); }"
    )

    assert seen.page.evaluate("window.ran") is None
    assert len(seen.wrong) == 1
    assert "Content Security Policy" in seen.wrong.pop()


@pytest.mark.parametrize("number", [0, 10, 10_000])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_every_screen_and_can_be_read_by_day_and_by_night(
    open_page: OpenPage, number: int, scheme: str, width: int
) -> None:
    by_vpc = {"vpc-0a1b2c3d4e5f67890": Tally(900, 880), "vpc-0f9e8d7c6b5a43210": Tally(100, 50)}

    found = [*(outcome(result) for result in Result if number), *findings(number)]

    seen = open_page(found, history(60), by_vpc=by_vpc, scheme=scheme, width=width)

    assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert seen.page.evaluate(_CONTRAST) >= 4.5


_CONTRAST = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(c => c / 255)
      .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!colour.endsWith(", 0)")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const shown = [...document.querySelectorAll("main *")]
    .filter(e => e.checkVisibility() && !e.closest("svg, script, option") && !e.disabled)
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).slice(0, 400);
  return Math.min(...shown.map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""
"""The lowest contrast of any text with what is behind it.

https://www.w3.org/TR/WCAG21/#contrast-minimum
"""


def test_the_chart_shows_each_run(open_page: OpenPage) -> None:
    seen = open_page([], [*history(30), page.point(report(instances=0))])

    assert seen.page.locator("#trend circle").count() == 30, "a run without instances has no share"
    assert seen.page.locator("#trend circle.incomplete").count() == 4
    label = seen.page.locator("#trend svg").get_attribute("aria-label")
    assert label == "From 80 % to 89 % in 30 runs"
    title = seen.page.locator("#trend circle title").nth(6).text_content()
    assert title == "2026-11-22 08:00 UTC: 86 of 100 compliant, incomplete"


def test_one_run_is_no_chart(open_page: OpenPage) -> None:
    assert not open_page([], history(1)).page.locator("#trend").is_visible()


def test_an_audit_cannot_be_mistaken_for_something_done(open_page: OpenPage) -> None:
    seen = open_page(findings(10), mode=Mode.AUDIT)

    assert seen.text("h1").startswith("AUDIT: NOTHING WAS CHANGED.")
    assert set(seen.column(1)) == {"Would be: terminated", "Would be: tagged"}
    assert "Would be: terminated" in seen.text("#cards")


def test_several_vpcs_have_a_line_each(open_page: OpenPage) -> None:
    by_vpc = {"vpc-1": Tally(1200, 1190, 3, 12), "vpc-2": Tally(10, 5, 0, 9)}

    seen = open_page([], by_vpc=by_vpc)

    rows = [row.inner_text().split("\t") for row in seen.page.locator("#vpcs tbody tr").all()]
    assert rows == [["vpc-1", "1,200", "99.4 %", "3", "12"], ["vpc-2", "10", "50 %", "0", "9"]]
    assert not open_page([], by_vpc={"vpc-1": Tally(1)}).page.locator("#vpcs").is_visible()


def test_a_share_is_never_rounded_up_to_all(open_page: OpenPage) -> None:
    seen = open_page(findings(1), instances=100_000, compliant=99_999)

    assert "99.9 %\nCompliant" in seen.text("#cards")


def test_what_a_run_could_not_see_stands_beside_what_it_found(open_page: OpenPage) -> None:
    seen = open_page(instances=10, compliant=10, notes=["instances may be hidden from this run"])

    assert seen.page.locator("#notes li").all_inner_texts() == [
        "instances may be hidden from this run"
    ]


def test_what_is_no_instance_is_counted_by_its_type(open_page: OpenPage) -> None:
    volumes = Tally(instances=1200, compliant=600, exempt=200, violations=900)
    seen = open_page(instances=9, compliant=9, by_type={ResourceType.VOLUME: volumes})

    assert seen.page.locator("#types tbody tr").count() == 2
    assert "instance\t9\t100 %\t0\t0" in seen.text("#types tbody")
    assert "volume\t1,200\t60 %\t200\t900" in seen.text("#types tbody")


def test_where_there_are_only_instances_there_is_no_table_of_types(open_page: OpenPage) -> None:
    seen = open_page(instances=9, compliant=9)

    assert not seen.page.locator("#types").is_visible()
