"""Commands of the office: the demonstration, the worker, official texts, proofs, the tables."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEMO_MARK = "banfa demonstration"
UNFINISHED = f"{DEMO_MARK}, loading"
REQUEST_THREADS = 8


class Wrong(Exception):
    """What is wrong, for the person at the keyboard."""


def _within(run: Any) -> Any:
    """The command inside a running database, with what is wrong said in one line."""

    def command(args: argparse.Namespace) -> int:
        try:
            with _database():
                return int(run(args))
        except Wrong as error:
            print(error, file=sys.stderr)
            return 2
        except Exception as error:
            if (said := _database_trouble(error)) is None:
                raise
            print(said, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130

    return command


def _database_trouble(error: Exception) -> str | None:
    """What to say when the database cannot be reached or is not set up; None for other faults."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    from banfa.office.clock import BadClock

    if isinstance(error, OperationalError):
        why = str(error).strip().splitlines()[-1]
        return f"连不上数据库，请检查 DATABASE_URL：{why} / the database cannot be reached"
    if isinstance(error, BadClock):
        return str(error)
    if isinstance(error, ImproperlyConfigured):
        return f"设置有误：{error}"
    return None


def add_commands(commands: Any) -> None:
    """Adds the office's commands to the command line."""
    demo = commands.add_parser("demo", help="演示系统（虚构数据）/ the system with fictional data")
    demo.add_argument("--port", type=_port, default=8000, help="端口 / port (8000)")
    demo.add_argument("--reset", action="store_true", help="清空演示数据后重来 / begin anew")
    demo.add_argument(
        "--once", action="store_true", help="载入并核验后即退出 / load, verify, leave"
    )
    demo.set_defaults(run=_within(_demo))
    text = commands.add_parser("text", help="官方文本 / official texts")
    inside = text.add_subparsers(dest="what", required=True, metavar="WHAT")
    loading = inside.add_parser("load", help="载入官方文本，按条拆分 / load, split by article")
    loading.add_argument("programme")
    loading.add_argument("file", type=Path)
    loading.add_argument("--edition")
    loading.set_defaults(run=_within(_text_load))
    commands.add_parser("verify", help="重算全部摘要链 / recompute the chains").set_defaults(
        run=_within(_verify)
    )
    rebuild = commands.add_parser("rebuild", help="由行为重放全部状态 / replay all lives")
    rebuild.add_argument("--check", action="store_true", help="只比对，不改写 / compare only")
    rebuild.set_defaults(run=_within(_rebuild))
    init = commands.add_parser("init", help="建立正式系统 / set up a real installation")
    for role, zh in (("system", "系统"), ("security", "安全"), ("audit", "审计")):
        init.add_argument(
            f"--{role}", required=True, metavar="ACCOUNT=NAME",
            help=f"{zh}管理员：账号=姓名 / {role} administrator",
        )  # fmt: skip
    init.add_argument("--url", default="", help="系统网址 / the address people use")
    init.set_defaults(run=_within(_init))
    commands.add_parser("doctor", help="检查安装 / check the installation").set_defaults(
        run=_within(_doctor)
    )
    worker = commands.add_parser("worker", help="后台任务 / runs the background jobs")
    worker.add_argument("--jobs", type=_jobs, default=4, help="同时办理几项 / at a time (4)")
    worker.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    worker.set_defaults(run=_within(_worker))
    commands.add_parser("migrate", help="建立或升级数据表 / make the tables").set_defaults(
        run=_within(_migrate)
    )
    from banfa.cli import operations

    operations.add_commands(commands, _within)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"“{text}”不是端口号（1–65535）/ not a port")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 32:
        raise argparse.ArgumentTypeError(f"“{text}”应为1–32 / not a number from 1 to 32")
    return int(text)


# --- the database and Django --------------------------------------------------------------------


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """A running database, the embedded one unless DATABASE_URL names another; then stopped."""
    from banfa.office import postgres

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = None
    if not os.environ.get("DATABASE_URL"):
        try:
            server = postgres.start()
        except postgres.PostgresError as error:
            raise Wrong(str(error)) from error
        os.environ["DATABASE_URL"] = server.url
    try:
        yield
    finally:
        if server is not None:
            with contextlib.suppress(Exception):
                _let_go()
            server.stop()
            os.environ.pop("DATABASE_URL", None)


def _let_go() -> None:
    """Closes every connection to the database, also those that the pools keep open."""
    from django.db import connections

    connections.close_all()
    for name in connections:
        connections[name].close_pool()


