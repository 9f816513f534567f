"""The demonstration: all is accepted, the chains hold, something is due, names are made up."""

from __future__ import annotations

import argparse
import csv
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from banfa.cli import office
from banfa.office import clock, demo
from banfa.office.demo import accounts, figures, loader, rounds
from banfa.office.evaluations import round_queries
from banfa.office.evaluations import verbs as evaluated
from banfa.office.evaluations.models import Deviation, Entry, Run
from banfa.office.evaluations.rounds import authority
from banfa.office.evaluations.rounds import rounds as all_rounds
from banfa.office.evaluations.tables import repeated
from banfa.office.ledger import coding, library, queries, replay
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.notices.queries import holders
from banfa.office.people import access, rights
from banfa.office.people.models import Capacity, Delegation, Organisation, Standing, User
from banfa.office.people.verbs import uscc_fits
from banfa.office.reviews import deadlines as review_deadlines
from banfa.office.reviews import queries as review_queries
from banfa.office.reviews.models import Answer, Expert, Recusal, Review, Stage
from banfa.rules.cases import book_of, read_file
from banfa.rules.library import ids
from banfa.rules.loading import LoadError
from tests.office.desk.conftest import signed_in

FILES = loader.files()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_each_file_is_a_history_of_its_own(path: Path) -> None:
    book_of(read_file(path))


def test_every_programme_has_its_lives() -> None:
    assert {f.stem for f in FILES} == set(ids())


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_stage_and_every_procedure_of_a_programme_occurs(path: Path) -> None:
    reader = read_file(path)
    book = book_of(reader)
    stages, procedures, imported = set(), set(), set()
    for history in book.centres.values():
        state = history.state(book.world, demo.TODAY)
        stages |= {stage for stage, _since in state.stages}
        imported.add(state.stage if state.imported else None)
        procedures |= set(state.open_cases)
    programme = reader.editions.latest.programme
    of_centres = {
        model.opens.case
        for model in reader.editions.latest.models.values()
        if model.opens is not None and model.level == "centre"
    }
    derived = {name for name, stage in programme.stages.items() if stage.derived is not None}
    assert set(programme.stages) - derived <= stages | imported
    assert of_centres <= procedures


