"""Yearly reports: found in the programmes' data, who has reported, chains, urging, summaries."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Q

from banfa.office import clock
from banfa.office.evaluations import (
    goals,
    plausibility,
    queries,
    reports,
    rights,
    sheets,
    summaries,
    urging,
    verbs,
)
from banfa.office.evaluations.errors import EvaluationError, MayNot, Refused
from banfa.office.evaluations.models import Collection, Entry, FigureChange, Kind, Stage
from banfa.office.evaluations.verbs import Opening, Value
from banfa.office.ledger import library
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.models import ActRecord
from banfa.office.notices.models import Notice
from banfa.office.people.access import Reach, reach
from banfa.rules.words import Text
from tests.office.desk import seed
from tests.office.notices.test_daily import SURVEY

pytestmark = pytest.mark.django_db
TODAY = dt.date(2030, 11, 15)
ALL = Q()


def of(user: Any) -> Reach:
    return reach(user, clock.today())


def report(centre: str, year: int, on: str) -> None:
    seed.do("unit", "survey", on, centre, year=year, **SURVEY)


@pytest.fixture
def annual(system_text: str, centres: tuple[str, str, str]) -> Collection:
    """The figures of 2029, of all three centres."""
    version = verbs.load_system(None, "mini", system_text)
    return verbs.open_collection(None, Opening(
        version, Kind.ANNUAL, 2029, Text("2029年度关键指标", "Key figures of 2029"),
        dt.date(2030, 1, 1), dt.date(2030, 2, 28), centres=centres))  # fmt: skip


def entry_of(annual: Collection, centre: str) -> Entry:
    return Entry.objects.select_related("collection__system", "centre").get(
        collection=annual, centre=centre
    )


def values(spending: str = "200", staff: int = 40, rd: int = 20) -> list[Value]:
    return [
        Value("spending", 2029, Decimal(spending)),
        Value("staff", 2029, staff),
        Value("rd_staff", 2029, rd),
    ]


# --- what the programmes have ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("programme", "acts", "holder", "calendar"),
    [
        ("neiic", ["file_annual_report"], "supervising_unit", True),
        ("nitec", ["file_annual_report"], "supervising_unit", True),
        ("jliic", ["submit_annual_work_report"], "supervising_unit", True),
        (
            "ncti",
            ["submit_annual_report", "review_annual_report", "file_annual_report"],
            "centre",
            True,
        ),
        ("nmic", ["submit_operation_report", "conclude_annual_evaluation"], "centre", False),
    ],
)
def test_each_programme_has_its_yearly_report_with_its_own_chain(
    programme: str, acts: list[str], holder: str, calendar: bool, settings: Any
) -> None:
    settings.PROGRAMMES_DIR = None
    library.forget()
    (kind,) = reports.kinds(programme)
    assert [link.act for link in kind.chain] == acts
    assert (kind.duty.holder, kind.calendar) == ([holder], calendar)


def test_other_yearly_acts_stand_beside_the_report(settings: Any) -> None:
    settings.PROGRAMMES_DIR = None
    library.forget()
    beside = {p: {k.act for k in reports.kinds(p)[0].beside} for p in ("neiic", "nitec")}
    assert {"yearly_supervision_review", "report_major_result"} <= beside["neiic"]
    assert {"annual_self_evaluation", "report_major_result"} <= beside["nitec"]


@pytest.mark.parametrize(
    ("programme", "due"),
    [
        ("neiic", dt.date(2030, 2, 28)),
        ("jliic", dt.date(2029, 12, 31)),
        ("ncti", None),
        ("nmic", None),
    ],
)
def test_a_day_common_to_all_is_told_and_none_is_made_up(
    programme: str, due: dt.date | None, settings: Any
) -> None:
    settings.PROGRAMMES_DIR = None
    library.forget()
    from banfa.office.ledger.models import ProgrammeBook

    ProgrammeBook.objects.create(pk=programme)
    assert reports.last_day(reports.kinds(programme)[0], 2029, TODAY) == due


# --- who has reported -----------------------------------------------------------------------------


def asked(year: int) -> reports.Asked:
    return reports.ask(reports.kinds("mini")[0], year, TODAY)


def standing(year: int) -> dict[str, str]:
    """How the reports of the two centres that owe one stand."""
    found = reports.centres(asked(year), ALL)
    return {str(c.pk): str(c.status) for c in found}


def test_late_is_late_and_still_taken(centres: tuple[str, str, str]) -> None:
    over, preparing, _planned = centres
    kind = reports.kinds("mini")[0]
    assert standing(2029) == {over: reports.OVERDUE, preparing: reports.OVERDUE}
    report(preparing, 2028, "2029-02-28")
    report(preparing, 2029, "2030-03-01")
    assert standing(2028) == {over: reports.OVERDUE, preparing: reports.DONE}
    assert standing(2029) == {over: reports.OVERDUE, preparing: reports.LATE}
    counted = reports.count(reports.centres(asked(2029), ALL))
    assert (counted.all, counted.late, counted.overdue, counted.reported) == (2, 1, 1, 1)
    assert 2029 in reports.periods(kind, ALL)


def test_an_annulled_report_is_no_report(centres: tuple[str, str, str]) -> None:
    preparing = centres[1]
    report(preparing, 2029, "2030-02-01")
    assert standing(2029)[preparing] == reports.DONE
    seq = ledger.centre(preparing).version
    seed.do("unit", "annul", "2030-11-15", preparing, target=seq, reason="误报")
    assert standing(2029)[preparing] == reports.OVERDUE


def test_a_centres_years_show_chain_duty_and_figures(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    preparing = centres[1]
    report(preparing, 2029, "2030-02-01")
    years = {one.period: one for one in reports.years(ledger.centre(preparing))}
    assert years[2029].status == reports.DONE and years[2029].report is not None
    assert years[2028].status == reports.OVERDUE and years[2028].owed is not None
    assert [step.waits for step in years[2028].steps] == [True]


def test_by_place_and_field(centres: tuple[str, str, str]) -> None:
    report(centres[1], 2029, "2030-02-01")
    found = reports.centres(asked(2029), ALL)
    done = {k: v.done for k, v in reports.by_field(found).items()}
    assert done == {"先进封装": 0, "氢能装备": 1}
    by_place = reports.by_place(found, {"370000": ("山东",), "110000": ("北京",)})
    assert {k: v.all for k, v in by_place.items()} == {"370000": 2}


# --- figures of a year ----------------------------------------------------------------------------


def test_a_years_figures_are_reported_and_reviewed(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    assert rights.steps(annual) == [Stage.REPORTED, Stage.REVIEWED]
    entry = entry_of(annual, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, values())
    verbs.finish(None, entry, Stage.REPORTED)
    verbs.finish(None, entry, Stage.REVIEWED)
    with pytest.raises(EvaluationError, match="no such step"):
        verbs.finish(None, entry, Stage.VERIFIED)


def test_what_is_missing_asks_for_a_reason_and_does_not_block(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(annual, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, values()[1:])
    with pytest.raises(Refused) as refused:
        verbs.finish(None, entry, Stage.REPORTED)
    assert [p.indicator for p in refused.value.problems] == ["spending"]
    told = [Value("spending", 2029, None, "专账尚未审计")]
    verbs.enter(None, entry, Stage.REPORTED, told)
    verbs.finish(None, entry, Stage.REPORTED)
    assert entry.stage == Stage.REPORTED


def test_sums_and_shares_ask_for_a_reason(system_text: str, centres: tuple[str, str, str]) -> None:
    text = system_text.replace("    plausible: {part_of: staff}\n", "").replace(
        "  standards:\n",
        """  both:
    code: B9
    name: {zh: 两类人员, en: Both}
    group: first
    role: shown
    unit: 人
    definition: {zh: 合计, en: sum}
    source: {zh: 名册, en: list}
    period: year_end
    evidence: none
    allowed: {at_least: 0}
    plausible: {sum_of: [staff, rd_staff]}
  rd_share:
    code: B3
    name: {zh: 研发人员占比, en: Share of R&D staff}
    group: first
    role: shown
    unit: "%"
    places: 1
    definition: {zh: 占比, en: share}
    derived: {share: {of: rd_staff, whole: staff}}
  standards:
""",
    )
    version = verbs.load_system(None, "mini", text)
    made = verbs.open_collection(None, Opening(
        version, Kind.ANNUAL, 2029, Text("年报", "Report"), TODAY, centres=centres))  # fmt: skip
    entry = entry_of(made, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, [*values(rd=50), Value("both", 2029, 80)])
    told = {p.indicator: p.text for p in plausibility.asks(entry)}
    assert "90 人" in told["both"].zh and "100%" in told["rd_staff"].en
    verbs.enter(None, entry, Stage.REPORTED, [Value("both", 2029, 90)])
    assert {p.indicator for p in plausibility.asks(entry)} == {"rd_staff"}


def test_figures_are_frozen_with_the_reports_act(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    preparing = centres[1]
    entry = entry_of(annual, preparing)
    verbs.enter(None, entry, Stage.REPORTED, values("200"))
    verbs.finish(None, entry, Stage.REPORTED)
    early = dt.datetime(2030, 1, 20, tzinfo=clock.SHANGHAI)
    FigureChange.objects.filter(figure__entry=entry).update(at=early)
    assert sheets.sheet(entry).act is None
    report(preparing, 2029, "2030-02-01")
    before = sheets.sheet(entry)
    assert before.act is not None and before.digest.startswith("sha256:")
    verbs.enter(None, entry, Stage.REVIEWED, [Value("spending", 2029, Decimal(150), "核减")])
    after = sheets.sheet(entry_of(annual, preparing))
    line = next(line for line in after.lines if line.name == "spending")
    assert (line.frozen, line.values[2], line.said[2]) == ("200.00", "150.00", "核减")
    assert after.digest == before.digest
    assert before.digest in sheets.table_text(before).zh


def test_a_goal_stands_beside_its_value_in_the_same_unit(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(annual, centres[0])
    with pytest.raises(EvaluationError, match="in which plan"):
        goals.set_goal(None, entry, "spending", 2029, "400", "")
    goals.set_goal(None, entry, "spending", 2029, "400", "方案第三章")
    verbs.enter(None, entry, Stage.REPORTED, values("200"))
    line = next(x for x in sheets.sheet(entry).lines if x.name == "spending")
    assert line.goal is not None and (line.goal.shown, line.goal.reached) == ("400", 50)
    goals.set_goal(None, entry, "spending", 2029, "", "方案第三章")
    assert not goals.held(centres[0], [2029])
    stranger = of(seed.person("unit-4", ("unit", "org-4")))
    with pytest.raises(MayNot):
        goals.set_goal(stranger, entry, "spending", 2029, "1", "方案")


def test_a_goal_in_yuan_is_compared_with_a_value_in_ten_thousands(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(annual, centres[0])
    goal = goals.set_goal(None, entry, "spending", 2029, "0", "方案")
    goal.value, goal.unit = Decimal(4_000_000), "元"
    one = next(x.indicator for x in sheets.sheet(entry).lines if x.name == "spending")
    found = goals.compared(one, goal, 20000)
    assert found is not None and (found.shown, found.reached) == ("400", 50)


# --- asking for what is late ----------------------------------------------------------------------


def test_urging_tells_each_once_a_day_and_never_oneself(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    boss = of(seed.person("boss-1", ("boss", "boss")))
    unit = seed.person("unit-2", ("unit", "org-2"))
    (target,) = urging.targets(boss, asked(2029), [centres[1], "nowhere"])
    assert target.people == [unit]
    assert {w.en for w in target.what} == {"yearly report", "report the key figures"}
    assert urging.urge(boss, asked(2029), [target], "请抓紧") == 1
    again = urging.targets(boss, asked(2029), [centres[1]])
    assert urging.urge(boss, asked(2029), again, "") == 0
    notice = Notice.objects.get(to=unit, kind="hurry")
    assert notice.urgent and "请抓紧" in notice.body_zh and "2029年" in notice.subject_zh
    assert not urging.targets(of(unit), asked(2029), [centres[1]])


# --- side by side ---------------------------------------------------------------------------------


def test_figures_are_added_exactly_by_place_field_and_year(
    annual: Collection, centres: tuple[str, str, str], system_text: str
) -> None:
    for centre, spending in zip(centres[:2], ("200.10", "300.25"), strict=True):
        verbs.enter(None, entry_of(annual, centre), Stage.REPORTED, values(spending))
    places = {"370000": ("山东",), "110000": ("北京",)}
    assert summaries.grouped(ALL, annual, "place", places) == []  # drafts count for nothing
    Entry.objects.filter(centre__in=centres[:2]).update(stage=Stage.REPORTED)
    assert summaries.coverage(ALL, [annual]) == {annual.pk: (2, 3)}
    groups = {g.key: g for g in summaries.grouped(ALL, annual, "place", places)}
    cell = groups["*"].cells["spending"]
    assert (cell.total, cell.count, cell.mean) == ("500.35", 2, "250.18")
    assert groups["370000"].cells["spending"].total == "500.35"
    fields = {g.key: g.cells["spending"].total for g in summaries.grouped(ALL, annual, "field")}
    assert fields == {"先进封装": "200.10", "氢能装备": "300.25", "*": "500.35"}
    earlier = verbs.open_collection(None, Opening(
        annual.system, Kind.ANNUAL, 2028, Text("年报", "Report"), TODAY,
        centres=centres))  # fmt: skip
    verbs.enter(
        None, entry_of(earlier, centres[0]), Stage.REPORTED, [Value("spending", 2028, Decimal(160))]
    )
    Entry.objects.filter(collection=earlier, centre=centres[0]).update(stage=Stage.REPORTED)
    known, years = summaries.over_years(ALL, "mini")
    assert [(g.key, g.cells["spending"].total) for g in years] == [
        ("2028", "160.00"), ("2029", "500.35"),
    ]  # fmt: skip
    shown = summaries.series(
        entry_of(annual, centres[0]).centre.__class__.objects.filter(pk=centres[0]),
        [earlier, annual], "spending", known["spending"],
    )  # fmt: skip
    assert (shown[0].values, shown[0].change) == (["160.00", "200.10"], "25.1")
    assert not summaries.additive(known["spending"].model_copy(update={"unit": "%"}))


def test_a_reviewers_draft_does_not_count_until_the_review_is_finished(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(annual, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, values("200"))
    verbs.finish(None, entry, Stage.REPORTED)
    verbs.enter(None, entry, Stage.REVIEWED, [Value("spending", 2029, Decimal(150), "核减")])

    def total() -> str | None:
        return summaries.grouped(ALL, annual, "field")[-1].cells["spending"].total

    assert total() == "200.00"
    verbs.finish(None, entry, Stage.REVIEWED)
    assert total() == "150.00"


def test_amounts_of_an_act_are_typed_in_full_width_too(centres: tuple[str, str, str]) -> None:
    typed = {**SURVEY, "year": 2028, "amount": "１，２００．５"}
    seed.do("unit", "survey", "2029-02-01", centres[1], **typed)
    act = ActRecord.objects.select_related("payload").get(centre=centres[1], kind="survey")
    assert "1200.5" in str(act.payload.data["amount"])


# --- telling those who reported -------------------------------------------------------------------


def test_who_reported_is_told_once_what_the_review_changed(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    unit, boss = (
        seed.person("unit-2", ("unit", "org-2")),
        of(seed.person("boss-1", ("boss", "boss"))),
    )
    entry = entry_of(annual, centres[1])
    verbs.enter(None, entry, Stage.REPORTED, values("200"))
    verbs.finish(of(unit), entry, Stage.REPORTED)
    for spending in (160, 150):
        verbs.enter(
            boss, entry, Stage.REVIEWED, [Value("spending", 2029, Decimal(spending), "核减")]
        )
    assert not Notice.objects.exists()
    verbs.finish(boss, entry, Stage.REVIEWED)
    (notice,) = Notice.objects.all()
    assert notice.to == unit and "改动 1 项" in notice.subject_zh
    assert notice.link == f"/figures/{annual.pk}/{centres[1]}/"
    other = entry_of(annual, centres[0])
    seed.person("unit-1", ("unit", "org-1"))
    verbs.enter(None, other, Stage.REPORTED, values("200"))
    verbs.finish(None, other, Stage.REPORTED)
    verbs.finish(None, other, Stage.REVIEWED)
    assert "未作改动" in Notice.objects.get(to__username="unit-1").subject_zh


def test_work_arrives_on_the_day_it_is_in_shanghai(
    annual: Collection, centres: tuple[str, str, str]
) -> None:
    boss = seed.person("boss-1", ("boss", "boss"))
    at = dt.datetime(2030, 2, 1, 23, 30, tzinfo=dt.UTC)  # 07:30 on the 2nd in Shanghai
    Entry.objects.filter(collection=annual, centre=centres[1]).update(
        stage=Stage.REPORTED, submitted=at
    )
    (todo,) = queries.todos(boss, of(boss), TODAY)
    assert todo.since == dt.date(2030, 2, 2)
