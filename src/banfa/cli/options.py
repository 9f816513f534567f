"""What every command shares: arguments, languages, printing, and errors told in a line."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

LANGUAGES = ("zh", "en")


def language_of(args: Sequence[str]) -> str:
    """The language to answer in: `--lang`, else BANFA_LANG, else Chinese."""
    chosen = os.environ.get("BANFA_LANG", "zh")
    for index, arg in enumerate(args):
        if arg == "--lang" and index + 1 < len(args):
            chosen = args[index + 1]
        elif arg.startswith("--lang="):
            chosen = arg.partition("=")[2]
    return chosen if chosen in LANGUAGES else "zh"


# --- the parser ---------------------------------------------------------------------------------

_MESSAGES = (
    (r"the following arguments are required: (.+)", r"缺少：\1"),
    (r"argument (.+?): invalid choice: '?(.+?)'? \(choose from (.+)\)", r"\1 不能是“\2”；可用：\3"),
    (r"argument (.+?): expected one argument", r"\1 之后缺少内容"),
    (r"argument (.+?): expected at least one argument", r"\1 之后缺少内容"),
    (r"argument (.+?): (.+)", r"\1：\2"),
    (r"unrecognized arguments: (.+)", r"不认识：\1"),
)


class _Wide(argparse.HelpFormatter):
    """Help in which the longest command's name still has its words on the same line."""

    def add_argument(self, action: argparse.Action) -> None:
        """As argparse, which forgets that commands are indented once more."""
        super().add_argument(action)
        self._action_max_length += 2


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line with the cure, in the language asked for."""

    def __init__(self, *, language: str = "zh", **kwargs: Any) -> None:
        kwargs |= {"allow_abbrev": False, "add_help": False, "formatter_class": _Wide}
        super().__init__(**kwargs)
        self.language = language
        zh = language == "zh"
        self._optionals.title = "选项" if zh else "options"
        self._positionals.title = "参数" if zh else "arguments"
        self.add_argument("-h", "--help", action="help", help="显示说明" if zh else "show this")

    def error(self, message: str) -> NoReturn:
        """Says what is wrong with the call, and where help is; exit status 2."""
        message += self._meant(message)
        in_zh, both, in_en = message.partition(" / ")
        if both:
            message = in_zh if self.language == "zh" else message[: message.find("“")] + in_en
        if self.language == "zh":
            for pattern, words in _MESSAGES:
                changed = re.sub(pattern, words, message)
                if changed != message:
                    message = changed
                    break
        see = "用法见" if self.language == "zh" else "see"
        print(f"{self.prog}: {message}\n{see}: {self.prog} --help", file=sys.stderr)
        self.exit(2)

    def _meant(self, message: str) -> str:
        found = re.search(r"invalid choice: '?(.+?)'? \(choose from (.+)\)", message)
        if found is None:
            return ""
        import difflib

        known = re.findall(r"[\w-]+", found[2])
        like = difflib.get_close_matches(found[1], known, n=1)
        if not like:
            return ""
        return f"；是否指“{like[0]}”？" if self.language == "zh" else f"; did you mean '{like[0]}'?"


def day(text: str) -> dt.date:
    """A date as people type it on the command line."""
    try:
        found = dt.datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"“{text}”不是日期，请写成 2026-02-10 / “{text}” is not a date: write 2026-02-10"
        ) from None
    if not 1900 <= found.year <= 2200:
        raise argparse.ArgumentTypeError(
            f"“{text}”超出范围，年份应在 1900 与 2200 之间 / “{text}” is out of range: 1900 to 2200"
        )
    return found


def count(text: str) -> int:
    """A number of things: a whole number from one."""
    if not text.isdigit() or not 1 <= int(text) <= 10_000_000:
        raise argparse.ArgumentTypeError(
            f"“{text}”不是个数，请写 1 以上的整数 / “{text}” is not a number from 1 up"
        )
    return int(text)


def add_commands(commands: Any, language: str) -> None:
    """Adds the commands on programmes, cases and histories."""
    zh = language == "zh"

    def add(name: str, help_zh: str, help_en: str, run: str) -> argparse.ArgumentParser:
        said = help_zh if zh else help_en
        one: argparse.ArgumentParser = commands.add_parser(
            name, help=said, description=said, language=language
        )
        one.add_argument(
            "--json", action="store_true", help="以 JSON 输出" if zh else "answer in JSON"
        )
        one.add_argument(
            "--lang",
            choices=LANGUAGES,
            default=language,
            help="语言（默认取 BANFA_LANG，否则中文）" if zh else "language (or BANFA_LANG)",
        )
        one.set_defaults(run=_later(run))
        return one

    _programme_commands(add, zh)
    _history_commands(add, zh)
    _lab_commands(add, zh)
    _system_commands(add, zh)


def _later(run: str) -> Callable[[argparse.Namespace], int]:
    """A command that is imported when it runs; `run` is `module.function`."""

    def call(options: argparse.Namespace) -> int:
        from importlib import import_module

        module, _, name = run.partition(".")
        status: int = getattr(import_module(f"banfa.cli.{module}"), name)(options)
        return status

    return call


def _programme_commands(add: Callable[..., argparse.ArgumentParser], zh: bool) -> None:
    which = "办法的编号，或其文件夹" if zh else "a programme's id, or its folder"
    add("programmes", "列出现有的办法", "list the programmes", "programmes.programmes")
    one = add("new", "新建一部办法的样例文件夹", "the skeleton of a programme", "new.new")
    told = "编号，如 pilots" if zh else "its id, such as pilots"
    one.add_argument("name", metavar="NAME", help=told)
    told = "写在哪个文件夹之下（默认为当前文件夹）" if zh else "the folder to write below (here)"
    one.add_argument("--folder", type=Path, default=Path(), metavar="DIR", help=told)
    told = "施行的年份（默认为今年）" if zh else "the year it comes into force (this year)"
    one.add_argument("--edition", metavar="YEAR", help=told)
    one = add("check", "检查办法文件", "check programme files", "programmes.check")
    one.add_argument("what", nargs="+", metavar="PROGRAMME", help=which)
    one = add("cases", "运行案例", "run cases", "programmes.cases")
    what = "案例文件、文件夹，或办法的编号" if zh else "a case file, a folder, or a programme's id"
    one.add_argument("what", nargs="+", metavar="CASES", help=what)
    one = add("explain", "说明某一条如何执行", "what an article does here", "programmes.explain")
    one.add_argument("programme", metavar="PROGRAMME", help=which)
    one.add_argument("article", metavar="ARTICLE", help='如 "18.1"' if zh else 'such as "18.1"')
    one = add(
        "coverage", "逐条列出执行情况", "what becomes of every article", "programmes.coverage"
    )
    one.add_argument("programme", metavar="PROGRAMME", help=which)
    one.add_argument(
        "--mutants",
        action="store_true",
        help="逐一去掉条件，看案例是否察觉" if zh else "take out each condition: do cases notice?",
    )
    one = add("diagram", "画出生命周期图（SVG）", "draw the lifecycle (SVG)", "programmes.diagram")
    one.add_argument("programme", metavar="PROGRAMME", help=which)
    one.add_argument("-o", "--output", type=Path, metavar="FILE")
    one = add(
        "schema",
        "输出供编辑器用的 JSON Schema",
        "a JSON Schema, for editors",
        "schema.print_schema",
    )
    instead = one.add_mutually_exclusive_group()
    told = "案例文件的" if zh else "of case files instead"
    instead.add_argument("--cases", action="store_true", help=told)
    told = "指标体系文件的" if zh else "of indicator systems instead"
    instead.add_argument("--systems", action="store_true", help=told)
    told = "等级线文件的" if zh else "of thresholds instead"
    instead.add_argument("--thresholds", action="store_true", help=told)


def _lab_commands(add: Callable[..., argparse.ArgumentParser], zh: bool) -> None:
    which = "办法的编号、编号@版本，或文件夹" if zh else "an id, id@edition, or a folder"
    workers = "用几个核" if zh else "how many cores"
    one = add("diff", "比较两个版本", "compare two editions by article", "lab.diff")
    one.add_argument("old", metavar="A", help=which)
    one.add_argument("new", metavar="B", help=which)
    one = add(
        "rejudge",
        "按另一版本重新判断历史",
        "judge histories again under another edition",
        "lab.rejudge_histories",
    )
    told = "历史文件（YAML、JSONL）或文件夹" if zh else "history files (YAML, JSONL) or folders"
    one.add_argument("histories", nargs="+", type=Path, metavar="HISTORIES", help=told)
    one.add_argument("--under", required=True, metavar="EDITION", help=which)
    one.add_argument("--workers", type=count, default=2, help=workers)
    one = add("make-histories", "编造大量历史", "make up many lives", "lab.make_histories")
    one.add_argument("programme", metavar="PROGRAMME", help=which)
    told = "写入的文件（.jsonl 或 .jsonl.gz）" if zh else "the file to write (.jsonl or .jsonl.gz)"
    one.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=told)
    one.add_argument(
        "-n", "--number", type=count, default=1000, help="多少段" if zh else "how many"
    )
    one.add_argument("--seed", type=int, default=1, help="种子" if zh else "seed")
    one.add_argument("--workers", type=count, default=2, help=workers)


def _system_commands(add: Callable[..., argparse.ArgumentParser], zh: bool) -> None:
    one = add(
        "systems", "列出并检查指标体系", "list and check indicator systems", "systems.systems"
    )
    told = "办法的编号，或指标体系文件（默认全部）" if zh else "a programme's id, or a file (all)"
    one.add_argument("what", nargs="*", metavar="WHAT", help=told)
    one = add(
        "score", "按指标体系给一张表计分", "score a table by an indicator system", "systems.score"
    )
    told = "指标体系文件，或办法的编号" if zh else "an indicator system's file, or a programme's id"
    one.add_argument("system", metavar="SYSTEM", help=told)
    told = (
        "CSV 表：centre、year、各分类、各指标为列"
        if zh
        else "CSV: centre, year, classes, indicators"
    )
    one.add_argument("table", type=Path, metavar="TABLE", help=told)
    told = "等级线文件" if zh else "a file of thresholds"
    one.add_argument("--thresholds", type=Path, metavar="FILE", help=told)
    told = "用于评估还是正式确认" if zh else "for evaluation or for confirmation"
    one.add_argument(
        "--occasion", choices=("evaluation", "confirmation"), default="evaluation", help=told
    )
    told = (
        "逐项说明某中心的得分（可只说明一个指标）" if zh else "explain a centre (or one indicator)"
    )
    one.add_argument("--explain", nargs="+", metavar=("CENTRE", "INDICATOR"), help=told)


def _history_commands(add: Callable[..., argparse.ArgumentParser], zh: bool) -> None:
    def common(one: argparse.ArgumentParser) -> None:
        told = "历史文件（不含 cases 的案例文件）" if zh else "a history: a case file without cases"
        one.add_argument("history", type=Path, metavar="HISTORY", help=told)
        one.add_argument(
            "--centre", default=None, help="哪个中心" if zh else "which centre (the only one)"
        )

    def dated(one: argparse.ArgumentParser) -> None:
        told = "哪一天（如 2026-02-10）" if zh else "the day asked about (2026-02-10)"
        one.add_argument("--on", type=day, required=True, metavar="DATE", help=told)
        told = "截至哪天所知" if zh else "as known at the end of that day"
        one.add_argument("--known-at", type=day, metavar="DATE", help=told)

    one = add("state", "某日的状态", "the state on a day", "histories.state")
    common(one)
    dated(one)
    one = add("permitted", "某方某日能办什么", "what a party may do", "histories.permitted")
    common(one)
    dated(one)
    one.add_argument("--party", required=True, metavar="PARTY", help="一方" if zh else "a party")
    one = add("duties", "某日谁应办什么", "who owes what", "histories.duties")
    common(one)
    dated(one)
    one = add("judge", "判断一个拟办的行为", "judge a proposed act", "histories.judge")
    common(one)
    told = "YAML 或 JSON 文件，或直接写 JSON" if zh else "a YAML or JSON file, or JSON itself"
    one.add_argument("act", metavar="ACT", help=told)


# --- answering ----------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """What JSON cannot write by itself: dates, exact numbers, sets."""
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def print_json(value: Any) -> None:
    """One JSON value on standard output, readable."""
    import json

    print(json.dumps(value, ensure_ascii=False, indent=2, default=plain))


def say(options: argparse.Namespace, zh: str, en: str) -> str:
    """The words in the language asked for."""
    return zh if options.lang == "zh" else en


def root() -> Path:
    """The folder of programmes: BANFA_PROGRAMMES, or those that come with Banfa."""
    from banfa.rules.library import SHIPPED

    given = os.environ.get("BANFA_PROGRAMMES")
    if given and not Path(given).is_dir():
        raise Refused(
            f"BANFA_PROGRAMMES 所指的文件夹“{given}”不存在",
            f"BANFA_PROGRAMMES names '{given}', which is not a folder",
        )
    return Path(given) if given else SHIPPED


class Refused(Exception):
    """A call that cannot be answered, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def told(error: Exception, language: str) -> str | None:
    """An expected error in the language asked for; None for a fault in Banfa."""
    from banfa.rules.library import NoSuchProgramme
    from banfa.rules.loading import Bilingual, LoadError

    zh = language == "zh"
    if isinstance(error, Refused):
        return error.zh if zh else error.en
    if isinstance(error, Bilingual):  # such as a date that leaves the calendar
        return error.zh if zh else error.en
    if isinstance(error, LoadError):
        return error.text("zh" if zh else "en")
    if isinstance(error, NoSuchProgramme):
        in_zh, _, in_en = str(error).partition(" / ")
        return in_zh if zh else in_en
    if isinstance(error, OSError):
        place = error.filename or ""
        reason = error.strerror or str(error)
        return (
            f"{place}：无法读写（{reason}）"
            if zh
            else f"{place}: cannot be read or written ({reason})"
        )
    return None
