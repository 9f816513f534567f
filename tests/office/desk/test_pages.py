"""The pages as they come from the server: content, headers, languages, errors, few queries."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from banfa.office.ledger import texts
from banfa.rules.library import SHIPPED
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


def text_of(response: Any) -> str:
    """A page's text without its tags."""
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", response.content.decode()))


def test_the_list_of_centres_shows_what_is_due(client: Client, centres: Any) -> None:
    page = client.get("/centres/")
    said = text_of(page)
    assert page.status_code == 200 and page["Content-Language"] == "zh-CN"
    assert "国家先进封装样例中心（筹）" in said and "共3家" in said
    assert "2030-12-20尚余35日筹建期届满" in said
    assert "待决定1" in said and "逾期" in said
    assert "系统日期设定为2030年11月15日" in said


def test_centres_are_filtered_by_programme_stage_and_words(client: Client, centres: Any) -> None:
    assert "共1家" in text_of(client.get("/centres/?stage=planned"))
    assert "共1家" in text_of(client.get("/centres/?programme=mini&q=氢能"))
    assert "没有符合条件的中心" in text_of(client.get("/centres/?q=没有这个"))


@pytest.mark.parametrize("party", ["", "boss", "unit"])
def test_a_centres_page_takes_few_queries_whatever_its_history(
    client: Client, centres: Any, party: str, django_assert_max_num_queries: Any
) -> None:
    over = centres[0]
    for number in range(30):
        seed.do("boss", "called", f"2029-04-{number % 28 + 1:02d}", over, year=2029)
    with django_assert_max_num_queries(MOST_QUERIES):
        page = client.get(f"/centres/{over}/?party={party}")
    assert page.status_code == 200 and "32件" in text_of(page)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/centres/", MOST_QUERIES),
        ("/programmes/", MOST_QUERIES),
        ("/programmes/mini/2026/?party=boss", MOST_QUERIES),
    ],
)
def test_the_lists_take_few_queries_whatever_their_length(
    client: Client, centres: Any, path: str, most: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        seed.begun("2030-09-02", "org-4", "工业软件", team=[f"周{number}"])
    with django_assert_max_num_queries(most):
        assert client.get(path).status_code == 200


def test_a_centres_page_shows_names_clocks_procedures_and_duties(
    client: Client, centres: Any
) -> None:
    said = text_of(client.get(f"/centres/{centres[1]}/"))
    assert "NationalSampleCentre(Preparatory)" in said
    assert "第2号“启动筹建”：筹建期结束日" in said and "尚余35日" in said
    assert "已报送自2030-10-15" in said
    assert "年度报告（2029）" in said and "2月末日=2030-02-28" in said
    assert "本阶段不得使用中心名称第四条" in text_of(client.get(f"/centres/{centres[2]}/"))


def test_the_state_on_another_day_as_known_on_another(client: Client, centres: Any) -> None:
    at = f"/centres/{centres[1]}/"
    said = text_of(client.get(f"{at}?on=2027-03-02"))
    assert "所示为截至2027-03-02的情形" in said and "截至日尚未发生" not in said
    assert "截至日尚未发生" in text_of(client.get(f"{at}timeline/?on=2027-03-02"))
    said = text_of(client.get(f"{at}?on=2027-03-04&known=2027-03-04"))
    assert "尚无记录" in said
    page = client.get(f"{at}?on=2027-13-45&known=x")
    assert page.status_code == 200
    assert text_of(page).count("不是有效日期") == 2


def test_every_act_of_a_party_is_listed_with_reasons(client: Client, centres: Any) -> None:
    said = text_of(client.get(f"/centres/{centres[1]}/?party=boss&on=2029-06-01"))
    assert "暂不可办确认运行第二条" in said
    assert "自2030-06-01起可以办理" in said
    assert "自动失效" not in said


def test_the_programme_page_goes_article_by_article(client: Client, centres: Any) -> None:
    page = client.get("/programmes/mini/2026/?party=unit")
    said = text_of(page)
    assert 'id="a-2-2"' in page.content.decode()
    assert "启动筹建：筹建期结束日不晚于办理日期+3年" in said
    assert "国家〔领域〕样例中心（筹）" in said
    assert "年度资金主管部门20275,000,000元" in said
    assert "宣示性，不生权利义务：不设定权利义务" in said
    assert "申请设立" in said and "官方文本尚未载入" in said
    assert client.get("/programmes/mini/").url == "/programmes/mini/2026/"  # type: ignore[attr-defined]


def test_a_later_load_of_the_text_that_differs_is_noticed(client: Client, centres: Any) -> None:
    texts.load("mini", "第一条 甲。\n第二条 乙。")
    assert "官方文本甲。" in text_of(client.get("/programmes/mini/2026/"))
    texts.load("mini", "第一条 甲。\n第二条 乙的改动。")
    said = text_of(client.get("/programmes/mini/2026/"))
    assert "与此前不同" in said and "有改动：第二条" in said


def test_every_citation_leads_to_a_place_on_the_programme_page(
    client: Client, centres: Any
) -> None:
    programme = client.get("/programmes/mini/2026/").content.decode()
    for number in centres:
        page = client.get(f"/centres/{number}/?party=boss").content.decode()
        targets = set(re.findall(r'href="/programmes/mini/2026/#([^"]+)"', page))
        assert targets and all(f'id="{target}"' in programme for target in targets)


@pytest.mark.parametrize(
    "path", ["/nix", "/centres/nix/", "/programmes/nix/2026/", "/programmes/mini/1999/"]
)
def test_what_is_not_there_is_said_calmly(client: Client, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 404 and "没有这个页面" in text_of(page)


@pytest.mark.parametrize(
    "path",
    [
        "/centres/mini-0001/acts/nix/?party=boss",
        "/centres/mini-0001/acts/start/",
        "/centres/mini-0001/acts/lapse/?party=boss",
        "/centres/mini-0001/record/99/",
        "/programmes/mini/acts/start/?party=boss",
        "/centres/nix/acts/start/?party=boss",
        "/programmes/nix/acts/start/?party=boss",
    ],
)
def test_acts_that_are_nobodys_are_not_there(client: Client, centres: Any, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_form_without_its_token_is_refused_in_chinese(centres: Any) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    page = strict.post(f"/centres/{centres[2]}/acts/start/?party=boss", {"party": "boss"})
    assert page.status_code == 403 and "提交未被受理" in text_of(page)


def test_our_own_mistakes_show_no_trace(
    client: Client, centres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from banfa.office.ledger import queries

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(queries, "centre", fails)
    client.raise_request_exception = False
    page = client.get(f"/centres/{centres[0]}/")
    assert page.status_code == 500
    assert "系统暂时无法处理" in text_of(page) and "secret" not in page.content.decode()


def test_the_language_is_chinese_unless_switched(client: Client, centres: Any) -> None:
    page = client.get("/", headers={"accept-language": "en"})
    assert '<html lang="zh-CN">' in page.content.decode()
    back = client.post("/language", {"language": "en", "next": f"/centres/{centres[1]}/"})
    assert back.status_code == 302 and back["Location"] == f"/centres/{centres[1]}/"
    page = client.get(f"/centres/{centres[1]}/?party=boss")
    assert '<html lang="en">' in page.content.decode() and page["Content-Language"] == "en"
    assert "Confirm" in text_of(page) and "可办事项" not in text_of(page)
    away = client.post("/language", {"language": "zh-hans", "next": "https://evil.example/"})
    assert away["Location"] == "/"


@pytest.mark.parametrize("party", ["boss", "unit", "customs"])
def test_every_link_leads_somewhere(client: Client, centres: Any, party: str) -> None:
    pages = [f"/centres/{number}/?party={party}" for number in centres]
    pages += ["/", "/programmes/", f"/programmes/mini/2026/?party={party}"]
    for page in pages:
        for link in set(re.findall(r'href="(/[^"#]*)', text(client.get(page)))):
            if not link.startswith("/static/"):
                answer = client.get(link.replace("&amp;", "&"))
                assert answer.status_code in (200, 302), (page, link)


def test_pages_carry_no_inline_style_or_script(client: Client, centres: Any) -> None:
    for path in (
        "/",
        "/programmes/",
        "/programmes/mini/2026/?party=boss",
        f"/centres/{centres[1]}/?party=boss",
        f"/centres/{centres[1]}/acts/survey/?party=unit",
        f"/centres/{centres[1]}/record/1/",
    ):
        page = client.get(path)
        assert page.status_code == 200, path
        assert not re.search(r"\sstyle=|<style|<script(?![^>]*\ssrc=)|\son\w+=", text(page)), path


def text(page: Any) -> str:
    content: str = page.content.decode()
    return content


def test_two_programmes_stand_side_by_side(db: None, settings: Any) -> None:
    settings.PROGRAMMES_DIR = SHIPPED
    client = signed_in(
        seed.person("both", ("third_party", "x", "nitec"), ("third_party", "x", "ncti"))
    )
    page = client.get("/compare/?a=nitec&b=ncti").content.decode()
    assert "逐项对照" in page and "无规定" in page
    assert "第十八条第一款" in page and 'href="/programmes/nitec/2026/#a-18-1"' in page
    every = page.count('<tr role="row" id=')
    only = client.get("/compare/?a=nitec&b=ncti&only=different").content.decode()
    assert 30 < only.count('<tr role="row" id=') < every
    assert client.get("/compare/?a=nowhere").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/centres/?q=%00", 200),
        ("/centres/?q=a%00b&stage=%00&programme=%00", 200),
        ("/centres/%00/", 404),
        ("/centres/%00/record/1/", 404),
        ("/centres/a%00/acts/start/?party=boss", 404),
        ("/programmes/mini/%00/", 404),
        ("/programmes/mini/2026/?party=%00&on=%00&known=%00&receipt=%00", 200),
        ("/compare/?a=%00", 200),
    ],
)
def test_a_nul_in_an_address_is_no_match(
    client: Client, centres: Any, path: str, status: int
) -> None:
    assert client.get(path).status_code == status


def test_a_failure_does_not_say_that_nothing_was_recorded(
    client: Client, centres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from banfa.office.ledger import queries

    monkeypatch.setattr(queries, "programmes", lambda *args: 1 / 0)
    client.raise_request_exception = False
    said = text_of(client.get("/programmes/"))
    assert "未作任何记录" not in said and "不会重复登记" in said


def test_an_unknown_regulation_is_said(client: Client, centres: Any) -> None:
    said = text_of(client.get("/centres/?programme=zz"))
    assert "“所依办法”中没有“zz”" in said and "共3家" in said


def test_a_centres_acts_are_annulled_on_its_own_page(client: Client, centres: Any) -> None:
    page = text(client.get("/programmes/mini/2026/?party=boss"))
    assert "/acts/annul_programme_act/" in page and "/acts/annul/" not in page
    assert "/acts/annul/" in text(client.get(f"/centres/{centres[0]}/?party=boss"))


def test_a_party_sees_first_what_it_may_do(client: Client, centres: Any) -> None:
    page = text(client.get(f"/centres/{centres[0]}/?party=boss"))
    places = [page.index(f'id="{name}"') for name in ("acts", "decisions", "duties", "facts")]
    assert places == sorted(places)
    page = text(client.get(f"/centres/{centres[0]}/"))
    assert page.index('id="facts"') < page.index('id="decisions"')
