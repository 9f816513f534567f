"""Backup and restore: one archive with the database, the attached files, and digests of all of it.

The archive is a tar file, readable by its owner only:

    database.dump    pg_dump's custom format, as of one moment
    files/...        attached files, when they lie in a folder; those in S3 stay there
    manifest.json    versions, counts, the digest of all chain heads, SHA-256 of each member

Everything streams: nothing is held in memory. Passwords go to the programs by their environment,
never on a command line. The secret key is no part of it: keep it elsewhere, or second factors must
be set up anew.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction

FORMAT = 1
DUMP, MANIFEST, FILES = "database.dump", "manifest.json", "files"
_CHUNK = 1 << 20


class BackupError(Exception):
    """What is wrong and what to do, in Chinese and English."""


def backup(target: Path, progress: Any = lambda text: None) -> Path:
    """Writes an archive into the folder `target`, or to the file of that name; gives its path.

    Nothing is overwritten. Raises BackupError; nothing half-written is left behind then.
    """
    path = target / _name() if target.is_dir() else target
    if path.exists():
        raise BackupError(f"{path} 已存在，不予覆盖 / {path} exists and is not overwritten")
    if not path.parent.is_dir():
        raise BackupError(f"没有目录 {path.parent} / no such folder")
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    try:
        with (
            tempfile.TemporaryDirectory(dir=path.parent, prefix=".banfa-dump-") as folder,
            os.fdopen(handle, "wb") as stream,
        ):
            dump = Path(folder) / DUMP
            manifest = _dump(dump)
            progress("数据库已导出 / the database is dumped")
            _pack(stream, dump, manifest)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(part, path)  # unlike a rename this never replaces a file
    except FileExistsError as error:
        raise BackupError(f"{path} 已存在，不予覆盖 / {path} exists") from error
    except OSError as error:
        raise BackupError(f"备份未能写入：{error.strerror} / {error}") from error
    finally:
        Path(part).unlink(missing_ok=True)
    return path


def _name() -> str:
    return f"banfa-{dt.datetime.now():%Y%m%d-%H%M%S}.tar"


def _describe() -> dict[str, Any]:
    """What is backed up, and by which versions."""
    from banfa import __version__

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        server = cursor.fetchone()[0]
    return {
        "format": FORMAT,
        "banfa": __version__,
        "postgresql": server,
        "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "migrations": sorted(_applied()),
        "files": str(_files_kept()),
    }


def state() -> dict[str, Any]:
    """How much there is, and one digest over all heads of all chains."""
    with connection.cursor() as cursor:
        counts = {}
        for name, table in (
            *(("acts", "ledger_actrecord"), ("centres", "ledger_centre")),
            *(("documents", "ledger_documentversion"), ("accounts", "people_user")),
            ("events", "people_auditevent"),
        ):
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts[name] = cursor.fetchone()[0]
        cursor.execute(
            "SELECT encode(sha256(convert_to(coalesce(string_agg(id || ' ' || head_hash, E'\\n'"
            " ORDER BY id COLLATE \"C\"), ''), 'UTF8')), 'hex') FROM"
            " (SELECT programme AS id, head_hash FROM ledger_programmebook"
            "  UNION ALL SELECT id, head_hash FROM ledger_centre) heads"
        )
        return {**counts, "heads": f"sha256:{cursor.fetchone()[0]}"}


def _applied() -> set[str]:
    from django.db.migrations.recorder import MigrationRecorder

    return {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}


# --- the database ---------------------------------------------------------------------------------


def _dump(path: Path) -> dict[str, Any]:
    """Dumps the database as of one moment, and tells its state at that same moment."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
        manifest = {**_describe(), "state": state()}
        wanted = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
        _run("pg_dump", [*wanted, f"--file={path}"])
    return manifest


