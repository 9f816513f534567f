"""Checks of meaning on one loaded indicator system or set of thresholds: one function a check.

Composed in `lint_system`; `check_file` loads a file and checks it against its programme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import cast

from banfa.rules import programme as p
from banfa.rules.citation import Citation
from banfa.rules.loading import Bilingual, LoadError, Loc, Node, Problem, read, validate
from banfa.rules.resolve import suggestion
from banfa.rules.system import (
    OCCASIONS,
    Indicator,
    Kernel,
    Occasion,
    StepAt,
    System,
    Thresholds,
)
from banfa.rules.units import unit


@dataclass(slots=True)
class Desk:
    """A system on the desk: its model, where everything is written, and its programme."""

    system: System
    node: Node
    programme: p.Programme | None

    def error(self, loc: Loc, code: str, zh: str, en: str) -> Problem:
        """A problem placed at a value."""
        return self.node.problem(loc, code, zh, en)

    def unknown(self, loc: Loc, name: str, known: list[str], zh: str, en: str) -> Problem:
        """`no group 'x'; did you mean 'y'?`"""
        like = suggestion(name, known)
        return self.error(
            loc, "unknown_name", f"没有名为“{name}”的{zh}{like[0]}", f"no {en} '{name}'{like[1]}"
        )

    def indicators(self) -> Iterator[tuple[Loc, str, Indicator]]:
        """Every indicator with its place and its name for messages."""
        for name, one in self.system.indicators.items():
            yield ("indicators", name), name, one

    def kernels(self) -> Iterator[tuple[Loc, str, Indicator, Kernel]]:
        """Every kernel without bands, with its place."""
        for loc, name, one in self.indicators():
            if one.kernel is None:
                continue
            loc = (*loc, "kernel")
            if one.kernel.bands is None:
                yield loc, name, one, one.kernel
            for band, inner in (one.kernel.bands or {}).items():
                yield (*loc, "bands", band), name, one, inner


# --- weights and roles --------------------------------------------------------------------------


def lint_weights(desk: Desk) -> Iterator[Problem]:
    """On every occasion weights sum to their group's, and these to the total."""
    system = desk.system
    for occasion in OCCASIONS:
        if occasion in system.occasions:
            yield from _weights_on(desk, occasion)
    for loc, name, one in desk.indicators():
        if one.counts != "both" and one.counts not in system.occasions:
            yield desk.error(
                (*loc, "counts"),
                "never_counts",
                f"“{name}”只在 {one.counts} 时计分，而本体系不用于该场合（occasions）",
                f"'{name}' counts only at {one.counts}, for which this system is not used",
            )


def _weights_on(desk: Desk, occasion: Occasion) -> Iterator[Problem]:
    system = desk.system
    sums = dict.fromkeys(system.groups, Decimal(0))
    for one in system.asked(occasion).values():
        if one.role == "scored" and one.group in sums:
            sums[one.group] += one.weight or 0
    for name, group in system.groups.items():
        declared = group.weight or Decimal(0)
        if sums[name] != declared:
            yield desk.error(
                ("groups", name, "weight"),
                "weights_do_not_sum",
                f"“{name}”声明的权数为 {declared}，其中指标（{occasion}）合计为 {sums[name]}",
                f"group '{name}' declares {declared}, its indicators ({occasion}) sum to"
                f" {sums[name]}",
            )
    total, declared = sum(sums.values(), Decimal(0)), system.total or Decimal(0)
    if total != declared:
        yield desk.error(
            ("total",),
            "weights_do_not_sum",
            f"声明的总分为 {declared}，各指标权数（{occasion}）合计为 {total}",
            f"the total is declared as {declared}, the weights ({occasion}) sum to {total}",
        )


