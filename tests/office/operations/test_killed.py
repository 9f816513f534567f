"""Killed in the middle of a load of acts: nothing accepted is lost, nothing is half done.

A server, workers and a database of the tests' own; only these are killed, by their numbers.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from banfa.office import postgres
from bench import office

ROOT = Path(__file__).resolve().parents[3]
CENTRES = 24
CLIENTS = 4
PAIRS = 60
SET_UP = """
import json, sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False)
from bench import office
office.grow(0, int(sys.argv[1]) * 3)
print(json.dumps(office.officers()))
"""
MANY = """
import sys, django
django.setup()
from bench import office
from banfa.office.ledger.bulk import record_many
places = office.provinces()
entered = [office._entered(n, places)[0] for n in range(3000, 9000)]
print("ready", flush=True)
record_many(entered, batch=50)
"""


@dataclass
class House:
    """An installation of its own with centres and officers."""

    folder: Path
    server: Any
    env: dict[str, str]
    sessions: dict[str, str] = field(default_factory=dict)

    def python(self, script: str, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, *args],
            env=self.env, cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def proved(self) -> None:
        """The chains hold, and replaying gives what is stored."""
        script = "import sys; from banfa.cli import main; sys.exit(main(['verify']) or "
        self.python(script + "main(['rebuild', '--check']))")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="bk-", dir="/tmp") as name:
        base = Path("/var/lib/banfa") if os.geteuid() == 0 else Path(name)
        folder = base / f"k{secrets.token_hex(3)}"
        server = postgres.start(folder)
        env = os.environ | {
            "DATABASE_URL": server.url,
            "BANFA_SECRET_KEY": "only-for-tests-" * 4,
            "BANFA_TODAY": office.TODAY,
            "DJANGO_SETTINGS_MODULE": "banfa.office.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        }
        made = House(folder, server, env)
        try:
            said = made.python(SET_UP, str(CENTRES))
            made.sessions = json.loads(said.splitlines()[-1])
            yield made
        finally:
            made.server.stop()
            subprocess.run(["rm", "-rf", str(folder)], check=False)


@dataclass
class Load:
    """Clients that record acts, each with a key of its own, and what they were told."""

    house: House
    salt: str
    port: int = 0
    sent: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def asked(self, number: int, key: str) -> office.Asked:
        index = number % CENTRES
        codes = sorted(n for n in self.house.sessions if n.startswith("p"))
        form = {"party": "supervising_unit", "on": office.TODAY, "with.asset": f"设备 {key}",
                "with.value": "12", "key": key}  # fmt: skip
        at = f"/centres/nitec-{index + 1:04d}/acts/register_asset/"
        return office.Asked(self.house.sessions[codes[index % len(codes)]], at, form)

    def client(self, mine: int) -> None:
        number = mine
        while not self.stop.is_set():
            key = f"{self.salt}-{number}"
            self.sent.append(key)
            if not self.send(number, key):
                self.unanswered.append(key)
                time.sleep(0.05)
            number += CLIENTS

    def send(self, number: int, key: str) -> bool:
        """Whether an answer came that says it is recorded."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        try:
            status, location = office.answer_of(connection, self.asked(number, key))
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if status == 302 and "receipt=" in location:
            self.accepted[key] = location
            return True
        return False

    def run(self, port: int, seconds: float, disturb: Callable[[], None]) -> None:
        """Clients at work; the disturbance comes when some acts are in."""
        self.port = port
        threads = [threading.Thread(target=self.client, args=(n,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 90
        while len(self.accepted) < 12 and time.monotonic() < until:
            time.sleep(0.02)
        disturb()
        time.sleep(seconds)
        self.stop.set()
        for thread in threads:
            thread.join(60)

    def again(self, port: int) -> None:
        """What was not answered is sent again with its key, as a person would press again."""
        self.port = port
        for key in self.unanswered:
            number = int(key.rpartition("-")[2])
            until = time.monotonic() + 60  # a pool may still find out that its connections are gone
            while not self.send(number, key):
                assert time.monotonic() < until, key
                time.sleep(0.2)

    def settled(self) -> None:
        """Every act that was told to be recorded is there, every one sent is there once."""
        like = f"{self.salt}-%"
        with psycopg.connect(self.house.server.url) as connection:
            rows = connection.execute(
                "SELECT a.key, count(*), count(p.act_id) FROM ledger_actrecord a LEFT JOIN"
                " ledger_actpayload p ON p.act_id = a.id WHERE a.key LIKE %s GROUP BY a.key",
                [like],
            ).fetchall()
        stored = {key: (acts, payloads) for key, acts, payloads in rows}
        assert self.accepted.keys() <= stored.keys()
        assert stored.keys() == set(self.sent)
        assert set(stored.values()) == {(1, 1)}
        assert len(self.accepted) >= 12


def kill(pid: int) -> None:
    """kill -9 of a process that the test started, with all below it."""
    process = psutil.Process(pid)
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def environment(house: House) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.update(house.env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def test_the_web_server_is_killed(house: House) -> None:
    load = Load(house, f"web{secrets.token_hex(3)}")
    with environment(house):
        with office.served("banfa.office.wsgi:application") as (port, pid):
            load.run(port, 0.3, lambda: kill(pid))
        with office.served("banfa.office.wsgi:application") as (port, _pid):
            load.again(port)
    load.settled()
    house.proved()


def test_the_database_is_killed_and_started_again(house: House) -> None:
    load = Load(house, f"db{secrets.token_hex(3)}")
    before = int((house.folder / "pg" / "postmaster.pid").read_text().split()[0])

    def disturb() -> None:
        os.kill(before, signal.SIGKILL)
        house.server = postgres.start(house.folder)

    with (
        environment(house),
        office.served("banfa.office.wsgi:application") as (port, _pid),
    ):
        load.run(port, 1.0, disturb)
        load.again(port)
    assert int((house.folder / "pg" / "postmaster.pid").read_text().split()[0]) != before
    load.settled()
    house.proved()


def test_a_bulk_recording_is_killed_between_and_within_batches(house: House) -> None:
    count = "SELECT count(*) FROM ledger_centre"
    before = house.asked(count)[0][0]
    process = subprocess.Popen(
        [sys.executable, "-c", MANY], env=house.env, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        until = time.monotonic() + 90
        while house.asked(count)[0][0] - before < 150 and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait(30)
    made = house.asked(count)[0][0] - before
    assert made >= 150 and made % 50 == 0 and made < 6000
    acts = house.asked("SELECT count(*), count(p.act_id) FROM ledger_actrecord a LEFT JOIN"
                       " ledger_actpayload p ON p.act_id = a.id")[0]  # fmt: skip
    assert acts[0] == acts[1]
    house.proved()


def test_sixty_pairs_of_clicks_are_sixty_acts(house: House) -> None:
    """Half of the pairs bring the same key (a double click), half two forms of one version."""
    salt = f"two{secrets.token_hex(3)}"
    load = Load(house, salt)
    with (
        environment(house),
        office.served("banfa.office.wsgi:application") as (port, _pid),
    ):
        for pair in range(PAIRS):
            centre = f"nitec-{pair % CENTRES + 1:04d}"
            version = house.asked(f"SELECT version FROM ledger_centre WHERE id = '{centre}'")[0][0]
            both = [load.asked(pair, f"{salt}-{pair}"), load.asked(pair, f"{salt}-{pair}")]
            for side, one in enumerate(both):
                assert one.form is not None
                if pair % 2:
                    one.form |= {"version": str(version), "key": f"{salt}-{pair}-{side}"}
                    one.form["with.asset"] = f"设备 {salt} {pair} {side}"
            answers = at_once(port, both)
            wanted = {302, 422} if pair % 2 else {302}
            assert set(answers) == wanted, (pair, answers)
    rows = house.asked(f"SELECT count(*) FROM ledger_actrecord WHERE key LIKE '{salt}-%'")
    assert rows[0][0] == PAIRS
    house.proved()


def at_once(port: int, both: list[office.Asked]) -> list[int]:
    """Two requests at the same moment; their statuses."""
    gate, found = threading.Barrier(2), [0, 0]

    def click(side: int) -> None:
        connection = http.client.HTTPConnection("localhost", port, timeout=30)
        connection.connect()
        gate.wait()
        found[side] = office.ask(connection, both[side])
        connection.close()

    threads = [threading.Thread(target=click, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found
