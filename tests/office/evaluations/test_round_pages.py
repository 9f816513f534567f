"""The pages of rounds: who opens them, what they do, what they take of the database."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from banfa.office.desk import round_scores
from banfa.office.evaluations import queries, rounds, tables, verbs
from banfa.office.evaluations.models import (
    Adoption,
    Collection,
    Deviation,
    Dispute,
    Objection,
    Publication,
    Run,
    Stage,
)
from banfa.office.jobs import verbs as jobs
from banfa.office.jobs.models import Job
from banfa.office.ledger import library
from banfa.office.ledger.models import ActRecord, Matter, Sort
from banfa.office.ledger.verbs import Proposal, draft
from tests.office.desk.conftest import signed_in
from tests.office.evaluations import round_seed as seed

pytestmark = pytest.mark.django_db
MOST = 15


@pytest.fixture(autouse=True)
def real(mini: None, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programmes that are shipped; nobody needs a second factor."""
    seed.use(settings, monkeypatch)
    seed.spared()
    yield
    library.forget()


@pytest.fixture
def centres() -> list[str]:
    return seed.existing(6)


@pytest.fixture
def round_(centres: list[str]) -> rounds.Round:
    return seed.opened(centres)


@pytest.fixture
def at(round_: rounds.Round) -> str:
    return f"/rounds/nitec/{round_.number}/"


@pytest.fixture
def collection(round_: rounds.Round, centres: list[str]) -> Collection:
    return seed.collected(round_, centres)


@pytest.fixture
def boss() -> Client:
    return signed_in(seed.person("boss", ("ndrc", "ndrc")))


@pytest.fixture
def unit(centres: list[str]) -> Client:
    return signed_in(seed.person("unit", ("supporting_unit", "unit-1")))


@pytest.fixture
def agency(round_: rounds.Round) -> Client:
    return signed_in(seed.person("agency", ("third_party", seed.AGENCY[0])))


def text(page: Any) -> str:
    """What is read on a page."""
    content = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", "", page.content.decode())
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content)).split())


def scored(collection: Collection, centres: list[str]) -> Run:
    """All figures verified, thresholds set, a run made."""
    for n, centre in enumerate(centres):
        seed.through(seed.entry_of(collection, centre), 20 + n * 14)
    sample = verbs.sample_thresholds("nitec", "operation")
    verbs.set_thresholds(None, collection, sample, seed.DUE)
    return verbs.score_collection(None, collection, Stage.VERIFIED)


def pages(at: str, run: Run, centre: str) -> dict[str, str]:
    return {
        "list": "/rounds/",
        "round": at,
        "figures": f"{at}figures/",
        "entry": f"{at}figures/{centre}/",
        "scoring": f"{at}scoring/",
        "run": f"{at}runs/{run.number}/",
        "sheet": f"{at}runs/{run.number}/{centre}/",
        "provisional": f"{at}provisional/{centre}/",
        "results": f"{at}results/",
    }


def test_who_opens_which_page(
    at: str, collection: Collection, centres: list[str], boss: Client, unit: Client, agency: Client
) -> None:
    run = scored(collection, centres)
    stranger = signed_in(seed.person("stranger", ("supporting_unit", "elsewhere")))
    own = pages(at, run, centres[0])
    got = {
        name: {p: client.get(path).status_code for p, path in own.items()}
        for name, client in (("boss", boss), ("unit", unit), ("agency", agency), ("no", stranger))
    }
    assert set(got["boss"].values()) == {200}
    closed = {"scoring": 404, "run": 404, "sheet": 404, "provisional": 403}
    assert got["unit"] == dict.fromkeys(own, 200) | closed
    assert got["agency"] == dict.fromkeys(own, 200) | {"provisional": 403}
    assert got["no"] == dict.fromkeys(own, 404) | {"list": 200}
    assert unit.get(f"{at}figures/{centres[1]}/").status_code == 404
    huge = 10**25
    for wrong in (
        f"{at}runs/99/",
        f"{at}runs/1/nitec-9999/",
        f"{at}runs/{huge}/",
        f"{at}published/7/",
        f"{at}published/{huge}/",
        f"{at}figures/a%00b/",
        "/rounds/nitec/999/",
        f"/rounds/nitec/{huge}/",
        "/rounds/nothing/1/",
    ):
        assert boss.get(wrong).status_code == 404, wrong