def lint_roles(desk: Desk) -> Iterator[Problem]:
    """A scored indicator has weight and kernel, a gate its gate, a shown one neither."""
    for loc, name, one in desk.indicators():
        earns = one.role in ("scored", "bonus", "deduction")
        for key, given in (("weight", one.weight), ("kernel", one.kernel)):
            if (given is not None) != earns:
                which = ("须有", "needs") if earns else ("不能有", "cannot have a")
                yield desk.error(
                    (*loc, key) if given is not None else loc,
                    "role",
                    f"“{name}”（role: {one.role}）{which[0]} {key}",
                    f"'{name}' (role: {one.role}) {which[1]} {key}",
                )
        if (one.role == "gate" and one.gate is None) or (one.role == "shown" and one.gate):
            yield desk.error(
                loc,
                "role",
                f"“{name}”（role: {one.role}）" + ("不能有 gate" if one.gate else "须有 gate"),
                f"'{name}' (role: {one.role}) " + ("cannot have" if one.gate else "needs")
                + " a gate",
            )  # fmt: skip
        if one.group not in desk.system.groups:
            groups = list(desk.system.groups)
            yield desk.unknown((*loc, "group"), one.group, groups, "分组", "group")


def lint_codes(desk: Desk) -> Iterator[Problem]:
    """Every code is used once."""
    seen: dict[str, str] = {}
    for loc, name, one in desk.indicators():
        if one.code in seen:
            yield desk.error(
                (*loc, "code"),
                "duplicate_code",
                f"编码 {one.code} 已用于“{seen[one.code]}”",
                f"code {one.code} is already that of '{seen[one.code]}'",
            )
        seen.setdefault(one.code, name)


# --- what an indicator says about itself --------------------------------------------------------


def lint_sources(desk: Desk) -> Iterator[Problem]:
    """What is filled in has a source, a period and evidence, or says that there is none."""
    for loc, name, one in desk.indicators():
        given = {"source": one.source, "period": one.period, "evidence": one.evidence}
        for key, value in given.items():
            if one.derived is None and value is None:
                yield desk.error(
                    loc,
                    "no_source",
                    f"“{name}”须写明 {key}"
                    + ("（不需要时写 evidence: none）" if key == "evidence" else ""),
                    f"'{name}' needs its {key}"
                    + (" (evidence: none where none is asked)" if key == "evidence" else ""),
                )
            elif one.derived is not None and value is not None:
                yield desk.error(
                    (*loc, key),
                    "no_source",
                    f"“{name}”由其他指标推算，不填报，不能有 {key}",
                    f"'{name}' is derived and not filled in: it has no {key}",
                )
        if one.evidence == []:
            yield desk.error(
                (*loc, "evidence"),
                "no_source",
                f"“{name}”的 evidence 是空的；不需要时写 none",
                f"the evidence of '{name}' is an empty list: write none where none is asked",
            )


def lint_basis(desk: Desk) -> Iterator[Problem]:
    """Every indicator and gate rests on an article, or says what guide it is from."""
    system = desk.system
    for loc, name, one in desk.indicators():
        group = system.groups.get(one.group)
        around = (one.guide, one.cite, system.guide, *((group.guide, group.cite) if group else ()))
        gate = one.gate is None or one.gate.cite
        if not any(around) and (one.role != "gate" or not gate):
            yield desk.error(
                loc,
                "no_basis",
                f"“{name}”没有依据：写 cite（条款）或 guide（出处），也可写在分组或整个体系上",
                f"'{name}' rests on nothing: write cite or guide, here, on its group or the system",
            )
    if desk.programme is None:
        return
    cites: list[tuple[Loc, str | None]] = [(("in_force", "cite"), system.in_force.cite)]
    cites += [((*loc, "cite"), one.cite) for loc, _, one in desk.indicators()]
    cites += [((*loc, "gate", "cite"), o.gate.cite) for loc, _, o in desk.indicators() if o.gate]
    cites += [(("groups", name, "cite"), group.cite) for name, group in system.groups.items()]
    for loc, cite in cites:
        if cite is not None:
            yield from _cite(desk, desk.programme, loc, cite)


