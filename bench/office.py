"""The office under load: many centres, real rights, two workers, beside bare views.

`python -m bench office 1000 10000` makes so many centres through record_many(), in a database of
its own that goes when it ends, and measures the inbox, the list, a centre's page and an act at each
size. CPU is what the processes of the application and of the database used for a request.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

SIZES = (10_000, 100_000)
TODAY = "2030-11-15"
WORKERS, THREADS, CLIENTS = 2, 4, 4
SECONDS = 8.0
WARM = 40
MINISTRIES = {"ndrc": "nitec", "most": "ncti", "miit": "nmic"}
AIMS = {"list": 3.0, "centre": 3.0, "act": 4.0}
P95_GROWTH, MEMORY_MB = 1.3, 250


@dataclass
class Measured:
    """What came of one page: seconds of each request, CPU seconds, bytes of the largest worker."""

    took: list[float] = field(default_factory=list)
    wall: float = 0.0
    app: float = 0.0
    database: float = 0.0
    memory: int = 0
    wrong: int = 0

    @property
    def cpu_ms(self) -> float:
        """CPU of application and database, milliseconds a request."""
        return (self.app + self.database) / max(len(self.took), 1) * 1000

    def percentile(self, share: float) -> float:
        """The time within which that share of the requests was answered, in milliseconds."""
        ordered = sorted(self.took) or [0.0]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def run(sizes: Sequence[int] = SIZES) -> None:
    """Makes the centres, measures at each size, prints."""
    folder = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        with _database(folder) as server_pid:
            _measure_all(sizes, server_pid)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[int]:
    """A server of its own, durable as in production; Django set up on it."""
    from banfa.office import postgres

    with postgres.start(folder) as server:
        os.environ |= {
            "DATABASE_URL": server.url,
            "BANFA_SECRET_KEY": secrets.token_urlsafe(48),
            "BANFA_TODAY": TODAY,
            "DJANGO_SETTINGS_MODULE": "banfa.office.settings",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        try:
            yield int((folder / "pg" / "postmaster.pid").read_text().split()[0])
        finally:
            from banfa.cli import office

            office._let_go()


# --- centres and people -------------------------------------------------------------------------


def provinces() -> list[tuple[str, str]]:
    """Code and name of the 34."""
    from banfa.office.people.models import Place

    return list(Place.objects.filter(within=None).order_by("code").values_list("code", "name_zh"))


def _entered(number: int, places: Sequence[tuple[str, str]]) -> list[Any]:
    """A centre's first acts: entered by its ministry; two assets where the programme has them."""
    from banfa.office.ledger.verbs import Proposal

    ministry, programme = list(MINISTRIES.items())[number % 3]
    code, place = places[number // 3 % len(places)]
    unit = {"org": f"unit-{number}", "name": f"第{number}研究公司", "kind": "enterprise",
            "place": place}  # fmt: skip
    commission = {"org": f"drc-{code}", "name": f"{place}发展改革委", "kind": "provincial_drc",
                  "place": place}  # fmt: skip
    stage = {"nitec": "confirmed", "ncti": "listed_operating", "nmic": "recognized_operating"}
    roles: dict[str, Any] = {"nitec": {"supporting_unit": unit, "supervising_unit": commission}}
    data = {
        "stage": stage[programme],
        "since": f"{2017 + number % 9}-0{1 + number % 9}",
        "basis": "既有中心名录",
        "roles": roles.get(programme, {"centre": unit}),
        "values": {} if programme == "nitec" else {"name_zh": f"第{number}创新中心"},
    }
    day = dt.date(2026, 3, 2)
    centre = f"{programme}-{number // 3 + 1:04d}"
    acts = [Proposal("enter_existing_centre", ministry, day, programme, data=data)]
    if programme == "nitec":
        acts += [
            Proposal(
                "register_asset", "supervising_unit", day + dt.timedelta(days=90 * n),
                centre=centre, data={"asset": f"设备{n}", "value": 10_000 * n},
            )
            for n in (1, 2)
        ]  # fmt: skip
    return acts


def grow(begin: int, end: int) -> None:
    """Centres from one number to another, through record_many()."""
    from banfa.office.ledger.bulk import record_many

    places = provinces()
    began, acts = time.perf_counter(), 0
    for first in range(begin, end, 3000):
        numbers = range(first, min(first + 3000, end))
        entered = [_entered(n, places) for n in numbers]
        # First all centres, then what is done to them, which are on file by then.
        for proposals in ([e[0] for e in entered], [a for e in entered for a in e[1:]]):
            outcomes = record_many(proposals)
            wrong = next((o for o in outcomes if not o.accepted), None)
            if wrong is not None:
                findings = wrong.receipt.refusals if wrong.receipt else wrong.error
                raise RuntimeError(f"refused while growing: {findings}")
            acts += len(outcomes)
    took = time.perf_counter() - began
    print(f"  record_many: {end - begin} centres, {acts} acts in {took:.0f} s,"
          f" {took / acts * 1000:.2f} ms each")  # fmt: skip


def singly(begin: int) -> None:
    """A hundred one by one, to compare."""
    from banfa.office.ledger.bulk import record_many
    from banfa.office.ledger.verbs import record

    places = provinces()
    entered = [_entered(n, places)[0] for n in range(begin, begin + 1100)]
    began = time.perf_counter()
    for proposal in entered[:100]:
        record(proposal)
    one = (time.perf_counter() - began) / 100
    began = time.perf_counter()
    record_many(entered[100:])
    many = (time.perf_counter() - began) / 1000
    print(f"  one by one {one * 1000:.2f} ms, record_many {many * 1000:.2f} ms:"
          f" {one / many:.1f} times as fast   (aim ≥ 10)")  # fmt: skip


def officers() -> dict[str, str]:
    """34 provincial officers and three of ministries, signed in: session cookie by account."""
    from banfa.office import clock
    from banfa.office.ledger import library
    from banfa.office.people import rights
    from banfa.office.people.models import Capacity, Membership, Organisation, Standing, User

    rights.seed(library.parties_and_acts())
    sessions = {}
    wanted = [(f"p{code}", "nitec", "supervising_unit", f"drc-{code}", f"{name}发展改革委")
              for code, name in provinces()]  # fmt: skip
    wanted += [(f"m-{m}", programme, m, m, m) for m, programme in MINISTRIES.items()]
    for username, programme, party, org, name in wanted:
        organisation, _ = Organisation.objects.get_or_create(id=org, defaults={"name_zh": name})
        now = clock.now()
        user = User(username=username, name=name, standing=Standing.ACTIVE, created=now)
        user.set_unusable_password()
        user.save()
        Membership.objects.create(user=user, organisation=organisation)
        Capacity.objects.create(user=user, organisation=organisation, programme=programme,
                                party=party, asked=now, approved=now)  # fmt: skip
        sessions[username] = session_of(user)
    return sessions


def session_of(user: Any) -> str:
    """A session as signing in with a second factor leaves it."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "banfa.office.people.accounts.Backend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["began"] = session["seen"] = time.time()
    session["second_factor"] = True
    session.create()
    return str(session.session_key)


# --- serving and asking -------------------------------------------------------------------------


@contextlib.contextmanager
def served(application: str) -> Iterator[tuple[int, int]]:
    """An application under granian with two workers; gives its port and process number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", str(WORKERS), "--blocking-threads", str(THREADS)]
    command += ["--log-level", "error", "--no-ws", application]
    root = Path(__file__).resolve().parents[1]
    paths = os.pathsep.join([str(root / "src"), str(root), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, cwd=root)
    try:
        _wait(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


@dataclass
class Asked:
    """One request: as whom, with which method, where, with which form."""

    session: str
    address: str
    form: dict[str, str] | None = None


def _cpu(pid: int) -> float:
    """CPU seconds of a process and all below it, also of those that ended."""
    found = psutil.Process(pid)
    total = 0.0
    for process in [found, *found.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def measure(
    port: int, app: int, database: int, make: Callable[[int], Asked], good: int
) -> Measured:
    """Asks from several clients at once for some seconds."""
    _ask_all(port, make, range(WARM), good)
    found, lock = Measured(), threading.Lock()
    numbers = iter(range(WARM, 10**9))
    before = _cpu(app), _cpu(database)
    began = time.perf_counter()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() - began < SECONDS:
            with lock:
                number = next(numbers)
            asked = make(number)
            start = time.perf_counter()
            status = ask(connection, asked)
            with lock:
                found.took.append(time.perf_counter() - start)
                found.wrong += status != good
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.wall = time.perf_counter() - began
    found.app, found.database = _cpu(app) - before[0], _cpu(database) - before[1]
    workers = psutil.Process(app).children(recursive=True)
    found.memory = max((w.memory_info().rss for w in workers), default=0)
    return found


def _ask_all(port: int, make: Callable[[int], Asked], numbers: range, good: int) -> None:
    """Asks one after another, over a connection each: both workers get their share."""
    for number in numbers:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        status = ask(connection, make(number))
        connection.close()
        if status != good:
            raise RuntimeError(f"{make(number).address}: {status} instead of {good}")


def ask(connection: http.client.HTTPConnection, asked: Asked) -> int:
    """Asks and gives the status; what was answered is read and left."""
    return answer_of(connection, asked)[0]


def answer_of(connection: http.client.HTTPConnection, asked: Asked) -> tuple[int, str]:
    """Asks; gives the status and where to go on."""
    token = "a" * 32
    headers = {"Cookie": f"sessionid={asked.session}; csrftoken={token}", "Host": "localhost"}
    body = None
    if asked.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(asked.form | {"csrfmiddlewaretoken": token})
    connection.request("POST" if body else "GET", asked.address, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("Location") or ""


# --- measuring ----------------------------------------------------------------------------------


def _measure_all(sizes: Sequence[int], database: int) -> None:
    sessions = officers()
    done, before = 0, {}
    for size in sorted(sizes):
        print(f"\n{size} centres")
        grow(done, size)
        done = size
        _analyse()
        before = _measure_size(size, database, sessions, before)
    singly(done)
    imported()


def imported(rows: int = 50_000) -> None:
    """A list of existing centres from the file to a report for every row; nothing is entered."""
    from banfa.office.intake import verbs

    lines = (
        f"国家示例第{n}号创新中心,第{n % 300}市,{2010 + n % 15}-0{1 + n % 9},第{n}示例公司,"
        for n in range(rows)
    )
    data = "\n".join(["名称,城市,认定时间,法人,备注", *lines]).encode()
    began, used = time.perf_counter(), time.process_time()
    report = verbs.bring("nmic", "list.csv", data, dt.date.fromisoformat(TODAY), basis="名录",
                         chosen={4: ""})  # fmt: skip
    took, used = time.perf_counter() - began, time.process_time() - used
    assert report.count(verbs.ACCEPTED) == rows, report.lines[0]
    print(f"  import, {rows} rows to a report: {took:.1f} s, CPU {used:.1f} s   (aim ≤ 10 s)")


def _analyse() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    from banfa.cli import office

    office._let_go()


def _measure_size(
    size: int, database: int, sessions: dict[str, str], before: dict[str, float]
) -> dict[str, float]:
    pages = _pages(size, sessions)
    with served("banfa.office.wsgi:application") as (port, pid):
        ours = {n: measure(port, pid, database, make, good) for n, (make, good) in pages.items()}
    with served("bench.bare:application") as (port, pid):
        bare = {
            n: measure(port, pid, database, _elsewhere(make), good)
            for n, (make, good) in pages.items()
            if n in AIMS
        }
    print(f"  {'':8}{'p50':>8}{'p95':>8}{'req/s':>8}{'app':>8}{'db':>7}{'bare':>8}"
          f"{'ratio':>7}{'aim':>5}{'MB':>6}{'p95 growth':>12}")  # fmt: skip
    for name, one in ours.items():
        _print(name, one, bare.get(name), before.get(name))
    return {name: one.percentile(0.95) for name, one in ours.items()}


def _print(name: str, one: Measured, bare: Measured | None, before: float | None) -> None:
    n = max(len(one.took), 1)
    p95 = one.percentile(0.95)
    line = f"  {name:8}{one.percentile(0.5):8.1f}{p95:8.1f}{n / one.wall:8.0f}"
    line += f"{one.app / n * 1000:8.2f}{one.database / n * 1000:7.2f}"
    if bare is not None:
        ratio = one.cpu_ms / bare.cpu_ms if bare.cpu_ms else 0.0
        line += f"{bare.cpu_ms:8.2f}{ratio:7.1f}{AIMS[name]:5.0f}"
    else:
        line += " " * 20
    line += f"{one.memory / 2**20:6.0f}"
    if before:
        line += f"{p95 / before:8.2f} (≤ {P95_GROWTH})"
    if one.memory / 2**20 > MEMORY_MB:
        line += f"  worker over {MEMORY_MB} MB"
    if one.wrong:
        line += f"  {one.wrong} not as expected"
    print(line)


def _pages(size: int, sessions: dict[str, str]) -> dict[str, tuple[Callable[[int], Asked], int]]:
    """Each page as a maker of requests, with the status that is right."""
    from django.urls import NoReverseMatch, reverse

    try:
        listed = reverse("centre_list")
    except NoReverseMatch:
        listed = reverse("home")
    people = list(sessions.items())
    codes = [code for code, _name in provinces()]
    salt = secrets.token_hex(6)

    def mine(number: int) -> tuple[str, str]:
        """A nitec centre and its provincial officer's session; another centre each time."""
        index = number * 7919 % (size // 3)
        return f"nitec-{index + 1:04d}", sessions[f"p{codes[index % len(codes)]}"]

    def anybody(address: str) -> Callable[[int], Asked]:
        return lambda number: Asked(people[number % len(people)][1], address)

    def centre(number: int) -> Asked:
        id_, session = mine(number)
        return Asked(session, f"/centres/{id_}/")

    def act(number: int) -> Asked:
        id_, session = mine(number)
        form = {"party": "supervising_unit", "on": TODAY, "with.asset": f"新设备{number}",
                "with.value": "1200", "key": f"{salt}-{number}"}  # fmt: skip
        return Asked(session, f"/centres/{id_}/acts/register_asset/", form)

    return {
        "inbox": (anybody(reverse("home")), 200),
        "list": (anybody(listed), 200),
        "centre": (centre, 200),
        "act": (act, 302),
    }


def _elsewhere(make: Callable[[int], Asked]) -> Callable[[int], Asked]:
    """The same request to the bare views: the list is theirs, keys are new."""

    def made(number: int) -> Asked:
        asked = make(number)
        if asked.form is not None:
            asked.form["key"] += "-bare"
        elif asked.address.count("/") < 3:
            asked.address = "/centres/"
        return asked

    return made