def test_only_who_organises_it_changes_a_round(
    at: str, collection: Collection, centres: list[str], unit: Client, agency: Client
) -> None:
    run = scored(collection, centres)
    asked = [
        (f"{at}figures/", {"what": "add"}),
        (f"{at}figures/{centres[0]}/", {"what": "classify", "class.industry": "energy"}),
        (f"{at}results/", {"what": "publish", "on": "2030-11-15", "public": "no"}),
        (f"{at}scoring/", {"what": "score", "stage": "3"}),
        (f"{at}scoring/", {"what": "adopt", "run": str(run.number)}),
        (f"{at}scoring/", {"what": "provisional", "allowed": "yes"}),
        (f"{at}scoring/", {"what": "thresholds", "on": "2030-11-15", "from.good": "75"}),
        (f"{at}runs/{run.number}/", {"what": "weights", "weight.staff_spending": "9"}),
    ]
    for client in (unit, agency):
        for path, data in asked:
            assert client.post(path, data).status_code in (400, 403, 404, 422), (path, data)
    assert (Run.objects.count(), Adoption.objects.count(), Publication.objects.count()) == (1, 0, 0)
    assert seed.entry_of(collection, centres[0]).classes == {"industry": "equipment"}


def test_pages_take_few_queries_whatever_the_number(boss: Client) -> None:
    centres = seed.existing(55)
    one = seed.opened(centres)
    collection = seed.collected(one, centres)
    run = _quick_run(collection, centres)
    Adoption.objects.create(collection=collection, run=run, at=run.at)
    paths = pages(f"/rounds/nitec/{one.number}/", run, centres[0])
    asked = (
        "?look=1&with.year=2030&with.fields=" + seed.FIELDS[0] + "&with.materials_due=2030-12-20"
    )
    paths["new"] = "/rounds/nitec/new/open_evaluation_round/" + asked
    counted = {}
    for name, path in paths.items():
        assert boss.get(path).status_code == 200, name
        with CaptureQueriesContext(connection) as queries:
            boss.get(path)
        counted[name] = len(queries)
    assert {n: k for n, k in counted.items() if k > MOST} == {}, counted


def _quick_run(collection: Collection, centres: list[str]) -> Run:
    """A run in which one centre has its figures; the others stay empty."""
    seed.through(seed.entry_of(collection, centres[0]), 60)
    return verbs.score_collection(None, collection, Stage.VERIFIED)


def test_the_survey_leads_to_the_acts_form_with_the_centres_chosen(
    centres: list[str], boss: Client
) -> None:
    page = boss.get(
        "/rounds/nitec/new/open_evaluation_round/",
        {"look": "1", "on": "2030-11-15", "with.year": "2030", "with.materials_due": "2030-12-20",
         "with.fields": "\n".join(seed.FIELDS[:2])},
    )  # fmt: skip
    said = text(page)
    assert "可以列入 4" in said and "不能列入 2" in said and "第二十二条" in said
    before = ActRecord.objects.count()
    form = boss.post(
        "/programmes/nitec/acts/open_evaluation_round/?party=ndrc",
        {"add": "", "on": "2030-11-15", "with.year": "2030", "with.materials_due": "2030-12-20",
         "with.fields": seed.FIELDS[0], "with.centres": [centres[0], centres[3]]},
    ).content.decode()  # fmt: skip
    chosen = re.findall(r'name="with\.centres" value="([^"]+)" checked', form)
    assert sorted(chosen) == [centres[0], centres[3]] and 'value="2030-12-20"' in form
    assert ActRecord.objects.count() == before


def test_the_survey_offers_nothing_where_nobody_can_be_called(
    round_: rounds.Round, centres: list[str], boss: Client
) -> None:
    page = boss.get(
        "/rounds/nitec/new/open_evaluation_round/",
        {"look": "1", "on": "2030-11-15", "with.year": "2030", "with.materials_due": "2030-12-20",
         "with.fields": "\n".join(seed.FIELDS)},
    )  # fmt: skip
    said = text(page)
    assert "正在评估，不再列入 6" in said and "2030-09-02 起已在评估中" in said.replace("年", "-")
    assert "带入登记表" not in said.replace("不能带入登记表", "")
    assert f"在册中心所填（须与之一致）： {'、'.join(sorted(seed.FIELDS))}" in said


