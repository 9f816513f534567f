"""`banfa init` and `banfa doctor` on a database of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
ADMINISTRATORS = ("--system", "wang=王某", "--security", "lisi=李某", "--audit", "zhao=赵某")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs `banfa` on an empty database, with the settings of a real installation."""
    url = os.environ["DATABASE_URL"]
    name = f"banfa_init_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    base, mark, query = url.partition("?")
    own = f"{base.rpartition('/')[0]}/{name}{mark}{query}"
    env = {k: v for k, v in os.environ.items() if not k.startswith("BANFA_")}
    env |= {
        "DATABASE_URL": own,
        "DJANGO_SETTINGS_MODULE": "banfa.office.settings",
        "BANFA_DATA_DIR": str(tmp_path),
        "BANFA_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz0123456789",
        "BANFA_HTTPS": "1",
        "BANFA_HOSTS": "banfa.example.cn",
    }

    def command(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "banfa", *args],
            env=env | more, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    yield command
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_init_sets_up_once_and_doctor_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    before = run("doctor")
    assert before.returncode == 1 and "banfa migrate" in before.stdout
    done = run("init", *ADMINISTRATORS)
    assert done.returncode == 0, done.stderr
    links = re.findall(r"https://banfa\.example\.cn/account/invitations/[\w-]{40,}/", done.stdout)
    assert len(set(links)) == 3 and "王某（wang）" in done.stdout
    again = run("init", *ADMINISTRATORS)
    assert again.returncode == 2 and "已经初始化" in again.stderr
    after = run("doctor")
    assert after.returncode == 1 and "[故障 fault] 后台任务：没有在运行" in after.stdout
    assert after.stdout.count("[故障 fault]") == 1, after.stdout
    assert "[正常 ok] 管理员：三员齐备" in after.stdout
    assert "[正常 ok] 审计链：完整" in after.stdout and "[注意 attention] 邮件" in after.stdout
    weak = run("doctor", BANFA_SECRET_KEY="short", BANFA_HTTPS="", BANFA_DEBUG="1")
    assert weak.returncode == 1
    for what in ("密钥", "HTTPS", "调试"):
        assert f"[故障 fault] {what}" in weak.stdout
    demo = run("demo", "--once")
    assert demo.returncode == 2 and "正式账号" in demo.stderr
    finer = tmp_path / "finer.csv"
    finer.write_text("code,name_zh,within\n370100,济南市,370000\n", encoding="utf-8")
    loaded = run("places", str(finer))
    assert loaded.returncode == 0 and "1 个地区" in loaded.stdout, loaded.stderr
    finer.write_text("code,name_zh,within\n370112,历城区,999999\n", encoding="utf-8")
    wrong = run("places", str(finer))
    assert wrong.returncode == 2 and "999999" in wrong.stderr and "没有载入" in wrong.stderr


def test_init_refuses_a_demonstration(run: Run) -> None:
    refused = run("init", *ADMINISTRATORS, BANFA_DEMO="1")
    assert refused.returncode == 2 and "演示系统" in refused.stderr