def _cite(desk: Desk, programme: p.Programme, loc: Loc, cite: str) -> Iterator[Problem]:
    try:
        found = Citation.parse(cite, programme.instrument.numbering)
    except ValueError as error:
        zh, en = (error.zh, error.en) if isinstance(error, Bilingual) else (str(error),) * 2
        yield desk.error(loc, "citation", zh, en)
        return
    if cite not in programme.articles and str(found) not in programme.articles:
        like = suggestion(cite, list(programme.articles))
        head = cite.split(".")[0].split("(")[0]
        if not any(key == head or key.startswith((f"{head}.", f"{head}(")) for key in
                   programme.articles):  # fmt: skip
            yield desk.error(
                loc, "unknown_name", f"办法没有第“{cite}”条{like[0]}", f"no article {cite}{like[1]}"
            )


def lint_programme_names(desk: Desk) -> Iterator[Problem]:
    """What names the programme's things names things it has."""
    system, programme = desk.system, desk.programme
    if system.issuer is None and system.sample is None:
        yield desk.error(
            (),
            "no_issuer",
            "未写发布机关（issuer）；未经发布的只能是样例（sample）",
            "no issuer: what nobody issued can only be a sample (sample)",
        )
    if programme is None:
        return
    if system.programme != programme.programme:
        yield desk.unknown(
            ("programme",), system.programme, [programme.programme], "办法（本文件所在）",
            "programme (in whose folder this file is)",
        )  # fmt: skip
    if system.issuer is not None and system.issuer not in programme.parties:
        known = list(programme.parties)
        yield desk.unknown(("issuer",), system.issuer, known, "一方", "party")
    for key in ("reported_by", "reviewed_by", "verified_by"):
        for party in getattr(system, key):
            if party not in programme.parties:
                yield desk.unknown((key,), party, list(programme.parties), "一方", "party")
    if not system.reported_by:
        yield desk.error(
            (), "nobody", "未写由谁填报（reported_by）", "nobody reports the values (reported_by)"
        )
    scheme = programme.evaluation or p.Evaluation()
    for name, group in system.groups.items():
        if group.aspect is not None and group.aspect not in scheme.aspects:
            known = list(scheme.aspects)
            yield desk.unknown(("groups", name, "aspect"), group.aspect, known, "方面", "aspect")
    inputs = sorted({name for act in programme.acts.values() for name in act.with_})
    for loc, _name, one in desk.indicators():
        if one.evaluated_as is not None and one.evaluated_as not in inputs:
            at = (*loc, "evaluated_as")
            yield desk.unknown(at, one.evaluated_as, inputs, "行为填写项", "input of an act")
    for loc, name, one in desk.indicators():
        if one.from_programme is None:
            continue
        named = scheme.indicators.get(one.from_programme)
        loc = (*loc, "from_programme")
        if named is None:
            known = list(scheme.indicators)
            yield desk.unknown(loc, one.from_programme, known, "办法指标", "programme's indicator")
        elif named.unit is not None and not _alike(named.unit, one.unit):
            yield desk.error(
                loc,
                "unit",
                f"“{name}”的单位 {one.unit} 与办法中的 {named.unit} 不是同一种",
                f"'{name}' is in {one.unit}, the programme's indicator in {named.unit}",
            )
    yield from _class_set(desk, programme)


def _alike(first: str | None, second: str | None) -> bool:
    try:
        return unit(first or "1").measures_like(unit(second or "1"))
    except Bilingual:
        return True  # told elsewhere


def _class_set(desk: Desk, programme: p.Programme) -> Iterator[Problem]:
    """A set of bands called `class` has the programme's classes."""
    given = desk.system.bands.get("class")
    if given is not None and programme.classes and set(given.classes) != set(programme.classes):
        yield desk.error(
            ("bands", "class"),
            "classes",
            f"class 应有办法的全部类别：{'、'.join(programme.classes)}",
            f"class must have the programme's classes: {', '.join(programme.classes)}",
        )


# --- kernels ------------------------------------------------------------------------------------