def closed(centre: str) -> None:
    """The centre's procedure ends with a grade, as if all bodies had agreed."""
    to = {"step": "confirmed", "closed": True}
    assert Matter.objects.filter(centre=centre, sort=Sort.CASE, name="evaluation").update(**to)


def test_the_list_says_how_far_each_round_is(
    at: str, collection: Collection, centres: list[str], boss: Client, unit: Client
) -> None:
    def said(client: Client = boss) -> str:
        return text(client.get("/rounds/"))

    assert "采集中" in said()
    for n, centre in enumerate(centres):
        seed.through(seed.entry_of(collection, centre), 20 + n * 14, Stage.REPORTED)
    assert "核定中" in said() and "采集中" not in said()
    verbs.score_collection(None, collection, Stage.REPORTED)
    assert "已计分" in said()
    closed(centres[0])
    assert "已定等级 1/6" in said() and "已结束（定等级 1/1）" in said(unit)
    for centre in centres[1:]:
        closed(centre)
    assert "已结束（定等级 6/6）" in said()


def test_a_round_that_is_over_is_not_scored_or_set_any_more(
    at: str, collection: Collection, centres: list[str], boss: Client, unit: Client
) -> None:
    run = scored(collection, centres)
    offered = boss.get(f"{at}scoring/").content.decode()
    asked: dict[str, dict[str, str]] = {
        "thresholds": {},
        "text": {"text": run.thresholds, "on": "2030-11-15", "reason": "x"},
        "score": {"stage": "3"},
        "adopt": {"run": "1"},
        "provisional": {"allowed": "yes"},
    }
    assert all(f'value="{what}"' in offered for what in asked)
    for centre in centres:
        closed(centre)
    for what, more in asked.items():
        answer = boss.post(f"{at}scoring/", {"what": what, **more})
        assert answer.status_code == 400 and "均已结束" in text(answer), what
        assert f'value="{what}"' not in answer.content.decode(), what
        assert unit.post(f"{at}scoring/", {"what": what, **more}).status_code == 404
    assert (Run.objects.count(), Adoption.objects.count()) == (1, 0)
    assert "公布已确定的结果" not in text(boss.get(f"{at}results/"))  # nobody has a grade
    assert 'href="/reviews/new' not in boss.get(at).content.decode()


def test_only_centres_still_in_the_procedure_are_missing_from_the_figures(
    round_: rounds.Round, at: str, centres: list[str], boss: Client
) -> None:
    seed.collected(round_, centres[:3])
    assert "有 3 家列入的中心尚未纳入采集" in text(boss.get(f"{at}figures/"))
    Matter.objects.filter(sort=Sort.CASE, centre=centres[5]).update(closed=True, step="waived")
    assert "有 2 家列入的中心尚未纳入采集" in text(boss.get(f"{at}figures/"))
    assert boss.post(f"{at}figures/", {"what": "add"}).status_code == 302
    held = Collection.objects.get().entries.values_list("centre", flat=True)
    assert set(held) == set(centres[:5])


def test_only_runs_that_may_propose_results_are_offered_for_it(
    at: str, collection: Collection, centres: list[str], boss: Client
) -> None:
    seed.through(seed.entry_of(collection, centres[0]), 60)
    verbs.score_collection(None, collection, Stage.REPORTED)
    page = boss.get(f"{at}scoring/")
    assert "采用这次计分" not in text(page) and "正式计分" not in text(page)
    assert "预算，不据以拟定结果" in text(page)
    verbs.score_collection(None, collection, Stage.VERIFIED)
    page = boss.get(f"{at}scoring/")
    assert "正式计分" in text(page)
    assert '<option value="2">' in page.content.decode()
    assert '<option value="1">第' not in page.content.decode()


def test_what_cannot_be_read_is_told_beside_its_field(centres: list[str], boss: Client) -> None:
    page = boss.get(
        "/rounds/nitec/new/open_evaluation_round/", {"look": "1", "with.materials_due": "bald"}
    )
    assert page.status_code == 422 and "bald" in text(page)


