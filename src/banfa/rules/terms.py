"""Terms and tests compiled once into closures.

A term closure gives a value, `None` for what is not on file, or `UNKNOWN` for what depends on input
not given yet. A test closure gives HELD, NOT or OPEN. Nothing here walks a history.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from banfa.rules import programme as p
from banfa.rules.calendar import Span, end_of, last_day_of_month
from banfa.rules.life import Act, Case, State
from banfa.rules.world import World

if TYPE_CHECKING:
    from banfa.rules.programme import Programme

HELD, NOT, OPEN = 0, 1, 2


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()


class Ctx:
    """What one question is asked in: a state, an act (or none), the world and a day."""

    __slots__ = ("act", "case", "data", "key", "on", "partial", "programme", "state", "world")

    def __init__(
        self,
        programme: Programme,
        state: State,
        world: World,
        on: dt.date,
        act: Act | None = None,
        case: Case | None = None,
        partial: bool = False,
        key: Any = None,
    ) -> None:
        self.programme = programme
        self.state = state
        self.world = world
        self.on = on
        self.act = act
        self.data = act.data if act is not None else {}
        self.case = case
        self.partial = partial
        self.key = key


Get = Callable[[Ctx], Any]
Ask = Callable[[Ctx], int]


class Compiler:
    """Compiles the terms and tests of one programme (one act's inputs at a time)."""

    def __init__(self, programme: Programme, inputs: dict[str, p.Input] | None = None) -> None:
        self.programme = programme
        self.inputs = inputs or {}

    # --- terms ---

    def term(self, term: Any) -> Get:
        """A closure giving the term's value."""
        if isinstance(term, p.TermMap):
            return self._computed(term)
        if isinstance(term, str):
            return self.ref(term)
        return lambda x: term

    def ref(self, path: str) -> Get:
        """A closure giving what a reference points to."""
        if path == "act.on":
            return lambda x: x.on
        head, _, rest = path.partition(".")
        maker: Callable[[str], Get] | None = getattr(self, f"_ref_{head}", None)
        if maker is None:
            raise ValueError(f"unknown reference '{path}'")
        return maker(rest)

    def _ref_this(self, rest: str) -> Get:
        return lambda x: (x.act.label or x.act.seq) if x.act is not None else None

    def _ref_duty(self, rest: str) -> Get:
        return lambda x: x.key

    def _ref_by(self, rest: str) -> Get:
        if rest == "party":
            return lambda x: x.act.party if x.act is not None else None
        if not rest:
            return lambda x: x.act.org if x.act is not None else None
        return lambda x: x.act.org.get(rest) if x.act is not None else None

    def _ref_with(self, rest: str) -> Get:
        name, _, deeper = rest.partition(".")
        required = name in self.inputs and self.inputs[name].required
        kind = self.inputs[name].type if name in self.inputs else "text"

        def get(x: Ctx) -> Any:
            value = x.data.get(name)
            if value is None or value == "" or value == []:
                return UNKNOWN if required or x.partial else None
            return value

        if not deeper:
            return get
        return _deeper(get, deeper, kind)

    def _ref_document(self, rest: str) -> Get:
        parts = rest.split(".")

        def get(x: Ctx) -> Any:
            found: Any = x.act.documents.get(parts[0]) if x.act is not None else None
            if found is None:
                return UNKNOWN
            found = found.get("content")
            for part in parts[1:]:
                if not isinstance(found, dict):
                    return None
                found = found.get(part)
            return found

        return get

    def _ref_centre(self, rest: str) -> Get:
        name, _, deeper = rest.partition(".")
        if name == "class":
            return lambda x: x.state.centre_class
        if name == "stage":
            return lambda x: x.state.stage
        if name == "since":
            return lambda x: x.state.stage_since
        if not deeper:
            return lambda x: x.state.values.get(name)
        return _deeper(lambda x: x.state.values.get(name), deeper, "rows")

    def _ref_role(self, rest: str) -> Get:
        party, _, attribute = rest.partition(".")
        attribute = attribute or "org"
        if attribute == "all":
            return lambda x: x.state.roles.get(party)

        def get(x: Ctx) -> Any:
            held = x.state.roles.get(party)
            return held[0].get(attribute) if held else None

        return get

    def _ref_period(self, rest: str) -> Get:
        name, _, side = rest.partition(".")
        if side == "start":

            def start(x: Ctx) -> Any:
                period = x.state.periods.get(name)
                return period.start if period is not None else None

            return start
        if side == "first_end":

            def first_end(x: Ctx) -> Any:
                period = x.state.periods.get(name)
                return period.first_end if period is not None else None

            return first_end

        def end(x: Ctx) -> Any:
            period = x.state.periods.get(name)
            return period.end if period is not None else None

        return end

    def _ref_last(self, rest: str) -> Get:
        return self._on_file(rest, lambda x: x.state.last)

    def _ref_first(self, rest: str) -> Get:
        return self._on_file(rest, lambda x: x.state.first)

    def _on_file(self, rest: str, where: Callable[[Ctx], dict[str, Act]]) -> Get:
        kind, _, name = rest.partition(".")

        def get(x: Ctx) -> Any:
            act = where(x).get(kind)
            if act is None:
                return None
            return act.on if name == "on" else act.data.get(name)

        return get

    def _ref_count(self, rest: str) -> Get:
        return lambda x: x.state.counts.get(rest, 0)

    def _ref_sum(self, rest: str) -> Get:
        kind, _, name = rest.partition(".")
        return lambda x: x.state.sums.get((kind, name), 0)

    def _ref_case(self, rest: str) -> Get:
        name, _, deeper = rest.partition(".")

        def get(x: Ctx) -> Any:
            if x.case is None:
                return UNKNOWN if x.partial else None
            if name in ("key", "opened", "step", "id"):
                return getattr(x.case, name)
            return x.case.data.get(name)

        return _deeper(get, deeper, "rows") if deeper else get

    def _ref_result(self, rest: str) -> Get:
        which, _, name = rest.partition(".")
        back = {"last": 1, "previous": 2}[which]

        def get(x: Ctx) -> Any:
            results = x.state.results
            return getattr(results[-back], name) if len(results) >= back else None

        return get

    def _ref_parameter(self, rest: str) -> Get:
        declared = self.programme.parameters.get(rest)
        if declared is not None and declared.per_year:
            return lambda x: x.world.parameter(rest, x.on, _year_key(x))
        return lambda x: x.world.parameter(rest, x.on)

    def _ref_programme(self, rest: str) -> Get:
        which, _, more = rest.partition(".")
        kind, _, name = more.partition(".")
        if which == "count":
            return lambda x: len(x.world.of(more, x.on))

        def get(x: Ctx) -> Any:
            found = x.world.of(kind, x.on)
            if not found:
                return None
            return found[-1].on if name == "on" else found[-1].data.get(name)

        return get

    def _computed(self, t: p.TermMap) -> Get:
        if t.from_ is not None:
            return self._moved(t)
        if t.last_day is not None:
            year, month = self.term(t.last_day.year), t.last_day.month
            return _strict(lambda y: last_day_of_month(int(y), month), year)
        if t.year_of is not None:
            return _strict(lambda d: d.year, self.term(t.year_of))
        if t.sum is not None:
            return _strict(lambda *v: sum(v), *map(self.term, t.sum))
        if t.difference is not None:
            return _strict(lambda a, *b: a - sum(b), *map(self.term, t.difference))
        if t.product is not None:
            return _strict(_product, *map(self.term, t.product))
        if t.size is not None:
            return self._size(t.size)
        pick = max if t.latest is not None else min
        gets = [self.term(v) for v in (t.latest or t.earliest or [])]
        return lambda x: _pick(pick, [g(x) for g in gets])

    def _moved(self, t: p.TermMap) -> Get:
        start, plus, minus = self.term(t.from_), t.plus, t.minus
        if t.times is not None:
            return self._moved_times(start, plus, minus, self.term(t.times))

        def get(x: Ctx) -> Any:
            day = start(x)
            if day is None or day is UNKNOWN:
                return day
            if plus is not None:
                day = _shifted(day, plus, 1)
            if minus is not None:
                day = _shifted(day, minus, -1)
            return day

        return get

    def _moved_times(self, start: Get, plus: Any, minus: Any, times: Get) -> Get:
        length = plus if plus is not None else minus
        sign: Literal[1, -1] = 1 if plus is not None else -1

        def get(x: Ctx) -> Any:
            day, number = start(x), times(x)
            if day is UNKNOWN or number is UNKNOWN:
                return UNKNOWN
            if day is None or number is None:
                return None
            return _shifted(day, length.times(int(number)), sign) if number else day

        return get

    def _size(self, term: Any) -> Get:
        get = self.term(term)

        def size(x: Ctx) -> Any:
            value = get(x)
            if value is UNKNOWN:
                return UNKNOWN
            return 0 if value is None else len(value)

        return size

    # --- tests ---

    def test(self, t: p.Test) -> Ask:
        """A closure answering HELD, NOT or OPEN."""
        kind = t.kind
        if kind in p.COMPARATORS:
            return self._comparison(t, kind)
        maker: Callable[[p.Test], Ask] = getattr(self, f"_test_{kind.rstrip('_')}")
        return maker(t)

    def _comparison(self, t: p.Test, kind: str) -> Ask:
        if t.parameter is not None:
            left = self._setting(t.parameter)
        elif t.value is None:
            left = self.ref("act.on")
        else:
            left = self.term(t.value)
        bound = getattr(t, kind)
        if kind in _LITERAL:
            return _against_literal(left, _LITERAL[kind], bound)
        if kind in ("equals", "differs_from", "member_of", "covers"):
            return _against_fact(left, _FACTS[kind], self.term(bound))
        if t.value is None and isinstance(bound, str) and bound.startswith("period."):
            return _day_against(_ORDER[kind], self.term(bound))
        return _against_bound(left, _ORDER[kind], self.term(bound))

    def _setting(self, name: str) -> Get:
        default = self.programme.defaults.get(name)
        if default is None:
            return self._ref_parameter(name)
        first = default.options[0]
        return lambda x: x.world.choice(name, x.on) or first

    def _test_all(self, t: p.Test) -> Ask:
        asks = [self.test(s) for s in t.all or ()]

        def ask(x: Ctx) -> int:
            answers = [a(x) for a in asks]
            return NOT if NOT in answers else OPEN if OPEN in answers else HELD

        return ask

    def _test_any(self, t: p.Test) -> Ask:
        asks = [self.test(s) for s in t.any or ()]

        def ask(x: Ctx) -> int:
            answers = [a(x) for a in asks]
            return HELD if HELD in answers else OPEN if OPEN in answers else NOT

        return ask

    def _test_not(self, t: p.Test) -> Ask:
        assert t.not_ is not None
        inner = self.test(t.not_)
        turned = (NOT, HELD, OPEN)
        return lambda x: turned[inner(x)]

    def _test_given(self, t: p.Test) -> Ask:
        get = self.ref(t.given or "")

        def ask(x: Ctx) -> int:
            value = get(x)
            if value is UNKNOWN:
                return OPEN
            return NOT if value is None or value == "" or value == [] else HELD

        return ask

    def _test_done(self, t: p.Test) -> Ask:
        kind = t.done or ""
        if t.here:
            return lambda x: (
                HELD
                if x.case is not None and kind in x.case.acts
                else OPEN
                if x.case is None and x.partial
                else NOT
            )
        if t.key is None:
            return lambda x: HELD if kind in x.state.counts else NOT
        key = self.term(t.key)

        def ask(x: Ctx) -> int:
            value = key(x)
            if value is UNKNOWN:
                return OPEN
            return HELD if (kind, value) in x.state.keyed else NOT

        return ask

    def _test_flag(self, t: p.Test) -> Ask:
        name = t.flag or ""
        return lambda x: HELD if name in x.state.flags else NOT

    def _test_open(self, t: p.Test) -> Ask:
        name = t.open or ""
        return lambda x: HELD if x.state.open_cases.get(name) else NOT

    def _test_in_stage(self, t: p.Test) -> Ask:
        stages = expand(self.programme, t.in_stage or [])
        rule = derive(self.programme)
        return lambda x: HELD if rule(x.state, x.on) in stages else NOT

    def _test_results(self, t: p.Test) -> Ask:
        assert t.results is not None
        last, grades = t.results.last, frozenset(t.results.grades)

        def ask(x: Ctx) -> int:
            tail = x.state.results[-last:]
            return HELD if len(tail) == last and all(r.grade in grades for r in tail) else NOT

        return ask

    def _test_published(self, t: p.Test) -> Ask:
        assert t.published is not None
        kind = t.published.act
        wheres = [self._where(w) for w in t.published.where]

        def ask(x: Ctx) -> int:
            best = NOT
            for act in x.world.of(kind, x.on):
                answers = [w(x, act.data) for w in wheres]
                if NOT not in answers:
                    if OPEN not in answers:
                        return HELD
                    best = OPEN
            if best == NOT and wheres and any(w(x, {}) == OPEN for w in wheres):
                return OPEN if x.world.of(kind, x.on) else NOT
            return best

        return ask

    def _where(self, w: p.Where) -> Callable[[Ctx, dict[str, Any]], int]:
        field = w.field
        if w.is_ is not None:
            literal = w.is_
            return lambda x, d: HELD if d.get(field) == literal else NOT
        name = next(
            n
            for n in ("contains", "equals", "on_or_before", "on_or_after", "at_most")
            if getattr(w, n) is not None
        )
        compare, get = _WHERE[name], self.term(getattr(w, name))

        def ask(x: Ctx, data: dict[str, Any]) -> int:
            value = get(x)
            if value is UNKNOWN:
                return OPEN
            found = data.get(field)
            return (
                HELD if found is not None and value is not None and compare(found, value) else NOT
            )

        return ask

    def _test_every(self, t: p.Test) -> Ask:
        assert t.every is not None
        get, has = self.term(t.every.of), t.every.has
        column, allowed = t.every.column, t.every.in_

        def row_ok(row: Any) -> bool:
            if has:
                return all(row.get(c) not in (None, "", []) for c in has)
            value = row.get(column) if column else row
            return allowed is not None and value in allowed

        def ask(x: Ctx) -> int:
            rows = get(x)
            if rows is UNKNOWN:
                return OPEN
            return HELD if rows and all(row_ok(r) for r in rows) else NOT

        return ask

    def _test_composition(self, t: p.Test) -> Ask:
        assert t.composition is not None
        get, by, wanted = self.term(t.composition.of), t.composition.by, t.composition.at_least

        def ask(x: Ctx) -> int:
            rows = get(x)
            if rows is UNKNOWN:
                return OPEN
            counts = count_by(rows, by)
            return HELD if all(counts.get(k, 0) >= n for k, n in wanted.items()) else NOT

        return ask

    def _test_run(self, t: p.Test) -> Ask:
        assert t.run is not None
        kind, start, end = t.run.act, self.term(t.run.start), self.term(t.run.end)

        def ask(x: Ctx) -> int:
            low, high = start(x), end(x)
            if low is UNKNOWN or high is UNKNOWN:
                return OPEN
            keyed = x.state.keyed
            return HELD if all((kind, k) in keyed for k in range(int(low), int(high) + 1)) else NOT

        return ask

    def _test_listed(self, t: p.Test) -> Ask:
        assert t.listed is not None
        listing, who = t.listed.list, self.term(t.listed.who)

        def ask(x: Ctx) -> int:
            org = who(x)
            if org is UNKNOWN:
                return OPEN
            if org is None:
                return NOT
            name = str(org.get("org") if isinstance(org, dict) else org)
            return HELD if x.world.facts.listed(listing, name, x.on) else NOT

        return ask

    def _test_exclusive(self, t: p.Test) -> Ask:
        assert t.exclusive is not None
        get, level = self.term(t.exclusive.team), t.exclusive.level

        def ask(x: Ctx) -> int:
            team = get(x)
            if team is UNKNOWN:
                return OPEN
            if not team:
                return HELD
            centre = x.act.centre if x.act is not None else None
            return NOT if x.world.facts.engagements(people(team), x.on, level, centre) else HELD

        return ask

    def _test_name(self, t: p.Test) -> Ask:
        from banfa.rules import names

        assert t.name is not None
        wanted, get = t.name, self.term(t.name.of)

        def ask(x: Ctx) -> int:
            name = get(x)
            if name is UNKNOWN:
                return OPEN
            expected = names.expected(x, wanted.form, wanted.lang).text
            return HELD if expected is not None and names.same(str(name), expected) else NOT

        return ask

    def _test_choose(self, t: p.Test) -> Ask:
        assert t.choose is not None
        get = self.ref(t.choose.by)
        among = {key: [self.test(s) for s in ground.when] for key, ground in t.choose.among.items()}

        def ask(x: Ctx) -> int:
            chosen = get(x)
            if chosen is UNKNOWN:
                answers = [_every(asks, x) for asks in among.values()]
                return NOT if set(answers) == {NOT} else OPEN
            return _every(among[chosen], x) if chosen in among else NOT

        return ask


def _shifted(day: dt.date, length: Span, sign: Literal[1, -1]) -> dt.date:
    """A day moved by a length; beyond the calendar's ends, the last or first day there is."""
    try:
        return end_of(day, length, sign=sign)
    except ValueError:
        return dt.date.max if sign == 1 else dt.date.min


def _every(asks: list[Ask], x: Ctx) -> int:
    answers = [a(x) for a in asks]
    return NOT if NOT in answers else OPEN if OPEN in answers else HELD


def _deeper(get: Get, path: str, kind: str) -> Get:
    parts = path.split(".")

    def deeper(x: Ctx) -> Any:
        value = get(x)
        if value is UNKNOWN or value is None:
            return value
        if kind == "programme_act":
            act = x.world.named(value)
            if act is None:
                return None
            value = act.on if parts[0] == "on" else act.data.get(parts[0])
            rest = parts[1:]
        else:
            rest = parts
        for part in rest:
            if isinstance(value, list):
                value = [row.get(part) for row in value if isinstance(row, dict)]
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    return deeper


def _strict(compute: Callable[..., Any], *gets: Get) -> Get:
    def get(x: Ctx) -> Any:
        values = [g(x) for g in gets]
        for value in values:
            if value is UNKNOWN:
                return UNKNOWN
        return None if None in values else compute(*values)

    return get


def _product(*values: Any) -> Any:
    result = values[0]
    for value in values[1:]:
        result = result * value
    return result


def _pick(pick: Callable[..., Any], values: list[Any]) -> Any:
    if any(v is UNKNOWN for v in values):
        return UNKNOWN
    known = [v for v in values if v is not None]
    return pick(known) if known else None


def _year_key(x: Ctx) -> Any:
    if x.key is not None:
        return x.key
    return x.data.get("year") or x.on.year


def _against_literal(left: Get, compare: Callable[[Any, Any], bool], literal: Any) -> Ask:
    def ask(x: Ctx) -> int:
        value = left(x)
        if value is UNKNOWN:
            return OPEN
        return HELD if value is not None and compare(value, literal) else NOT

    return ask


def _against_fact(left: Get, compare: Callable[[Any, Any], bool], right: Get) -> Ask:
    def ask(x: Ctx) -> int:
        a, b = left(x), right(x)
        if a is UNKNOWN or b is UNKNOWN:
            return OPEN
        return HELD if a is not None and b is not None and compare(a, b) else NOT

    return ask


def _against_bound(left: Get, compare: Callable[[Any, Any], bool], right: Get) -> Ask:
    def ask(x: Ctx) -> int:
        a = left(x)
        if a is UNKNOWN:
            return OPEN
        if a is None:
            return NOT
        b = right(x)
        if b is UNKNOWN or b is None:  # a bound that is not on file cannot be missed
            return OPEN
        return HELD if compare(a, b) else NOT

    return ask


def _day_against(compare: Callable[[Any, Any], bool], right: Get) -> Ask:
    def ask(x: Ctx) -> int:
        b = right(x)
        if b is None:
            return OPEN
        return HELD if compare(x.on, b) else NOT

    return ask


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and "org" in a:
        a = a["org"]
    if isinstance(b, dict) and "org" in b:
        b = b["org"]
    return bool(a == b)


_LITERAL: dict[str, Callable[[Any, Any], bool]] = {
    "is_": operator.eq,
    "is_not": operator.ne,
    "in_": lambda a, b: a in b,
    "not_in": lambda a, b: a not in b,
    "contains": lambda a, b: b in a,
    "contains_all": lambda a, b: all(v in a for v in b),
}
_FACTS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _same,
    "differs_from": lambda a, b: not _same(a, b),
    "member_of": lambda a, b: any(_same(a, v) for v in b),
    "covers": lambda a, b: all(any(_same(v, w) for v in a) for w in b),
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
    "on_or_before": operator.le,
    "on_or_after": operator.ge,
    "before": operator.lt,
    "after": operator.gt,
}
_WHERE: dict[str, Callable[[Any, Any], bool]] = {
    "contains": lambda found, value: value in found,
    "equals": _same,
    "on_or_before": operator.le,
    "on_or_after": operator.ge,
    "at_most": operator.le,
}


