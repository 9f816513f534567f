"""Commands on indicator systems: list and check them, score a table, explain a figure."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from banfa.cli.options import Refused, print_json, root, say
from banfa.rules import library
from banfa.rules import programme as p
from banfa.rules.figures import Given, WrongTable, from_text, table
from banfa.rules.loading import Bilingual, LoadError, Problem, read, validate
from banfa.rules.proposals import nearest
from banfa.rules.score_words import explain, sheet
from banfa.rules.scoring import Scores, run
from banfa.rules.system import Indicator, System, Thresholds
from banfa.rules.system_checks import check_file, check_thresholds

# --- systems ------------------------------------------------------------------------------------


def files_of(name: str) -> list[Path]:
    """The systems of a programme's id, or the file of that name. Raises Refused."""
    known = library.ids(root())
    if name in known:
        return library.system_files(name, root())
    path = Path(name)
    if path.is_file():
        return [path]
    like = nearest(name, known)
    raise Refused(
        f"“{name}”不是办法的编号，也不是指标体系文件"
        + (f"；是否指“{like}”？" if like else f"；现有办法：{'、'.join(known)}"),
        f"'{name}' is neither a programme's id nor a file of an indicator system"
        + (f"; did you mean '{like}'?" if like else f"; programmes: {', '.join(known)}"),
    )


def checked(path: Path) -> tuple[System | None, list[Problem], p.Programme | None]:
    """A system's file checked against its programme, as far as that one is known."""
    system, problems = check_file(path, None)
    if system is None or system.programme not in library.ids(root()):
        return system, problems, None
    programme = library.load(library.edition_folders(system.programme, root())[-1])
    return *check_file(path, programme), programme


def systems(options: argparse.Namespace) -> int:
    """`banfa systems`: lists and checks; 1 when there are problems."""
    names = options.what or library.ids(root())
    answers, wrong = [], 0
    for path in (path for name in names for path in files_of(name)):
        system, problems, _ = checked(path)
        wrong += len(problems)
        answers.append(_summary(path, system, problems))
        if not options.json:
            _print_summary(options, path, system, problems)
    if options.json:
        print_json(answers)
    return 1 if wrong else 0


def _summary(path: Path, system: System | None, problems: list[Problem]) -> dict[str, Any]:
    told = [
        {"line": one.line, "column": one.column, "code": one.code, "zh": one.zh, "en": one.en}
        for one in problems
    ]
    if system is None:
        return {"file": str(path), "problems": told}
    return {
        "file": str(path),
        "programme": system.programme,
        "system": system.id,
        "name": system.name.model_dump(),
        "sample": system.sample.model_dump() if system.sample is not None else None,
        "from": system.in_force.from_,
        "until": system.in_force.until,
        "indicators": len(system.indicators),
        "total": system.total,
        "problems": told,
    }


def _print_summary(
    options: argparse.Namespace, path: Path, system: System | None, problems: list[Problem]
) -> None:
    for problem in problems:
        print(problem.text(options.lang))
    if system is None:
        return
    number, total = len(system.indicators), system.total
    scored = say(options, f"总分 {total}", f"total {total}")
    if total is None:
        scored = say(options, "不计分", "not scored")
    name = system.name.zh if options.lang == "zh" else system.name.en
    counted = say(options, f"{number} 项指标", f"{number} indicators")
    print(f"{system.programme:8} {system.id:16} {counted}  {scored}  {name}")
    if system.sample is not None:
        print(f"{'':8} {system.sample.zh if options.lang == 'zh' else system.sample.en}")


# --- score --------------------------------------------------------------------------------------


def score(options: argparse.Namespace) -> int:
    """`banfa score`: totals, ranks and grades of a table, or an explanation; 1 when refused."""
    files = files_of(options.system)
    if len(files) != 1:
        listed = "、".join(map(str, files))
        raise Refused(
            f"请指明一个指标体系文件：{listed}",
            f"name one file of a system: {listed}",
        )
    system, problems, programme = checked(files[0])
    if system is None or problems:
        raise LoadError(problems)
    if options.occasion not in system.occasions:
        raise Refused("该指标体系不用于这一场合", "this system is not for that occasion")
    thresholds = _thresholds(options.thresholds, system, programme)
    years, values, classes = read_table(options.table, system)
    try:
        made = table(system, years, values, classes)
    except WrongTable as error:
        for one in error.problems:
            where = f"{options.table}: {one.centre} {one.year or ''}".rstrip()
            print(f"{where}: {one.zh if options.lang == 'zh' else one.en}")
        return 1
    scores = run(system, thresholds, made, options.occasion)
    if options.explain:
        return _explained(options, scores)
    if options.json:
        listed_scores = [_standing(scores, at) for at in _order(scores)]
        print_json({"sample": system.sample and system.sample.model_dump(),
                    "centres": listed_scores, "record": scores.record()})  # fmt: skip
        return 0
    _print_scores(options, scores)
    return 0


