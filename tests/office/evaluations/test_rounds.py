"""Rounds: found in the programme's data, whom a call meets, what is set, disputed and published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from banfa.office.evaluations import round_queries, round_verbs, rounds, tables, verbs
from banfa.office.evaluations.errors import EvaluationError, MayNot, NotOnFile, Refused, Stale
from banfa.office.evaluations.models import Collection, FigureChange, Outcome, Stage
from banfa.office.evaluations.rounds import GradeLine, Round
from banfa.office.evaluations.verbs import Value
from banfa.office.ledger import library
from banfa.office.notices.models import Notice
from banfa.office.people.access import Reach
from tests.office.evaluations import round_seed as seed

pytestmark = pytest.mark.django_db
TODAY = dt.date(2030, 11, 15)


@pytest.fixture(autouse=True)
def real(mini: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programmes that are shipped."""
    seed.use(settings, monkeypatch)
    yield
    library.forget()


@pytest.fixture
def centres(db: None) -> list[str]:
    """Six confirmed centres, in three fields by turns."""
    return seed.existing(6)


@pytest.fixture
def round_(centres: list[str]) -> Round:
    return seed.opened(centres)


@pytest.fixture
def collection(round_: Round, centres: list[str]) -> Collection:
    return seed.collected(round_, centres)


@pytest.fixture
def boss(db: None) -> Reach:
    return seed.of(seed.person("boss", ("ndrc", "ndrc")))


@pytest.fixture
def unit(centres: list[str]) -> Reach:
    return seed.of(seed.person("unit", ("supporting_unit", "unit-1")))


@pytest.fixture
def agency(round_: Round) -> Reach:
    return seed.of(seed.person("agency", ("third_party", seed.AGENCY[0])))


def way() -> rounds.Way:
    return rounds.ways(library.editions("nitec").on(TODAY))[0]


def survey(reach: Reach, **more: Any) -> dict[str, rounds.Candidate]:
    data = {"year": 2030, "fields": list(seed.FIELDS), "materials_due": seed.DUE} | more
    by = {"party": "ndrc", "org": {"org": "ndrc"}}
    return {c.centre.id: c for c in rounds.survey(reach, way(), TODAY, data, by).candidates}


# --- how programmes evaluate ---------------------------------------------------------------------

WAYS = {
    "nitec": [("open_evaluation_round", "called", ["confirm_result"])],
    "neiic": [("open_evaluation_round", "called", ["confirm_result"])],
    "ncti": [("open_evaluation_round", "called", ["decide_grade"])],
    "nmic": [("", "conclude_annual_evaluation", ["conclude_annual_evaluation"]),
             ("", "conclude_examination", ["conclude_examination"])],
    "jliic": [("", "evaluate_operation", ["evaluate_operation"])],
}  # fmt: skip


@pytest.mark.parametrize("programme", sorted(WAYS))
def test_each_programme_tells_how_it_evaluates(programme: str) -> None:
    found = rounds.ways(library.editions(programme).on(TODAY))
    assert [(w.opening, w.call, list(w.deciding)) for w in found] == WAYS[programme]


def test_a_centre_joins_a_round_only_where_the_programme_says_so() -> None:
    found = {p: rounds.ways(library.editions(p).on(TODAY))[0].joining for p in WAYS}
    assert {p: dict(j) for p, j in found.items() if j} == {"neiic": {"join_evaluation": "round"}}


# --- whom a call would meet ----------------------------------------------------------------------


def test_a_field_outside_the_round_stands_in_the_way_with_its_article(
    centres: list[str], boss: Reach
) -> None:
    found = survey(boss, fields=[seed.FIELDS[0]])
    assert {c: f.standing for c, f in found.items()} == {
        c: "may" if n % 3 == 0 else "blocked" for n, c in enumerate(centres, 1)
    }
    (finding,) = found[centres[0]].findings
    assert (finding.id.rpartition(".")[2], finding.cite) == ("field_not_in_round", "22")


def test_who_is_in_a_running_round_is_not_called_again(centres: list[str], boss: Reach) -> None:
    seed.opened(centres[:2])
    found = survey(boss)
    assert [found[c].standing for c in centres[:3]] == ["running", "running", "may"]
    running = found[centres[0]].running
    assert (
        running is not None and running[1] == dt.date(2030, 9, 2) and found[centres[2]].last is None
    )


