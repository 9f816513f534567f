"""The demonstration: all is accepted, the chains hold, something is due, names are made up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from banfa.office import demo
from banfa.office.demo import loader
from banfa.office.ledger import library, queries, replay
from banfa.office.ledger.models import ActRecord, Centre
from banfa.office.people.models import Organisation
from banfa.rules.cases import book_of, read_file
from banfa.rules.library import ids
from banfa.rules.loading import LoadError

FILES = loader.files()
STAGES = {
    "nitec": {"preparing", "prep_over", "confirmed", "revoked", "plan_with_ndrc"},
    "ncti": {"next_cycle_open", "rectifying", "under_evaluation", "delisted", "in_cultivation"},
    "neiic": {"plan_with_ndrc", "prep_over", "confirmed"},
    "jliic": {"forming", "improving", "recognized"},
    "nmic": {"recognized_operating"},
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_each_file_is_a_history_of_its_own(path: Path) -> None:
    book_of(read_file(path))


def test_every_programme_has_its_lives() -> None:
    assert {f.stem for f in FILES} == set(ids())


@pytest.mark.django_db
def test_all_lives_load_verify_replay_and_have_something_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BANFA_TODAY", demo.TODAY.isoformat())
    library.forget()
    loaded = loader.load()
    assert loaded.left_out == {} and len(loaded.centres) >= 12
    assert replay.verify().faults == []
    assert replay.rebuild(check=True).faults == []
    for row in queries.programmes():
        assert set(row.stages) >= STAGES[row.id], row.id
    due = queries.due(until=demo.TODAY.replace(month=12, day=31))
    assert {d.centre.programme.programme for d in due} == set(ids())
    assert any(d.duty.due and d.duty.due >= demo.TODAY for d in due)
    for centre in Centre.objects.select_related("book"):
        parties = library.editions(centre.book_id).latest.programme.parties
        for party in list(parties)[:2]:
            with CaptureQueriesContext(connection) as asked:
                assert queries.centre(centre.id, party=party).timeline
            assert len(asked) <= queries.CENTRE_QUERIES, (centre.id, party)
    made_up = ("示例", "虚构")
    for org in Organisation.objects.exclude(kind=""):
        assert any(mark in org.name_zh for mark in made_up), org.name_zh
    assert not ActRecord.objects.filter(recorded__date__gt=demo.TODAY).exists()


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
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=False)


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