def _thresholds(
    path: Path | None, system: System, programme: p.Programme | None
) -> Thresholds | None:
    if path is None:
        return None
    node = read(path)
    thresholds = validate(node, Thresholds)
    scale = [grade.grade for grade in thresholds.grades]
    if programme is not None and programme.evaluation is not None:
        scale = list(programme.evaluation.grades)
    problems = check_thresholds(thresholds, system, scale, node)
    if problems:
        raise LoadError(problems)
    return thresholds


Values = dict[tuple[str, str, int], Given]


def read_table(path: Path, system: System) -> tuple[list[int], Values, dict[str, dict[str, str]]]:
    """A CSV table: a row for each centre and year. Empty cells are missing. Raises Refused."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(
            f"{path}：不是 UTF-8 编码的 CSV（{error}）", f"{path}: not CSV in UTF-8 ({error})"
        ) from None
    heads = set(lines[0]) if lines else set()
    entered = {n: one for n, one in system.indicators.items() if one.derived is None}
    unknown = [h for h in heads if h not in {"centre", "year", *system.bands, *entered}]
    if not {"centre", "year"} <= heads or unknown:
        told = "、".join(map(str, unknown)) or "centre、year"
        like = nearest(str(unknown[0]), list(entered)) if unknown else None
        raise Refused(
            f"{path}：{'不认识的列' if unknown else '缺少列'}：{told}"
            + (f"；是否指“{like}”？" if like else ""),
            f"{path}: {'unknown columns' if unknown else 'missing columns'}: {told}"
            + (f"; did you mean '{like}'?" if like else ""),
        )
    values: Values = {}
    classes: dict[str, dict[str, str]] = {}
    years = set()
    for number, line in enumerate(lines, 2):
        year = _year(path, number, line["year"])
        years.add(year)
        own = classes.setdefault(line["centre"], {})
        own.update({name: line[name] for name in system.bands if line.get(name)})
        values.update(_cells(path, number, line, year, entered))
    order = list(range(min(years), max(years) + 1)) if years else []
    if len(order) > system.years:
        raise Refused(
            f"{path}：有 {len(order)} 年，本体系看 {system.years} 年",
            f"{path} covers {len(order)} years, the system {system.years}",
        )
    return order, values, classes


def _year(path: Path, number: int, text: str | None) -> int:
    if text is None or not text.strip().isdigit() or not 1900 <= int(text) <= 2200:
        raise Refused(
            f"{path}:{number}：“{text}”不是年份", f"{path}:{number}: '{text}' is not a year"
        )
    return int(text)


def _cells(
    path: Path, number: int, line: dict[str, str], year: int, entered: dict[str, Indicator]
) -> Iterator[tuple[tuple[str, str, int], Given]]:
    for name, one in entered.items():
        text = (line.get(name) or "").strip()
        if not text:
            continue
        try:
            yield (line["centre"], name, year), from_text(one, text)
        except Bilingual as error:
            raise Refused(f"{path}:{number}：{error.zh}", f"{path}:{number}: {error.en}") from None


def _order(scores: Scores) -> list[int]:
    places = range(len(scores.centres))
    return sorted(places, key=lambda at: (not scores.rank[at], scores.rank[at], scores.centres[at]))


def _standing(scores: Scores, at: int) -> dict[str, Any]:
    return {
        "centre": scores.centres[at],
        "score": scores.score(at),
        "rank": int(scores.rank[at]) or None,
        "grade": scores.grade_of(at),
        "groups": {name: scores.group(name, at) for name in scores.groups},
        "fails": scores.failing(at),
        "blocked": bool(scores.blocked[at]),
    }


def _print_scores(options: argparse.Namespace, scores: Scores) -> None:
    system = scores.scheme.system
    if system.sample is not None:
        print(say(options, system.sample.zh, system.sample.en))
    if system.total is None:
        print(say(options, "本体系不计分，只列数据", "this system scores nothing; figures only"))
    for at in _order(scores):
        score = scores.score(at)
        if system.total is None:
            shown = ""
        elif score is None:
            shown = say(options, "缺数，没有总分", "no total: values are missing")
        else:
            shown = f"{scores.rank[at]:4}  {score:>8}  {scores.grade_of(at) or ''}"
        fails = "、".join(scores.failing(at))
        line = f"{scores.centres[at]:12} {shown}" + (f"  [{fails}]" if fails else "")
        print(line.rstrip())
    for name, digest in scores.record().items():
        print(f"{name:11} {digest}")


def _explained(options: argparse.Namespace, scores: Scores) -> int:
    centre, *names = options.explain
    try:
        lines = [explain(scores, centre, n) for n in names] if names else sheet(scores, centre)
    except KeyError as error:
        raise Refused(f"表中没有 {error}", f"not in the table: {error}") from None
    if options.json:
        print_json([asdict(line) for line in lines])
        return 0
    for line in lines:
        text = [line.said, line.band, line.rule]
        parts = [t.zh if options.lang == "zh" else t.en for t in text]
        basis = line.cite and say(options, f"依据：第{line.cite}条", f"article {line.cite}")
        guide = line.guide.zh if options.lang == "zh" else line.guide.en
        print(f"{line.code:4} {parts[0]}")
        for more in (*parts[1:], basis or guide):
            if more:
                print(f"     {more}")
    return 0
