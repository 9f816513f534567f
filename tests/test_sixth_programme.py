"""A sixth programme, invented, as data alone: its life through engine, command line and pages.

Another country, other parties and grades, another numbering, no preparation, a hearing before
revocation, a second edition that moves running hubs. If any of it needed code, this would fail.
"""

from __future__ import annotations

import datetime as dt
import html
import io
import json
import random
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from banfa.cli import main
from banfa.office.ledger import library as office_library
from banfa.office.ledger import queries, replay, verbs
from banfa.office.ledger.verbs import Proposal, Receipt, record
from banfa.office.people import rights
from banfa.rules import cases, library
from banfa.rules.duties import duties
from banfa.rules.judge import permitted
from banfa.rules.lint import check_folder
from banfa.rules.simulate import Life
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

PROGRAMMES = Path(__file__).parent / "programmes"
SIXTH = PROGRAMMES / "sixth"
LIFE = SIXTH / "life.yaml"
SOURCE = Path(cases.__file__).resolve().parents[1]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


# --- the engine ---------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", ["2019", "2024"])
def test_both_editions_check_without_a_word(edition: str) -> None:
    assert check_folder(SIXTH / edition)[1] == []


CASE_FILES = sorted((SIXTH / "cases").glob("*.yaml"))


@pytest.mark.parametrize("file", CASE_FILES, ids=lambda f: f.stem)
def test_its_cases_pass(file: Path) -> None:
    results = cases.run_file(file, PROGRAMMES)
    assert [r.faults for r in results if not r.passed] == []
    assert results


def test_every_refused_case_has_an_accepted_twin() -> None:
    read = [cases.read_file(file, PROGRAMMES).model for file in CASE_FILES]
    known = {case.id: case for model in read for case in model.cases}
    assert len(known) == sum(len(model.cases) for model in read)
    for case in known.values():
        if case.twin is not None:
            expected = known[case.twin].expect
            assert expected is not None and expected.accepted, case.id


@pytest.fixture(scope="module")
def book() -> Any:
    return cases.book_of(cases.read_file(LIFE, PROGRAMMES))


def standing(book: Any, on: str, party: str) -> dict[str, tuple[str, list[str]]]:
    """What a party may do on a day: how each act stands and what refuses it."""
    state = book.history("main").state(book.world, day(on))
    rs = book.editions.of(state, day(on))
    allowed = permitted(rs, state, party, day(on), book.world, centre="main")
    return {q.act: (q.standing, q.judgement.codes) for q in allowed}


def test_the_transition_moves_a_running_hub_on_its_day(book: Any) -> None:
    before = book.history("main").state(book.world, day("2024-06-30"))
    after = book.history("main").state(book.world, day("2024-07-01"))
    assert (before.edition, before.stage) == ("2019", "suspended")
    assert (after.edition, after.stage) == ("2024", "restricted")
    assert before.periods["licence"].end == day("2025-04-30")
    assert after.periods["licence"].end == day("2027-04-30")
    assert after.periods["licence"].first_end == day("2025-04-30")
    assert after.values == before.values and after.results == before.results


def test_what_may_be_done_follows_the_edition_of_the_day(book: Any) -> None:
    before = standing(book, "2024-06-23", "hub_agency")
    assert before["suspend"] == ("possible", []) and "restrict" not in before
    after = standing(book, "2024-07-01", "hub_agency")
    assert "suspend" not in after
    assert after["revoke"] == ("blocked", ["NOT_REVIEWED"])
    assert standing(book, "2024-07-20", "host")["reply"][0] == "open"
    assert standing(book, "2024-08-18", "host")["reply"][0] == "blocked"