def lint_bands(desk: Desk) -> Iterator[Problem]:
    """Bands and coefficients cover all classes of a set that there is; every set is used."""
    used = set()
    for loc, name, one in desk.indicators():
        kernel = one.kernel
        if kernel is None:
            continue
        loc = (*loc, "kernel")
        covered: list[tuple[Loc, str, list[str]]] = []
        if kernel.bands is not None and kernel.by is not None:
            covered.append(((*loc, "bands"), kernel.by, list(kernel.bands)))
            for band, inner in kernel.bands.items():
                if inner.coefficient is not None:
                    at = (*loc, "bands", band, "coefficient")
                    yield desk.error(
                        at,
                        "coefficient",
                        f"“{name}”已分档，档内不能再乘系数",
                        f"'{name}' has bands: no coefficient within one",
                    )
        if kernel.coefficient is not None:
            at = (*loc, "coefficient", "values")
            covered.append((at, kernel.coefficient.by, list(kernel.coefficient.values)))
        for at, by, classes in covered:
            used.add(by)
            yield from _covers(desk, at, name, by, classes)
    for name in desk.system.bands:
        if name not in used:
            yield desk.error(
                ("bands", name),
                "unused",
                f"没有指标按“{name}”分档；请删去",
                f"no indicator has bands by '{name}': take it out",
            )


def _covers(desk: Desk, loc: Loc, name: str, by: str, given: list[str]) -> Iterator[Problem]:
    bands = desk.system.bands.get(by)
    if bands is None:
        yield desk.unknown(loc[:-1], by, list(desk.system.bands), "分类（bands）", "set of bands")
        return
    for one in given:
        if one not in bands.classes:
            known = list(bands.classes)
            yield desk.unknown((*loc, one), one, known, "类别", "class")
    missing = [one for one in bands.classes if one not in given]
    if missing:
        yield desk.error(
            loc,
            "classes",
            f"“{name}”没有列出：{'、'.join(missing)}；这些类别的中心将无法计分",
            f"'{name}' leaves out {', '.join(missing)}: centres of these could not be scored",
        )


def lint_kernels(desk: Desk) -> Iterator[Problem]:
    """A kernel fits its indicator's type, its direction, and the values that can be."""
    for loc, name, one, kernel in desk.kernels():
        if (kernel.form == "graded") != (one.type == "grade"):
            yield desk.error(
                loc,
                "kernel",
                f"“{name}”：专家评定的等级（type: grade）须用 graded，graded 也只用于它",
                f"'{name}': graded is for type: grade, and type: grade needs it",
            )
        elif kernel.linear is not None:
            yield from _linear(desk, loc, name, one, kernel)
        elif kernel.steps is not None:
            yield from _steps(desk, loc, name, one, kernel.steps)
        elif kernel.each is not None and one.direction == "less":
            yield desk.error(
                (*loc, "each"),
                "direction",
                f"“{name}”以少为好，不能每多一份就加分",
                f"'{name}' is better the less: it cannot earn points for each",
            )
        if one.type == "yes_no" and kernel.form not in ("each", "steps"):
            yield desk.error(
                loc, "kernel", f"“{name}”为是或否，只能用 each 或 steps",
                f"'{name}' is yes or no: it takes each or steps",
            )  # fmt: skip
    yield from _same_grades(desk)


def _same_grades(desk: Desk) -> Iterator[Problem]:
    for loc, name, one in desk.indicators():
        bands = one.kernel.bands if one.kernel is not None else None
        lists = [list(inner.graded or {}) for inner in (bands or {}).values()]
        if any(other != lists[0] for other in lists[1:]):
            yield desk.error(
                (*loc, "kernel", "bands"),
                "kernel",
                f"“{name}”各档的等级须相同、同序",
                f"the bands of '{name}' must have the same grades in the same order",
            )


