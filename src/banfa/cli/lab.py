"""Commands that compare rules: diff, rejudge, make-histories."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from banfa.cli import progress
from banfa.cli.options import Refused, print_json, root, say
from banfa.cli.programmes import folders_of
from banfa.rules import library
from banfa.rules.cases import FileFacts, book_of, read_file
from banfa.rules.citation import Citation
from banfa.rules.compare import Difference, Report, differences, rejudge
from banfa.rules.history import Editions
from banfa.rules.lives import BadLives, make_file, opened, rejudge_file
from banfa.rules.programme import Programme
from banfa.rules.ruleset import Ruleset

MARKS = {"added": "+", "removed": "-", "changed": "~"}


def one_edition(name: str) -> Ruleset:
    """One edition: a folder, an id (its latest edition) or `id@edition`. Raises Refused."""
    plain, _, edition = name.partition("@")
    folders = folders_of(plain if edition and not Path(name).exists() else name)
    rulesets = [library.ruleset(f) for f in folders]
    if edition:
        named = [r for r in rulesets if r.programme.edition == edition]
        if not named:
            known = "、".join(r.programme.edition for r in rulesets)
            raise Refused(
                f"“{plain}”没有版本“{edition}”；现有：{known}",
                f"'{plain}' has no edition '{edition}'; there are: {known}",
            )
        return named[0]
    return Editions(rulesets).latest


# --- diff ---------------------------------------------------------------------------------------


def diff(options: argparse.Namespace) -> int:
    """Everything added, removed or changed between two editions, by article."""
    old, new = one_edition(options.old).programme, one_edition(options.new).programme
    found = differences(old, new)
    if options.json:
        print_json([asdict(d) for d in found])
        return 0
    article: tuple[str, ...] | None = None
    for difference in found:
        if difference.articles != article:
            article = difference.articles
            print(_heading(new, article, options.lang))
        print(f"  {MARKS[difference.kind]} {difference.what}")
        for line in _readings(difference):
            print(f"      {line}")
    counts = {k: sum(d.kind == k for d in found) for k in MARKS}
    told = say(
        options,
        f"新增 {counts['added']}，删除 {counts['removed']}，修改 {counts['changed']}",
        f"{counts['added']} added, {counts['removed']} removed, {counts['changed']} changed",
    )
    print(told)
    return 0


def _heading(programme: Programme, articles: tuple[str, ...], lang: str) -> str:
    if not articles:
        return "（总体）" if lang == "zh" else "(as a whole)"
    told = []
    for article in articles:
        if article.startswith("["):
            told.append(article)
            continue
        citation = Citation.parse(article, programme.instrument.numbering)
        told.append(citation.zh if lang == "zh" else citation.en)
    return "、".join(told) if lang == "zh" else "; ".join(told)


def _readings(difference: Difference) -> list[str]:
    if difference.kind != "changed":
        return []
    before, after = difference.before or {}, difference.after or {}
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [f"{_short(before)} → {_short(after)}"]
    keys = [*before, *(k for k in after if k not in before)]
    return [f"{k}: {_short(before.get(k))} → {_short(after.get(k))}" for k in keys]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else text[:157] + "…"


# --- rejudge ------------------------------------------------------------------------------------


def rejudge_histories(options: argparse.Namespace) -> int:
    """Judges every act of every history again under an edition; what would have gone otherwise."""
    under = one_edition(options.under)
    total = Report()
    begun = time.monotonic()
    for path in _history_files(options.histories):
        if path.suffix in (".jsonl", ".gz"):
            try:
                total.add(_lives(options, path, under))
            except BadLives as error:
                zh, _, en = str(error).partition(" / ")
                raise Refused(f"{path}：{zh}", f"{path}: {en}") from None
        else:
            total.add(_written(path, under))
    _print_report(options, total, under, time.monotonic() - begun)
    return 0


def _history_files(names: list[Path]) -> list[Path]:
    files: list[Path] = []
    for name in names:
        if name.is_dir():
            files += sorted([*name.glob("**/*.yaml"), *name.glob("**/*.jsonl*")])
        elif name.is_file():
            files.append(name)
        else:
            raise Refused(f"没有文件“{name}”", f"no file '{name}'")
    return files


def _lives(options: argparse.Namespace, path: Path, under: Ruleset) -> Report:
    try:
        with opened(path) as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError):
        raise BadLives("不是历史记录文件 / not a file of lives") from None
    try:
        programme = str(json.loads(first)["programme"])
    except (ValueError, KeyError, TypeError):
        raise BadLives("第1行不是一段历史记录 / line 1 is not a life") from None
    if programme == under.programme.programme and programme not in library.ids(root()):
        editions = Editions([under])
    else:
        editions = Editions([library.ruleset(f) for f in folders_of(programme)])
    return rejudge_file(path, editions, under, options.workers, _progress(options, "段"))


def _written(path: Path, under: Ruleset) -> Report:
    reader = read_file(path, root())
    book = book_of(reader)
    report = Report()
    for name, history in book.centres.items():
        facts = FileFacts(reader.model.facts, book)
        world = book.world.seen(None, facts)
        rejudge(under, history.acts, world, report, f"{path.stem}/{name}")
    return report


def _print_report(options: argparse.Namespace, report: Report, under: Ruleset, took: float) -> None:
    rules = sorted(report.rules.values(), key=lambda r: (-r.count, r.article))
    if options.json:
        print_json(
            {
                "lives": report.lives,
                "acts": report.acts,
                "otherwise": report.otherwise,
                "lives_touched": report.lives_touched,
                "rules": [asdict(r) for r in rules],
                "unknown": dict(report.unknown),
            }
        )
        return
    zh = options.lang == "zh"
    for rule in rules:
        print(f"{rule.count:>9}  {rule.article:<10} {rule.code:<18} {rule.act}.{rule.condition}")
        for example in rule.examples[:3]:
            print(f"{'':>11}{'例：' if zh else 'e.g. '}{example}")
    for kind, count in report.unknown.most_common():
        print(
            f"{count:>9}  {'该版本没有此行为：' if zh else 'no such act in this edition: '}{kind}"
        )
    speed = report.acts / took if took else 0
    told = say(
        options,
        f"{under.id}：{report.lives} 段历史、{report.acts} 个行为重新判断，"
        f"{report.otherwise} 个会不同（涉及 {report.lives_touched} 段）；每秒 {speed:,.0f} 个",
        f"{under.id}: {report.acts} acts of {report.lives} lives judged again, "
        f"{report.otherwise} would have gone otherwise ({report.lives_touched} lives touched);"
        f" {speed:,.0f} acts a second",
    )
    print(told)


# --- make-histories -----------------------------------------------------------------------------


def make_histories(options: argparse.Namespace) -> int:
    """Writes made-up lives, the same for the same seed."""
    if not str(options.output).endswith((".jsonl", ".jsonl.gz")):
        raise Refused(
            f"“{options.output}”：历史文件应以 .jsonl 或 .jsonl.gz 结尾",
            f"'{options.output}': a file of lives ends in .jsonl or .jsonl.gz",
        )
    editions = Editions([library.ruleset(f) for f in folders_of(options.programme)])
    drawn = _progress(options, "段")
    make_file(options.output, editions, options.seed, options.number, options.workers, drawn)
    told = say(
        options,
        f"已写入 {options.output}：{options.number} 段历史（种子 {options.seed}）",
        f"wrote {options.output}: {options.number} lives (seed {options.seed})",
    )
    print(told)
    return 0


def _progress(options: argparse.Namespace, unit: str) -> Callable[[int], None] | None:
    """A progress line for people; none where the answer is for a program."""
    if not progress.shown() or options.json:
        return None
    return progress.counter(unit, getattr(options, "number", None))