def test_a_round_is_collected_scored_tried_adopted(
    at: str, centres: list[str], boss: Client, agency: Client, unit: Client
) -> None:
    seeded = verbs.seed_samples()
    system = next(v for v in seeded if v.programme == "nitec")
    figures = f"{at}figures/"
    assert boss.post(figures, {"what": "collect", "system": "0", "year": "2029"}).status_code == 400
    made = boss.post(figures, {"what": "collect", "system": str(system.pk), "year": "2029"})
    assert made.status_code == 302
    again = boss.post(figures, {"what": "collect", "system": str(system.pk), "year": "2029"})
    assert again.status_code == 400
    collection = Collection.objects.get()
    assert collection.entries.count() == 6
    assert "样例" in text(boss.get(figures)) and "类别未定" in text(boss.get(figures))
    for n, centre in enumerate(centres):
        path = f"{figures}{centre}/"
        assert boss.post(path, {"what": "classify", "class.industry": "energy"}).status_code == 302
        seed.through(seed.entry_of(collection, centre), 20 + n * 14)
    scoring = f"{at}scoring/"
    lines = {"from.excellent": "90", "from.good": "75", "from.medium": "65",
             "from.basically_qualified": "60", "veto": "unqualified",
             "limit.own_accounts": "basically_qualified", "on": "2030-11-15"}  # fmt: skip
    wrong = boss.post(scoring, {"what": "thresholds", **lines, "from.good": "95"})
    assert wrong.status_code == 422 and 'value="95"' in wrong.content.decode()
    assert "“良好”的起始分（from）须低于上一等的 90" in text(wrong)
    assert "thresholds.yaml" not in text(wrong)
    assert "有“报送材料或数据查实不真实”情形的，最高评为" in text(wrong)
    assert boss.post(scoring, {"what": "thresholds", **lines}).status_code == 302
    assert boss.post(scoring, {"what": "thresholds", **lines}).status_code == 400  # no reason
    sample = verbs.sample_thresholds("nitec", "operation")
    by_file = {"what": "text", "text": sample, "on": "2030-11-15", "reason": "补充分组底线"}
    assert boss.post(scoring, by_file).status_code == 302
    broken = boss.post(scoring, by_file | {"text": "system: nothing\n"})
    assert broken.status_code == 422 and "system: nothing" in broken.content.decode()
    share = {"share.excellent": "20", "ties": "in"}
    again = {"what": "thresholds", **lines, **share, "from.good": "76", "reason": "微调"}
    assert "成果转移转化不低于 18 分" in text(boss.get(scoring))
    assert boss.post(scoring, again).status_code == 302
    kept = tables.thresholds(collection.settings.latest("id").text)
    assert kept is not None and kept.grades[0].floors == {"transfer": 18} and kept.sample
    assert boss.post(scoring, {"what": "score", "stage": "3"}).status_code == 302
    tried = boss.post(
        f"{at}runs/1/",
        {"what": "thresholds", **lines, "from.medium": "62", "from.basically_qualified": "55"},
    )
    assert tried.status_code == 302 and tried["Location"].endswith("?against=1#moves")
    moved = text(boss.get(tried["Location"]))
    trial = tables.thresholds(Run.objects.get(number=2).thresholds)
    assert trial is not None and trial.grades[0].floors == {"transfer": 18}
    assert "不合格 → 基本合格" in moved and "试算，不作决定" in moved
    told = ("良好 76 → 75", "中等 65 → 62", "优秀名额 20%（并列者均计入） → —")
    for page in (moved, text(boss.get(scoring))):
        assert all(one in page for one in told), page
    heavier = boss.post(f"{at}runs/1/", {"what": "weights", "weight.spending_per_head": "9"})
    said = text(boss.get(heavier["Location"]))
    assert re.search(r"权数：研发人员人均研发经费 8 → 9", said) and "76 → " not in said
    assert boss.post(f"{at}runs/1/", {"what": "weights"}).status_code == 400
    assert boss.post(scoring, {"what": "adopt", "run": "2"}).status_code == 400  # a trial
    assert boss.post(scoring, {"what": "adopt", "run": "1"}).status_code == 302
    assert "重算结果逐位相同" in text(boss.get(f"{at}runs/1/?repeat=1"))
    results = text(boss.get(f"{at}results/"))
    assert "据第 1 次计分拟定" in results and "须会同海关总署、税务总局" in results
    assert "计分所得等级" not in text(unit.get(f"{at}results/"))
    assert boss.post(scoring, {"what": "provisional", "allowed": "yes"}).status_code == 302
    mine = text(unit.get(f"{at}provisional/{centres[0]}/"))
    assert "不是评估结果" in mine and "样例" in mine


