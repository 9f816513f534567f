"""The lists: filters, order, columns, pages, saved views, files; and few queries."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
import python_calamine
from django.test import Client

from banfa.office.ledger import queries
from banfa.office.ledger.models import Agenda, Centre
from banfa.office.lists.models import SavedView
from banfa.office.people.models import AuditEvent, Right
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_pages import text_of

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


def ids(page: Any) -> list[str]:
    """The centres on a page, in order."""
    return re.findall(r'rowheader"><a href="/centres/([^/"]+)/"', page.content.decode())


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", "321"),
        ("sort=-name", "123"),
        ("sort=id", "123"),
        ("sort=-id", "321"),
        ("sort=ends", "123"),
        ("sort=-ends", "213"),
        ("sort=stage&cols=stage", ""),
        ("stage=planned", "3"),
        ("stage=prep_over", "1"),
        ("stage=preparing&programme=mini", "2"),
        ("q=氢能", "2"),
        ("q=mini-0003", "3"),
        ("q=gjxjfz", "1"),
        ("field=软件", "3"),
        ("field=软件 氢能", ""),
        ("org=乙装备", "2"),
        ("org=没有这个单位", ""),
        ("due=0", "21"),
        ("waiting=decision", "1"),
        ("waiting=late", "21"),
        ("sort=next", "213"),
        ("case=extension", "2"),
        ("case=nix", "321"),
        ("due=90", "2"),
        ("due=30", ""),
        ("imported=1", ""),
        ("place=370000", "321"),
        ("place=110000", ""),
        ("q=%00", ""),
        ("q=%27%5C%25", ""),
        ("q=" + "长" * 10_000, ""),
        ("page=999", "321"),
        ("sort=nix&cols=nix", "321"),
        ("cols=ends,place&sort=place", ""),
    ],
)
def test_centres_are_filtered_and_sorted(
    client: Client, centres: Any, query: str, wanted: str
) -> None:
    page = client.get(f"/centres/?{query}")
    assert page.status_code == 200
    found = ids(page)
    if "stage&" in query or "place&" in query:
        assert len(found) == 3
    else:
        assert found == [f"mini-000{n}" for n in wanted]


@pytest.mark.parametrize(
    "address",
    [
        "/centres/?stage=x",
        "/centres/?programme=x&place=y&due=z&imported=7",
        "/acts/?kind=x",
        "/acts/?from=x&until=2030-13-01",
        "/organisations/?kind=x&place=1",
    ],
)
def test_what_cannot_be_meant_is_said(client: Client, centres: Any, address: str) -> None:
    page = client.get(address)
    assert page.status_code == 200
    assert text_of(page).count("未按此筛选") == address.count("=")


@pytest.mark.parametrize("path", ["centres", "due", "acts", "organisations"])
def test_every_column_can_be_chosen_and_sorted_by(client: Client, centres: Any, path: str) -> None:
    from banfa.office.desk.list_pages import LISTINGS

    listing = LISTINGS[path]
    every = ",".join(c.id for c in listing.columns)
    for column in listing.columns:
        for turn in ("", "-") if column.order else ():
            page = client.get(f"/{path}/?cols={every}&sort={turn}{column.id}")
            assert page.status_code == 200
            heads = len(re.findall('role="columnheader"(?! class="pick")', text(page)))
            assert heads == len(listing.columns)
            direction = "descending" if turn else "ascending"
            assert page.content.decode().count(f'aria-sort="{direction}"') == 1
    few = client.get(f"/{path}/?cols={listing.columns[0].id}").content.decode()
    assert len(re.findall('role="columnheader"(?! class="pick")', few)) == sum(
        c.always or c is listing.columns[0] for c in listing.columns
    )


def many(number: int) -> None:
    """So many more centres, made beside the ledger: for lists only."""
    start = Centre.objects.get(pk="mini-0003")
    first = Centre.objects.count() + 100
    rows = []
    for n in range(first, first + number):
        row = (
            Centre.objects.get(pk=start.pk)
            if not rows
            else rows[0].__class__(
                **{f.attname: getattr(start, f.attname) for f in Centre._meta.concrete_fields}
            )
        )
        row.pk = f"mini-{n:05d}"
        rows.append(row)
    Centre.objects.bulk_create(rows)
    kept = Agenda.objects.get(pk=start.pk)
    fields = {f.attname: getattr(kept, f.attname) for f in Agenda._meta.concrete_fields}
    Agenda.objects.bulk_create(Agenda(**{**fields, "centre_id": row.pk}) for row in rows)


@pytest.mark.parametrize(
    "path",
    [
        "/centres/",
        "/centres/?q=软件&stage=planned",
        "/organisations/",
        "/due/",
        "/acts/",
        "/acts/?programme=mini",
    ],
)
def test_a_page_takes_as_few_queries_with_50_as_with_500(
    client: Client, centres: Any, path: str, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for number in (50, 450):
        many(number)
        client.get(path)
        with django_assert_max_num_queries(MOST_QUERIES) as taken:
            assert client.get(path).status_code == 200
        counts.append(len(taken))
    assert counts[0] == counts[1]


def test_pages_turn(client: Client, centres: Any) -> None:
    many(120)
    first, second = client.get("/centres/?sort=id"), client.get("/centres/?sort=id&page=2")
    last = client.get("/centres/?sort=id&page=3")
    assert [len(ids(p)) for p in (first, second, last)] == [50, 50, 23]
    assert len({*ids(first), *ids(second), *ids(last)}) == 123
    assert "第2页，共3页" in text_of(second) and 'rel="next"' not in last.content.decode()


def test_more_than_are_counted_are_said_to_be_more(
    client: Client, centres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from banfa.office.desk import lists

    monkeypatch.setattr(lists, "MOST_COUNTED", 60)
    many(100)
    said = text_of(client.get("/centres/?page=9"))
    assert "一万家以上" in said and "第1页，共2页" in said and "至多翻阅" in said


def test_a_list_holds_only_what_the_person_may_see(centres: Any) -> None:
    unit = signed_in(seed.person("unit2", ("unit", "org-2")))
    assert ids(unit.get("/centres/")) == ["mini-0002"]
    assert "mini-0001" not in unit.get("/acts/").content.decode()
    assert set(re.findall(r"/centres/(mini-\d+)/record", text(unit.get("/acts/")))) == {"mini-0002"}
    body = unit.get("/lists/centres/file.csv")
    assert "mini-0002" in read_csv(body)[-1] and "mini-0001" not in str(read_csv(body))
    assert signed_in(seed.person("nobody")).get("/centres/").status_code == 403


def text(page: Any) -> str:
    content: str = page.content.decode()
    return content


def read_csv(page: Any) -> list[list[str]]:
    body = b"".join(page.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(body)))


def read_xlsx(page: Any) -> list[list[Any]]:
    body = io.BytesIO(b"".join(page.streaming_content))
    return python_calamine.load_workbook(body).get_sheet_by_index(0).to_python()


def test_a_file_holds_what_is_shown_and_says_what_it_is(client: Client, centres: Any) -> None:
    asked = "cols=id,stage,ends&sort=-id&stage=preparing"
    rows = read_xlsx(client.get(f"/lists/centres/file.xlsx?{asked}"))
    head = [row[:2] for row in rows[:5]]
    assert head[0] == ["中心", "共 1 行"]
    assert head[1] == ["筛选", "阶段=筹建"] or "阶段=" in str(head[1])
    assert head[2][1] == "编号（降序）" and head[3][1] == "2030-11-15"
    assert "经办人甲" in head[4][1]
    assert rows[6][:4] == ["中心", "编号", "阶段", "期限届满"]
    assert rows[7][1] == "mini-0002" and rows[7][3] == "2030-12-20" and len(rows) == 8
    event = AuditEvent.objects.filter(kind="exported").latest("id")
    assert event.object == "centres.xlsx" and event.after["rows"] == 1
    assert len(read_csv(client.get("/lists/acts/file.csv"))) == 7 + 8
    assert read_csv(client.get("/lists/organisations/file.csv"))[6][0] == "单位"


def test_a_file_holds_all_pages_and_no_formulas(client: Client, centres: Any) -> None:
    many(120)
    Centre.objects.filter(pk="mini-0003").update(title_zh="=HYPERLINK(1)", sort_key="0")
    rows = read_csv(client.get("/lists/centres/file.csv"))
    assert len(rows) == 7 + 123 and rows[7][0] == "'=HYPERLINK(1)"
    assert read_xlsx(client.get("/lists/centres/file.xlsx"))[7][0] == "'=HYPERLINK(1)"


def test_files_are_only_for_those_with_the_right(client: Client, centres: Any) -> None:
    Right.objects.filter(thing="export.list").update(allowed=False)
    page = client.get("/lists/centres/file.csv")
    assert page.status_code == 403 and "没有导出列表的权限" in text_of(page)
    assert AuditEvent.objects.filter(kind="denied").exists()
    assert "/lists/centres/file.csv" not in text(client.get("/centres/"))
    assert client.get("/lists/nix/file.csv").status_code == 404
    assert client.get("/lists/centres/file.exe").status_code == 404


def test_a_view_is_saved_used_shared_and_removed(client: Client, centres: Any) -> None:
    given = {
        "name": " 在筹  中心 ",
        "query": "stage=preparing&cols=id&page=3&q=",
        "organisation": "",
    }
    answer = client.post("/lists/centres/views/", given)
    assert answer["Location"] == "/centres/?stage=preparing&cols=id"
    page = client.get("/centres/?stage=preparing&cols=id")
    assert "在筹 中心" in text(page) and 'aria-current="true"' in text(page)
    other = signed_in(seed.person("colleague", ("unit", "org-2")))
    assert "在筹 中心" not in text(other.get("/centres/"))
    client.post("/lists/centres/views/", {**given, "organisation": "org-2"})
    assert SavedView.objects.count() == 1
    assert "在筹 中心" in text(other.get("/centres/"))
    number = SavedView.objects.get().pk
    assert other.post(f"/lists/centres/views/{number}/remove/").status_code == 404
    assert client.post(f"/lists/centres/views/{number}/remove/").status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "\0", "长" * 61])
def test_a_view_without_a_good_name_is_refused(client: Client, centres: Any, name: str) -> None:
    page = client.post("/lists/centres/views/", {"name": name, "query": "a=1"})
    assert page.status_code == 400 and "视图须有名称" in text_of(page)
    assert client.post("/lists/nix/views/", {"name": "x"}).status_code == 404


def test_a_view_is_not_shared_with_an_organisation_of_others(centres: Any) -> None:
    mine = signed_in(seed.person("unit1", ("unit", "org-1")))
    mine.post("/lists/centres/views/", {"name": "甲", "query": "q=1", "organisation": "org-2"})
    assert SavedView.objects.get().organisation_id is None


def test_the_acts_say_who_recorded_what_when(client: Client, centres: Any) -> None:
    page = client.get("/acts/")
    said = text_of(page)
    assert "2030-10-15" in said and "共8件" in said
    assert len(re.findall(r'rowheader"><a href', text(page))) == 8
    only = client.get("/acts/?from=2030-09-01&until=2030-10-15&programme=mini")
    assert len(re.findall(r'rowheader"><a href', text(only))) == 2
    some = client.get("/acts/?kind=notice")
    assert re.findall(r'rowheader"><a href="(/programmes/mini/record/\d+/)"', text(some))
    assert "mini-0002" in text(client.get("/acts/?centre=mini-0002&org=乙装备"))
    assert "没有符合条件的行为" in text(client.get("/acts/?person=无此人"))


def test_organisations_with_their_centres(client: Client, centres: Any) -> None:
    said = text_of(client.get("/organisations/?q=氢能"))
    assert "没有符合条件的单位" in said
    page = text(client.get("/organisations/?role=1"))
    assert "甲新材料" in page and "丙产业技术研究院" not in page
    assert re.search(r'\?org=[^"]+">1</a>', page)
    assert "丙产业技术研究院" in text(client.get("/organisations/?kind=institute"))


def test_the_list_agrees_with_the_ledgers(client: Client, centres: Any) -> None:
    for stage in ("planned", "preparing", "prep_over"):
        wanted = [r.id for r in queries.centre_list(stage=stage).rows]
        assert sorted(ids(client.get(f"/centres/?stage={stage}"))) == wanted


def test_what_is_due_is_what_the_ledger_says(client: Client, centres: Any) -> None:
    page = client.get("/due/")
    wanted = queries.due()
    assert text(page).count('scope="row"') == len(wanted) > 4
    said = text_of(page)
    assert said.index("年度报告（2029）") > 0 and "2月末日=2030-02-28" in said
    late = client.get("/due/?within=0&cols=due,name,centre,holders")
    dues = [d for d in wanted if d.duty.due and d.duty.due < d.duty.due.replace(2030, 11, 15)]
    assert text(late).count('scope="row"') == len(dues) > 0
    assert "待决定" in text_of(client.get("/due/?sort_of=decision"))
    own = signed_in(seed.person("unit2", ("unit", "org-2")))
    assert set(re.findall(r"/centres/(mini-\d+)/", text(own.get("/due/")))) == {"mini-0002"}
    mine = text(own.get("/due/?mine=1"))
    assert 0 < mine.count('scope="row"') < len(wanted)
    assert read_csv(own.get("/lists/due/file.csv?cols=due,name,centre"))[6][0] == "到期"


def test_asking_to_hurry_tells_those_who_owe_once_a_day(client: Client, centres: Any) -> None:
    from banfa.office.ledger.models import Matter
    from banfa.office.notices.models import Notice

    unit = seed.person("unit2", ("unit", "org-2"), name="张经办")
    matter = Matter.objects.filter(centre="mini-0002", sort="duty", due__lt="2030-11-15").first()
    assert matter is not None
    before = client.get(f"/due/hurry/?matter={matter.pk}&matter=x&matter=99999999999999999999999")
    assert "张经办" in text_of(before) and not Notice.objects.exists()
    sent = client.post("/due/hurry/", {"matter": matter.pk, "confirm": "yes", "said": "请抓紧"})
    assert "已催办" in text_of(sent)
    notice = Notice.objects.get(to=unit)
    assert notice.urgent and "请抓紧" in notice.body_zh and "催办" in notice.subject_zh
    assert notice.subject_en != notice.subject_zh
    again = client.post("/due/hurry/", {"matter": matter.pk, "confirm": "yes"})
    assert "今日已通知过" in text_of(again) and Notice.objects.filter(to=unit).count() == 1
    assert AuditEvent.objects.filter(kind="hurried").count() == 2
    none = client.get("/due/hurry/?back=within%3Dlate")
    assert none.status_code == 302 and "within=late" in none["Location"]
    assert "尚未选择可由您催办的事项" in text_of(client.get(none["Location"]))
    own = signed_in(unit)
    assert own.get(f"/due/hurry/?matter={matter.pk}").status_code == 403
    assert "催办所选" not in text(own.get("/due/"))


@pytest.mark.parametrize("query", ["", " ", "\0", "😀", "'", "x" * 10_000, "a & !b:*", "%"])
def test_the_search_page_answers_anything(client: Client, centres: Any, query: str) -> None:
    assert client.get("/search/", {"q": query, "page": query[:3]}).status_code == 200


def test_the_search_page_shows_the_words_in_their_place(client: Client, centres: Any) -> None:
    page = client.get("/search/?q=中试平台 氢能")
    assert "<mark>中试平台</mark>" in text(page) and 'href="/centres/mini-0002/record/1/"' in text(
        page
    )
    assert "mini-0001" not in text(page)
    own = signed_in(seed.person("unit2", ("unit", "org-2")))
    assert "mini-0002" in text(own.get("/search/?q=中"))
    assert "mini-0001" not in text(own.get("/search/?q=中试平台"))
    assert "没有找到" in text_of(own.get("/search/?q=工业软件"))
