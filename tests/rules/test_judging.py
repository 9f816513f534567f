"""Judging, folding and histories on the small programme in tests/programmes/mini."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from banfa.rules import duties as duty_rules
from banfa.rules import names
from banfa.rules.cases import run_file
from banfa.rules.history import Book, Editions
from banfa.rules.judge import judge, permitted
from banfa.rules.library import ruleset
from banfa.rules.life import Act, State, standing
from banfa.rules.proposals import BadProposal, check
from banfa.rules.world import Remembered, Remembering, World

MINI = Path(__file__).parent.parent / "programmes" / "mini"
UNIT = {"org": "U", "name": "U", "kind": "firm"}
BOSS = {"org": "boss"}


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text + "T12:00")


@pytest.fixture
def rs() -> Any:
    return ruleset(MINI / "2026")


@pytest.fixture
def book(rs: Any) -> Book:
    return Book(Editions([rs]))


def act(kind: str, on: str, party: str, data: Any = None, **more: Any) -> Act:
    org = UNIT if party == "unit" else {"org": party}
    level = None if kind == "notice" else "main"
    made = Act(kind, day(on), party, org, dict(data or {}), centre=level, **more)
    if made.recorded is None:
        made.recorded = at(on)
    if kind == "apply":
        made.documents = {"plan": {"content": {"a": "甲", "b": {"x": "丙"}}, "digest": "d"}}
    return made


def begin(book: Book) -> None:
    for given in (
        act("notice", "2026-02-10", "boss", {"fields": ["封装"]}),
        act("apply", "2026-02-20", "unit", {"field_zh": "封装", "team": ["张"]}),
        act("start", "2026-03-16", "boss", {"end": day("2029-03-16")}),
    ):
        assert book.record(given).accepted


def test_the_cases_of_the_small_programme_pass() -> None:
    results = run_file(MINI / "cases" / "c.yaml")
    assert len(results) >= 11
    assert [r.faults for r in results if not r.passed] == []


def test_a_refusal_lists_every_unmet_condition_with_article_and_cure(book: Book) -> None:
    book.record(act("notice", "2026-02-10", "boss", {"fields": ["封装"]}))
    tried = act("apply", "2026-02-20", "unit", {"field_zh": "纺织"})
    tried.documents = {}
    taken = book.record(tried)
    assert not taken.accepted
    found = {f.id: f for f in taken.refusals}
    assert set(found) == {"team", "document.plan", "listed"}
    assert found["listed"].cite == "2" and found["listed"].field == "field_zh"
    assert all(f.cure and f.cure.zh and f.cure.en and f.basis for f in found.values())


def test_a_refusal_changes_nothing(book: Book) -> None:
    begin(book)
    before = book.history("main").state(book.world).summary()
    assert not book.record(act("extend", "2029-03-17", "unit")).accepted
    assert book.history("main").state(book.world).summary() == before
    assert len(book.history("main").acts) == 2


def test_the_right_party_of_another_organisation_is_refused(book: Book) -> None:
    begin(book)
    other = act("extend", "2027-01-01", "unit")
    other.org = {"org": "V", "kind": "firm"}
    assert book.record(other).codes == ["WRONG_ACTOR"]
    of_wrong_kind = act("extend", "2027-01-01", "unit")
    of_wrong_kind.org = {"org": "U", "kind": "university"}
    taken = book.record(of_wrong_kind)
    assert taken.codes == ["WRONG_ACTOR"] and taken.refusals[0].cite == "2"


def test_permitted_says_from_which_day_and_what_is_open(rs: Any, book: Book) -> None:
    book.record(act("notice", "2026-02-10", "boss", {"fields": ["封装"]}))
    book.record(act("apply", "2026-02-20", "unit", {"field_zh": "封装", "team": ["张"]}))
    state = book.history("main").state(book.world)
    acts = {q.act: q for q in permitted(rs, state, "boss", day("2026-03-01"), book.world)}
    assert acts["start"].standing == "open"
    assert {f.id for f in acts["start"].judgement.open} == {"end", "not_too_long"}
    assert acts["grant"].standing == "blocked"
    early = {q.act: q for q in permitted(rs, state, "boss", day("2026-01-15"), book.world)}
    assert early["start"].from_day == day("2026-02-01")


def test_an_exception_is_used_once_and_only_within_its_limit(book: Book) -> None:
    book.record(act("notice", "2026-02-10", "boss", {"fields": ["封装"]}))
    book.record(act("apply", "2026-02-20", "unit", {"field_zh": "封装", "team": ["张"]}))
    grant = {"rule": "start.not_too_long", "limit": "2029-06-30", "reason": "x", "document_no": "1"}
    assert book.record(act("exception_decision", "2026-03-01", "boss", grant)).accepted
    too_long = act("start", "2026-03-16", "boss", {"end": day("2029-07-01")})
    assert book.record(too_long).codes == ["TOO_LONG"]
    within = book.record(act("start", "2026-03-16", "boss", {"end": day("2029-06-30")}))
    assert within.accepted
    state = book.history("main").state(book.world)
    assert state.exceptions[0].used == 3
    excepted = [f for f in within.findings if f.excepted]
    assert [f.id for f in excepted] == ["not_too_long"]


def test_an_exception_given_by_another_body_does_not_count(book: Book) -> None:
    grant = {"rule": "start.not_too_long", "reason": "x", "document_no": "1"}
    assert book.record(act("exception_decision", "2026-03-01", "unit", grant)).codes == [
        "WRONG_ACTOR"
    ]


def test_two_axes_of_time(book: Book) -> None:
    begin(book)
    book.record(act("extend", "2029-03-10", "unit"))
    grant = act("grant", "2029-04-10", "boss", {"end": day("2030-03-16")})
    grant.recorded = at("2029-06-01")
    assert book.record(grant).accepted
    history = book.history("main")
    assert history.state(book.world, day("2029-05-01")).periods["preparation"].end == day(
        "2030-03-16"
    )
    then = history.state(book.world, day("2029-05-01"), at("2029-05-01"))
    assert then.periods["preparation"].end == day("2029-03-16")
    before = history.state(book.world, day("2029-04-09"))
    assert before.periods["preparation"].end == day("2029-03-16")


def test_an_act_dated_in_the_past_is_judged_on_its_own_day(book: Book) -> None:
    begin(book)
    late = act("extend", "2029-03-16", "unit")
    late.recorded = at("2029-05-01")
    assert book.record(late).accepted


def test_a_past_act_that_would_undo_a_later_one_is_refused_and_names_it(book: Book) -> None:
    begin(book)
    assert book.record(act("extend", "2029-03-16", "unit")).accepted
    earlier = act("revoke", "2028-01-01", "boss")
    earlier.recorded = at("2029-05-01")
    joint = act("concur", "2028-01-01", "customs", {"draft": earlier.draft, "agrees": True})
    book.record(joint)
    taken = book.record(earlier)
    assert [f.id for f in taken.refusals] == ["later_acts"]
    assert "第3号" in taken.refusals[0].says.zh  # type: ignore[union-attr]
    assert taken.refusals[0].default == "X-1"


def test_annul_names_its_target_and_all_that_depends_on_it(book: Book) -> None:
    begin(book)
    book.record(act("extend", "2029-03-10", "unit"))
    alone = book.record(act("annul", "2029-04-01", "boss", {"target": 2, "reason": "误记"}))
    assert [f.id for f in alone.refusals] == ["later_acts"]
    both = {"target": 2, "dependents": [{"seq": 3}], "reason": "误记"}
    assert book.record(act("annul", "2029-04-01", "boss", both)).accepted
    history = book.history("main")
    assert history.state(book.world).stage == "planned"
    assert history.state(book.world, known_at=at("2029-03-31")).stage == "preparing"


def test_annul_is_for_the_body_that_acted_or_the_authority(book: Book) -> None:
    begin(book)
    taken = book.record(act("annul", "2026-04-01", "customs", {"target": 2, "reason": "误记"}))
    assert taken.codes == ["WRONG_ACTOR"]
    missing = book.record(act("annul", "2026-04-01", "boss", {"target": 9, "reason": "误记"}))
    assert missing.codes == ["UNKNOWN"]


def corrected(on: str, content: dict[str, Any], target: int = 1, **more: Any) -> Act:
    made = act(
        "correct_documents",
        on,
        "unit",
        {"target": target, "reason": "补正"},
        recorded=at(on),
        **more,
    )
    made.documents = {"plan": {"content": content, "digest": f"d-{on}"}}
    return made


def test_corrected_documents_take_the_place_of_the_old_ones_and_overturn_nothing(
    book: Book,
) -> None:
    begin(book)
    before = book.history("main").state(book.world).summary()
    assert book.record(corrected("2026-04-01", {"a": "新", "b": {"x": "丙"}})).accepted
    history = book.history("main")
    after = history.state(book.world).summary()
    assert after["counts"].pop("correct_documents") == 1
    assert after == before
    acts = {a.seq: a for a in standing(history.acts)}
    assert acts[1].documents["plan"]["content"]["a"] == "新"
    then = {a.seq: a for a in standing(history.acts, at("2026-03-31"))}
    assert then[1].documents["plan"]["content"]["a"] == "甲"
    assert book.record(corrected("2026-05-01", {"a": "再新", "b": {"x": "丙"}})).accepted
    assert {a.seq: a for a in standing(history.acts)}[1].documents["plan"][
        "digest"
    ] == "d-2026-05-01"
    both = {"target": 1, "dependents": [{"seq": n} for n in (2, 3, 4)], "reason": "误记"}
    assert book.record(act("annul", "2026-06-01", "boss", both)).accepted
    assert history.state(book.world).stage is None


def test_a_correction_is_judged_like_the_act_itself(book: Book) -> None:
    begin(book)
    lacking = book.record(corrected("2026-04-01", {"a": "新", "b": {}}))
    assert [(f.id, f.code) for f in lacking.refusals] == [("document.plan.b", "CONTENT_MISSING")]
    another = corrected("2026-04-01", {"a": "新", "b": {"x": "丙"}})
    another.org = {"org": "V", "name": "V", "kind": "firm"}
    assert "WRONG_ACTOR" in book.record(another).codes
    boss = corrected("2026-04-01", {"a": "新", "b": {"x": "丙"}}, target=2)
    boss.party, boss.org = "boss", BOSS
    assert book.record(boss).codes == ["UNKNOWN"]  # that act has no such document
    assert book.record(corrected("2026-04-01", {}, target=9)).codes == ["UNKNOWN"]
    bare = corrected("2026-04-01", {})
    bare.documents = {}
    assert book.record(bare).codes == ["DOCUMENT_MISSING"]
    assert len(book.history("main").acts) == 2


def test_an_annulled_programme_act_is_no_longer_seen(book: Book) -> None:
    book.record(act("notice", "2026-02-10", "boss", {"fields": ["封装"]}))
    undo = act("annul_programme_act", "2026-02-11", "boss", {"target": 1, "reason": "误记"})
    undo.centre = None
    assert book.record(undo).accepted
    taken = book.record(act("apply", "2026-02-20", "unit", {"field_zh": "封装", "team": ["张"]}))
    assert [f.id for f in taken.refusals] == ["listed"]


def test_a_joint_body_concurs_on_this_draft_and_no_other(book: Book) -> None:
    begin(book)
    revoke = act("revoke", "2027-01-01", "boss")
    other = act("concur", "2027-01-01", "customs", {"draft": "sha256:0", "agrees": True})
    assert book.record(other).accepted
    assert book.record(revoke).codes == ["NOT_JOINT"]
    objects = act("concur", "2027-01-01", "customs", {"draft": revoke.draft, "agrees": False})
    assert book.record(objects).accepted
    assert book.record(act("revoke", "2027-01-01", "boss")).codes == ["NOT_JOINT"]
    agrees = act("concur", "2027-01-02", "customs", {"draft": revoke.draft, "agrees": True})
    assert book.record(agrees).accepted
    assert book.record(act("revoke", "2027-01-03", "boss")).accepted


def test_in_a_terminal_stage_only_the_stage_is_reported(book: Book) -> None:
    begin(book)
    revoke = act("revoke", "2029-01-01", "boss")
    book.record(act("concur", "2029-01-01", "customs", {"draft": revoke.draft, "agrees": True}))
    assert book.record(revoke).accepted
    taken = book.record(act("extend", "2029-06-01", "unit"))
    assert [(f.code, f.cite) for f in taken.refusals] == [("WRONG_STAGE", "3")]


def test_replay_uses_stored_answers_and_never_todays(rs: Any) -> None:
    class Outside:
        busy = False

        def listed(self, listing: str, org: str, on: dt.date) -> bool:
            return False

        def engagements(self, team: Any, on: dt.date, level: str, centre: Any) -> Any:
            return [{"person": "张", "platform": "other"}] if self.busy else []

    outside = Outside()
    asked = Remembering(outside)
    world = World(facts=asked)
    world.add(Act("notice", day("2026-02-10"), "boss", BOSS, {"fields": ["封装"]}, seq=1))
    apply = act("apply", "2026-02-20", "unit", {"field_zh": "封装", "team": ["张"]})
    state = State()
    assert judge(rs, state, apply, world).accepted
    outside.busy = True
    assert judge(rs, state, apply, World(world.acts, outside)).codes == ["EXCLUSIVE"]
    assert judge(rs, state, apply, World(world.acts, Remembered(asked.answers))).accepted
    with pytest.raises(KeyError):
        judge(rs, state, apply, World(world.acts, Remembered({})))


def test_defaults_are_switched_by_a_dated_act_and_never_backwards(book: Book) -> None:
    choice = {"default": "X-1", "to": "lifted", "from": day("2027-01-01")}
    switch = act("set_default", "2026-06-01", "boss", choice)
    switch.centre = None
    assert book.record(switch).accepted
    assert book.world.choice("X-1", day("2026-12-31")) is None
    assert book.world.choice("X-1", day("2027-01-01")) == "lifted"


def test_duties_say_how_the_date_comes_about(rs: Any, book: Book) -> None:
    begin(book)
    state = book.history("main").state(book.world, day("2028-03-01"))
    owed = {(d.id, d.year): d for d in duty_rules.duties(rs, state, day("2028-03-01"), book.world)}
    report = owed["report", 2026]
    assert report.due == day("2027-02-28") and report.late
    assert report.computed is not None and "2027-02-28" in report.computed.zh
    assert owed["report", 2027].due == day("2028-02-29") and owed["report", 2027].late
    assert owed["letter", None].mode == "notice"


def test_names_by_stage(rs: Any, book: Book) -> None:
    begin(book)
    state = book.history("main").state(book.world)
    assert names.current(rs.programme, state, day("2026-04-01")).zh == "封装中心（筹）"
    assert names.same("封装中心(筹)", "封装中心（筹）")


def test_the_calendar_alone_moves_to_a_derived_stage_and_back_by_extension(
    rs: Any, book: Book
) -> None:
    begin(book)
    state = book.history("main").state(book.world)
    assert rs.stage_on(state, day("2029-03-16")) == "preparing"
    assert rs.stage_on(state, day("2029-03-17")) == "prep_over"


@pytest.mark.parametrize(
    ("kind", "data", "where"),
    [
        ("strat", {}, "act"),
        ("start", {"ende": "2029-01-01"}, "with.ende"),
        ("start", {"end": "morgen"}, "with.end"),
        ("start", {"end": "2026-02-30"}, "with.end"),
        ("apply", {"field_zh": "a\x00b"}, "with.field_zh"),
        ("apply", {"field_zh": ["a"]}, "with.field_zh"),
        ("set_default", {"default": "X-9", "to": "lifted"}, "with.default"),
        ("set_default", {"default": "X-1", "to": "gone"}, "with.to"),
        ("exception_decision", {"rule": "start.nothing"}, "with.rule"),
    ],
)
def test_what_cannot_be_read_is_a_mistake_not_a_refusal(
    rs: Any, kind: str, data: Any, where: str
) -> None:
    with pytest.raises(BadProposal) as caught:
        check(rs, Act(kind, day("2026-03-01"), "boss", BOSS, data))
    assert [m.where for m in caught.value.mistakes] == [where]
    assert caught.value.mistakes[0].text.zh and caught.value.mistakes[0].text.en


def test_a_body_is_itself_and_nobody_else(book: Book) -> None:
    book.record(act("notice", "2026-02-10", "boss", {"fields": ["封装"]}))
    book.record(act("apply", "2026-02-20", "unit", {"field_zh": "封装", "team": ["张"]}))
    stranger = act("start", "2026-03-16", "boss", {"end": day("2029-03-16")})
    stranger.org = {"org": "路人公司", "kind": "firm"}
    taken = book.record(stranger)
    assert taken.codes == ["WRONG_ACTOR"]
    assert taken.refusals[0].seen is not None and taken.refusals[0].seen.zh == "路人公司"
    by_name = act("start", "2026-03-16", "boss", {"end": day("2029-03-16")})
    by_name.org = {"org": "部"}
    assert book.record(by_name).accepted