def test_a_provisional_score_is_what_a_run_gives_with_deductions_taken_off(
    at: str, collection: Collection, centres: list[str], boss: Client
) -> None:
    entry = seed.entry_of(collection, centres[0])
    late = [v for v in seed.values(collection, 60) if v.indicator == "late_reports"]
    verbs.enter(None, entry, Stage.REPORTED, seed.values(collection, 60))
    verbs.enter(None, entry, Stage.REPORTED, [replace(v, value=2) for v in late])
    for stage in (Stage.REPORTED, Stage.REVIEWED, Stage.VERIFIED):
        verbs.finish(None, entry, stage)
    run = verbs.score_collection(None, collection, Stage.VERIFIED)
    scores = tables.scores_of(run)
    given, place = queries.provisional(entry, Stage.VERIFIED), scores.at(centres[0])
    assert given.total == scores.score(place)
    off = next(x for x in given.lines if x.name == "late_reports").points
    assert off is not None and off < 0
    earned = sum(x.points for x in given.lines if x.points is not None)
    assert earned == given.total  # no cap is reached: the lines add up with their signs
    pages_ = [f"{at}provisional/{centres[0]}/", f"{at}runs/{run.number}/{centres[0]}/"]
    for shown in (text(boss.get(p)) for p in pages_):
        assert str(given.total) in shown and f"−{abs(off)} — 至多扣" in shown


def test_a_sheet_tells_where_values_come_from_and_why_no_better_grade(
    at: str, collection: Collection, centres: list[str], boss: Client
) -> None:
    for n, centre in enumerate(centres):
        seed.through(seed.entry_of(collection, centre), 20 + n * 14)
    sample = verbs.sample_thresholds("nitec", "operation")
    lower = sample.replace("from: 90", "from: 70").replace("from: 75", "from: 68")
    verbs.set_thresholds(None, collection, lower, seed.DUE)
    run = verbs.score_collection(None, collection, Stage.VERIFIED)
    held = [c for c in centres if queries.why_not_better(run, c)]
    assert held
    said = text(boss.get(f"{at}runs/{run.number}/{held[-1]}/"))
    assert "总分达到优秀的起始分，未评为优秀：成果转移转化得 11.94 分" in said
    assert "低于该等级的底线 18 分" in said and "分数逐项保留 2 位小数" in said
    assert re.search(r"研究与试验发展经费[^=]* ÷ [^=]* = ", said)
    assert "；取合计" in said and "2027 年" in said


def test_a_centres_table_leads_to_its_values_side_by_side(
    at: str, collection: Collection, centres: list[str], boss: Client
) -> None:
    page = boss.get(f"/figures/{collection.pk}/{centres[0]}/").content.decode()
    assert f'href="{at}figures/{centres[0]}/"' in page and f'href="{at}figures/"' in page


def test_a_dispute_is_raised_and_answered_on_the_page(
    at: str, collection: Collection, centres: list[str], unit: Client, agency: Client
) -> None:
    seed.through(seed.entry_of(collection, centres[0]), 60)
    path = f"{at}figures/{centres[0]}/"
    empty = unit.post(path, {"what": "dispute", "figure": "rd_spending/2029", "said": " "})
    assert empty.status_code == 400 and not Dispute.objects.exists()
    raised = {"what": "dispute", "figure": "rd_spending/2029", "said": "漏计一笔"}
    assert agency.post(path, raised).status_code == 403
    assert unit.post(path, raised).status_code == 302
    assert "异议待答复" in text(agency.get(f"{at}figures/?state=disputed"))
    made = Dispute.objects.get()
    answer = {"what": "answer", "dispute": str(made.pk), "outcome": "upheld", "answer": "补计"}
    assert unit.post(path, answer).status_code == 403
    kept = agency.post(path, answer | {"outcome": ""})
    assert kept.status_code == 400 and "补计" in kept.content.decode()
    assert agency.post(path, answer).status_code == 302
    assert "补计" in text(unit.get(path))
    assert agency.post(path, answer).status_code == 409