def test_duties_fall_due_and_end(book: Any) -> None:
    def owed(on: str) -> dict[str, Any]:
        state = book.history("main").state(book.world, day(on))
        rs = book.editions.of(state, day(on))
        return {d.id: d for d in duties(rs, state, day(on), book.world)}

    assert owed("2021-01-05")["accounts"].due == day("2021-03-31")
    assert "accounts" not in owed("2021-04-01")
    assert owed("2024-03-01")["return"].due == day("2024-04-30")
    fallen = owed("2024-06-21")["grade_d"]
    assert (fallen.act, fallen.ground, fallen.mode) == (
        "propose_revocation",
        "grade_d",
        "mandatory",
    )
    hearing = owed("2024-07-06")["hearing"]
    assert (hearing.mode, hearing.holder) == ("decision", ["hearing_officer"])
    assert "hearing" not in owed("2024-09-03")
    assert owed("2024-11-01") == {}


def test_random_lives_across_the_change_keep_what_the_act_says() -> None:
    editions = library.find("sixth", PROGRAMMES)
    accepted: Counter[str] = Counter()
    moved = 0
    for number in range(60):
        life = Life(editions, random.Random(number), day("2024-02-05"), imported=0.9)
        for one, taken, before in life.steps(120):
            after = life.state
            rs = editions.of(after, life.on)
            if not taken.accepted:
                assert after.summary() == before.summary(), (one, "a refusal changed the state")
                continue
            accepted[one.kind] += 1
            assert after.stage is None or after.stage in rs.programme.stages
            if one.kind == "revoke":
                assert after.counts["hold_hearing"] >= 1
            if one.kind == "publish_grade" and one.data["grade"] == "a":
                assert sum(scores(before, after)) >= 85
        history = life.book.history(life.centre)
        state = history.state(life.book.world, life.on)
        assert history.broken(history.acts, life.book.world) == []
        was = history.state(life.book.world, day("2024-06-30"))
        running = was.stage in ("licensed", "suspended") and life.on >= day("2024-07-01")
        over = "licence" in was.periods and was.periods["licence"].end < day("2024-07-01")
        if running and not (over and was.stage == "licensed"):
            moved += 1
            assert state.edition == "2024"
    assert moved > 2, accepted
    assert accepted["propose_revocation"] + accepted["publish_grade"] > 0, accepted


def scores(before: Any, after: Any) -> list[Any]:
    """The scores of the evaluation that an act has just closed."""
    (case,) = [c for i, c in after.cases.items() if c.closed and not before.cases[i].closed]
    return [case.data[name] for name in ("impact", "science", "stewardship")]


# --- the command line ---------------------------------------------------------------------------

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("BANFA_PROGRAMMES", str(PROGRAMMES))
    monkeypatch.setenv("BANFA_LANG", "en")

    def call(*args: object, status: int = 0) -> str:
        got = main([str(a) for a in args])
        out, err = capsys.readouterr()
        assert got == status, out + err
        return out

    return call


def test_the_command_line_knows_it_by_its_id(run: Run) -> None:
    assert "Applied Research Hubs" in run("programmes")
    assert run("check", "sixth").count("0 error(s), 0 warning(s)") == 2
    assert run("cases", "sixth").endswith(" passed, 0 failed\n")
    assert "0 incomplete" in run("coverage", "sixth")
    said = run("explain", "sixth", "6.3")
    assert "part 6, section 3" in said and "A hearing before any revocation" in said
    assert ElementTree.fromstring(run("diagram", "sixth")).tag.endswith("svg")


def test_state_duties_and_judgement_on_the_command_line(run: Run) -> None:
    said = run("state", LIFE, "--on", "2024-06-30")
    assert "stage: Suspended 2024-06-24" in said and "Licence: 2020-05-01 – 2025-04-30" in said
    said = run("state", LIFE, "--on", "2024-07-01")
    assert "stage: Restricted 2024-07-01" in said and "Licence: 2020-05-01 – 2027-04-30" in said
    assert "name: National Applied Research Hub for Timber Chemistry" in said
    assert "Return" in run("duties", LIFE, "--on", "2024-03-01")
    assert "revoke" in run("permitted", LIFE, "--on", "2024-07-01", "--party", "hub_agency")
    act = {"on": "2024-10-20", "by": "host", "act": "appeal"}
    assert "NO_RULE part 6, section 4" in run("judge", LIFE, json.dumps(act), status=1)


