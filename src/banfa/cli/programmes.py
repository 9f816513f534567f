"""Commands on programmes: list, check, run cases, explain, coverage, diagram."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from banfa.cli.options import Refused, print_json, root, say
from banfa.rules import library, words
from banfa.rules.cases import CaseResult, read_file, run_file
from banfa.rules.citation import Citation
from banfa.rules.loading import LoadError, Problem
from banfa.rules.proposals import nearest
from banfa.rules.ruleset import Ruleset

# --- finding ------------------------------------------------------------------------------------


def folders_of(name: str) -> list[Path]:
    """The edition folders of a programme named by id or folder. Raises Refused."""
    if name in library.ids(root()):
        return library.edition_folders(name, root())
    path = Path(name)
    if (path / "programme.yaml").is_file():
        return [path]
    inside = sorted(f.parent for f in path.glob("*/programme.yaml")) if path.is_dir() else []
    if inside:
        return inside
    known = library.ids(root())
    like = nearest(name, known)
    raise Refused(
        f"没有名为“{name}”的办法，也没有这样的文件夹（其中应有 programme.yaml）"
        + (f"；是否指“{like}”？" if like else f"；现有：{'、'.join(known)}"),
        f"no programme and no folder '{name}' with a programme.yaml in it"
        + (f"; did you mean '{like}'?" if like else f"; there are: {', '.join(known)}"),
    )


def case_files_of(name: str) -> list[Path]:
    """The case files of a programme's id, a folder or a file. Raises Refused."""
    path = Path(name)
    if name in library.ids(root()):
        path = root() / name / "cases"
    elif (path / "programme.yaml").is_file():
        path = path.parent / "cases"
    elif (path / "cases").is_dir():
        path = path / "cases"
    if path.is_file():
        return [path]
    found = sorted(f for f in path.glob("**/*.yaml") if f.name != "programme.yaml")
    if not found:
        raise Refused(
            f"“{name}”不是办法的编号、案例文件或含案例的文件夹",
            f"'{name}' is neither a programme's id, nor a case file, nor a folder with cases",
        )
    return found


def latest(name: str) -> Ruleset:
    """The latest edition of a programme named by id or folder."""
    return library.find(
        name if name in library.ids(root()) else folders_of(name)[-1], root()
    ).latest


# --- programmes, check --------------------------------------------------------------------------


def programmes(options: argparse.Namespace) -> int:
    """`banfa programmes`"""
    listed = [_summary(folder) for n in library.ids(root()) for folder in folders_of(n)]
    if options.json:
        print_json(listed)
        return 0
    for one in listed:
        if "problems" in one:
            print(f"{one['id']:8} {one['edition']:6} " + say(options, "有错误", "has errors"))
            continue
        force = f"{one['from']} – {one['until'] or ''}"
        print(f"{one['id']:8} {one['edition']:6} {force:26} {one['name'][options.lang]}")
    return 0


def _summary(folder: Path) -> dict[str, Any]:
    try:
        programme = library.load(folder)
    except LoadError as error:
        return {
            "id": folder.parent.name,
            "edition": folder.name,
            "problems": [_plain(problem) for problem in error.problems],
        }
    force = programme.instrument.in_force
    return {
        "id": programme.programme,
        "edition": programme.edition,
        "name": programme.name.model_dump(),
        "short": programme.short.model_dump(),
        "number": programme.instrument.number,
        "from": force.from_,
        "until": force.until,
        "stages": len(programme.stages),
        "acts": len(programme.acts),
        "articles": len(programme.articles),
    }


def check(options: argparse.Namespace) -> int:
    """`banfa check`: loads and lints; 1 when there are errors."""
    from banfa.rules.lint import check_folder, severity

    answers, errors = [], 0
    for name in options.what:
        for folder in folders_of(name):
            programme, problems = check_folder(folder)
            bad = sum(severity(p) == "error" for p in problems)
            errors += bad
            answers.append(
                {
                    "folder": str(folder),
                    "programme": programme.programme if programme else None,
                    "edition": programme.edition if programme else None,
                    "errors": bad,
                    "warnings": len(problems) - bad,
                    "problems": [_plain(p) for p in problems],
                }
            )
            if not options.json:
                for problem in problems:
                    print(problem.text(options.lang))
                warned = len(problems) - bad
                print(
                    say(
                        options,
                        f"{folder}: {bad} 处错误，{warned} 处提醒",
                        f"{folder}: {bad} error(s), {warned} warning(s)",
                    )
                )
    if options.json:
        print_json(answers)
    return 1 if errors else 0


