"""Values for the inputs of made-up acts, from what conditions compare them with."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from banfa.rules import builtin, names, proposals
from banfa.rules import programme as p
from banfa.rules.aims import inner, wants
from banfa.rules.cases import written
from banfa.rules.life import Act, State, digest
from banfa.rules.ruleset import Ruleset
from banfa.rules.terms import UNKNOWN, Compiler, Ctx

if TYPE_CHECKING:
    from banfa.rules.simulate import Life

WORDS = ("先进封装", "智能传感", "光电材料", "海洋装备")
PEOPLE = ("甲某", "乙某", "丙某", "丁某", "戊某", "己某")
PLACES = ("山东", "浙江", "吉林", "陕西")
MIRRORED = {
    "equals": "equals",
    "at_least": "at_most",
    "at_most": "at_least",
    "above": "below",
    "below": "above",
    "on_or_before": "on_or_after",
    "on_or_after": "on_or_before",
    "before": "after",
    "after": "before",
}
DAY = dt.timedelta(days=1)


_BLANK: dict[tuple[str, str], dict[str, Any]] = {}


def blank(rs: Ruleset, name: str) -> dict[str, Any]:
    """A document with every section filled with sample content."""
    found = _BLANK.get((rs.digest, name))
    if found is None:
        content = written(rs.programme.documents[name], "complete")
        found = _BLANK[rs.digest, name] = {"content": content, "digest": digest(content)}
    return found


def places(rs: Ruleset) -> list[str]:
    """Where organisations sit: the places the conditions ask for, or any."""
    tests = (t for m in rs.models.values() for c in m.when for t in inner(c))
    asked = [v for t in tests if str(t.value).endswith(".place") for v in t.in_ or ()]
    return [str(v) for v in asked] * 3 or list(PLACES)


_ASKING: dict[tuple[str, str], dict[str, list[tuple[p.Test, str]]]] = {}


def asking(rs: Ruleset, act: str) -> dict[str, list[tuple[p.Test, str]]]:
    """For each input an act's conditions name: the single tests that ask something of it."""
    if (rs.digest, act) not in _ASKING:
        found = _ASKING[rs.digest, act] = {}
        for t in (t for c in rs.models[act].when for t in inner(c, negated=False)):
            if t.all or t.any:
                continue
            bare = p.Test.model_construct(**{f: getattr(t, f) for f in p.Test.model_fields})
            paths: list[Any] = [*builtin.references(bare), *([t.name.of] if t.name else [])]
            if t.published is not None:
                paths += [v for w in t.published.where for v in (w.contains, w.equals)]
            if t.every is not None:
                paths.append(f"{t.every.of}.{t.every.column}")
            for path in dict.fromkeys(paths):
                found.setdefault(str(path), []).append((t, t.kind))
    return _ASKING[rs.digest, act]