def test_an_input_that_a_centres_value_must_equal_knows_the_values_on_file(
    centres: list[str], boss: Reach
) -> None:
    rs = library.editions("nitec").on(TODAY)
    assert rounds.named_values(rs, way()) == {"fields": "field_zh"}
    assert rounds.values_on_file(boss, "nitec", "field_zh") == sorted(seed.FIELDS)
    assert rounds.values_on_file(boss, "nitec", "nothing") == []


def test_who_was_confirmed_in_the_year_may_stay_out_and_is_told_why(boss: Reach) -> None:
    centres = seed.existing(1, "2026-05-01")
    found = survey(boss, year=2026)
    assert found[centres[0]].standing == "unusual"  # three years are not over: in principle
    (out,) = found[centres[0]].exempt
    assert out.name.zh == "不参加当年评估" and out.party.zh == "依托单位"
    assert [f.cite for f in out.findings] == ["22"]
    assert survey(boss)[centres[0]].exempt == []


def test_a_survey_takes_no_more_queries_for_more_centres(boss: Reach) -> None:
    def counted() -> int:
        with CaptureQueriesContext(connection) as asked:
            survey(boss)
        return len(asked)

    seed.existing(2)
    few = counted()
    seed.existing(9)
    assert counted() == few <= 8


# --- the rounds on file --------------------------------------------------------------------------


def test_a_round_lists_its_centres_by_step(round_: Round, boss: Reach, unit: Reach) -> None:
    (seen,) = rounds.rounds(boss)
    assert (seen.number, seen.year, seen.centres, seen.closes) == (round_.number, 2030, 6, seed.DUE)
    assert [(s.id, s.number) for s in rounds.steps(boss, seen)] == [("called", 6)]
    assert rounds.rounds(unit)[0].centres == 1
    lines = rounds.lines(seen, list(rounds.called(unit, seen)), TODAY)
    assert [(line.step.zh, line.holders[0].zh, line.grade) for line in lines] == [
        ("已列入评估", "依托单位", None)
    ]


def test_rounds_of_the_same_name_are_told_apart(centres: list[str], boss: Reach) -> None:
    first = seed.opened(centres[:3])
    assert first.name.zh == "2030年　组织运行评估"
    second = seed.opened(centres[3:], on="2030-09-03")
    names = [r.name.zh for r in rounds.rounds(boss)]
    assert names == [f"2030年　组织运行评估（第 {r.number} 号）" for r in (second, first)]
    assert rounds.round_(boss, "nitec", first.number).name.en.endswith(f"(no. {first.number})")


def test_a_round_is_not_there_for_who_sees_none_of_its_centres(round_: Round) -> None:
    stranger = seed.of(seed.person("stranger", ("supporting_unit", "elsewhere")))
    assert rounds.rounds(stranger) == []
    with pytest.raises(NotOnFile):
        rounds.round_(stranger, "nitec", round_.number)