def _plain(problem: Problem) -> dict[str, Any]:
    from banfa.rules.lint import severity

    return {
        "file": str(problem.path),
        "line": problem.line,
        "column": problem.column,
        "severity": severity(problem),
        "code": problem.code,
        "zh": problem.zh,
        "en": problem.en,
    }


# --- cases --------------------------------------------------------------------------------------


def cases(options: argparse.Namespace) -> int:
    """`banfa cases`: ends with `N passed, N failed`; 1 when any fails."""
    results, broken = [], []
    for name in options.what:
        for file in case_files_of(name):
            try:
                results += run_file(file, root())
            except LoadError as error:
                broken += list(error.problems)
                if not options.json:
                    print(error.text(options.lang))
    failed = [r for r in results if not r.passed]
    if options.json:
        print_json(
            {
                "passed": len(results) - len(failed),
                "failed": len(failed),
                "broken": [_plain(p) for p in broken],
                "cases": [_case_plain(r) for r in results],
            }
        )
    else:
        for result in failed:
            _print_failed(options, result)
        if broken:
            print(say(options, "有案例文件无法读取", "some case files cannot be read"))
        print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or broken else 0


def _case_plain(result: CaseResult) -> dict[str, Any]:
    taken = result.taken
    return {
        "file": str(result.file),
        "id": result.id,
        "passed": result.passed,
        "faults": result.faults,
        "accepted": taken.accepted if taken else None,
        "findings": [finding_plain(f) for f in taken.findings if f.outcome != "held"]
        if taken
        else [],
    }


def finding_plain(finding: Any) -> dict[str, Any]:
    """A finding as plain data, texts in both languages."""

    def both(text: words.Text | None) -> dict[str, str] | None:
        return {"zh": text.zh, "en": text.en} if text is not None else None

    return {
        "id": finding.id,
        "code": finding.code,
        "outcome": finding.outcome,
        "warning": finding.warning,
        "cite": finding.cite,
        "default": finding.default,
        "strength": finding.strength,
        "excepted": finding.excepted,
        "field": finding.field,
        "says": both(finding.says),
        "seen": both(finding.seen),
        "expected": both(finding.expected),
        "cure": both(finding.cure),
        "from": finding.from_day,
    }


def _print_failed(options: argparse.Namespace, result: CaseResult) -> None:
    place = _place(result)
    print(f"{place}: {result.id}")
    for fault in result.faults:
        print(f"    {say(options, '不符', 'differs')}: {fault}")
    if result.taken is not None:
        outcome = say(options, "接受", "accepted") if result.taken.accepted else ""
        print(f"    {outcome or say(options, '不予接受', 'refused')}")
        ruleset = result.taken.ruleset
        numbering = ruleset.programme.instrument.numbering if ruleset else "articles"
        for line in finding_lines(options, result.taken.findings, numbering):
            print(f"      {line}")


def _place(result: CaseResult) -> str:
    try:
        reader = read_file(result.file, root())
    except LoadError:
        return str(result.file)
    for index, case in enumerate(reader.model.cases):
        if case.id == result.id:
            place = reader.node.place(("cases", index))
            return f"{place.path}:{place.line}"
    return str(result.file)


SOFT = {
    "usual": words.Text("一般", "usual"),
    "principle": words.Text("原则上", "in principle"),
}


