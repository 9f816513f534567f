"""`banfa doctor`: whether an installation is sound, each check on a line with its cure."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

GOOD, CARE, FAULT = "正常", "注意", "故障"
ENGLISH = {GOOD: "ok", CARE: "attention", FAULT: "fault"}
FREE_GIB = 2
SKEW_SECONDS = 30


@dataclass
class Line:
    """What was looked at, how it is, and what to do about it."""

    what: str
    level: str
    said: str
    cure: str = ""


def run() -> int:
    """Prints every check; gives 1 when there is a fault, else 0."""
    lines: list[Line] = []
    for check in CHECKS:
        try:
            lines += check()
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            lines.append(Line(check.__name__.strip("_"), FAULT, said, "请按所示原因处理后重试"))
    for line in lines:
        print(f"[{line.level} {ENGLISH[line.level]}] {line.what}：{line.said}")
        if line.cure and line.level != GOOD:
            print(f"    → {line.cure}")
    counts = {level: sum(x.level == level for x in lines) for level in (GOOD, CARE, FAULT)}
    print("，".join(f"{level} {n}" for level, n in counts.items()))
    return 1 if counts[FAULT] else 0


def _database() -> Iterator[Line]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_database()")
        version, name = cursor.fetchone()
        good = version >= 140_000
        said = f"PostgreSQL {version // 10_000}.{version % 10_000}，{name}"
        yield Line("数据库", GOOD if good else FAULT, said, "请升级到 PostgreSQL 14 或更高版本")
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        skew = abs(float(cursor.fetchone()[0]) - dt.datetime.now(dt.UTC).timestamp())
        cure = "请使应用与数据库的主机都与时间服务器同步（如 chrony）"
        yield Line(
            "时钟", GOOD if skew < SKEW_SECONDS else FAULT, f"与数据库相差 {skew:.1f} 秒", cure
        )


def _clock() -> Iterator[Line]:
    from banfa.office import clock

    day = clock.chosen_day()
    said = f"系统日期被设定为 {day}" if day else f"今日 {clock.today()}"
    yield Line("日期", CARE if day else GOOD, said, "正式系统请勿设置 BANFA_TODAY")


def _migrations() -> Iterator[Line]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    said = f"{len(waiting)} 项待执行" if waiting else "最新"
    yield Line("数据表", FAULT if waiting else GOOD, said, "请运行 banfa migrate")


def _programmes() -> Iterator[Line]:
    from banfa.office.ledger import library

    good, bad = library.loadable()
    level = FAULT if bad or not good else GOOD
    said = f"{len(good)} 部可用" + (f"，不能载入：{'、'.join(bad)}" if bad else "")
    yield Line("办法", level, said, "请运行 banfa check 查看原因")


def _chains() -> Iterator[Line]:
    from banfa.office.ledger import replay
    from banfa.office.people import audit

    report = replay.verify()
    said = f"{report.chains} 条链，{report.acts} 项行为，{len(report.faults)} 处不符"
    cure = "请立即停止写入，保全数据库，运行 banfa verify 查看各处"
    yield Line("行为链", GOOD if report.sound else FAULT, said, cure)
    wrong = audit.faults()
    said = f"不符的事件：{wrong[:5]}" if wrong else "完整"
    yield Line("审计链", FAULT if wrong else GOOD, said, cure)


def _disk() -> Iterator[Line]:
    from banfa.office import postgres

    folder = postgres.default_data_dir()
    at = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(at).free / 2**30
    cure = f"请清理或扩充 {at} 所在的磁盘"
    yield Line("磁盘", GOOD if free >= FREE_GIB else FAULT, f"{at} 余 {free:.1f} GiB", cure)


def _fonts() -> Iterator[Line]:
    program = shutil.which("fc-list")
    found = (
        subprocess.run([program, ":lang=zh", "family"], capture_output=True, text=True).stdout
        if program
        else ""
    )
    said = f"{len(set(found.splitlines()))} 种中文字体" if found else "没有中文字体"
    yield Line("字体", GOOD if found else CARE, said, "请运行 make system-deps（fonts-noto-cjk）")


def _workers() -> Iterator[Line]:
    from banfa.office.notices import jobs

    now = jobs.standing()
    if now.alive:
        said = f"{now.alive} 个在运行"
    elif now.last_beat:
        said = f"没有在运行；最近一次在 {now.last_beat.astimezone():%F %T}"
    else:
        said = "没有在运行"
    cure = (
        "请运行 banfa worker（正式系统用 systemd 等保持运行）；没有它，通知、提醒和邮件都不会发出"
    )
    yield Line("后台任务", GOOD if now.alive else FAULT, said, cure)
    said = f"{now.waiting} 项等待，{now.outbox} 项告知待分送，{len(now.failed)} 项未成"
    cure = "请由系统管理员在“后台任务”页查看原因后重试"
    yield Line("任务队列", CARE if now.failed else GOOD, said, cure)


def _mail() -> Iterator[Line]:
    from django.conf import settings
    from django.core.mail import get_connection

    from banfa.office.notices import mails
    from banfa.office.notices.models import Mail

    if not mails.enabled():
        yield Line("邮件", CARE, "未设置，不发送邮件", "请设置 BANFA_MAIL 和 BANFA_MAIL_FROM")
        return
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection(timeout=10):
            yield Line("邮件", GOOD, f"{server} 可以连接")
    except OSError as error:
        cure = "请检查 BANFA_MAIL 的地址、端口、账号和网络"
        yield Line("邮件", FAULT, f"{server} 连不上：{type(error).__name__}", cure)
    given_up = Mail.objects.filter(given_up__isnull=False, sent__isnull=True).count()
    said = f"{given_up} 封多次未能发出" if given_up else "没有发不出的邮件"
    cure = "请由系统管理员在“后台任务”页查看原因后重发"
    yield Line("发送情况", CARE if given_up else GOOD, said, cure)


def _security() -> Iterator[Line]:
    import os

    from django.conf import settings

    real = not settings.DEMO
    key = settings.SECRET_KEY
    weak = len(key) < 32 or len(set(key)) < 10
    cure = "请把 BANFA_SECRET_KEY 设为至少50个随机字符，或取消设置由系统生成"
    yield Line("密钥", FAULT if weak else GOOD, "过短或过于简单" if weak else "足够长", cure)
    https = os.environ.get("BANFA_HTTPS") == "1"
    level = GOOD if https else FAULT if real and os.environ.get("BANFA_HOSTS") else CARE
    said = "只经 HTTPS，安全 Cookie，HSTS" if https else "未启用"
    yield Line("HTTPS", level, said, "请在反向代理上配置证书，并设置 BANFA_HTTPS=1")
    level = FAULT if settings.DEBUG else GOOD
    yield Line("调试", level, "已开启" if settings.DEBUG else "关闭", "请取消设置 BANFA_DEBUG")


def _accounts() -> Iterator[Line]:
    from django.conf import settings

    from banfa.office.people.models import Role, Standing, User

    demo = User.objects.filter(demo=True).count()
    if settings.DEMO:
        yield Line("演示账号", CARE, f"演示系统，{demo} 个", "正式系统请勿设置 BANFA_DEMO")
        return
    cure = "演示账号在正式系统中不能登录；请另用一个数据库建立正式系统"
    yield Line("演示账号", FAULT if demo else GOOD, f"{demo} 个" if demo else "没有", cure)
    missing = [
        role.label
        for role in Role
        if not User.objects.filter(role=role, standing=Standing.ACTIVE).exists()
    ]
    said = f"缺少{'、'.join(missing)}" if missing else "三员齐备"
    yield Line("管理员", FAULT if missing else GOOD, said, "请运行 banfa init，或由其他管理员补设")


CHECKS: tuple[Callable[[], Iterator[Line]], ...] = (
    *(_database, _migrations, _clock, _programmes, _chains, _accounts),
    *(_security, _disk, _fonts, _workers, _mail),
)
