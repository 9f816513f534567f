"""Charts: the drawing, the table beside it and the lists agree; texts fit where they stand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from banfa.office import clock
from banfa.office.desk import chart_pages, charts
from banfa.office.desk.charts import Part
from banfa.office.people import access
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_pages import text_of

PARTS = st.lists(
    st.builds(Part, st.text(max_size=30), st.integers(0, 10**6), st.just(""), st.integers(0, 20)),
    max_size=14,
)


@given(PARTS)
def test_every_drawing_is_well_formed_and_within_its_frame(parts: list[Part]) -> None:
    parts = [Part(re.sub(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "", p.name), p.value,
                  p.href, p.colour) for p in parts]  # fmt: skip
    drawings = [charts.bars("甲<乙&", parts), charts.columns("甲", parts), charts.line("甲", parts)]
    drawings.append(charts.stacked("甲", [("办法一", parts), ("", [])]))
    for drawing in drawings:
        tree = ElementTree.fromstring(drawing)
        _x, _y, width, height = map(float, tree.attrib["viewBox"].split())
        for rect in tree.iter("rect"):
            x, y, w, h = (float(rect.attrib[n]) for n in ("x", "y", "width", "height"))
            assert x >= -0.1 and x + w <= width + 1 and y >= -0.1 and y + h <= height + 1


@given(st.text(max_size=60), st.floats(20, 300))
def test_a_fitted_text_fits(text: str, width: float) -> None:
    fitted = charts.fitted(text, width)
    assert fitted == text or fitted.endswith("…")
    assert charts.text_width(fitted) <= max(width, charts.text_width("…"))


def request_of(user: Any) -> Any:
    request = RequestFactory().get("/charts/")
    request.user = user
    request.reach = access.reach(user, clock.today())  # type: ignore[attr-defined]
    return request


@pytest.mark.django_db
def test_the_numbers_are_those_of_the_lists(centres: Any) -> None:
    request = request_of(seed.everybody())
    stages = chart_pages.stages_chart(request)
    assert sorted(row[2] for row in stages.rows) == [1, 1, 1]
    assert stages.drawing.count("<rect") == 6, "a part and a square of the legend each"
    client = signed_in(request.user)
    for href in re.findall(r'href="([^"]+)"', stages.drawing):
        page = client.get(href.replace("&amp;", "&"))
        assert "共1家" in text_of(page)
    due = chart_pages.due_chart(request)
    late = client.get("/due/?within=0&sort_of=duty").content.decode()
    assert due.rows[0][1] == late.count('scope="row"') > 0
    assert len(due.rows) == 13
    assert [r for r in chart_pages.waiting_chart(request).rows if r[1]] == [["30–89日", 1]]


@pytest.mark.django_db
def test_everybody_sees_their_own_numbers(centres: Any) -> None:
    own = request_of(seed.person("unit2", ("unit", "org-2")))
    assert [row[2] for row in chart_pages.stages_chart(own).rows] == [1]
    assert [c.id for c in chart_pages.home_charts(own)] == ["due", "waiting"]


@pytest.mark.django_db
def test_results_are_counted_by_grade_and_year(client: Client, centres: Any) -> None:
    from banfa.office.ledger.models import Centre

    centre = Centre.objects.get(pk=centres[0])
    kept = [{"grade": "good", "on": {"$date": f"20{y}-05-01"}, "round": None} for y in (29, 30, 30)]
    centre.summary["results"] = kept
    centre.save()
    request = request_of(seed.User.objects.get(username="everybody"))
    (chart,) = chart_pages.results_charts(request)
    assert [row[:2] for row in chart.rows] == [["2029", 1], ["2030", 2]]
    assert chart_pages._results(request, 2030) == {"mini": {("good", 2030): 2}}


@pytest.mark.django_db
def test_the_page_and_its_part_take_few_queries(
    client: Client, centres: Any, django_assert_max_num_queries: Any
) -> None:
    client.get("/charts/")
    with django_assert_max_num_queries(12):
        page = client.get("/charts/")
    assert page.status_code == 200 and page.content.decode().count("<svg") >= 3
    with django_assert_max_num_queries(10):
        part = client.get("/charts/?part=home").content.decode()
    assert "<html" not in part and "<table" in part
    assert signed_in(seed.person("nobody")).get("/charts/").status_code == 403