def finding_lines(
    options: argparse.Namespace, findings: Any, numbering: Any, *, held: bool = False
) -> Iterator[str]:
    """The findings that did not hold, a line each: code, article, id, what was seen, the cure.

    `numbering` is the instrument's; an article is printed in words, a default by its id.
    """
    marks = {"held": "✓", "not": "✗", "open": "?"}
    for finding in findings:
        if finding.outcome == "held" and not held:
            continue
        mark = "!" if finding.warning and finding.outcome == "not" else marks[finding.outcome]
        parts = [_text(options, finding.says)]
        for name, text in (
            (say(options, "实为", "seen"), finding.seen),
            (say(options, "要求", "wanted"), finding.expected),
            (say(options, "补正", "cure"), finding.cure),
        ):
            if text is not None and finding.outcome == "not":
                parts.append(f"{name}: {_text(options, text)}")
        said = "; ".join(part for part in parts if part)
        code = "" if finding.outcome == "held" else f"{finding.code} "
        soft = _text(options, SOFT.get(finding.strength))
        basis = basis_words(options, finding, numbering)
        yield f"{mark} {code}{basis} {finding.id}{f' ({soft})' if soft else ''}: {said}"


def basis_words(options: argparse.Namespace, found: Any, numbering: Any) -> str:
    """The article in words, or the default by its id in brackets."""
    if found.cite is None:
        return f"[{found.default}]"
    citation = Citation.parse(found.cite, numbering)
    return citation.zh if options.lang == "zh" else citation.en


def _text(options: argparse.Namespace, text: Any) -> str:
    return getattr(text, options.lang) if text is not None else ""


# --- explain ------------------------------------------------------------------------------------


def explain(options: argparse.Namespace) -> int:
    """`banfa explain`: what an article does here."""
    from banfa.rules.coverage import ArticleCoverage

    ruleset = latest(options.programme)
    covered = _covered(options.programme, ruleset)
    wanted = _citation(options, ruleset, options.article)
    found = [a for a in covered if wanted.covers(a.citation)]
    found = found or [a for a in covered if a.citation.covers(wanted)]
    if not found:
        like = nearest(options.article, [a.key for a in covered])
        raise Refused(
            f"articles 中没有“{options.article}”（{wanted.zh}）"
            + (f"；是否指“{like}”？" if like else ""),
            f"'{options.article}' ({wanted.en}) is not among the articles"
            + (f"; did you mean '{like}'?" if like else ""),
        )
    if options.json:
        print_json([{**a.plain(), "rules": _rules(ruleset, a)} for a in found])
        return 0

    def show(article: ArticleCoverage) -> None:
        kinds = {
            "executable": say(options, "可执行", "executable"),
            "recorded": say(options, "记载", "recorded"),
            "declaratory": say(options, "宣示", "declaratory"),
        }
        print(
            f"{article.key}  {getattr(article.citation, options.lang)}  "
            f"[{' / '.join(kinds[k] for k in article.kinds)}]"
        )
        print(f"  {getattr(article.gist, options.lang)}")
        if article.because is not None:
            print(
                "  " + say(options, "理由：", "because ") + getattr(article.because, options.lang)
            )
        if article.by:
            print("  " + say(options, "由：", "by: ") + ", ".join(article.by))
        for rule in _rules(ruleset, article):
            print(f"  - {rule['kind']} {rule['id']}: {rule[options.lang]}")
        for label, names in (
            (say(options, "据此接受", "accepted by it"), article.accepted),
            (say(options, "据此拒绝", "refused by it"), article.refused),
            (say(options, "另有查问", "asked about"), article.asked),
        ):
            if names:
                print(f"  {label}: {', '.join(names)}")

    for article in found:
        show(article)
    return 0


def _citation(options: argparse.Namespace, ruleset: Ruleset, text: str) -> Citation:
    try:
        return Citation.parse(text, ruleset.programme.instrument.numbering)
    except ValueError as error:
        raise Refused(getattr(error, "zh", str(error)), str(error)) from None


def _rules(ruleset: Ruleset, article: Any) -> list[dict[str, Any]]:
    """What carries an article out, in words."""
    return [
        {"kind": c.kind, "id": c.id, "cite": c.cite, **_worded(ruleset, c.kind, c.id)}
        for c in article.carriers
    ]