def _linear(desk: Desk, loc: Loc, name: str, one: Indicator, kernel: Kernel) -> Iterator[Problem]:
    assert kernel.linear is not None
    basic, full = kernel.linear.basic, kernel.linear.full
    if one.direction == "none" or (basic < full) != (one.direction == "more") or basic == full:
        yield desk.error(
            (*loc, "linear"),
            "direction",
            f"“{name}”（direction: {one.direction}）的基本值 {basic} 与满分值 {full} 方向不符",
            f"'{name}' (direction: {one.direction}): basic {basic} and full {full} do not agree"
            " with it",
        )
    if kernel.linear.below == "in_proportion" and (one.direction != "more" or basic <= 0):
        yield desk.error(
            (*loc, "linear", "below"),
            "direction",
            f"“{name}”：只有以多为好、基本值大于零时，未达基本值才能按比例",
            f"'{name}': below basic in proportion needs more to be better and basic above zero",
        )
    for key, value in (("basic", basic), ("full", full)):
        yield from _reachable(desk, (*loc, "linear", key), name, one, value)


def _reachable(
    desk: Desk, loc: Loc, name: str, one: Indicator, value: Decimal
) -> Iterator[Problem]:
    low, high = one.allowed.at_least, one.allowed.at_most
    if (low is not None and value < low) or (high is not None and value > high):
        shown = f"{low if low is not None else '…'} – {high if high is not None else '…'}"
        yield desk.error(
            loc,
            "unreachable",
            f"“{name}”的值只能在 {shown}，到不了 {value}",
            f"'{name}' can only be {shown}: it never reaches {value}",
        )


def _steps(
    desk: Desk, loc: Loc, name: str, one: Indicator, steps: list[StepAt]
) -> Iterator[Problem]:
    loc = (*loc, "steps")
    word = {"more": "at_least", "less": "at_most"}.get(one.direction)
    if not steps or len(steps) > 100:
        yield desk.error(loc, "kernel", f"“{name}”应有 1—100 级", f"'{name}' needs 1 to 100 steps")
        return
    for i, step in enumerate(steps):
        given = "at_least" if step.at_least is not None else "at_most"
        if given != word:
            yield desk.error(
                (*loc, i),
                "direction",
                f"“{name}”（direction: {one.direction}）的第 {i + 1} 级不能用 {given}",
                f"step {i + 1} of '{name}' (direction: {one.direction}) cannot be {given}",
            )
            return
        yield from _reachable(desk, (*loc, i), name, one, _bound(step))
        if i and not _harder(steps[i - 1], step, one):
            yield desk.error(
                (*loc, i),
                "unreachable",
                f"“{name}”的第 {i + 1} 级不会起作用：第 {i} 级已不低于它；由易到难写，分数递增",
                f"step {i + 1} of '{name}' never takes effect: step {i} is no easier or earns as"
                " much; write steps from the easiest to the hardest, points growing",
            )
    if one.weight is not None and steps[-1].points != one.weight:
        yield desk.error(
            (*loc, len(steps) - 1, "points"),
            "weights_do_not_sum",
            f"“{name}”最高一级得 {steps[-1].points} 分，权数为 {one.weight}",
            f"the last step of '{name}' earns {steps[-1].points}, its weight is {one.weight}",
        )


def _bound(step: StepAt) -> Decimal:
    return cast(Decimal, step.at_least if step.at_least is not None else step.at_most)


def _harder(easier: StepAt, step: StepAt, one: Indicator) -> bool:
    first, second = _bound(easier), _bound(step)
    return (second > first if one.direction == "more" else second < first) and (
        step.points > easier.points
    )


# --- gates and missing values -------------------------------------------------------------------


def lint_gates(desk: Desk) -> Iterator[Problem]:
    """A gate tests what its indicator is, and is never passed by leaving the value out."""
    for loc, name, one in desk.indicators():
        gate = one.gate
        if gate is None:
            continue
        if (gate.is_ is not None) != (one.type == "yes_no") or one.type == "grade":
            yield desk.error(
                (*loc, "gate"),
                "gate",
                f"“{name}”（type: {one.type}）的门槛不合：是或否用 is，数用 at_least 或 at_most",
                f"the gate of '{name}' (type: {one.type}): is for yes or no, at_least or at_most"
                " for numbers",
            )
        if one.missing == "no_score":
            yield desk.error(
                (*loc, "missing"),
                "gate",
                f"“{name}”设有门槛，缺数不能只是不得分：写 blocks 或 zero",
                f"'{name}' has a gate: a missing value must block (blocks) or be zero",
            )