def test_what_is_late_is_found(round_: Round, boss: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds.waiting(boss, round_, TODAY).overdue == []
    later = dt.date(2030, 12, 2)
    assert len(rounds.waiting(boss, round_, later).overdue) == 6
    assert all(x.overdue for x in rounds.lines(round_, list(rounds.called(boss, round_)), later))


# --- settings and runs ---------------------------------------------------------------------------


def test_thresholds_are_written_as_typed() -> None:
    made = rounds.thresholds_text(
        "operation@2026", TODAY,
        [GradeLine("good", "75.5", "20"), GradeLine("poor")], "in", "poor", {"h": "poor", "i": ""},
    )  # fmt: skip
    assert made.splitlines() == [
        "system: operation@2026", "on: 2030-11-15", "grades:",
        "  - {grade: good, from: 75.5, quota: {share: 20, ties: in}}", "  - {grade: poor}",
        "veto: poor", "limits: {h: poor}",
    ]  # fmt: skip
    with pytest.raises(EvaluationError, match="85"):
        rounds.thresholds_text("a@1", TODAY, [GradeLine("good", "75; drop"), GradeLine("poor")])


def test_the_simple_form_keeps_what_it_does_not_show() -> None:
    sample = verbs.sample_thresholds("nitec", "operation").replace(
        "{grade: good, from: 75}", "{grade: good, from: 75, quota: {number: 3, ties: out}}"
    )
    kept = tables.thresholds(sample)
    assert kept is not None
    shares = {"excellent": "20"}
    lines = [GradeLine(g.grade, str(g.from_ or ""), shares.get(g.grade, "")) for g in kept.grades]
    asked: Any = {"veto": kept.veto or "", "limits": kept.limits, "kept": kept}
    same = rounds.thresholds_text(kept.system, kept.on, lines, "in", **asked)
    assert tables.thresholds(same) == kept
    lines[0].from_, lines[0].share = "92.5", ""
    changed = tables.thresholds(rounds.thresholds_text(kept.system, kept.on, lines, "", **asked))
    assert changed is not None and str(changed.grades[0].from_) == "92.5"
    assert changed.grades[0].floors == {"transfer": 18} and changed.grades[0].quota is None
    assert changed.grades[1].quota == kept.grades[1].quota and changed.sample == kept.sample
    lines[0].share = "10"
    turned = tables.thresholds(rounds.thresholds_text(kept.system, kept.on, lines, "out", **asked))
    assert turned is not None and [g.quota.ties for g in turned.grades if g.quota] == ["out", "out"]


def scored(collection: Collection, centres: list[str], strengths: list[int]) -> Any:
    """The figures through all hands, the thresholds set, a run made."""
    for centre, strength in zip(centres, strengths, strict=True):
        seed.through(seed.entry_of(collection, centre), strength)
    text = verbs.sample_thresholds("nitec", "operation")
    verbs.set_thresholds(None, collection, text, TODAY)
    return verbs.score_collection(None, collection, Stage.VERIFIED)


def test_only_a_run_of_verified_values_in_earnest_proposes_results(
    collection: Collection, centres: list[str], boss: Reach, unit: Reach
) -> None:
    run = scored(collection, centres, [20, 34, 48, 62, 76, 90])
    dry = verbs.score_collection(None, collection, thresholds_text=run.thresholds)
    early = verbs.score_collection(None, collection, Stage.REPORTED)
    for wrong in (dry, early):
        with pytest.raises(EvaluationError):
            round_verbs.adopt(boss, wrong)
    with pytest.raises(MayNot):
        round_verbs.adopt(unit, run)
    assert round_queries.adopted(collection) is None
    round_verbs.adopt(boss, run)
    again = verbs.score_collection(None, collection, Stage.VERIFIED)
    with pytest.raises(EvaluationError, match="改用"):
        round_verbs.adopt(boss, again)
    round_verbs.adopt(boss, again, "补充核定后重算")
    adopted = round_queries.adopted(collection)
    assert adopted is not None and adopted.number == again.number
    computed = [round_queries.computed_for(adopted, c) for c in centres]
    assert [c.grade for c in computed if c] == [
        "unqualified", "basically_qualified", "basically_qualified", "medium", "medium", "medium",
    ]  # fmt: skip
    assert [c.rank for c in computed if c] == [6, 5, 4, 3, 2, 1]


def test_a_centre_sees_its_provisional_score_only_where_the_authority_allows_it(
    collection: Collection, centres: list[str], boss: Reach, unit: Reach
) -> None:
    entry = seed.entry_of(collection, centres[0])
    assert not round_queries.may_preview(unit, entry) and round_queries.may_preview(boss, entry)
    with pytest.raises(MayNot):
        round_verbs.allow_provisional(unit, collection, True, TODAY)
    round_verbs.allow_provisional(boss, collection, True, TODAY)
    assert round_queries.may_preview(unit, entry)
    assert not round_queries.may_preview(unit, seed.entry_of(collection, centres[1]))
    with pytest.raises(EvaluationError):
        round_verbs.allow_provisional(boss, collection, True, TODAY)
    round_verbs.allow_provisional(boss, collection, False, TODAY)
    assert not round_queries.may_preview(unit, entry)


def test_classes_come_over_from_the_round_before(
    collection: Collection, centres: list[str]
) -> None:
    found = round_queries.classes_before(collection.system, [*centres[:2], "nitec-9999"])
    assert found == {c: {"industry": "equipment"} for c in centres[:2]}


# --- disputes ------------------------------------------------------------------------------------


@pytest.fixture
def cut(collection: Collection, centres: list[str], agency: Reach) -> Any:
    """A table of which the third party cut one value."""
    entry = seed.entry_of(collection, centres[0])
    seed.through(entry, 60, Stage.REVIEWED)
    verbs.enter(agency, entry, Stage.VERIFIED, [Value("rd_spending", 2029, 41, "两笔支出重复")])
    verbs.finish(agency, entry, Stage.VERIFIED)
    return entry


def lines(entry: Any) -> dict[tuple[str, int], round_queries.Line]:
    return {(x.figure.indicator, x.figure.year): x for x in round_queries.lines(entry)}


def test_three_hands_stand_beside_one_another_with_the_reason(cut: Any, unit: Reach) -> None:
    line = lines(cut)["rd_spending", 2029]
    shown = [t.zh if t else None for t in (line.reported, line.reviewed, line.verified)]
    assert shown == ["60.00 万元", "60.00 万元", "41.00 万元"] and line.moved
    assert line.changes[-1].reason == "两笔支出重复"
    moved = [at for at, x in lines(cut).items() if x.moved]
    assert moved == [("rd_spending", 2029)]
    (entry,) = round_queries.entries(unit, cut.collection)
    assert (entry.changed, entry.disputed) == (1, False)


def test_an_upheld_dispute_opens_that_value_alone(cut: Any, unit: Reach, agency: Reach) -> None:
    with pytest.raises(MayNot):
        round_verbs.dispute(agency, cut, "rd_spending", 2029, "不服")
    made = round_verbs.dispute(unit, cut, "rd_spending", 2029, "第二笔是另一个项目")
    with pytest.raises(EvaluationError, match="未答复"):
        round_verbs.dispute(unit, cut, "rd_spending", 2029, "再说一次")
    assert Notice.objects.filter(to=agency.user, kind="evaluation").count() == 1
    at = dt.datetime(2030, 11, 14, 23, 30, tzinfo=dt.UTC)  # 07:30 on the 15th in Shanghai
    type(made).objects.filter(pk=made.pk).update(at=at)
    (todo,) = round_queries.todos(agency.user, agency, TODAY)
    assert (todo.kind, todo.since) == ("dispute", dt.date(2030, 11, 15))
    assert round_queries.todos(unit.user, unit, TODAY) == []
    assert round_queries.entries(unit, cut.collection, "disputed").count() == 1
    with pytest.raises(MayNot):
        round_verbs.answer_dispute(unit, made, Outcome.UPHELD, "自己答复")
    round_verbs.answer_dispute(agency, made, Outcome.UPHELD, "已核对合同，确属另一项目")
    with pytest.raises(Stale):
        round_verbs.answer_dispute(agency, made, Outcome.REJECTED, "再答复")
    entry = seed.entry_of(cut.collection, cut.centre_id)
    assert (entry.stage, entry.verified) == (Stage.REVIEWED, None)
    held = lines(entry)
    assert held["rd_spending", 2029].verified is None
    other = held["rd_spending", 2028].verified
    assert other is not None and other.zh == "60.00 万元"
    verbs.enter(agency, entry, Stage.VERIFIED, [Value("rd_spending", 2029, 60, "异议成立")])
    verbs.finish(agency, entry, Stage.VERIFIED)
    line = lines(seed.entry_of(cut.collection, cut.centre_id))["rd_spending", 2029]
    assert line.verified is not None and line.verified.zh == "60.00 万元" and not line.moved
    assert FigureChange.objects.filter(figure=line.figure).count() == len(line.changes) >= 4
    assert [d.outcome for d in line.disputes] == ["upheld"]
    assert round_queries.todos(agency.user, agency, TODAY) == []


def test_an_upheld_dispute_is_not_passed_over_by_the_same_value(
    cut: Any, unit: Reach, agency: Reach
) -> None:
    made = round_verbs.dispute(unit, cut, "rd_spending", 2028, "填报时漏计一笔")
    round_verbs.answer_dispute(agency, made, Outcome.UPHELD, "确有一笔漏计")
    entry = seed.entry_of(cut.collection, cut.centre_id)
    with pytest.raises(Refused) as told:
        verbs.finish(agency, entry, Stage.VERIFIED)
    assert ["异议已认定成立" in p.text.zh for p in told.value.problems] == [True]
    verbs.enter(agency, entry, Stage.VERIFIED, [Value("rd_spending", 2028, 60, "已另案处理")])
    verbs.finish(agency, entry, Stage.VERIFIED)
    assert seed.entry_of(cut.collection, cut.centre_id).stage == Stage.VERIFIED


def test_a_rejected_dispute_changes_nothing(cut: Any, unit: Reach, agency: Reach) -> None:
    made = round_verbs.dispute(unit, cut, "rd_spending", 2029, "第二笔是另一个项目")
    for outcome, answer in (("", "不成立"), (Outcome.REJECTED, "  ")):
        with pytest.raises(EvaluationError):
            round_verbs.answer_dispute(agency, made, outcome, answer)
    round_verbs.answer_dispute(agency, made, Outcome.REJECTED, "同一合同编号")
    entry = seed.entry_of(cut.collection, cut.centre_id)
    assert entry.stage == Stage.VERIFIED
    assert Notice.objects.filter(to=unit.user, subject_zh__contains="不成立").count() == 1


def test_what_nobody_reviewed_yet_is_not_disputed(
    collection: Collection, centres: list[str], unit: Reach
) -> None:
    entry = seed.entry_of(collection, centres[0])
    seed.through(entry, 60, Stage.REPORTED)
    with pytest.raises(EvaluationError):
        round_verbs.dispute(unit, entry, "rd_spending", 2029, "有误")
    with pytest.raises(NotOnFile):
        round_verbs.dispute(unit, entry, "rd_spending", 1999, "有误")


# --- results made known --------------------------------------------------------------------------


def test_results_are_published_with_days_that_the_authority_sets(
    round_: Round, centres: list[str], boss: Reach, unit: Reach
) -> None:
    results = {centres[0]: "good", centres[1]: "medium"}
    with pytest.raises(EvaluationError):
        round_verbs.publish(boss, round_, {}, TODAY)
    with pytest.raises(EvaluationError):
        round_verbs.publish(boss, round_, results, TODAY, public=True)
    with pytest.raises(EvaluationError):
        round_verbs.publish(boss, round_, results, TODAY, until=TODAY - dt.timedelta(1))
    with pytest.raises(MayNot):
        round_verbs.publish(unit, round_, results, TODAY)
    inside = round_verbs.publish(boss, round_, results, TODAY)
    public = round_verbs.publish(
        boss, round_, results, TODAY, public=True, until=TODAY + dt.timedelta(5)
    )
    assert [c.pk for c, _g in round_queries.shown_in(unit, inside)] == [centres[0]]
    assert len(round_queries.shown_in(unit, public)) == 2
    assert [p.pk for p in round_queries.publications(boss, round_)] == [public.pk, inside.pk]


def test_an_objection_comes_in_time_is_answered_once_and_changes_no_result(
    round_: Round, centres: list[str], boss: Reach, unit: Reach
) -> None:
    from banfa.office.ledger.models import Centre

    own, other = (Centre.objects.get(pk=c) for c in centres[:2])
    public = round_verbs.publish(
        boss, round_, {own.pk: "good", other.pk: "medium"}, TODAY, public=True,
        until=TODAY + dt.timedelta(5),
    )  # fmt: skip
    with pytest.raises(MayNot):
        round_verbs.object_to(unit, public, other, "与我无关", TODAY)
    with pytest.raises(EvaluationError, match="异议期"):
        round_verbs.object_to(unit, public, own, "晚了", TODAY + dt.timedelta(6))
    made = round_verbs.object_to(unit, public, own, "得分应更高", TODAY, "冒名者")
    assert made.whose == "第1示例装备公司"
    letter = round_verbs.object_to(boss, public, other, "来函称数据不实", TODAY, "某某公司")
    assert letter.whose == "某某公司"
    with pytest.raises(EvaluationError, match="异议人"):
        round_verbs.object_to(boss, public, other, "来函", TODAY)
    assert {t.kind for t in round_queries.todos(boss.user, boss, TODAY)} == {"objection"}
    with pytest.raises(MayNot):
        round_verbs.answer_objection(unit, made, Outcome.UPHELD, "自答")
    round_verbs.answer_objection(boss, made, Outcome.REJECTED, "已复核，得分无误")
    with pytest.raises(Stale):
        round_verbs.answer_objection(boss, made, Outcome.UPHELD, "改口")
    assert [o.pk for o in round_queries.objections(unit, round_)] == [made.pk]
    public.refresh_from_db()
    assert public.results == {own.pk: "good", other.pk: "medium"}
    assert Notice.objects.filter(to=unit.user, subject_zh__contains="已答复").count() == 1