def _set_up(tables: bool = True) -> None:
    """Loads Django; with `tables` these must be there and up to date."""
    import logging

    import django

    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it is said once, in our words
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "banfa.office.settings")
    django.setup()
    if tables:
        from django.db import connection
        from django.db.migrations.executor import MigrationExecutor

        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise Wrong("数据表尚未建立或须升级，请先运行 banfa migrate / run banfa migrate first")


def _make_tables() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from banfa.office.evaluations.verbs import seed_samples
    from banfa.office.ledger import library
    from banfa.office.people import rights

    rights.seed(library.parties_and_acts())
    seed_samples()


def _migrate(args: argparse.Namespace) -> int:
    _set_up(tables=False)
    _make_tables()
    print("数据表已就绪 / the tables are ready")
    return 0


def _init(args: argparse.Namespace) -> int:
    """The tables, the rights, and the first three administrators by one-time links."""
    _set_up(tables=False)
    from django.conf import settings
    from django.db import transaction

    from banfa.office.people import audit, verbs
    from banfa.office.people.errors import PeopleError
    from banfa.office.people.models import User

    if settings.DEMO:
        raise Wrong(
            "演示系统不能作为正式系统 / BANFA_DEMO is set: a demonstration is no installation"
        )
    _make_tables()
    if User.objects.exists():
        raise Wrong("系统已经初始化，已有账号 / there are accounts already; nothing was done")
    first = [host for host in settings.ALLOWED_HOSTS if host not in ("127.0.0.1", "[::1]")][-1]
    base = args.url.rstrip("/") or f"https://{first}"
    links = []
    try:
        with transaction.atomic():
            for role in ("system", "security", "audit"):
                account, _equals, name = getattr(args, role).partition("=")
                user, secret = verbs.create_account(None, account, name, role=role)
                verbs.approve_account(None, user)
                links.append((user.label, f"{base}/account/invitations/{secret}/"))
            audit.note("installed", None, "init", who="banfa init")
    except PeopleError as error:
        raise Wrong(str(error)) from error
    print("系统已建立。下列一次性链接只显示这一次，3日内有效，请分别交给本人：")
    print("Installed. These one-time links are shown once and last three days:")
    for label, link in links:
        print(f"  {label}\n    {link}")
    return 0


def _doctor(args: argparse.Namespace) -> int:
    """Every check on a line; gives 1 when something is at fault."""
    _set_up(tables=False)
    from banfa.cli import doctor

    return doctor.run()


def _worker(args: argparse.Namespace) -> int:
    """Runs the background jobs until it is stopped."""
    _set_up()
    from banfa.cli import worker

    print("后台任务已开始，按 Ctrl-C 停止 / the worker runs; Ctrl-C stops it", flush=True)
    return worker.run(args.jobs, args.parent)


# --- proofs and texts ---------------------------------------------------------------------------


def _verify(args: argparse.Namespace) -> int:
    _set_up()
    from banfa.office.ledger import replay

    return _told("核验 / verified", replay.verify())


def _rebuild(args: argparse.Namespace) -> int:
    _set_up()
    from banfa.office.ledger import replay

    return _told("重放 / replayed", replay.rebuild(check=args.check))


def _told(what: str, report: Any) -> int:
    """Prints a report; gives 1 when something does not agree."""
    for note in report.notes:
        print(note)
    for fault in report.faults:
        print(fault, file=sys.stderr)
    print(
        f"{what}: {report.chains} 条链 / chains, {report.acts} 项行为 / acts, "
        f"{len(report.faults)} 处不符 / faults"
    )
    return 0 if report.sound else 1


def _text_load(args: argparse.Namespace) -> int:
    _set_up()
    from banfa.office.ledger import texts
    from banfa.office.ledger.errors import LedgerError

    try:
        text = args.file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Wrong(f"打不开文件 {args.file}：{error.strerror} / cannot open it") from error
    except UnicodeDecodeError as error:
        raise Wrong(f"{args.file} 不是 UTF-8 文本，请另存后再载入 / not UTF-8 text") from error
    try:
        done = texts.load(args.programme, text, args.edition)
    except LedgerError as error:
        raise Wrong(str(error)) from error
    if done.unchanged:
        print(f"与已存的第{done.number}次载入相同（{done.articles}条）/ same as load {done.number}")
    else:
        print(f"第{done.number}次载入：{done.articles}条 / load {done.number}: articles")
    for keys, zh, en in [
        (done.changed, "有改动的条文", "changed"),
        (done.added, "新增的条文", "added"),
        (done.removed, "不再有的条文", "gone"),
        (done.missing, "办法数据中有、文本中没有的条文", "not in the text"),
    ]:
        if keys:
            print(f"{zh} / {en}: {'、'.join(keys)}")
    return 0