def _run(program: str, args: list[str]) -> None:
    """Runs one of PostgreSQL's programs on the database. Raises BackupError with its last words."""
    database = settings.DATABASES["default"]
    options = {k: str(v) for k, v in database["OPTIONS"].items() if k != "pool"}
    given = {
        "PGHOST": database["HOST"], "PGPORT": database["PORT"], "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"], "PGDATABASE": connection.settings_dict["NAME"],
        "PGSSLMODE": options.get("sslmode", ""), "PGSSLROOTCERT": options.get("sslrootcert", ""),
    }  # fmt: skip
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env |= {k: str(v) for k, v in given.items() if v} | {"LC_ALL": "C"}
    done = subprocess.run(
        [str(_program(program)), "--no-password", *args], env=env, capture_output=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["?"]
        said = next((line for line in lines if "error:" in line), lines[-1])
        raise BackupError(f"{program} 失败：{said} / {program} failed")


def _program(name: str) -> Path:
    """The program of at least the server's version: on the PATH, else from the wheel."""
    from banfa.office import postgres

    needed = (connection.cursor().connection.info.server_version) // 10_000
    candidates = [Path(found)] if (found := shutil.which(name)) else []
    with contextlib.suppress(postgres.PostgresError, ImportError):
        candidates.append(postgres.programs() / name)
    for one in candidates:
        done = subprocess.run([str(one), "--version"], capture_output=True, text=True, check=False)
        version = re.search(r"(\d+)(\.\d+)?", done.stdout)
        if done.returncode == 0 and version and int(version.group(1)) >= needed:
            return one
    raise BackupError(
        f"没有适用于 PostgreSQL {needed} 的 {name}，请安装 postgresql-client-{needed}"
        f" / no {name} for PostgreSQL {needed}"
    )


# --- the archive ----------------------------------------------------------------------------------


def files_folder() -> Path | None:
    """The folder of attached files; None when they lie elsewhere (S3), or nowhere."""
    kept = getattr(settings, "STORAGES", {}).get("dossiers", {})
    location = kept.get("OPTIONS", {}).get("location")
    return Path(location) if location else None


def _files_kept() -> str:
    if files_folder() is not None:
        return "folder"
    return "elsewhere" if "dossiers" in getattr(settings, "STORAGES", {}) else "none"


def _pack(stream: IO[bytes], dump: Path, manifest: dict[str, Any]) -> None:
    """The members with their digests, the manifest last."""
    members = {}
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, path in [(DUMP, dump), *_attached()]:
            found = _add(archive, name, path)
            if found is not None:
                members[name] = found
        text = json.dumps({**manifest, "members": members}, ensure_ascii=False, indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(text), 0o600
        archive.addfile(info, io.BytesIO(text))


def _attached() -> Iterator[tuple[str, Path]]:
    folder = files_folder()
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield f"{FILES}/{path.relative_to(folder).as_posix()}", path


def _add(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, Any] | None:
    """Adds a file while its digest is taken; None for one that went away in the meantime."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return None
    with stream:
        info = tarfile.TarInfo(name)
        info.size, info.mode = os.fstat(stream.fileno()).st_size, 0o600
        reading = _Digested(stream, info.size)
        archive.addfile(info, reading)  # type: ignore[arg-type]
        return {"size": info.size, "sha256": reading.hash.hexdigest()}


class _Digested:
    """A file read once: what is read is digested on the way."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self.stream, self.left, self.hash = stream, size, hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes, never beyond the size it had at first."""
        piece = self.stream.read(min(size, self.left))
        self.left -= len(piece)
        self.hash.update(piece)
        return piece


# --- restore --------------------------------------------------------------------------------------


def restore(path: Path, progress: Any = lambda text: None) -> dict[str, Any]:
    """Puts an archive back into an empty database and an empty folder of files; gives its manifest.

    Everything is checked before anything is written. Raises BackupError.
    """
    _must_be_empty()
    folder = files_folder()
    beside = folder.parent if folder is not None else Path(tempfile.gettempdir())
    beside.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside, prefix=".banfa-restore-") as name:
        laid_out = Path(name)
        manifest = _unpack(path, laid_out)
        _check(manifest, laid_out)
        progress(f"备份完好：{manifest['made']} / the archive is sound")
        _empty_schema()
        connection.close()
        _run(
            "pg_restore",
            ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
             f"--dbname={connection.settings_dict['NAME']}", str(laid_out / DUMP)],
        )  # fmt: skip
        progress("数据库已恢复 / the database is restored")
        if folder is not None and (laid_out / FILES).is_dir():
            if folder.is_dir():
                folder.rmdir()
            (laid_out / FILES).rename(folder)
    now = state()
    if now != manifest["state"]:
        raise BackupError(f"恢复后的数据与备份时不符 / not what was backed up: {now}")
    return manifest


