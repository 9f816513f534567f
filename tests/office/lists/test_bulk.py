"""One act on many centres: chosen, judged for each, recorded one by one, with a receipt."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from banfa.office.ledger import queries, replay
from banfa.office.ledger.models import ActRecord
from banfa.office.lists.models import BulkRun
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_pages import text_of

pytestmark = pytest.mark.django_db
ALL = ["mini-0001", "mini-0002", "mini-0003"]


def hidden(page: Any) -> dict[str, Any]:
    """What the form of a page would send of itself."""
    content = page.content.decode()
    form = content[content.index('<form method="post" action="/centres/bulk/"') :]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(value)
    found["take"] = re.findall(r'name="take" value="([^"]+)"', form)
    lists = ("take", "centre")
    return {n: v if n in lists else v[0] for n, v in found.items()}


def preview(client: Client, kind: str, centres: list[str] = ALL, **inputs: str) -> Any:
    asked = client.get("/centres/bulk/", {"centre": centres, "party": "boss", "kind": kind})
    assert asked.status_code == 200
    return client.post("/centres/bulk/", {**hidden(asked), "on": "2030-11-15", **inputs})


def test_the_list_leads_to_the_choice_of_an_act(client: Client, centres: Any) -> None:
    assert 'form="bulk"' in client.get("/centres/").content.decode()
    page = client.get("/centres/bulk/", {"centre": ALL, "party": "boss"})
    said = text_of(page)
    assert "所选中心3家" in said and "列入评估" in said and "启动筹建" in said
    assert "申请设立" not in said, "what begins a centre, or needs documents, is not for many"


def test_the_preview_judges_each_and_records_nothing(client: Client, centres: Any) -> None:
    before = ActRecord.objects.count()
    page = preview(client, "start", **{"with.end": "2032-11-15"})
    said = text_of(page)
    assert "1家可以登记，共3家" in said and "第二条第一款" in said
    assert hidden(page)["take"] == ["mini-0003"]
    assert ActRecord.objects.count() == before


def test_what_is_confirmed_is_recorded_once_with_a_receipt(client: Client, centres: Any) -> None:
    page = preview(client, "called", **{"with.year": "2030"})
    given = {**hidden(page), "on": "2030-11-15", "with.year": "2030", "confirm": "yes"}
    taken = hidden(page)["take"]
    assert len(taken) >= 2
    answers = [client.post("/centres/bulk/", given) for _ in range(2)]
    run = BulkRun.objects.get()
    assert {a["Location"] for a in answers} == {f"/centres/bulk/{run.pk}/"}
    assert ActRecord.objects.filter(kind="called").count() == len(taken)
    receipt = client.get(f"/centres/bulk/{run.pk}/")
    assert f"已登记{len(taken)}家，共{len(taken)}家" in text_of(receipt)
    assert receipt.content.decode().count("/record/") == len(taken)
    assert replay.rebuild().sound
    other = signed_in(seed.person("other", ("boss", "boss")))
    assert other.get(f"/centres/bulk/{run.pk}/").status_code == 404


def test_a_centre_that_changed_meanwhile_is_left_out_and_said(client: Client, centres: Any) -> None:
    page = preview(client, "called", **{"with.year": "2030"})
    seed.do("unit", "extend", "2030-11-01", "mini-0002")
    given = {**hidden(page), "on": "2030-11-15", "with.year": "2030", "confirm": "yes"}
    receipt = client.get(client.post("/centres/bulk/", given)["Location"])
    said = text_of(receipt)
    assert "已有新的记录" in said and "未登记" in said and "已登记2家，共3家" in said
    assert queries.centre("mini-0001").version == 3


def test_what_was_changed_after_the_preview_is_shown_again_first(
    client: Client, centres: Any
) -> None:
    page = preview(client, "called", **{"with.year": "2030"})
    given = {**hidden(page), "on": "2030-11-15", "with.year": "2029", "confirm": "yes"}
    again = client.post("/centres/bulk/", given)
    assert again.status_code == 200 and "判断结果" in text_of(again)
    assert not BulkRun.objects.exists()


def test_mistakes_of_writing_are_said_and_nothing_is_lost(client: Client, centres: Any) -> None:
    page = preview(client, "start", **{"with.end": "2032-13-45"})
    assert page.status_code == 422 and "2032-13-45" in page.content.decode()
    page = preview(client, "called", on="x")
    assert page.status_code == 422 and "办理日期" in text_of(page)


def test_only_what_one_may_see_and_do(client: Client, centres: Any) -> None:
    unit = signed_in(seed.person("unit2", ("unit", "org-2")))
    assert unit.get("/centres/bulk/", {"centre": ["mini-0001"]}).status_code == 400
    page = unit.get("/centres/bulk/", {"centre": ALL})
    assert 'href="/centres/mini-0001/"' not in page.content.decode()
    assert "所选中心1家" in text_of(page)
    asked = {"centre": ["mini-0002"], "party": "unit", "kind": "start"}
    assert unit.get("/centres/bulk/", asked).status_code == 403
    assert unit.post("/centres/bulk/", asked).status_code == 403
    nothing = {"centre": ALL, "party": "boss", "kind": "nix"}
    assert client.get("/centres/bulk/", nothing).status_code == 404
    nothing = {"centre": ALL, "party": "boss", "kind": "apply"}
    assert client.get("/centres/bulk/", nothing).status_code == 404
    assert client.get("/centres/bulk/").status_code == 400
    many = [f"mini-{n:04d}" for n in range(300)] + ["\0"]
    assert client.get("/centres/bulk/", {"centre": many}).status_code == 200


def test_nothing_ticked_records_nothing(client: Client, centres: Any) -> None:
    page = preview(client, "called", **{"with.year": "2030"})
    given = {**hidden(page), "on": "2030-11-15", "with.year": "2030", "confirm": "yes", "take": []}
    answer = client.post("/centres/bulk/", given)
    assert answer.status_code == 400 and "未作任何记录" in text_of(answer)
    assert not BulkRun.objects.exists()