def test_the_register_to_import_is_made_up() -> None:
    text = (accounts.DATA / "nmic_register.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == ["name", "city", "recognised", "legal_person", "source"]
    assert len({row["name"] for row in rows}) == len(rows) >= 10
    for row in rows:
        assert "示例" in row["name"] and "虚构" in row["source"], row
        assert not row["legal_person"] or "示例" in row["legal_person"], row
        assert re.fullmatch(r"\d{4}(-\d\d){0,2}", row["recognised"]), row


@pytest.fixture
def demonstration(settings: Any, monkeypatch: pytest.MonkeyPatch) -> loader.Loaded:
    """The demonstration as `banfa demo` loads it, its people included."""
    monkeypatch.setenv("BANFA_TODAY", demo.TODAY.isoformat())
    settings.DEMO = True
    library.forget()
    rights.seed(library.parties_and_acts())
    return loader.load()


@pytest.mark.django_db
def test_all_lives_load_verify_replay_and_have_something_due(
    demonstration: loader.Loaded, client: Client
) -> None:
    assert demonstration.left_out == {} and len(demonstration.centres) > 40
    assert replay.verify().faults == []
    assert replay.rebuild(check=True).faults == []
    due = queries.due(until=demo.TODAY.replace(month=12, day=31))
    assert {d.centre.programme.programme for d in due} == set(ids())
    assert any(d.duty.due and d.duty.due >= demo.TODAY for d in due)
    for centre in Centre.objects.select_related("book"):
        with CaptureQueriesContext(connection) as asked:
            assert queries.centre(centre.id).timeline
        assert len(asked) <= queries.CENTRE_QUERIES, centre.id
    made_up = ("示例", "虚构")
    for org in Organisation.objects.exclude(kind=""):
        assert any(mark in org.name_zh for mark in made_up), org.name_zh
    assert not ActRecord.objects.filter(recorded__date__gt=demo.TODAY).exists()
    _people()
    _reviews()
    _doors(client)


def _people() -> None:
    """A hundred and fifty and more, each in an organisation; every act was somebody's to do."""
    everybody = User.objects.filter(demo=True, role="")
    users = everybody.exclude(expert_entries__isnull=False)
    assert everybody.count() - users.count() == Expert.objects.count() >= 12
    assert users.count() >= 150 and users.filter(standing=Standing.WAITING).count() == 1
    assert not users.exclude(memberships__isnull=False).exists()
    assert not users.exclude(capacities__isnull=False).exists()
    assert Capacity.objects.filter(until__lt=demo.TODAY).count() == 1
    assert any(d.since <= demo.TODAY <= d.until for d in Delegation.objects.all())
    held = {
        (c.user.label, c.programme, c.party, c.organisation_id): c
        for c in Capacity.objects.select_related("user")
    }
    for row in ActRecord.objects.select_related("payload").filter(caused_by__isnull=True):
        org = coding.decode(row.payload.organisation)["org"]
        capacity = held[row.payload.person, row.book_id, row.party, org]
        assert capacity.approved and capacity.holds(row.recorded.astimezone(clock.SHANGHAI).date())
    for org in Organisation.objects.exclude(uscc=None):
        assert uscc_fits(org.uscc), org.id
    assert Organisation.objects.exclude(parent=None).count() > 20
    assert Organisation.objects.exclude(kind="").filter(seat=None, place__in=SIX).count() == 0
    assert accounts.make() == User.objects.filter(demo=True).count()


def _reviews() -> None:
    """One under way with a recusal by rule, a declared one and a late expert; one summed up."""
    running, done = Review.objects.get(stage=Stage.OPEN), Review.objects.get(stage=Stage.CLOSED)
    assert Review.objects.filter(stage=Stage.DRAFT).count() == 1
    assert running.due is not None and running.due < demo.TODAY
    panel = {a.expert.name: a for a in running.assignments.select_related("expert")}
    answers = [a.answer for a in panel.values()]
    assert answers.count(Answer.RECUSED) == 2 and answers.count(Answer.ACCEPTED) == 3
    rules = Recusal.objects.filter(assignment__review=running).values_list("rule", flat=True)
    assert sorted(rules) == ["own", "same_organisation"]
    assert len(review_queries.complete(running)) == 2
    late = {a.expert.name for a in review_queries.behind(running)}
    assert late == {"公孙策", "赫连云"}
    assert done.summary is not None and len(done.summary["centres"]) == 2
    assert done.called is not None and done.called.astimezone(clock.SHANGHAI).date() < demo.TODAY
    assert done.digest and done.conclusion
    assert {t.rule for t in Recusal.objects.all()} and Expert.objects.exclude(
        ties=None
    ).count() == 2
    assert review_deadlines.remind(demo.TODAY) >= 3


SIX = ("云岭省", "望海省", "北原省", "江湾市", "石川省", "东麓省")


def _doors(client: Client) -> None:
    """The sign-in page shows one person of each party, the others folded, and finds them."""
    with CaptureQueriesContext(connection) as asked:
        shown = client.get("/account/login/").content.decode()
    assert len(asked) <= 12
    seats = Capacity.objects.values_list("programme", "party").distinct().count()
    assert shown.count('class="seat"') == seats + 1 + 3
    assert shown.count('class="door"') > 180 and "应办" in shown
    found = client.get("/account/login/", {"who": "星野 依托"}).content.decode()
    assert found.count('class="door"') == 2 and "星野示例装备股份有限公司" in found
    none = client.get("/account/login/", {"who": "无此人"}).content.decode()
    assert "没有符合的人员" in none
    user = User.objects.get(username="jian.wenyuan")
    assert client.post("/account/demo/", {"user": user.pk})["Location"] == "/"


@pytest.mark.django_db
def test_who_evaluates_a_centre_by_itself_has_its_figures_beside_the_form(
    demonstration: loader.Loaded, client: Client
) -> None:
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)
    evaluated.seed_samples()
    assert figures.make()
    centre = Centre.objects.filter(book="nmic", entries__isnull=False).distinct().first()
    assert centre is not None
    officer = signed_in(User.objects.get(name="程向晚"))
    at = f"/centres/{centre.id}/acts/conclude_annual_evaluation/?party=miit"
    page = officer.get(at).content.decode()
    entry = Entry.objects.filter(centre=centre).latest("collection__year")
    value = entry.figures.get(
        indicator="commissioned_rd_contract_count", year=entry.collection.year
    ).verified
    year = re.search(r'name="with.operation_year"[^>]*value="(\d+)"', page)
    assert year is not None and int(year[1]) > 1
    link = re.search(rf'href="([^"]*figures={entry.pk}[^"]*)"', page)
    assert link is not None and f"{value} 项" in page
    filled = officer.get(at + f"&figures={entry.pk}").content.decode()
    taken = r'name="with.verified_commissioned_rd_contract_count"[^>]*value="(\d+)"'
    assert re.search(taken, page) is None
    found = re.search(taken, filled)
    assert found is not None and int(found[1]) == value
    other = officer.get(f"/centres/{centre.id}/acts/conclude_examination/?party=miit")
    with_number = re.search(r'name="with.examination_number"[^>]*value="(\d+)"',
                            other.content.decode())  # fmt: skip
    assert with_number is not None and "各年关键指标" in other.content.decode()
    assert "带入下表" not in other.content.decode()