def _must_be_empty() -> None:
    """Refuses a database with acts or accounts, and a folder with files."""
    tables = connection.introspection.table_names()
    for table in ("ledger_actrecord", "people_user"):
        if table in tables:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")
                if cursor.fetchone()[0]:
                    raise BackupError(
                        "数据库中已有数据，不予覆盖；请恢复到一个空的数据库（DATABASE_URL 或 "
                        "BANFA_DATA_DIR）/ the database holds data and is not overwritten"
                    )
    ours = set(connection.introspection.django_table_names()) | {"django_migrations"}
    others = sorted(t for t in set(tables) - ours if not t.startswith("procrastinate_"))
    if others:
        raise BackupError(f"数据库中有其他系统的表（{others[0]}）/ tables of something else")
    folder = files_folder()
    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        raise BackupError(f"附件目录 {folder} 不是空的，不予覆盖 / the folder holds files")


def _empty_schema() -> None:
    """Takes away the empty tables of `banfa migrate`, when there are any."""
    if connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")


def _unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Lays the members out in a folder; nothing may lead out of it. Gives the manifest."""
    digests: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(path, mode="r|") as archive:
            for info in archive:
                place = _safe(info)
                target = folder / place
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                stream = archive.extractfile(info)
                assert stream is not None
                digests[info.name] = _write(stream, target)
    except FileNotFoundError as error:
        raise BackupError(f"没有文件 {path} / no such file") from error
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BackupError(f"{path} 不是完整的备份：{error} / not a whole archive") from error
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        members = dict(manifest["members"])
        wanted = {*members, MANIFEST}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} 中没有清单，不是完整的备份 / there is no manifest") from error
    for name in sorted(wanted | digests.keys()):
        if name != MANIFEST and members.get(name) != digests.get(name):
            raise BackupError(f"备份中的 {name} 与清单不符，不予恢复 / {name} is damaged")
    return dict(manifest)


def _safe(info: tarfile.TarInfo) -> PurePosixPath:
    place = PurePosixPath(info.name)
    known = info.name in (DUMP, MANIFEST) or place.parts[:1] == (FILES,)
    if not info.isreg() or place.is_absolute() or ".." in place.parts or not known:
        raise BackupError(f"备份中有不应有的内容：{info.name} / it holds something odd")
    return place


def _write(stream: IO[bytes], target: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
            out.write(piece)
    return {"size": size, "sha256": digest.hexdigest()}


def _check(manifest: dict[str, Any], folder: Path) -> None:
    """Whether this version of Banfa, and this setting of the files, can take the archive."""
    from django.db.migrations.loader import MigrationLoader

    if manifest.get("format") != FORMAT:
        raise BackupError("备份的格式不为本版本所知 / the archive's format is not known")
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := sorted(set(manifest.get("migrations", [])) - known):
        raise BackupError(
            f"备份出自较新的版本（{manifest.get('banfa')}，{newer[0]}），请先升级程序"
            " / made by a newer version: upgrade first"
        )
    if (folder / FILES).is_dir() and files_folder() is None:
        raise BackupError(
            "备份含附件，而本机的附件不存于目录；请设置 BANFA_FILES 后再恢复"
            " / it holds files, but no folder for them is set"
        )
