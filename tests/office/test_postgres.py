"""The embedded server, and everything that was seen going wrong with it."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from banfa.office import postgres
from banfa.office.postgres import PostgresError, start

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="tells how it goes for root")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for a data folder with a short path; whatever ran there is gone afterwards."""
    top = Path(tempfile.mkdtemp(prefix="bf-", dir="/tmp"))
    top.chmod(0o711)
    yield top / "d"
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and process.cwd().startswith(f"{top}/"):
                process.kill()
        except psutil.Error:
            pass
    shutil.rmtree(top, ignore_errors=True)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row[0]


def do(url: str, *commands: str) -> None:
    with psycopg.connect(url) as connection:
        for command in commands:
            connection.execute(command)  # type: ignore[arg-type]


def server_pid(folder: Path) -> int | None:
    return postgres._running_pid(folder / "pg")


def kill_server(folder: Path) -> None:
    """As a power cut would: the server and all that belongs to it, at once."""
    pid = server_pid(folder)
    assert pid is not None
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while postgres._processes_on(folder / "pg"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- what one gets


def test_a_server_is_utf8_sorted_by_code_point_in_shanghai_time(folder: Path) -> None:
    with start(folder, fast=True) as server:
        assert ask(server.url, "SHOW server_encoding") == "UTF8"
        assert ask(server.url, "SHOW timezone") == "Asia/Shanghai"
        collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        assert ask(server.url, collation) == "C"
    assert server_pid(folder) is None


def test_fast_gives_up_durability_and_nothing_else_does(folder: Path) -> None:
    with start(folder) as server:
        assert ask(server.url, "SHOW fsync") == "on"
    with start(folder, fast=True) as server:
        assert ask(server.url, "SHOW fsync") == "off"


def test_the_last_to_leave_stops_the_server(folder: Path) -> None:
    first, second = start(folder, fast=True), start(folder)
    first.stop()
    first.stop()
    assert ask(second.url, "SELECT 1") == 1
    second.stop()
    assert server_pid(folder) is None


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from banfa.office import postgres\n"
        "with postgres.start(Path(sys.argv[1]), fast=True) as server:\n"
        "    print(postgres._running_pid(server.data_dir / 'pg'), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    pids = {process.stdout.readline().strip() for process in processes if process.stdout}
    assert pids == {str(server_pid(folder))}
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert server_pid(folder) is None


# --- trap 1: a pid file that lies


def test_committed_rows_survive_kill_9(folder: Path) -> None:
    server = start(folder)
    do(
        server.url,
        "CREATE TABLE act (n integer)",
        "INSERT INTO act SELECT generate_series(1, 10000)",
    )
    kill_server(folder)
    assert (folder / "pg" / "postmaster.pid").exists()
    with start(folder) as again:
        assert ask(again.url, "SELECT count(*) FROM act") == 10000


@pytest.mark.parametrize("content", ["{pid}", "", "nonsense"])
def test_a_pid_file_that_names_another_process_is_put_aside(folder: Path, content: str) -> None:
    server = start(folder)
    do(server.url, "CREATE TABLE act (n integer)", "INSERT INTO act VALUES (7)")
    kill_server(folder)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        for file in (folder / "pg" / "postmaster.pid", folder / ".s.PGSQL.5432.lock"):
            rest = file.read_text().split("\n", 1)[1]
            first = content.format(pid=stranger.pid)
            file.write_text(f"{first}\n{rest}" if first else "")
        with start(folder) as again:
            assert ask(again.url, "SELECT n FROM act") == 7
        assert (folder / "pg" / "postmaster.pid.stale").exists()
        assert stranger.poll() is None, "the other process is left alone"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_postgres_on_another_folder_is_not_taken_for_ours(folder: Path) -> None:
    with start(folder, fast=True):
        pid = server_pid(folder)
        assert pid is not None
        other = folder.with_name("e") / "pg"
        other.mkdir(parents=True)
        (other / "postmaster.pid").write_text(f"{pid}\n")
        assert postgres._running_pid(other) is None


def test_a_deleted_socket_comes_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SOCKET_PATIENCE_SECONDS", 0.2)
    start(folder, fast=True)
    (folder / ".s.PGSQL.5432").unlink()
    with start(folder, fast=True) as again:
        assert ask(again.url, "SELECT 1") == 1
        assert (folder / ".s.PGSQL.5432").is_socket()


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    with start(folder, fast=True):
        pass
    (folder / "pg").rename(folder / "pg.new")
    (folder / "pg.new" / "PG_VERSION").unlink()
    with start(folder, fast=True) as again:
        assert ask(again.url, "SELECT 1") == 1


# --- trap 2: root


@as_root
def test_root_is_refused_below_a_closed_folder_which_stays_closed(folder: Path) -> None:
    closed = folder.with_name("closed")
    closed.mkdir(mode=0o700)
    with pytest.raises(PostgresError, match=r"cannot enter .*closed \(mode 0700\)"):
        start(closed / "d")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not (closed / "d").exists()


@as_root
def test_the_server_of_root_does_not_run_as_root(folder: Path) -> None:
    with start(folder, fast=True):
        pid = server_pid(folder)
        assert psutil.Process(pid).username() == postgres.SYSTEM_USER
        assert folder.owner() == postgres.SYSTEM_USER


@as_root
def test_programs_that_the_system_user_cannot_reach_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = postgres._Programs._reachable
    monkeypatch.setattr(postgres, "ROOT_FOLDER", folder.parent / "lib")
    monkeypatch.setattr(
        postgres._Programs,
        "_reachable",
        lambda pg: "site-packages" not in pg.folder.parts and really(pg),
    )
    with start(folder, fast=True) as server:
        assert ask(server.url, "SELECT 1") == 1
        executable = psutil.Process(server_pid(folder)).exe()
        assert executable.startswith(str(folder.parent / "lib" / "programs-"))
        assert Path(executable).owner() == "root"


@as_root
def test_by_default_root_keeps_data_below_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BANFA_DATA_DIR", raising=False)
    assert postgres.default_data_dir().parent == Path("/var/lib/banfa")


@as_root
def test_root_does_not_take_over_a_folder_with_other_files(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "thesis.doc").touch()
    with pytest.raises(PostgresError, match="holds other files"):
        start(folder)
    assert folder.stat().st_uid == 0


@as_root
def test_an_ordinary_user_can_start_it(folder: Path) -> None:
    nobody = 65534
    folder.parent.chmod(0o777)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(nobody)
            os.setuid(nobody)
            if not os.access(Path(postgres.__file__), os.R_OK):
                code = 77
            else:
                with start(folder, fast=True) as server:
                    ask(server.url, "SELECT 1")
                    pid = server_pid(folder)
                    code = 0 if psutil.Process(pid).uids().real == nobody else 2
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 77:
        pytest.skip("this checkout cannot be read by other users")
    assert code == 0


def test_by_default_data_lies_in_the_users_data_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BANFA_DATA_DIR", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/li/.data")
    assert postgres.default_data_dir().parent == Path("/home/li/.data/banfa")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", "/home/li")
    assert postgres.default_data_dir().parent == Path("/home/li/.local/share/banfa")
    monkeypatch.setenv("BANFA_DATA_DIR", "/srv/banfa")
    assert postgres.default_data_dir() == Path("/srv/banfa")


