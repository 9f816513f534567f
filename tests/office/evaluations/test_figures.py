"""Systems on file, figures by three hands, and runs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from banfa.office import clock
from banfa.office.evaluations import plausibility, queries, tables, verbs
from banfa.office.evaluations.errors import EvaluationError, MayNot, NotOnFile, Refused, Stale
from banfa.office.evaluations.models import (
    Collection,
    Entry,
    FigureChange,
    Kind,
    Run,
    Stage,
    SystemVersion,
)
from banfa.office.evaluations.verbs import Opening, Value
from banfa.office.people.access import Reach, reach
from banfa.office.people.models import Right
from banfa.rules.loading import LoadError
from banfa.rules.words import Text
from tests.office.desk import seed

pytestmark = pytest.mark.django_db
TODAY = dt.date(2030, 11, 15)


def of(user: Any) -> Reach:
    return reach(user, clock.today())


@pytest.fixture
def version(db: None, system_text: str) -> SystemVersion:
    return verbs.load_system(None, "mini", system_text)


@pytest.fixture
def boss(version: SystemVersion) -> Reach:
    return of(seed.person("boss-1", ("boss", "boss")))


@pytest.fixture
def unit(version: SystemVersion) -> Reach:
    return of(seed.person("unit-1", ("unit", "org-1")))


@pytest.fixture
def verifier(version: SystemVersion) -> Reach:
    return of(seed.person("customs-1", ("customs", "customs")))


@pytest.fixture
def round_(version: SystemVersion, centres: tuple[str, str, str]) -> Collection:
    """A round on 2028 and 2029, of all three centres."""
    return verbs.open_collection(None, Opening(
        version, Kind.ROUND, 2029, Text("2029年评估", "Round of 2029"), dt.date(2030, 11, 1),
        dt.date(2030, 11, 30), round=7, centres=centres,
        classes={c: {"industry": "chips"} for c in centres},
    ))  # fmt: skip


def entry_of(round_: Collection, centre: str) -> Entry:
    return Entry.objects.select_related("collection__system", "centre").get(
        collection=round_, centre=centre
    )


def figures(spending: Any = (200, 220), staff: int = 40, rd: int = 20, **more: Any) -> list[Value]:
    """Values of a whole table."""
    made = [Value("spending", 2028 + i, Decimal(s)) for i, s in enumerate(spending)]
    made += [Value("staff", 2029, staff), Value("rd_staff", 2029, rd)]
    return made + [Value(name, 2029, value) for name, value in more.items()]


def through(entry: Entry, values: list[Value], honest: bool = True) -> None:
    """Reported, reviewed, verified by the installation."""
    verbs.enter(None, entry, Stage.REPORTED, values)
    verbs.finish(None, entry, Stage.REPORTED)
    verbs.finish(None, entry, Stage.REVIEWED)
    found = [Value("honest", 2029, honest, "核实")]
    verbs.enter(None, entry, Stage.VERIFIED, found)
    verbs.finish(None, entry, Stage.VERIFIED)


# --- systems ------------------------------------------------------------------------------------


def test_a_system_is_loaded_once_and_its_parties_get_rights(
    version: SystemVersion, system_text: str
) -> None:
    assert verbs.load_system(None, "mini", "# the same\n" + system_text) == version
    assert (version.system, version.sample_zh) == ("yearly", "样例，仅供测试")
    things = set(Right.objects.filter(subject="mini:unit").values_list("thing", flat=True))
    assert "figures.report" in things and "figures.verify" not in things


def test_only_the_authority_loads_systems(boss: Reach, unit: Reach, system_text: str) -> None:
    changed = system_text.replace("points: 2}", "points: 5}")
    with pytest.raises(MayNot):
        verbs.load_system(unit, "mini", changed)
    loaded = verbs.load_system(boss, "mini", changed)
    assert loaded.loaded_by == boss.user
    assert len(queries.systems("mini", TODAY)) == 2
    verbs.withdraw_system(boss, loaded)
    assert len(queries.systems("mini", TODAY)) == 1
    with pytest.raises(EvaluationError, match="withdrawn"):
        verbs.open_collection(boss, Opening(
            loaded, Kind.ANNUAL, 2029, Text("年报", "Report"), TODAY))  # fmt: skip


def test_a_faulty_system_is_refused_with_every_problem(db: None, system_text: str) -> None:
    wrong = system_text.replace("weight: 30}", "weight: 31}").replace("heads: rd_staff", "heads: x")
    with pytest.raises(LoadError) as told:
        verbs.load_system(None, "mini", wrong, "mine.yaml")
    assert {p.code for p in told.value.problems} == {"weights_do_not_sum", "unknown_name"}
    assert str(told.value.problems[0].path) == "mine.yaml"
    with pytest.raises(NotOnFile):
        verbs.load_system(None, "other", system_text)


# --- collections --------------------------------------------------------------------------------


def test_a_collection_is_opened_once_by_the_authority_on_centres_of_the_programme(
    version: SystemVersion, boss: Reach, unit: Reach, round_: Collection
) -> None:
    opening = Opening(version, Kind.ROUND, 2029, Text("又", "again"), TODAY, round=7)
    with pytest.raises(EvaluationError, match="one of this kind"):
        verbs.open_collection(boss, opening)
    opening.round = 8
    with pytest.raises(MayNot):
        verbs.open_collection(unit, opening)
    opening.centres = ("nowhere",)
    with pytest.raises(NotOnFile, match="nowhere"):
        verbs.open_collection(boss, opening)
    assert not Collection.objects.filter(round=8).exists()
    opening.centres, opening.closes = (), dt.date(2020, 1, 1)
    with pytest.raises(EvaluationError, match="before the first"):
        verbs.open_collection(boss, opening)


def test_people_see_their_own_centres_only(
    round_: Collection, unit: Reach, boss: Reach, centres: tuple[str, str, str]
) -> None:
    assert [e.centre_id for e in queries.entries(unit, round_)] == [centres[0]]
    assert {e.centre_id for e in queries.entries(boss, round_)} == set(centres)
    with pytest.raises(NotOnFile):
        queries.entry(unit, round_, centres[1])
    assert list(queries.collections(unit)) == [round_] == list(queries.collections(boss))
    stranger = of(seed.person("unit-3", ("unit", "org-3")))
    with pytest.raises(NotOnFile):
        queries.collection(stranger, round_.pk)


# --- entering -----------------------------------------------------------------------------------


def test_values_are_entered_exactly_or_not_at_all(
    round_: Collection, unit: Reach, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(round_, centres[0])
    with pytest.raises(Refused) as told:
        verbs.enter(unit, entry, Stage.REPORTED, [
            Value("spending", 2029, Decimal("1.234")), Value("staff", 2029, -1),
            Value("per_head", 2029, 1), Value("staff", 1999, 1), Value("staff", 2028, 5),
        ])  # fmt: skip
    assert [(p.indicator, p.year) for p in told.value.problems] == [
        ("spending", 2029), ("staff", 2029), ("per_head", 2029), ("staff", 1999)]  # fmt: skip
    assert not entry.figures.exists()
    done = verbs.enter(unit, entry, Stage.REPORTED, [Value("spending", 2029, Decimal("1.23"))])
    assert done.changed == 1
    assert entry.figures.get().reported == 123
    again = verbs.enter(unit, entry, Stage.REPORTED, [Value("spending", 2029, Decimal("1.23"))])
    assert again.changed == 0 and FigureChange.objects.count() == 1


def test_who_may_not_enter_cannot(
    round_: Collection, unit: Reach, verifier: Reach, centres: tuple[str, str, str]
) -> None:
    with pytest.raises(MayNot):
        verbs.enter(unit, entry_of(round_, centres[1]), Stage.REPORTED, figures())
    with pytest.raises(MayNot):
        verbs.enter(verifier, entry_of(round_, centres[0]), Stage.REPORTED, figures())
    with pytest.raises(MayNot):
        verbs.finish(unit, entry_of(round_, centres[0]), Stage.VERIFIED)


def test_somebody_elses_change_is_not_overwritten(
    round_: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(round_, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, figures(), expected=0)
    with pytest.raises(Stale):
        verbs.enter(None, entry, Stage.REPORTED, figures(staff=50), expected=0)
    verbs.enter(None, entry, Stage.REPORTED, figures(staff=50), expected=entry.version)


def test_plausibility_asks_for_reasons_and_blocks_only_the_finish(
    round_: Collection, unit: Reach, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(round_, centres[0])
    done = verbs.enter(unit, entry, Stage.REPORTED, figures((100, 200), staff=10, rd=20))
    assert [(p.indicator, p.year) for p in done.asks] == [("rd_staff", 2029), ("spending", 2029)]
    assert "100%" in done.asks[1].text.zh
    with pytest.raises(Refused):
        verbs.finish(unit, entry, Stage.REPORTED)
    done = verbs.enter(unit, entry, Stage.REPORTED, [
        Value("spending", 2029, 200, "新增专项"), Value("rd_staff", 2029, 10)])  # fmt: skip
    assert done.asks == []
    verbs.finish(unit, entry, Stage.REPORTED)
    assert entry_of(round_, centres[0]).stage == Stage.REPORTED


def test_a_report_needs_what_is_scored_and_what_this_is_derived_from(
    round_: Collection, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(round_, centres[0])
    assert [(p.indicator, p.year) for p in plausibility.gaps(entry)] == [
        ("spending", 2028), ("spending", 2029), ("rd_staff", 2029)]  # fmt: skip
    with pytest.raises(Refused) as told:
        verbs.finish(None, entry, Stage.REPORTED)
    assert len(told.value.problems) == 3


def test_a_later_hand_needs_a_reason_and_every_change_stays(
    round_: Collection, boss: Reach, verifier: Reach, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(round_, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, figures())
    with pytest.raises(EvaluationError, match="before is not finished"):
        verbs.enter(boss, entry, Stage.REVIEWED, [Value("staff", 2029, 41, "名册")])
    verbs.finish(None, entry, Stage.REPORTED)
    with pytest.raises(EvaluationError, match="finished"):
        verbs.enter(None, entry, Stage.REPORTED, figures())
    with pytest.raises(Refused, match="cannot be taken"):
        verbs.enter(boss, entry, Stage.REVIEWED, [Value("staff", 2029, 41)])
    verbs.enter(boss, entry, Stage.REVIEWED, [Value("staff", 2029, 41, "名册为41人")])
    verbs.finish(boss, entry, Stage.REVIEWED)
    verbs.enter(verifier, entry, Stage.VERIFIED, [Value("staff", 2029, None, "没有凭证")])
    verbs.finish(verifier, entry, Stage.VERIFIED)
    figure = entry.figures.get(indicator="staff")
    assert (figure.reported, figure.reviewed, figure.verified) == (40, 41, None)
    told = [(c.before, c.after, c.reason, c.by) for c in queries.history(figure)]
    assert told == [
        (41, None, "没有凭证", verifier.user), (40, 41, "名册为41人", boss.user),
        (None, 40, "", None)]  # fmt: skip
    other = entry.figures.get(indicator="rd_staff")
    assert (other.reported, other.reviewed, other.verified) == (20, 20, 20)
    change = FigureChange.objects.first()
    assert change is not None
    with pytest.raises(TypeError):
        change.save()
    with pytest.raises(TypeError):
        change.delete()


def test_a_table_is_sent_back_with_a_reason(
    round_: Collection, unit: Reach, boss: Reach, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(round_, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, figures())
    verbs.finish(None, entry, Stage.REPORTED)
    verbs.enter(boss, entry, Stage.REVIEWED, [Value("staff", 2029, 41, "名册")])
    with pytest.raises(MayNot):
        verbs.send_back(unit, entry, Stage.EMPTY, "想改")
    with pytest.raises(EvaluationError, match="why"):
        verbs.send_back(boss, entry, Stage.EMPTY, " ")
    verbs.send_back(boss, entry, Stage.EMPTY, "研发人员口径有误")
    assert entry.stage == Stage.EMPTY
    assert entry.figures.get(indicator="staff").at(Stage.VERIFIED) == 40
    verbs.enter(unit, entry, Stage.REPORTED, [Value("staff", 2029, 42)])
    verbs.finish(unit, entry, Stage.REPORTED)
    assert entry.figures.get(indicator="staff").at(Stage.VERIFIED) == 42


def test_late_is_late_and_still_taken(
    round_: Collection, unit: Reach, centres: tuple[str, str, str], monkeypatch: Any
) -> None:
    before, after = dt.date(2030, 11, 20), dt.date(2030, 12, 2)
    assert queries.progress(unit, round_, before).overdue == 0
    assert queries.progress(unit, round_, after).overdue == 1
    monkeypatch.setenv("BANFA_TODAY", "2030-12-02")
    entry = entry_of(round_, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, figures())
    verbs.finish(None, entry, Stage.REPORTED)
    found = queries.progress(unit, round_, after)
    assert (found.centres, found.reported, found.late, found.overdue) == (1, 1, 1, 0)
    assert queries.is_late(entry_of(round_, centres[0]), after)


def test_last_years_report_stands_beside_and_is_compared(
    version: SystemVersion, round_: Collection, centres: tuple[str, str, str]
) -> None:
    annual = verbs.open_collection(None, Opening(
        version, Kind.ANNUAL, 2027, Text("2027年报", "2027"), dt.date(2028, 1, 1),
        centres=centres[:1]))  # fmt: skip
    verbs.enter(None, entry_of(annual, centres[0]), Stage.REPORTED,
                [Value("spending", 2027, Decimal("50.5"))])  # fmt: skip
    entry = entry_of(round_, centres[0])
    done = verbs.enter(None, entry, Stage.REPORTED, figures())
    assert [(p.indicator, p.year) for p in done.asks] == [("spending", 2028)]
    row = queries.rows(entry)[0]
    assert (row.before, [c.reported for c in row.cells]) == ("50.50", ["200.00", "220.00"])
    assert row.cells[0].asks and not row.cells[1].asks


# --- runs ---------------------------------------------------------------------------------------

THRESHOLDS = "system: yearly@2026\non: 2030-11-10\ngrades:\n"


def test_a_run_is_kept_explained_and_repeated_to_the_digit(
    round_: Collection, boss: Reach, unit: Reach, centres: tuple[str, str, str]
) -> None:
    through(entry_of(round_, centres[0]), figures((200, 240), standards=3))
    through(entry_of(round_, centres[1]), figures((300, 400), rd=40, standards=9), honest=False)
    with pytest.raises(MayNot):
        verbs.score_collection(unit, round_)
    made = verbs.score_collection(boss, round_, note="初算")
    assert (made.centres, made.blocked, made.number, made.dry) == (3, 1, 1, False)
    first, second, third = queries.standings(boss, made)
    # 10 × (0.6 + 0.4 × 120 ÷ 200) + min(10, 240 ÷ 20) + 3 × 2; and 10 + 10 + 10
    assert (first.centre, first.score, first.fails) == (centres[1], Decimal(30), ["honest"])
    assert (second.centre, second.score, second.rank) == (centres[0], Decimal("24.40"), 2)
    assert (third.score, third.rank) == (None, None)
    assert [s.centre for s in queries.standings(unit, made)] == [centres[0]]
    told = queries.explanation(unit, made, centres[0], "spending")
    assert (told.points, told.value.zh) == (Decimal("8.40"), "220.00 万元")
    with pytest.raises(NotOnFile):
        queries.explanation(unit, made, centres[1], "spending")
    with pytest.raises(NotOnFile):
        queries.explanation(unit, made, centres[0], "nothing")
    verbs.send_back(boss, entry_of(round_, centres[0]), Stage.EMPTY, "复核")
    stored = Run.objects.select_related("collection__system").get(pk=made.pk)
    assert tables.repeated(stored)
    assert tables.scores_of(stored).digest() == made.result_digest


def test_a_dry_run_with_other_weights_shows_who_moves(
    round_: Collection, boss: Reach, centres: tuple[str, str, str]
) -> None:
    through(entry_of(round_, centres[0]), figures((300, 300), staff=200, rd=100, standards=0))
    through(entry_of(round_, centres[1]), figures((150, 150), rd=10, standards=2))
    before = verbs.score_collection(boss, round_)
    after = verbs.score_collection(boss, round_, weights={"spending": Decimal(30)})
    assert after.dry and not before.dry
    found = {m.centre: (m.rank, m.score) for m in queries.compared(before, after)}
    # 10 + 3 + 0 and 7 + 10 + 4; spending threefold: 33 and 35
    assert found[centres[0]] == ((2, 2), (Decimal(13), Decimal(33)))
    assert found[centres[1]] == ((1, 1), (Decimal(21), Decimal(35)))
    assert tables.repeated(after)
    found_spread = queries.spread_of(before)
    assert found_spread is not None and found_spread.highest == Decimal(21)


def test_reported_values_are_scored_beside_verified_ones(
    round_: Collection, boss: Reach, centres: tuple[str, str, str]
) -> None:
    entry = entry_of(round_, centres[0])
    verbs.enter(None, entry, Stage.REPORTED, figures())
    assert verbs.score_collection(boss, round_, Stage.VERIFIED).blocked == 3
    shown = {line.name: line.points for line in queries.provisional(entry).lines}
    assert shown["spending"] == Decimal("8.20") and shown["per_head"] == Decimal(10)


def test_thresholds_are_checked_and_changed_with_a_reason(
    round_: Collection, boss: Reach, unit: Reach
) -> None:
    # The tiny programme has no grades: no thresholds can be set.
    with pytest.raises(LoadError) as told:
        verbs.set_thresholds(boss, round_, THRESHOLDS + "  - {grade: good}\n", TODAY)
    assert "grades" in {p.code for p in told.value.problems}
    with pytest.raises(MayNot):
        verbs.set_thresholds(unit, round_, THRESHOLDS, TODAY)


def test_lists_ask_the_database_a_fixed_number_of_times(
    round_: Collection, boss: Reach, centres: tuple[str, str, str]
) -> None:
    for centre in centres:
        verbs.enter(None, entry_of(round_, centre), Stage.REPORTED, figures())
    with CaptureQueriesContext(
        connection,
    ) as counted:
        _, lines = queries.grid(boss, round_, 2029, Stage.REPORTED)
        assert [row.values[0] for row in lines] == ["220.00"] * 3
    assert len(counted) == 2
    with CaptureQueriesContext(connection) as counted:
        found = tables.table_of(round_, Stage.REPORTED)
    assert len(counted) == 2 and found.present["staff"][1].all()
    with CaptureQueriesContext(connection) as counted:
        assert queries.rows(entry_of(round_, centres[0]))
    assert len(counted) <= 5


def test_what_waits_is_shown_to_whoever_has_the_step(
    round_: Collection, unit: Reach, boss: Reach, verifier: Reach, centres: tuple[str, str, str]
) -> None:
    def waiting(who: Reach) -> list[str]:
        return [t.title.zh for t in queries.todos(who.user, who, TODAY)]

    assert waiting(unit) == ["填报数据：2029年评估"]
    assert waiting(boss) == waiting(verifier) == []
    entry = entry_of(round_, centres[0])
    verbs.enter(unit, entry, Stage.REPORTED, figures())
    verbs.finish(unit, entry, Stage.REPORTED)
    assert waiting(unit) == [] and waiting(boss) == ["审核数据：2029年评估"]
    [todo] = queries.todos(boss.user, boss, TODAY)
    assert todo.centre == centres[0] and todo.due is None