# --- the pages ----------------------------------------------------------------------------------

ORGANISATIONS = {
    "alder": ("Foundation Alder", "foundation"),
    "coop": ("Weavers' Cooperative", "cooperative"),
    "chamber": ("Chamber of Trade of Norrin", "chamber"),
}
PANEL = {"org": "panel", "name": "Panel for Materials"}
CHARTER = {"aims": "Chemistry of wood", "government": {"director": "D1", "board": ["B1", "B2"]}}


@pytest.fixture
def office(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An office with the tests' programmes, on 15 November 2030."""
    settings.PROGRAMMES_DIR = PROGRAMMES
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    office_library.forget()
    for number, (name, kind) in ORGANISATIONS.items():
        verbs.enter_organisation(number, name, kind, "Norrin")
    yield
    office_library.forget()


def act(by: str, kind: str, on: str, centre: str | None = None, **more: Any) -> Receipt:
    """Proposes an act; what is not part of the envelope is its data."""
    envelope = {k: more.pop(k) for k in ("org", "documents", "about") if k in more}
    moment = dt.datetime.fromisoformat(f"{on}T10:00:00+08:00")
    asked = Proposal(kind, by, day(on), programme="sixth", centre=centre, data=more, **envelope)
    return record(asked, moment)


def do(*args: Any, **more: Any) -> Receipt:
    receipt = act(*args, **more)
    assert receipt.accepted, [(f.id, f.says) for f in receipt.refusals]
    return receipt


def paper(content: Any) -> dict[str, Any]:
    return {"content": content}


@pytest.fixture
def hub(office: None) -> str:
    """A hub licensed in 2020, graded D in 2024, suspended: its revocation has been proposed."""
    call = do(
        "hub_agency", "publish_call", "2020-01-10", themes=["Tidal Power"], closes="2020-03-31"
    )
    sponsors = [
        {"org": n, "name": ORGANISATIONS[n][0], "kind": ORGANISATIONS[n][1]}
        for n in ("coop", "chamber")
    ]
    begun = do(
        "host",
        "apply",
        "2020-03-01",
        org="alder",
        call=call.seq,
        theme_en="Tidal Power",
        theme_zh="潮汐能",
        sponsors=sponsors,
        match="500000",
        documents={"charter": paper(CHARTER)},
    )
    centre = begun.centre or ""
    do(
        "panel",
        "assess",
        "2020-04-15",
        centre,
        org=PANEL,
        members=["P1", "P2", "P3"],
        opinion="yes",
    )
    do("hub_agency", "grant_licence", "2020-05-01", centre, licence_no="L-7")
    do("hub_agency", "open_round", "2024-02-01", year=2024, hubs=[centre], return_due="2024-04-30")
    do("host", "file_return", "2024-04-20", centre, documents={"return": paper({"evidence": "e"})})
    scores = {"impact": "19", "science": "30", "stewardship": "20"}
    do("panel", "score", "2024-06-01", centre, org=PANEL, **scores)
    assert act("hub_agency", "publish_grade", "2024-06-19", centre, grade="b").codes == [
        "THRESHOLD_NOT_MET"
    ]
    do("hub_agency", "publish_grade", "2024-06-20", centre, grade="d")
    do("hub_agency", "propose_revocation", "2024-06-22", centre, ground="grade_d")
    do("hub_agency", "suspend", "2024-06-24", centre)
    return centre


@pytest.fixture
def client(office: None) -> Client:
    """A browser in English of somebody who holds every capacity that the pages' tests need."""
    hosts = [
        n for n, (_name, kind) in ORGANISATIONS.items() if kind in ("foundation", "polytechnic")
    ]
    held = [("hub_agency", "hub_agency"), ("treasury", "treasury"), *(("host", n) for n in hosts)]
    user = seed.person("everybody", *((party, org, "sixth") for party, org in held))
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR).update(allowed=False)
    client = signed_in(user)
    client.cookies["django_language"] = "en"
    return client