# --- trap 3: other people on the machine


def test_only_the_owner_gets_in_and_only_with_the_password(folder: Path) -> None:
    with start(folder, fast=True) as server:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        assert (folder / ".s.PGSQL.5432").is_socket()
        assert ask(server.url, "SHOW listen_addresses") == ""
        assert ask(server.url, "SHOW unix_socket_directories") == str(folder)
        ways = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"
        assert ask(server.url, ways) == "scram-sha-256"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=str(folder), user="banfa", dbname="banfa", password="guess")
        assert (folder / "password").read_text() not in repr(server)


def test_a_long_path_is_refused(folder: Path) -> None:
    with pytest.raises(PostgresError, match="too long for a socket"):
        start(folder / ("x" * 100))


@pytest.mark.parametrize("name", ["a,b", "a b", "a'b"])
def test_a_path_that_postgres_would_misread_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(PostgresError, match="which PostgreSQL cannot take"):
        start(folder / name)


def test_a_folder_that_others_can_enter_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(PostgresError, match="chmod 700"):
        start(folder)


def test_a_lost_password_file_is_told(folder: Path) -> None:
    with start(folder, fast=True):
        (folder / "password").rename(folder / "kept")
        with pytest.raises(PostgresError, match="does not know the password"):
            start(folder)
        (folder / "kept").replace(folder / "password")


def test_a_secret_is_kept_and_its_file_must_be_closed(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    secret = postgres.kept_secret(file)
    assert len(secret) == 64
    assert postgres.kept_secret(file) == secret
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    file.chmod(0o644)
    with pytest.raises(PostgresError, match="chmod 600"):
        postgres.kept_secret(file)


# --- trap 4: a server that needs long


def test_start_waits_as_long_as_the_server_says_it_is_starting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, refused = postgres._connect, 0

    def connect(login: dict[str, object]) -> object:
        nonlocal refused
        if refused < 40:
            refused += 1
            raise psycopg.OperationalError("FATAL:  the database system is starting up")
        return really(login)

    monkeypatch.setattr(postgres, "_connect", connect)
    began = time.monotonic()
    with start(folder, fast=True) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert time.monotonic() - began > 40 * postgres.POLL_SECONDS


def test_past_the_limit_it_says_so_and_the_next_start_joins(folder: Path) -> None:
    server = start(folder)
    do(
        server.url,
        "CREATE TABLE act (n integer)",
        "INSERT INTO act SELECT generate_series(1, 300000)",
    )
    kill_server(folder)
    with pytest.raises(PostgresError, match=r"still starting.*BANFA_DATABASE_WAIT"):
        start(folder, wait_seconds=0)
    with start(folder) as again:
        assert ask(again.url, "SELECT count(*) FROM act") == 300000


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    with start(folder, fast=True):
        pass
    with (folder / "pg" / "postgresql.conf").open("a") as file:
        file.write("max_connections = none\n")
    with pytest.raises(PostgresError, match=r"did not start: .*(max_connections|configuration)"):
        start(folder, fast=True)