def _worded(ruleset: Ruleset, kind: str, name: str) -> dict[str, str]:
    programme = ruleset.programme
    act, _, part = name.partition(".")
    model = programme.acts.get(act) or programme.registers.get(act)
    text = words.Text("", "")
    if kind == "condition" and model is not None:
        condition = next(c for c in model.when if c.id == part)
        text = words.words(model.name) + words.Text("：", ": ")
        text = text + words.test(programme, condition, act)
    elif model is not None:
        text = words.words(model.name)
    else:
        tables = ("duties", "consequences", "periods", "parameters", "documents", "parties")
        for table in (*tables, "stages", "classes", "procedures", "notices"):
            found = getattr(programme, table).get(act)
            if found is not None:
                text = words.words(found.name)
                break
    return {"zh": text.zh, "en": text.en}


def _covered(name: str, ruleset: Ruleset) -> list[Any]:
    from banfa.rules.coverage import asked_about
    from banfa.rules.coverage import coverage as cover

    try:
        files = case_files_of(name)
    except Refused:
        files = []
    results = [r for file in files for r in run_file(file, root()) if r.passed]
    covered = cover(ruleset, results)
    asked_about(covered, [read_file(file, root()) for file in files])
    return covered


# --- coverage -----------------------------------------------------------------------------------


def coverage(options: argparse.Namespace) -> int:
    """`banfa coverage`: article by article; 1 when something is missing."""
    ruleset = latest(options.programme)
    covered = _covered(options.programme, ruleset)
    counts = Counter(kind for article in covered for kind in article.kinds)
    gaps = [a for a in covered if a.gaps]
    answer: dict[str, Any] = {
        "programme": ruleset.programme.programme,
        "edition": ruleset.programme.edition,
        "counts": dict(counts),
        "articles": [a.plain() for a in covered],
    }
    unnoticed: list[str] = []
    if options.mutants:
        from banfa.rules.coverage import survivors

        found = survivors(ruleset, case_files_of(options.programme), root())
        unnoticed = found.unnoticed
        answer["mutants"] = {
            "tried": len(found.tried),
            "unnoticed": unnoticed,
            "failing_cases": found.failing,
        }
    if options.json:
        print_json(answer)
    else:
        _print_coverage(options, covered, counts, answer.get("mutants"))
    return 1 if gaps or unnoticed else 0


_GAPS = {
    "carrier": "无落实之处",
    "accepting case": "无接受的案例",
    "refusing case": "无拒绝的案例",
    "record": "无记载之处",
    "reason": "无理由",
}


def _print_coverage(
    options: argparse.Namespace, covered: list[Any], counts: Counter[str], mutants: Any
) -> None:
    for article in covered:
        shown = [str(c) for c in article.carriers] or article.by
        more = f" (+{len(shown) - 4})" if len(shown) > 4 else ""
        line = f"{article.key:9} {'/'.join(article.kinds):24} {', '.join(shown[:4])}{more}"
        if article.conditions:
            line += f"  ✓{len(article.accepted)} ✗{len(article.refused)}"
        if article.gaps:
            told = [_GAPS[g] if options.lang == "zh" else f"no {g}" for g in article.gaps]
            line += "  ← " + "、".join(told)
        print(line)
    total = "，".join(f"{kind} {number}" for kind, number in counts.items())
    gaps = sum(bool(a.gaps) for a in covered)
    print(
        say(
            options,
            f"共 {len(covered)} 条款项（{total}），{gaps} 处不全",
            f"{len(covered)} articles and items ({total}), {gaps} incomplete",
        )
    )
    if mutants is not None:
        for name in mutants["unnoticed"]:
            print(say(options, f"去掉后无案例察觉：{name}", f"no case notices without: {name}"))
        tried, left = mutants["tried"], len(mutants["unnoticed"])
        print(
            say(
                options,
                f"逐一去掉 {tried} 个条件，{left} 个无案例察觉",
                f"{tried} conditions taken out one by one, {left} unnoticed",
            )
        )


# --- diagram ------------------------------------------------------------------------------------


def diagram(options: argparse.Namespace) -> int:
    """`banfa diagram`: the lifecycle as SVG, to a file or standard output."""
    from banfa.rules.diagram import lifecycle, outline

    programme = latest(options.programme).programme
    if options.json:
        print_json(outline(programme))
        return 0
    svg = lifecycle(programme, options.lang)
    if options.output is None:
        sys.stdout.write(svg + "\n")
    else:
        options.output.write_text(svg + "\n", encoding="utf-8")
    return 0
