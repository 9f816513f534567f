"""Commands of operation: bringing in existing centres, backup and restore."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from banfa.cli import progress

SHOWN = 20
"""So many rows that were not accepted are told on the screen; the report has all."""

Run = Callable[[argparse.Namespace], int]


def add_commands(commands: Any, within: Callable[[Run], Run]) -> None:
    """Adds the commands; `within` gives a command its database."""
    bring = commands.add_parser("import", help="导入既有中心 / bring in existing centres")
    bring.add_argument("file", type=Path, help="CSV 或 Excel（.xlsx）文件 / a CSV or .xlsx file")
    bring.add_argument("--programme", required=True, help="办法标识 / id of the programme")
    bring.add_argument("--on", type=_day, help="办理日期，默认今日 / day of the acts (today)")
    bring.add_argument("--basis", default="", help="依据文件 / basis, where no column says it")
    bring.add_argument(
        "--map", action="append", default=[], type=_mapped, metavar="COLUMN=TARGET",
        help="某列即某项，如 城市=values.place / what a column is",
    )  # fmt: skip
    bring.add_argument("--account", help="以此账号的身份办理 / enter them as this account")
    bring.add_argument("--dry-run", action="store_true", help="只判断，不登记 / judge only")
    bring.add_argument("--report", type=Path, help="逐行结果（.xlsx）/ what came of each row")
    bring.set_defaults(run=within(_bring))
    finer = commands.add_parser("places", help="载入行政区划表 / load a list of places")
    finer.add_argument(
        "file", type=Path,
        help="CSV，列 code、name_zh，可有 name_en、short_zh、within、since、until / a CSV",
    )  # fmt: skip
    finer.set_defaults(run=within(_places))
    save = commands.add_parser("backup", help="备份数据库和附件 / back up database and files")
    save.add_argument("target", type=Path, help="目录或文件名 / a folder, or the file's name")
    save.set_defaults(run=within(_backup))
    back = commands.add_parser("restore", help="由备份恢复 / restore from a backup")
    back.add_argument("file", type=Path, help="备份文件 / the archive")
    back.set_defaults(run=within(_restore))


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}”不是日期，请写成 2026-03-02 / no date") from None


def _mapped(text: str) -> tuple[str, str]:
    column, equals, target = text.partition("=")
    if not equals or not column.strip():
        raise argparse.ArgumentTypeError(f"“{text}”请写成 列名=项目 / write COLUMN=TARGET")
    return column.strip(), target.strip()


# --- places -------------------------------------------------------------------------------------


def _places(args: argparse.Namespace) -> int:
    from banfa.cli.office import Wrong, _set_up

    _set_up()
    from banfa.office.people import places
    from banfa.office.people.errors import PeopleError

    try:
        number = places.load(args.file)
    except PeopleError as error:
        raise Wrong(f"{error}；没有载入任何一行 / nothing was loaded") from error
    print(f"已载入或更新 {number} 个地区；请重启网页和后台进程 / places: restart web and worker")
    return 0


# --- import -------------------------------------------------------------------------------------


def _bring(args: argparse.Namespace) -> int:
    """Judges every row, enters what is accepted unless it is a trial; 1 when some were not."""
    from banfa.cli.office import Wrong, _set_up

    _set_up()
    from banfa.office import clock
    from banfa.office.intake import reports, verbs
    from banfa.office.ledger.errors import LedgerError
    from banfa.office.people.models import User

    try:
        data = args.file.read_bytes()
    except OSError as error:
        raise Wrong(f"打不开文件 {args.file}：{error.strerror} / cannot open it") from error
    user = None
    if args.account is not None:
        user = User.objects.filter(username=args.account).first()
        if user is None:
            raise Wrong(f"没有账号“{args.account}” / no such account")
    try:
        report = verbs.bring(
            args.programme,
            args.file.name,
            data,
            args.on or clock.today(),
            basis=args.basis,
            chosen=_chosen(args.programme, args.file.name, data, args.map),
            user=user,
            person=None if user else "命令行导入",
            dry=args.dry_run,
            told=progress.bar if progress.shown() else None,
        )
    except LedgerError as error:
        raise Wrong(str(error)) from error
    if args.report:
        _write_report(args.report, reports.workbook(report.lines, report.dry))
    return _tell(report, args)


def _write_report(path: Path, content: bytes) -> None:
    from banfa.cli.office import Wrong

    try:
        path.write_bytes(content)
    except OSError as error:
        raise Wrong(f"逐行结果未能写入 {path}：{error.strerror} / cannot write it") from error


def _chosen(programme: str, name: str, data: bytes, given: list[tuple[str, str]]) -> dict[int, str]:
    """What columns are by number. Raises Wrong for a column or a target that does not exist."""
    from banfa.cli.office import Wrong
    from banfa.office.intake import columns, verbs
    from banfa.office.ledger import library

    if not given:
        return {}
    rs = library.editions(programme).latest
    head = verbs.table_of(rs, name, data).head
    possible = columns.targets(rs.programme)
    found = {}
    for column, target in given:
        if column not in head:
            raise Wrong(f"文件中没有“{column}”这一列：{'、'.join(head)} / no such column")
        if target and target not in possible:
            listed = "\n".join(f"  {t}　{said.zh} / {said.en}" for t, said in possible.items())
            raise Wrong(f"没有“{target}”这一项，可以是 / no such target; one of:\n{listed}")
        found[head.index(column)] = target
    return found


def _tell(report: Any, args: argparse.Namespace) -> int:
    from banfa.office.intake import columns, reports, verbs
    from banfa.office.ledger import library

    possible = columns.targets(library.editions(args.programme).latest.programme)
    if report.sheet:
        others = "、".join(f"“{sheet}”{rows}行" for sheet, rows in report.others)
        rest = f"；未读：{others} / not read" if others else ""
        print(f"  工作表“{report.sheet}”{rest}")
    for one in report.columns:
        said = possible[one.target].zh if one.target else "（不用 / not used）"
        print(f"  列“{one.heading}” → {said}")
    told = [line for line in report.lines if line.standing != verbs.ACCEPTED or line.says]
    for line in told[:SHOWN]:
        for column, zh, _en, basis in line.says:
            place = f"“{column}”列：" if column else ""
            ending = f"（{basis}）" if basis else ""
            print(f"第{line.line}行 {line.name}　{place}{zh}{ending}", file=sys.stderr)
    if len(told) > SHOWN:
        print(f"…… 其余 {len(told) - SHOWN} 行见逐行结果（--report）", file=sys.stderr)
    counts = {name: report.count(name) for name in reports.STANDINGS}
    good = reports.STANDINGS[verbs.ACCEPTED] if report.dry else reports.ENTERED
    print(
        f"{good.zh} {counts[verbs.ACCEPTED]} 行，不予登记 {counts[verbs.REFUSED]} 行，"
        f"填写有误 {counts[verbs.FAULTY]} 行，已在册 {counts[verbs.KNOWN]} 行"
        f" / {good.en}, refused, unreadable, on file already"
        + ("（试判断，未作记录 / nothing was recorded）" if report.dry else "")
    )
    return 1 if counts[verbs.REFUSED] or counts[verbs.FAULTY] else 0


# --- backup and restore ---------------------------------------------------------------------------


def _backup(args: argparse.Namespace) -> int:
    from banfa.cli.office import Wrong, _set_up

    _set_up()
    from banfa.office import backups

    try:
        path = backups.backup(args.target, print)
    except backups.BackupError as error:
        raise Wrong(str(error)) from error
    print(f"{path}（{path.stat().st_size / 2**20:.1f} MB）")
    print("密钥（BANFA_SECRET_KEY 或数据目录中的 secret-key）不在备份中，请另行妥善保存")
    print("The secret key is no part of it: keep it elsewhere.")
    return 0


def _restore(args: argparse.Namespace) -> int:
    """Restores, then proves the chains."""
    from banfa.cli.office import Wrong, _set_up, _told

    _set_up(tables=False)
    from banfa.office import backups

    try:
        manifest = backups.restore(args.file, print)
    except backups.BackupError as error:
        raise Wrong(str(error)) from error
    print(
        f"已恢复 {manifest['made']} 的备份（版本 {manifest['banfa']}，"
        f"PostgreSQL {manifest['postgresql']}）/ restored"
    )
    if manifest["files"] == "elsewhere":
        print("附件存于 S3，不在备份中 / attached files lie in S3 and were left there")
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        print("备份出自较早的版本，请接着运行 banfa migrate / now run banfa migrate")
        return 0
    from banfa.office.ledger import replay

    return int(_told("核验 / verified", replay.verify()))