def said(response: Any) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_list_and_the_centre_show_it_under_the_edition_that_now_governs(
    client: Client, hub: str
) -> None:
    listed = said(client.get("/centres/"))
    assert "National Applied Research Hub for Tidal Power" in listed and "Restricted" in listed
    assert "Weavers' Cooperative, Chamber" in html.unescape(listed) and "Regulation" in listed
    page = said(client.get(f"/centres/{hub}/"))
    assert "National Applied Research Hub for Tidal Power" in page
    assert "Restricted" in page and "2027-04-30" in page
    duties = said(client.get(f"/centres/{hub}/duties/"))
    assert "notice of intended revocation" in duties.lower()
    moved = "Moved to edition 2024 on 2024-07-01"
    lived = said(client.get(f"/centres/{hub}/timeline/"))
    assert moved in duties and moved in lived and "part 7, section 2" in lived
    assert "+ 5 years" in duties and "+ 7 years" in duties
    before = said(client.get(f"/centres/{hub}/?on=2024-06-30"))
    assert "Suspended" in before and "2025-04-30" in before and "Moved to" not in before
    client.cookies["django_language"] = "zh-hans"
    assert "国家潮汐能应用研究枢纽" in said(client.get(f"/centres/{hub}/"))


def test_acts_that_cannot_be_taken_say_why_with_the_section(client: Client, hub: str) -> None:
    page = said(client.get(f"/centres/{hub}/?party=hub_agency"))
    assert "Revoke the licence" in page and "part 6, section 3" in page
    refused = client.post(
        f"/centres/{hub}/acts/revoke/?party=hub_agency",
        {"party": "hub_agency", "on": "2030-11-15", "with.decision_no": "R-1"},
    )
    assert refused.status_code == 422
    text = re.sub(r"<[^>]+>", " ", refused.content.decode())
    assert "part 6, section 3" in text and "part 6, section 4" in text


def test_a_form_takes_an_act_to_the_ledger(client: Client, hub: str) -> None:
    at = f"/centres/{hub}/acts/serve_notice/?party=hub_agency"
    assert 'name="with.received"' in client.get(at).content.decode()
    form = {"party": "hub_agency", "on": "2030-10-01", "with.received": "2030-10-05"}
    late = client.post(at, form)
    assert late.status_code == 422 and "The day of receipt" in late.content.decode()
    taken = client.post(at, {**form, "on": "2030-10-06"})
    assert taken.status_code == 302
    assert "notice served" in said(client.get(f"/centres/{hub}/"))


def test_a_hub_begins_and_parameters_are_set_by_forms(client: Client, hub: str) -> None:
    call = {"party": "hub_agency", "on": "2030-11-01", "with.closes": "2030-12-31"}
    at = "/programmes/sixth/acts/publish_call/?party=hub_agency"
    assert client.post(at, {**call, "with.themes": "Glass\nTidal Power"}).status_code == 302
    least = {"party": "treasury", "on": "2030-11-02", "with.parameter": "minimum_match"}
    at = "/programmes/sixth/acts/set_parameter/?party=treasury"
    assert client.post(at, {**least, "with.value": "600000"}).status_code == 302
    at = "/programmes/sixth/acts/apply/?party=host"
    page = client.get(at).content.decode()
    assert "Foundation Alder" in page and '<option value="coop"' not in page
    assert 'value="coop"' in page and "crowns" in page
    form = {
        "party": "host",
        "on": "2030-11-15",
        "org": "alder",
        "with.call": "3",
        "with.theme_en": "Glass",
        "with.theme_zh": "玻璃",
        "with.sponsors": ["coop", "chamber"],
        "with.match": "599,999",
        "documents.charter.aims": "Glass",
        "documents.charter.government.director": "D2",
        "documents.charter.government.board": "B3",
    }
    refused = client.post(at, form)
    assert refused.status_code == 422
    assert "The match reaches what the Treasury has set" in refused.content.decode()
    one = client.post(at, {**form, "with.match": "600000", "with.sponsors": ["coop"]})
    assert one.status_code == 422 and "Normally there are two sponsors" in one.content.decode()
    taken = client.post(at, {**form, "with.match": "600000"})
    assert taken.status_code == 302 and "/centres/sixth-0002/" in taken["Location"]
    assert "Applied" in said(client.get("/centres/sixth-0002/"))