def lint_missing(desk: Desk) -> Iterator[Problem]:
    """A missing grade of an expert is no grade; zero is for numbers and yes or no."""
    for loc, name, one in desk.indicators():
        if one.type == "grade" and one.missing == "zero":
            yield desk.error(
                (*loc, "missing"),
                "missing",
                f"“{name}”为等级，缺数不能以零计：写 no_score 或 blocks",
                f"'{name}' is a grade: a missing one cannot be zero (no_score or blocks)",
            )


# --- units, years, derived ----------------------------------------------------------------------


def lint_units(desk: Desk) -> Iterator[Problem]:
    """Numbers have a known unit; what is yes, no or a grade has none."""
    for loc, name, one in desk.indicators():
        if (one.unit is None) == (one.type == "number"):
            yield desk.error(
                (*loc, "unit") if one.unit is not None else loc,
                "unit",
                f"“{name}”" + ("须写明单位（unit）" if one.unit is None else "不是数，不能有单位"),
                f"'{name}' " + ("needs a unit" if one.unit is None else "is no number: no unit"),
            )
            continue
        try:
            unit(one.unit or "1")
        except Bilingual as error:
            yield desk.error((*loc, "unit"), "unit", error.zh, error.en)


def lint_years(desk: Desk) -> Iterator[Problem]:
    """Stocks are not summed over years, and grades and answers not at all."""
    for loc, name, one in desk.indicators():
        if one.over != "last" and one.type != "number":
            yield desk.error(
                (*loc, "over"),
                "years",
                f"“{name}”不是数，只能取最后一年（over: last）",
                f"'{name}' is no number: only the last year's counts (over: last)",
            )
        elif one.over == "sum" and one.period == "year_end":
            yield desk.error(
                (*loc, "over"),
                "years",
                f"“{name}”是年末数，各年不能相加：用 last 或 mean",
                f"'{name}' is a figure at year's end: years cannot be summed (last or mean)",
            )
        elif one.derived is not None and one.derived.growth and desk.system.years < 2:
            yield desk.error(
                (*loc, "derived"),
                "years",
                f"“{name}”要算增长，而本体系只有一年（years）",
                f"'{name}' is a growth, and this system has one year (years)",
            )


def lint_derived(desk: Desk) -> Iterator[Problem]:
    """Derived figures come from indicators there are, without a circle, in units that agree."""
    system = desk.system
    for loc, name, one in desk.indicators():
        if one.plausible.part_of is not None:
            yield from _operand(desk, (*loc, "plausible", "part_of"), one.plausible.part_of)
        for part in one.plausible.sum_of or ():
            yield from _operand(desk, (*loc, "plausible", "sum_of"), part)
        if one.derived is None:
            continue
        faults = [
            fault
            for operand in one.derived.operands
            for fault in _operand(desk, (*loc, "derived"), operand)
        ]
        yield from faults
        if faults:
            continue
        circle = _circle(system, name)
        if circle:
            told = " → ".join(circle)
            yield desk.error(
                (*loc, "derived"), "circle", f"推算成环：{told}", f"derived in a circle: {told}"
            )
            continue
        for operand in one.derived.operands:
            counts = system.indicators[operand].counts
            if counts not in ("both", one.counts):
                yield desk.error(
                    (*loc, "derived"),
                    "never_counts",
                    f"“{name}”由“{operand}”推算，而后者不在同一场合填报",
                    f"'{name}' is derived from '{operand}', which is not asked on that occasion",
                )
        yield from _units_agree(desk, (*loc, "derived"), name, one)


def _operand(desk: Desk, loc: Loc, name: str) -> Iterator[Problem]:
    found = desk.system.indicators.get(name)
    if found is None:
        yield desk.unknown(loc, name, list(desk.system.indicators), "指标", "indicator")
    elif found.type != "number":
        yield desk.error(
            loc, "derived", f"“{name}”不是数，不能用来推算", f"'{name}' is no number to derive from"
        )