class Hints:
    """Values for one act's inputs and documents: what its conditions name, else a sample."""

    def __init__(self, rs: Ruleset, life: Life, act: Act, state: State, heed: bool = True) -> None:
        self.rs = rs
        self.life = life
        self.rng = life.rng
        self.heed = heed  # whether to give what acts on the life's way will want
        self.act = act
        self.state = state
        self.model = rs.acts[act.kind].model
        self.compiler = Compiler(rs.programme, self.model.with_)
        self.x = Ctx(rs.programme, state, life.book.world, act.on, act)
        self.unsure: set[str] = set()  # inputs whose hints rest on other inputs
        if self.model.about is not None:
            self.x.case = rs.case_of(state, act, rs.acts[act.kind], self.x)

    # --- what is asked for ---

    def value(self, path: str, given: p.Input) -> Any:
        """A value for one input (`with.x`) or field of a document, typed."""
        hinted = [v for v in self._hinted(path) if v is not None]
        if UNKNOWN in hinted:
            self.unsure.add(path)
            hinted = [v for v in hinted if v is not UNKNOWN]
        if hinted and self.rng.random() < 0.9:
            value = self.rng.choice(hinted)
            if isinstance(value, dt.date) and self.rng.random() < 0.15:
                value += self.rng.choice((-30, -1, 1)) * DAY
            typed = self._typed(given, value)
            if typed is not None:
                return typed
        later = self._later(path)
        if later and self.heed and given.type != "choices":
            return self._typed(given, self.rng.choice(later))
        return self._sample(path, given)

    def _later(self, path: str) -> list[Any]:
        """What acts on the way to the life's aim will want of an input."""
        asked = wants(self.rs).get((self.act.kind, path), ())
        return [v for kind, v in asked if kind in self.life.way]

    def _typed(self, given: p.Input, value: Any) -> Any:
        """The value as its input wants it, or None when it does not fit."""
        if given.type == "money" and isinstance(value, (int, Decimal)):
            value = Decimal(value).quantize(Decimal("0.01"))
        mistakes: list[Any] = []
        typed = proposals.values({"value": given}, {"value": value}, "", mistakes)
        return None if mistakes else typed.get("value")

    def document(self, name: str) -> dict[str, Any]:
        """A complete document; fields that conditions read are filled as those ask."""
        schema = self.rs.programme.documents[name]
        sample = blank(self.rs, name)
        if not self._read(name, schema):
            return sample
        content = dict(sample["content"])
        for section_id, section in schema.sections.items():
            if section.fields:
                path = f"document.{name}.{section_id}"
                content[section_id] = {
                    k: self.value(f"{path}.{k}", f) for k, f in section.fields.items()
                }
        return {"content": content, "digest": digest(content)}

    def _read(self, name: str, schema: p.Document) -> bool:
        """Whether sample content will not do."""
        asked = any(r.startswith(f"document.{name}.") for r in asking(self.rs, self.act.kind))
        sections = schema.sections.values()
        return asked or any(f.one_per is not None for s in sections for f in s.fields.values())

    def known(self, value: p.Value) -> Any:
        """A value for a fact that was established before: dates and years lie in the past."""
        if value.type in ("choice", "choices", "rows", "data", "organisations", "boolean"):
            return None
        if value.type == "date":
            return self.act.on - self.rng.randrange(30, 1500) * DAY
        return self._sample("", p.Input(type=value.type, name=value.name))

    def generic(self, name: str) -> Any:
        """A value for what the generic acts take."""
        programme, kind, data = self.rs.programme, self.act.kind, self.act.data
        if kind == "exception_decision" and name == "rule":
            acts = self.rs.acts.values()
            soft = [f"{c.id}.{r.id}" for c in acts for r in c.rules if r.soft == "exception"]
            return self.rng.choice(soft) if soft else None
        if kind == "set_default" and name == "to":
            return self.rng.choice(programme.defaults[data["default"]].options) if data else None
        if kind == "set_parameter" and name == "value" and "parameter" in data:
            declared = programme.parameters[data["parameter"]]
            given = p.Input(type=declared.type, name=declared.name, options=declared.options)
            return self._plain(given)
        return None

    # --- hints from conditions ---

    def _hinted(self, path: str) -> list[Any]:
        found: list[Any] = []
        about = self.model.about
        if about is not None and about.key == path and self.x.case is not None:
            return [self.x.case.key]
        for t, kind in asking(self.rs, self.act.kind).get(path, ()):
            found += self._from(t, kind, path)
        return found

    def _from(self, t: p.Test, kind: str, path: str) -> list[Any]:
        if t.choose is not None and t.choose.by == path:
            return [k for k in t.choose.among if self._established(t.choose.among[k])]
        if t.published is not None:
            return self._published(t.published, path)
        if t.name is not None and t.name.of == path:
            return [names.expected(self.x, t.name.form, t.name.lang).text]
        if t.not_ is not None:
            return self._unused(t.not_.done, path) if t.not_.done and t.not_.key == path else []
        if t.done is not None and t.key == path:
            return [k for done, k in self.state.keyed if done == t.done]
        if t.every is not None and f"{t.every.of}.{t.every.column}" == path:
            return list(t.every.in_ or [])
        return self._compared(t, kind, path) if kind in p.COMPARATORS else []

    def _published(self, test: p.Published, path: str) -> list[Any]:
        found: list[Any] = []
        for act in self.life.book.world.of(test.act, self.act.on):
            if any(
                self._known(w.equals) not in (act.data.get(w.field), UNKNOWN)
                for w in test.where
                if w.equals not in (None, path)
            ):
                continue
            for w in test.where:
                if w.contains == path:
                    found += list(act.data.get(w.field) or [])
                elif w.equals == path:
                    found.append(act.data.get(w.field))
        return found

    def _unused(self, kind: str, path: str) -> list[Any]:
        """The next number, where acts of a kind are numbered one by one."""
        given = self.model.with_.get(path.removeprefix("with."))
        used = [k for done, k in self.state.keyed if done == kind and isinstance(k, int)]
        return [max(used, default=0) + 1] if given and given.type == "integer" else []

    def _established(self, ground: p.Ground) -> bool:
        return all(self.compiler.test(t)(self.x) == 0 for t in ground.when)

    def _compared(self, t: p.Test, kind: str, path: str) -> list[Any]:
        bound = getattr(t, kind)
        if kind in ("is_", "in_") and t.value == path:
            return list(bound) if kind == "in_" else [bound]
        if kind in ("is_not", "not_in") and t.value == path:
            return self._others(path, bound if kind == "not_in" else [bound])
        if kind in ("contains", "contains_all") and t.value == path:
            return [list(bound) if kind == "contains_all" else [bound]]
        if kind == "covers" and t.value == path:
            return [self._known(bound)]
        if kind == "member_of" and t.value == path:
            listed = self._known(bound)
            return listed if isinstance(listed, list) else [listed]
        if kind in MIRRORED and bound == path:
            return self._near(MIRRORED[kind], self._known(t.value or "act.on"))
        if kind in MIRRORED and t.value is not None:
            return self._near(kind, self._solved(t.value, path, bound))
        return []

    def _known(self, term: Any) -> Any:
        return self.compiler.term(term)(self.x)

    def _others(self, path: str, barred: list[Any]) -> list[Any]:
        given = self.model.with_.get(path.removeprefix("with."))
        return [o for o in (given.options or {}) if o not in barred] if given else []

    def _solved(self, term: Any, path: str, bound: Any) -> Any:
        """The bound on an input itself, when a sum, a difference or the earliest is bounded."""
        if term == path:
            return self._known(bound)
        if not isinstance(term, p.TermMap):
            return None
        if term.earliest and path in term.earliest:
            return self._known(bound)
        if term.difference and term.difference[0] == path:
            return self._total([bound, *term.difference[1:]])
        if term.sum and path in term.sum:
            total, rest = self._known(bound), self._total([s for s in term.sum if s != path])
            return UNKNOWN if UNKNOWN in (total, rest) or total is None else total - rest
        return None

    def _total(self, terms: list[Any]) -> Any:
        values = [self._known(t) for t in terms]
        return UNKNOWN if UNKNOWN in values else sum(v for v in values if v is not None)

    def _near(self, kind: str, bound: Any) -> list[Any]:
        rng = self.rng
        step: Any = DAY if isinstance(bound, dt.date) else 1
        if bound is None or bound is UNKNOWN or not isinstance(bound, (dt.date, int, Decimal)):
            return [bound]
        if kind == "at_most" and bound == 0:
            return []  # nothing of it: hardly what anybody wants
        if kind in ("after", "above"):
            return [bound + step * rng.randint(1, 700)]
        if kind in ("before", "below"):
            return [bound - step]
        if kind in ("on_or_before", "at_most"):
            return [bound, bound, bound - step if isinstance(bound, dt.date) else bound]
        if kind == "on_or_after" and isinstance(bound, dt.date):
            return [bound + n * DAY for n in (0, rng.randint(20, 100), rng.randint(100, 400))]
        return [bound]

    # --- samples ---

    def _sample(self, path: str, given: p.Input) -> Any:
        if given.type == "organisation":
            return self._organisation(path, given)
        if given.type == "organisations":
            return [self._organisation(path, given)]
        if given.type == "centres":
            return [self.life.centre]
        if given.type == "programme_act":
            acts = self.life.book.world.of(given.act or "", self.act.on)
            return self.rng.choice(acts[-2:]).seq if acts else None
        if given.type == "rows":
            return self._rows(path, given)
        if given.type == "data":
            return None
        return self._plain(given)

    def _organisation(self, path: str, given: p.Input) -> dict[str, Any]:
        """The life's own organisation for that role, sometimes another, of the kind asked for."""
        name = path.removeprefix("with.")
        party = given.party or self._bound_by(path) or name
        named = [o for v in self.act.data.values() for o in (v if isinstance(v, list) else [v])]
        named = [o for o in named if isinstance(o, dict) and "kind" in o]
        if party in self.rs.programme.parties and self.rng.random() < 0.85:
            org = self.life.org(self.rs, party)
        elif named and self.rng.random() < 0.7:
            org = self.rng.choice(named)
        else:
            number = f"{name}-{self.rng.randrange(1000)}"
            kinds = getattr(self.rs.programme.parties.get(party), "kinds", None) or ["enterprise"]
            org = {"org": number, "name": number, "kind": self.rng.choice(kinds)}
            org["place"] = self.rng.choice(places(self.rs))
        asked = {a: [v for v in self._hinted(f"{path}.{a}") if v] for a in ("kind", "place")}
        wrong = {a: self.rng.choice(v) for a, v in asked.items() if v and org[a] not in v}
        return {**org, "org": f"{org['org']}*", **wrong} if wrong else org

    def _bound_by(self, path: str) -> str | None:
        """The role that the act gives to the organisation of this input."""
        bindings = (b for e in self.model.then for b in e.bind.items())
        return next((party for party, term in bindings if term == path), None)

    def _rows(self, path: str, given: p.Input) -> list[dict[str, Any]]:
        """A row for each option of the first choice, each thing to cover or each organisation."""
        columns = given.columns or {}
        by = next((c for c, i in columns.items() if i.options), None)
        keys: list[Any] = list(columns[by].options or {}) if by else [None]
        later = self._later(f"{path}.{by}") if self.heed else []
        keys = list(dict.fromkeys(later)) or keys
        for column in columns:
            wanted = next(
                (v for v in self._hinted(f"{path}.{column}") if isinstance(v, list)), None
            )
            by, keys = (column, wanted) if wanted else (by, keys)
        if given.one_per is not None:
            held = self._known(given.one_per) or []
            held = held if isinstance(held, list) else [held]
            by, keys = "unit", [o["org"] if isinstance(o, dict) else o for o in held]
        rows = []
        for key in keys:
            row = {c: self.value(f"{path}.{c}", i) for c, i in columns.items() if c != by}
            row |= {by: key} if by else {}
            rows.append({k: v for k, v in row.items() if v is not None})
        return rows

    def _plain(self, given: p.Input) -> Any:
        rng, on = self.rng, self.act.on
        if given.options:
            options = list(given.options)
            first = rng.random() < 0.5  # the first option is usually the one that leads on
            if given.type == "choices":
                return options if first else [rng.choice(options)]
            return options[0] if first else rng.choice(options)
        makers: dict[str, Any] = {
            "text": lambda: rng.choice(WORDS),
            "long_text": lambda: "（说明）",
            "date": lambda: on + rng.choice((-60, 0, 30, 200, 400, 1000)) * DAY,
            "year": lambda: on.year - rng.choice((0, 0, 1)),
            "integer": lambda: rng.choice((1, 2, 3, 24, 36, 36)),
            "number": lambda: Decimal(rng.randint(1, 100)),
            "money": lambda: Decimal(rng.randint(1, 50) * 1_000_000),
            "ratio": lambda: Decimal(rng.randint(1, 9)) / 10,
            "boolean": lambda: rng.random() < 0.8,
            "texts": lambda: list(WORDS),
            "people": lambda: rng.sample(PEOPLE, 2),
            "file": lambda: "（文件）",
        }
        return makers[given.type]()