def people(team: Any) -> list[str]:
    """The persons of a team given as names or as rows with a `person` column."""
    return [str(m.get("person") if isinstance(m, dict) else m) for m in team]


def count_by(rows: Any, column: str) -> dict[str, int]:
    """How many rows have each value of a column."""
    counts: dict[str, int] = {}
    for row in rows or ():
        value = str(row.get(column))
        counts[value] = counts.get(value, 0) + 1
    return counts


def expand(programme: Programme, names: list[str]) -> frozenset[str | None]:
    """Stage and group names as a set of stages; `none` is before any stage, `any` every one."""
    stages: set[str | None] = set()
    for name in names:
        if name == "none":
            stages.add(None)
        elif name == "any":
            stages.update(programme.stages)
        elif name in programme.groups:
            stages.update(programme.groups[name])
        else:
            stages.add(name)
    return frozenset(stages)


def derive(programme: Programme) -> Callable[[State, dt.date], str | None]:
    """A function giving the stage on a day, with stages that the calendar alone reaches."""
    after = {
        stage.derived.of: (stage.derived.after.split(".")[1], name)
        for name, stage in programme.stages.items()
        if stage.derived is not None
    }

    def stage_on(state: State, on: dt.date) -> str | None:
        stage = state.stage
        if stage in after:
            period, name = after[stage]
            span = state.periods.get(period)
            if span is not None and on > span.end:
                return name
        return stage

    return stage_on