def _circle(system: System, name: str) -> list[str]:
    trail = [name]

    def walk(at: str) -> bool:
        derived = system.indicators[at].derived
        for operand in derived.operands if derived is not None else []:
            trail.append(operand)
            known = operand in system.indicators
            if operand == name or (known and trail.count(operand) == 1 and walk(operand)):
                return True
            trail.pop()
        return False

    return trail if walk(name) else []


def _units_agree(desk: Desk, loc: Loc, name: str, one: Indicator) -> Iterator[Problem]:
    derived = one.derived
    assert derived is not None
    try:
        own = unit(one.unit or "1")
        given = [unit(desk.system.indicators[n].unit or "1") for n in derived.operands]
    except Bilingual:
        return  # told where the unit is written
    first, last = given[0], given[-1]
    units = " 与 ".join(u.text for u in given), " and ".join(u.text for u in given)
    operation = derived.operation
    if operation == "growth":
        fits = not own.measures
    elif operation in ("sum", "difference"):
        fits = all(u.measures_like(own) for u in given)
    elif operation == "share":
        fits = first.measures_like(last) and not own.measures
    else:
        fits = first.per(last) == own.measures
    heads = {("people", 1)}, {("person-years", 1)}
    if operation == "per_head" and set(last.measures) not in heads:
        fits = False
    if not fits:
        yield desk.error(
            loc,
            "unit",
            f"“{name}”由 {units[0]} 推算（{operation}），得不到单位 {one.unit}",
            f"'{name}' from {units[1]} by {operation} is not in {one.unit}",
        )


def lint_plausible(desk: Desk) -> Iterator[Problem]:
    """A part is compared with a whole of the same kind."""
    for loc, name, one in desk.indicators():
        whole = desk.system.indicators.get(one.plausible.part_of or "")
        if whole is not None and not _alike(one.unit, whole.unit):
            yield desk.error(
                (*loc, "plausible", "part_of"),
                "unit",
                f"“{name}”（{one.unit}）不能是“{one.plausible.part_of}”（{whole.unit}）的一部分",
                f"'{name}' ({one.unit}) cannot be part of '{one.plausible.part_of}' ({whole.unit})",
            )
        for part in one.plausible.sum_of or ():
            other = desk.system.indicators.get(part)
            if other is not None and not _alike(one.unit, other.unit):
                yield desk.error(
                    (*loc, "plausible", "sum_of"),
                    "unit",
                    f"“{name}”（{one.unit}）不能由“{part}”（{other.unit}）相加而得",
                    f"'{name}' ({one.unit}) cannot be a sum with '{part}' ({other.unit})",
                )


CHECKS: tuple[Callable[[Desk], Iterator[Problem]], ...] = (
    lint_programme_names,
    lint_roles,
    lint_codes,
    lint_weights,
    lint_sources,
    lint_basis,
    lint_units,
    lint_years,
    lint_bands,
    lint_kernels,
    lint_gates,
    lint_missing,
    lint_derived,
    lint_plausible,
)


def lint_system(system: System, node: Node, programme: p.Programme | None) -> list[Problem]:
    """Every problem of a loaded system, in the order of the file."""
    desk = Desk(system, node, programme)
    return sorted({problem for check in CHECKS for problem in check(desk)})


def check_file(path: Path, programme: p.Programme | None) -> tuple[System | None, list[Problem]]:
    """Loads and checks one file: the system if it loads, and every problem with its place."""
    try:
        node = read(path)
        system = validate(node, System)
    except LoadError as error:
        return None, list(error.problems)
    return system, lint_system(system, node, programme)


# --- thresholds ---------------------------------------------------------------------------------


def check_thresholds(
    thresholds: Thresholds, system: System, scale: list[str], node: Node | None = None
) -> list[Problem]:
    """Every problem of a round's thresholds: for that system, and the grades there are, best first.

    With the node they were read from, problems have their place.
    """
    node = node or _unplaced(thresholds)
    return sorted(_thresholds(thresholds, system, scale, node))