def test_verifying_is_finished_only_with_the_word_that_each_value_was_checked(
    collection: Collection, centres: list[str], agency: Client
) -> None:
    entry = seed.entry_of(collection, centres[0])
    seed.through(entry, 60, Stage.REVIEWED)
    path = f"/figures/{collection.pk}/{centres[0]}/"
    page = agency.get(path).content.decode()
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found is not None and 'name="checked"' not in page
    typed = {"version": found[1], "v.rd_spending.2029": "41", "r.rd_spending.2029": "两笔重复"}
    asked = agency.post(path, typed | {"do": "finish"})
    figures = entry.figures.filter(verified=None).count()
    said = f"共 {figures + 1} 项数据，其中 {figures} 项未改动也未写意见"
    assert asked.status_code == 422 and said in text(asked)
    assert 'name="checked"' in asked.content.decode()
    assert seed.entry_of(collection, centres[0]).stage == Stage.REVIEWED
    again = re.search(r'name="version" value="(\d+)"', asked.content.decode())
    assert again is not None
    done = agency.post(path, typed | {"version": again[1], "do": "finish", "checked": "yes"})
    assert done.status_code == 302
    assert seed.entry_of(collection, centres[0]).stage == Stage.VERIFIED
    told = text(agency.get(done["Location"]))
    assert "各环节均已办结" in told and "转入下一环节" not in told


# --- the computed grade on its way into the act --------------------------------------------------


@pytest.fixture
def verified(round_: rounds.Round, centres: list[str], collection: Collection) -> str:
    """The first centre has gone all the way to the decision; its grade is computed. Its id."""
    scored(collection, centres)
    run = Run.objects.get()
    Adoption.objects.create(collection=collection, run=run, at=run.at)
    seed.to_decision(centres[0], "unit-1")
    return centres[0]


def test_the_act_takes_the_computed_grade_over_and_asks_why_another(
    at: str, verified: str, boss: Client
) -> None:
    path = f"/centres/{verified}/acts/confirm_result/?party=ndrc"
    page = boss.get(path).content.decode()
    assert re.search(r'value="unqualified"\s+selected|value="unqualified"\s+checked', page), page
    assert "改定理由" in page and "样例" in page
    given = {"on": "2030-11-15", "party": "ndrc", "key": "k1", "with.grade": "medium"}
    refused = boss.post(path, given)
    assert refused.status_code == 422 and "改定理由" in text(refused)
    for party in ("customs_administration", "tax_administration"):
        _concur(refused, path, given, party, verified, boss)
    told = given | {"deviation": "核定口径有误，已另案更正"}
    assert boss.post(path, told | {"key": "k2"}).status_code == 302
    why = Deviation.objects.get()
    assert (why.computed, why.decided) == ("unqualified", "medium")
    assert ActRecord.objects.get(centre=verified, seq=why.seq).kind == "confirm_result"
    results = text(boss.get(f"{at}results/"))
    assert "改定 核定口径有误" in results
    notice = {"what": "publish", "on": "2030-11-15", "public": "yes", "until": "2030-11-20"}
    assert boss.post(f"{at}results/", notice).status_code == 302
    assert "没有变动" in text(boss.post(f"{at}results/", notice))
    made = Publication.objects.get()
    assert made.results == {verified: "medium"}
    shown = text(boss.get(f"{at}published/{made.pk}/"))
    assert "评估结果公示" in shown and "中等" in shown
    unit = signed_in(seed.person("unit", ("supporting_unit", "unit-1")))
    said = {"what": "object", "publication": str(made.pk), "centre": verified, "said": "应为良好"}
    assert unit.post(f"{at}results/", said).status_code == 302
    answer = {"what": "answer", "objection": str(Objection.objects.get().pk),
              "outcome": "rejected", "answer": "维持"}  # fmt: skip
    assert boss.post(f"{at}results/", answer).status_code == 302
    assert "维持" in text(unit.get(f"{at}results/"))


def _concur(refused: Any, path: str, given: Any, party: str, centre: str, boss: Client) -> None:
    """A joint body concurs on the draft that the form would record."""
    answer = boss.post(path, given | {"deviation": "核定口径有误，已另案更正"})
    digest = re.search(r"sha256:[0-9a-f]{64}", answer.content.decode())
    assert digest is not None, text(answer)
    seed.do("nitec", party, "concur", "2030-11-15", centre, draft=digest.group(), agrees=True)