@pytest.mark.django_db
def test_rounds_that_are_over_are_scored_and_agree_with_the_grades_on_file(
    demonstration: loader.Loaded,
) -> None:
    accounts.make()
    evaluated.seed_samples()
    assert rounds.make() > 5
    seen = set()
    for programme in ids():
        for reach in (
            access.reach(u, demo.TODAY) for u in holders(programme, authority(programme))[:1]
        ):
            for one in all_rounds(reach):
                run = round_queries.adopted(one.collection)
                for centre, grade in round_queries.decided(reach, one).items():
                    found = round_queries.computed_for(run, centre)
                    assert found is not None and found.grade is not None
                    why = Deviation.objects.filter(centre=centre, run=run).first()
                    assert (found.grade == grade) == (why is None)
                    seen.add((one.programme.programme, why is None))
    assert len({programme for programme, _ in seen}) == 3 and ("nitec", False) in seen
    assert all(repeated(run) for run in Run.objects.select_related("collection__system"))


@pytest.mark.django_db
def test_a_wrong_file_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANFA_TODAY", demo.TODAY.isoformat())
    (tmp_path / "nitec.yaml").write_text(
        "programme: nitec\n"
        "parties: {ndrc: {org: ndrc}}\n"
        "given:\n"
        "  - {on: 2026-03-01, by: ndrc, act: approve_formation_start, with: {departments: [甲]}}\n",
        encoding="utf-8",
    )
    with pytest.raises(LoadError, match=r"nitec\.yaml:4"):
        loader.load(tmp_path)
    assert ActRecord.objects.count() == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_command_serves_and_stops_with_its_database(tmp_path: Path) -> None:
    """`banfa demo` with a database of its own: the page comes, a signal ends all, data stay."""
    folder = Path(f"/var/lib/banfa/t{os.getpid()}") if os.geteuid() == 0 else tmp_path / "d"
    env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "BANFA_SECRET_KEY")}
    env |= {"BANFA_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "banfa.office.settings"}
    port = free_port()
    command = [sys.executable, "-m", "banfa"]
    try:
        running = subprocess.Popen(
            [*command, "demo", "--port", str(port)], env=env, stdout=subprocess.PIPE, text=True
        )
        try:
            assert running.stdout is not None
            said = [running.stdout.readline(), running.stdout.readline()]
            assert f"http://localhost:{port}" in said[1]
            assert _page(f"http://localhost:{port}/", 30) == 200
            busy = subprocess.run(
                [*command, "demo", "--port", str(port)], env=env, capture_output=True, text=True
            )
            assert busy.returncode == 2 and "--port" in busy.stderr
        finally:
            running.terminate()
            running.wait(timeout=60)
        assert not (folder / "pg" / "postmaster.pid").exists()
        checked = subprocess.run(
            [*command, "rebuild", "--check"], env=env, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stderr
        again = subprocess.run(
            [*command, "demo", "--once"], env=env, capture_output=True, text=True
        )
        assert again.returncode == 0 and "演示数据" not in again.stdout, again.stderr
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=False)


@pytest.mark.django_db
def test_data_of_another_version_ask_to_be_loaded_anew(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.DEMO = True
    monkeypatch.setattr(loader, "load", lambda: loader.Loaded(centres={"a": "b"}, acts=1))
    monkeypatch.setattr(accounts, "make", lambda: 0)
    office._load_demo()
    assert office._mark() == f"{office.DEMO_MARK} {loader.digest()}"
    monkeypatch.setattr(ActRecord.objects, "exists", lambda: True)
    office._load_demo()  # the same version: nothing to say
    office._brand(office.DEMO_MARK)
    with pytest.raises(office.Wrong, match="banfa demo --reset"):
        office._load_demo()
    office._brand("")
    with pytest.raises(office.Wrong, match="并非演示的记录"):
        office._load_demo()
    (tmp_path / "a.yaml").write_text("a: 1")
    assert loader.digest(tmp_path) != loader.digest()


def _page(url: str, patience: float) -> int:
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return int(answer.status)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize(
    ("hosts", "given", "expected"),
    [
        ("", None, "http://localhost:8201"),
        ("", "https://banfa.example.cn", "https://banfa.example.cn"),
        ("banfa.example.cn", None, None),
    ],
)
def test_links_lead_to_the_demos_own_port(
    monkeypatch: pytest.MonkeyPatch, hosts: str, given: str | None, expected: str | None
) -> None:
    """The settings are read once, so the address is told before."""

    class Read(Exception):
        pass

    def settings_are_read(**more: Any) -> None:
        raise Read(os.environ.get("BANFA_URL"))

    for name in ("BANFA_TODAY", "BANFA_DEMO"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setenv("BANFA_HOSTS", hosts)
    monkeypatch.setenv("BANFA_URL", given or "")
    if given is None:
        monkeypatch.delenv("BANFA_URL")
    monkeypatch.setattr(office, "_set_up", settings_are_read)
    with pytest.raises(Read) as told:
        office._demo(argparse.Namespace(port=8201, once=False, reset=False))
    assert told.value.args == (expected,)