def test_the_whole_way_to_revocation_in_the_ledger(client: Client, hub: str) -> None:
    do("hub_agency", "serve_notice", "2024-07-05", hub, received="2024-07-03")
    assert act("hub_agency", "revoke", "2024-07-20", hub, decision_no="R").codes == [
        "NOT_JOINT",
        "NOT_REVIEWED",
    ]
    assert act("host", "reply", "2024-08-18", hub, statement="no").codes == ["TOO_LATE"]
    do("host", "reply", "2024-08-17", hub, statement="no")
    do(
        "hearing_officer",
        "hold_hearing",
        "2024-09-02",
        hub,
        host_attended=True,
        documents={"hearing_minutes": paper({"reference": "M-1"})},
    )
    asked = Proposal(
        "revoke", "hub_agency", day("2024-10-15"), centre=hub, data={"decision_no": "R"}
    )
    do("treasury", "concur", "2024-10-15", hub, draft=verbs.draft(asked), agrees=True)
    do("hub_agency", "revoke", "2024-10-15", hub, decision_no="R")
    assert queries.centre(hub).stage == "revoked"
    assert "Revoked" in said(client.get(f"/centres/{hub}/"))
    assert replay.verify().faults == [] and replay.rebuild().faults == []


@pytest.mark.parametrize("edition", ["2019", "2024"])
def test_the_programme_page_shows_articles_parameters_and_defaults(
    client: Client, hub: str, edition: str
) -> None:
    page = said(client.get(f"/programmes/sixth/{edition}/?party=hub_agency"))
    assert "Applied Research Hubs Act of the Republic of Velmora" in page
    assert "part 6, section 2" in page and "Least matching money" in page
    assert "Whether a hearing may be held without the host" in page
    assert ("45 days to reply" in page) == (edition == "2024")
    assert ("Moved to edition 2024" in page) == (edition == "2024")
    assert "graded C twice running" in page and "total 70, groups 30, 15 and 10" in page


# --- no code knows any programme ----------------------------------------------------------------

BODIES = ("ndrc", "most", "miit", "hub_agency")


def sources() -> Iterator[Path]:
    """Everything below the package that is not programme data or the demonstration's."""
    data = (SOURCE / "programmes", SOURCE / "office" / "demo")
    for file in sorted(SOURCE.rglob("*")):
        if file.suffix in (".py", ".html", ".txt", ".css", ".js", ".svg") and not any(
            folder in file.parents for folder in data
        ):
            yield file


def code_of(file: Path) -> str:
    """A file's code: of Python without comments and docstrings."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return text
    kept, fresh = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        blank = token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
        docstring = token.type == tokenize.STRING and fresh
        if token.type != tokenize.COMMENT and not docstring and not blank:
            kept.append(token.string)
        if token.type != tokenize.COMMENT:
            fresh = blank
    return "\n".join(kept)


def test_no_code_names_a_programme_or_a_body() -> None:
    programmes = [*library.ids(), "sixth"]
    assert len(programmes) == 6
    words = re.compile(rf"\b({'|'.join(programmes)}|ndrc|miit)\b", re.IGNORECASE)
    bodies = re.compile(rf"""["']({"|".join(BODIES)})["']""", re.IGNORECASE)
    found = []
    for file in sources():
        code = code_of(file)
        for match in [*words.finditer(code), *bodies.finditer(code)]:
            found.append(f"{file.relative_to(SOURCE)}: {match[0]}")
    assert found == []
