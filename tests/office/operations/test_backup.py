"""Backup, loss, restore: the same, on a server as others run it. Nothing is overwritten."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from banfa.office import backups, postgres

FILE = Path(__file__).parent / "existing.csv"
RUN = """
import sys, json
from banfa.cli import main
for command in json.loads(sys.argv[1]):
    print("$", command[0], flush=True)
    print("=", main(command), flush=True)
"""


@pytest.fixture
def server() -> Iterator[str]:
    """A PostgreSQL reached over TCP with a password; two empty databases, `one` and `two`."""
    with tempfile.TemporaryDirectory(prefix="bx-", dir="/tmp") as name:
        folder, programs = Path(name), postgres._Programs.find(postgres.default_data_dir())
        if programs.uid is not None and programs.gid is not None:
            os.chown(folder, programs.uid, programs.gid)
        cluster, secret = folder / "pg", secrets.token_hex(12)
        (folder / "pw").write_text(secret)
        (folder / "pw").chmod(0o644)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        wanted = [f"--pgdata={cluster}", "--username=owner", f"--pwfile={folder / 'pw'}"]
        wanted += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = programs.run("initdb", wanted, cwd=folder)
        assert made.returncode == 0, made.stdout
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += " -c unix_socket_directories=''"
        wanted = ["start", "--wait", f"--pgdata={cluster}", f"--log={cluster}/log"]
        begun = programs.run("pg_ctl", [*wanted, f"--options={options}"], cwd=folder)
        assert begun.returncode == 0, begun.stdout
        url = f"postgresql://owner:{secret}@127.0.0.1:{port}"
        try:
            with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE one")
                connection.execute("CREATE DATABASE two")
            yield url
        finally:
            stop = ["stop", "--mode=immediate", "--wait", f"--pgdata={cluster}"]
            programs.run("pg_ctl", stop, cwd=folder)
            assert postgres._running_pid(cluster) is None


def run(url: str, files: Path, *commands: list[str]) -> list[tuple[int, str]]:
    """Runs commands one after another in one process; gives each status and what it said."""
    env = os.environ | {
        "DATABASE_URL": url,
        "BANFA_FILES": str(files),
        "BANFA_TODAY": "2030-11-15",
        "DJANGO_SETTINGS_MODULE": "banfa.office.settings",
    }
    done = subprocess.run(
        [sys.executable, "-u", "-c", RUN, json.dumps(commands)],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = []
    for part in done.stdout.split("$ ")[1:]:
        said, _, status = part.rpartition("= ")
        found.append((int(status), said))
    return found


def test_backup_loss_restore_the_same(server: str, tmp_path: Path) -> None:
    files, elsewhere = tmp_path / "files", tmp_path / "elsewhere"
    kept = files / "2030" / "附件.pdf"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"%PDF" + secrets.token_bytes(300_000))
    archive, damaged = tmp_path / "all.tar", tmp_path / "damaged.tar"
    bring = ["import", str(FILE), "--programme", "nmic", "--basis", "名录"]
    answers = run(
        f"{server}/one", files, ["migrate"], bring, ["verify"], ["rebuild", "--check"],
        ["backup", str(archive)], ["backup", str(archive)],
    )  # fmt: skip
    assert [status for status, _ in answers] == [0, 1, 0, 0, 0, 2], answers
    assert "不予覆盖" in answers[-1][1]
    assert archive.stat().st_mode & 0o777 == 0o600 and not list(tmp_path.glob(".*"))
    with tarfile.open(archive) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    assert manifest["state"]["acts"] == 4
    has_files = manifest["files"] == "folder"
    assert ("files/2030/附件.pdf" in manifest["members"]) == has_files

    raw = bytearray(archive.read_bytes())
    raw[5_000] ^= 1
    damaged.write_bytes(raw)
    answers = run(
        f"{server}/two", elsewhere, ["restore", str(damaged)], ["restore", str(FILE)],
        ["restore", str(archive)], ["rebuild", "--check"], ["restore", str(archive)],
    )  # fmt: skip
    assert [status for status, _ in answers] == [2, 2, 0, 0, 2], answers
    assert "与清单不符" in answers[0][1] and "不是完整的备份" in answers[1][1]
    assert "4 项行为" in answers[2][1] and "0 处不符" in answers[2][1]
    assert "不予覆盖" in answers[4][1]
    if has_files:
        assert (elsewhere / "2030" / "附件.pdf").read_bytes() == kept.read_bytes()


def test_no_password_is_seen_on_a_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def noted(command: Any, **more: Any) -> Any:
        seen.append((command, more["env"]))
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(backups, "_program", lambda name: Path("/bin") / name)
    monkeypatch.setattr(backups.subprocess, "run", noted)
    backups._run("pg_dump", ["--file=x"])
    ((command, env),) = seen
    password = settings.DATABASES["default"]["PASSWORD"]
    assert password and password not in " ".join(command) and env["PGPASSWORD"] == password


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "other.txt", "files/../../x"])
def test_an_archive_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.tar"
    link = tarfile.TarInfo("files/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for number, odd in enumerate((tarfile.TarInfo(name), link)):
        with tarfile.open(path, "w") as tar:
            tar.addfile(odd)
        with pytest.raises(backups.BackupError, match="不应有"):
            backups._unpack(path, tmp_path / str(number))