# --- the demonstration --------------------------------------------------------------------------


def _demo(args: argparse.Namespace) -> int:
    from banfa.office import demo

    os.environ.setdefault("BANFA_TODAY", demo.TODAY.isoformat())
    os.environ["BANFA_DEMO"] = "1"
    # Before the settings are read, which keep where the site is reached.
    if not os.environ.get("BANFA_HOSTS"):
        os.environ.setdefault("BANFA_URL", f"http://localhost:{args.port}")
    _set_up(tables=False)
    if not args.once:
        _check_port(args.port)
    if args.reset or _mark() == UNFINISHED:  # interrupted while loading: nobody has used it
        _reset()
    _make_tables()
    _load_demo()
    if args.once:
        from banfa.office.ledger import replay

        return _told("核验 / verified", replay.verify()) or _told(
            "重放 / replayed", replay.rebuild()
        )
    return _serve(args.port)


def _mark() -> str:
    """What the database says of itself: the mark of a demonstration, or nothing."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description('public'::regnamespace, 'pg_namespace')")
        return str(cursor.fetchone()[0] or "")


def _brand(mark: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON SCHEMA public IS '{mark}'")


def _reset() -> None:
    from django.db import connection

    tables = connection.introspection.table_names()
    if "ledger_actrecord" in tables and not _mark().startswith(DEMO_MARK):
        from banfa.office.ledger.models import ActRecord

        if ActRecord.objects.exists():
            raise Wrong(
                "此数据库不是演示数据库，不予清空 / not a demonstration; nothing was removed"
            )
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")


def _load_demo() -> None:
    """Loads the fictional centres into an empty ledger; leaves a loaded one as it is."""
    from banfa.office.demo import accounts, figures, loader, rounds
    from banfa.office.ledger.models import ActRecord
    from banfa.office.people.models import User
    from banfa.rules.loading import LoadError

    if User.objects.filter(demo=False).exists():
        raise Wrong(
            "此数据库中有正式账号，不能用于演示；请换一个数据库 / this database has real accounts"
        )
    whole = f"{DEMO_MARK} {loader.digest()}"
    if ActRecord.objects.exists():
        _same_demo(whole)
        accounts.make()
        return
    _brand(UNFINISHED)
    try:
        loaded = loader.load()
    except LoadError as error:
        raise Wrong(error.text("zh")) from error
    made = accounts.make()
    figures.make()
    rounds.make()
    _brand(whole)
    for name, why in loaded.left_out.items():
        print(f"未载入 {name}：{why.splitlines()[0]}", file=sys.stderr)
    print(
        f"演示数据：{len(loaded.centres)} 个中心，{loaded.acts} 项行为，{made} 个账号"
        " / centres, acts, accounts"
    )


def _same_demo(whole: str) -> None:
    """Raises Wrong unless the records are those that this version of the demonstration loads."""
    found = _mark()
    if not found.startswith(DEMO_MARK):
        raise Wrong(
            "此数据库中有并非演示的记录，不能用于演示；请换一个数据库（DATABASE_URL 或 "
            "BANFA_DATA_DIR）/ this database holds records that are no demonstration"
        )
    if found != whole:
        raise Wrong(
            "这里的演示数据由另一版本载入，与现在的演示不同；请用 banfa demo --reset 重新载入"
            " / another version loaded these data: load anew with banfa demo --reset"
        )


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Wrong(
                f"端口 {port} 已被占用或不可用，请用 --port 另选一个 / port {port} is taken"
            ) from error


def _serve(port: int) -> int:
    """Serves until Ctrl-C. The worker is a fork: no connection may be open when it begins."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from banfa.cli import worker

    _let_go()
    print(f"http://localhost:{port}", flush=True)
    print(f"演示数据存于 {_where()} / where the data lie", flush=True)
    print("按 Ctrl-C 停止 / Ctrl-C stops it", flush=True)
    server = Granian(
        "banfa.office.wsgi:application",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=REQUEST_THREADS,
        backpressure=64,
        log_level=LogLevels.error,
        websockets=False,
    )
    with worker.beside():
        server.serve()
    return 0


def _where() -> str:
    """Where the data lie: the folder of the embedded server, or the database by its host."""
    from django.conf import settings

    from banfa.office import postgres

    data_dir = postgres.default_data_dir()
    database = settings.DATABASES["default"]
    if str(database["HOST"]).startswith(str(data_dir)):
        return str(data_dir)
    return f"{database['HOST'] or 'localhost'}/{database['NAME']}"