def test_many_centres_are_scored_in_the_background(
    at: str, collection: Collection, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_scores, "AT_ONCE", 2)
    stage = str(int(Stage.VERIFIED))
    answer = boss.post(f"{at}scoring/", {"what": "score", "stage": stage, "note": "初算"})
    job = Job.objects.get()
    assert answer["Location"] == f"/jobs/{job.pk}/" and not Run.objects.exists()
    ticker = SimpleNamespace(done=0, of=0, stop=False)
    round_scores.score_long(jobs.Running(job, ticker))  # type: ignore[arg-type]
    made = Run.objects.get()
    assert (made.note, made.centres) == ("初算", collection.entries.count())
    assert "第 1 次计分" in job.said[0][0] and job.link == f"{at}scoring/"


def test_a_grade_as_computed_needs_no_reason(verified: str, boss: Client) -> None:
    path = f"/centres/{verified}/acts/confirm_result/?party=ndrc"
    given = {"on": "2030-11-15", "party": "ndrc", "key": "k1", "with.grade": "unqualified"}
    answer = boss.post(path, given)
    assert "会同" in text(answer) and "请写明改定理由" not in text(answer)
    assert not Deviation.objects.exists()


def test_other_acts_ask_nothing_of_rounds(verified: str, boss: Client) -> None:
    page = boss.get(f"/centres/{verified}/acts/revoke/?party=ndrc")
    assert page.status_code == 200 and 'id="proposed"' not in page.content.decode()


@pytest.mark.parametrize("programme", ["ncti", "neiic", "nmic", "jliic"])
def test_every_programmes_way_has_its_survey(programme: str) -> None:
    rs = library.editions(programme).latest
    for way in rounds.ways(rs):
        party = rs.models[way.act].by[0]
        user = seed.seed.person(f"{programme}-{way.act}", (party, party, programme))
        client = signed_in(user)
        page = client.get(f"/rounds/{programme}/new/{way.act}/")
        assert page.status_code == 200, way
        assert client.get("/rounds/").status_code == 200


def test_grades_as_computed_are_decided_for_many_at_once(
    at: str, verified: str, centres: list[str], boss: Client
) -> None:
    other = centres[1]
    rows = boss.get(f"{at}results/").content.decode()
    assert "家按计分办理" not in rows  # only one centre is as far
    seed.to_decision(other, "unit-2")
    rows = boss.get(f"{at}results/").content.decode()
    link = re.search(r'href="([^"]+)">[^<]*本页 2 家按计分办理', rows)
    assert link is not None
    chosen = {"centre": [verified, other], "party": "ndrc", "kind": "confirm_result"}
    page = boss.get(html.unescape(link[1])).content.decode()
    assert re.search(r'name="as_computed" value="yes"\s+checked', page) and "样例" in page
    given = chosen | {"on": "2030-11-15", "key": "b1", "as_computed": "yes"}
    seen = boss.post("/centres/bulk/", given)
    assert "0 家可以登记" in text(seen) and "计分：不合格" in text(seen) and "会同" in text(seen)
    asked = Proposal(act="confirm_result", by="ndrc", on=dt.date(2030, 11, 15), centre=verified,
                     data={"grade": "unqualified"})  # fmt: skip
    for party in ("customs_administration", "tax_administration"):
        seed.do("nitec", party, "concur", "2030-11-15", verified, draft=draft(asked), agrees=True)
    del given["as_computed"]
    by_hand = boss.post("/centres/bulk/", given | {"with.grade": "medium"})
    assert "须逐家办理并写明改定理由" in text(by_hand)
    given["as_computed"] = "yes"
    page = boss.post("/centres/bulk/", given).content.decode()
    digest = re.search(r'name="seen" value="(\w+)"', page)
    assert digest is not None and "1 家可以登记" in page
    done = boss.post("/centres/bulk/", given | {"confirm": "yes", "seen": digest[1],
                     "take": [verified]})  # fmt: skip
    assert done.status_code == 302 and "已登记" in text(boss.get(done["Location"]))
    last = ActRecord.objects.filter(centre=verified).latest("seq")
    assert last.kind == "confirm_result" and last.payload.data == {"grade": "unqualified"}
    assert not Deviation.objects.exists()