def _unplaced(thresholds: Thresholds) -> Node:
    from banfa.rules.loading import Place

    data = thresholds.model_dump(by_alias=True)
    return Node(data, {}, {(): Place(Path("thresholds"), 1, 1)})


def _thresholds(
    given: Thresholds, system: System, scale: list[str], node: Node
) -> Iterator[Problem]:
    if given.system != system.id:
        yield node.problem(
            ("system",), "unknown_name",
            f"等级线属于“{given.system}”，不是“{system.id}”",
            f"these thresholds are for '{given.system}', not '{system.id}'",
        )  # fmt: skip
    names = [grade.grade for grade in given.grades]
    if names != scale:
        yield node.problem(
            ("grades",), "grades",
            f"等级须由高到低写全：{'、'.join(scale) or '（本办法没有等级）'}",
            f"grades must be all of, best first: {', '.join(scale) or '(there are none)'}",
        )  # fmt: skip
    before: Decimal | None = None
    for at, grade in enumerate(given.grades):
        last = at == len(given.grades) - 1
        loc: Loc = ("grades", at)
        if (grade.from_ is None) != last or (last and (grade.quota or grade.floors)):
            yield node.problem(
                loc, "grades",
                f"“{grade.grade}”：" + ("最后一等收纳其余，不能另有条件" if last
                                    else "须写起始分（from）"),
                f"'{grade.grade}': "
                + ("the last grade takes everybody else" if last else "needs its from"),
            )  # fmt: skip
        if before is not None and grade.from_ is not None and grade.from_ >= before:
            yield node.problem(
                (*loc, "from"), "unreachable",
                f"“{grade.grade}”的起始分（from）须低于上一等的 {before}",
                f"'{grade.grade}' must begin (from) below {before}, where the one before does",
            )  # fmt: skip
        before = grade.from_ if grade.from_ is not None else before
        yield from _floors(grade.floors, system, node, loc)
    yield from _caps(given, system, names, node)


def _floors(floors: dict[str, Decimal], system: System, node: Node, loc: Loc) -> Iterator[Problem]:
    for name, floor in floors.items():
        group = system.groups.get(name)
        if group is None or group.weight is None or floor > group.weight:
            known = "、".join(n for n, g in system.groups.items() if g.weight is not None)
            yield node.problem(
                (*loc, "floors", name), "unknown_name",
                f"分组“{name}”没有 {floor} 分可得；计分的分组：{known}",
                f"group '{name}' has no {floor} points to reach; groups with points: {known}",
            )  # fmt: skip


def _caps(given: Thresholds, system: System, names: list[str], node: Node) -> Iterator[Problem]:
    gates = {n: one.gate.effect for n, one in system.indicators.items() if one.gate is not None}
    for loc, grade in ((("veto",), given.veto), *((("limits", n), g) for n, g in
                                                   given.limits.items())):  # fmt: skip
        if grade is not None and grade not in names:
            yield node.problem(
                cast(Loc, loc), "unknown_name", f"没有“{grade}”这一等", f"no grade '{grade}'"
            )
    if "veto" in gates.values() and given.veto is None:
        yield node.problem(
            (), "veto", "本体系有一票否决，须写明至多为哪一等（veto）",
            "the system has vetoes: say the best grade of such a centre (veto)",
        )  # fmt: skip
    limits = [name for name, effect in gates.items() if effect == "limit"]
    for name in limits:
        if name not in given.limits:
            yield node.problem(
                ("limits",), "veto", f"限定性指标“{name}”未写至多为哪一等（limits）",
                f"gate '{name}' limits the grade: say to which (limits)",
            )  # fmt: skip
    for name in given.limits:
        if name not in limits:
            yield node.problem(
                ("limits", name), "unknown_name", f"“{name}”不是限定性指标",
                f"'{name}' is no gate that limits",
            )  # fmt: skip
