"""Indicator systems: what a file of indicators, weights and scoring kernels may say.

A system is a file of its own beside the programme whose centres it measures. The vocabulary is
closed: kernels and derived figures come from short lists, there are no expressions. Numbers are
exact; every unit, conversion and rounding is declared. Grades and where they begin are not part of
a system: they belong to the round (`Thresholds`), set by the authority on a date.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from banfa.rules.loading import Bilingual
from banfa.rules.programme import Cite, Edition, Id, InForce, Names, Strict, Words


def _as_number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[Decimal, BeforeValidator(_as_number, json_schema_input_type=float)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Occasion = Literal["confirmation", "evaluation"]
Role = Literal["scored", "bonus", "deduction", "gate", "shown"]
Direction = Literal["more", "less", "none"]
Missing = Literal["zero", "no_score", "blocks"]
Over = Literal["last", "sum", "mean"]
OCCASIONS: tuple[Occasion, ...] = ("confirmation", "evaluation")


def one_of(model: Strict, forms: tuple[str, ...], zh: str, en: str) -> str:
    """The one of several keys that is written. Raises Bilingual when there is none, or more."""
    given = [name for name in forms if getattr(model, name) is not None]
    if len(given) != 1:
        words = "、".join(name.rstrip("_") for name in forms)
        english = ", ".join(name.rstrip("_") for name in forms)
        raise Bilingual(
            f"{zh}须恰好写下列之一：{words}；这里写了 {len(given)} 个",
            f"{en} takes exactly one of: {english}; found {len(given)}",
        )
    return given[0]


# --- kernels: from a figure to points -----------------------------------------------------------


class Linear(Strict):
    """Points grow evenly from `base` percent of the weight at `basic` to all of it at `full`.

    Short of `basic` there are no points, or with `below: in_proportion` a part of the base.
    """

    basic: Number
    full: Number
    base: Percent
    below: Literal["nothing", "in_proportion"] = "nothing"


class StepAt(Strict):
    """One step: from this value on (`at_least`, or `at_most` where less is better), so many points.

    Steps are written from the easiest to the hardest; short of the first there are none.
    """

    at_least: Number | None = None
    at_most: Number | None = None
    points: Annotated[Number, Field(gt=0)]

    @model_validator(mode="after")
    def _one_bound(self) -> StepAt:
        one_of(self, ("at_least", "at_most"), "一级", "a step")
        return self


class GradeShare(Strict):
    """What an expert's grade is worth: `share` percent of the weight."""

    name: Words
    share: Percent


class Each(Strict):
    """`points` for each `per` of the figure, in proportion, up to the weight."""

    points: Annotated[Number, Field(gt=0)]
    per: Annotated[Number, Field(gt=0)] = Decimal(1)


class Coefficient(Strict):
    """The figure is first multiplied by the coefficient of the centre's class in the set `by`."""

    by: Id
    values: dict[Id, Annotated[Number, Field(gt=0)]]


class Kernel(Strict):
    """How a figure becomes points; exactly one form.

    `by` with `bands` gives each class of a set its own kernel.
    """

    linear: Linear | None = None
    steps: list[StepAt] | None = None
    each: Each | None = None
    graded: dict[Id, GradeShare] | None = None
    bands: dict[Id, Kernel] | None = None
    by: Id | None = None
    coefficient: Coefficient | None = None

    @property
    def form(self) -> str:
        """The one form this kernel has."""
        return next(name for name in FORMS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_form(self) -> Kernel:
        form = one_of(self, FORMS, "计分方式", "a kernel")
        if (form == "bands") != (self.by is not None):
            raise Bilingual("by 与 bands 须同时出现", "by and bands go together")
        if self.coefficient is not None and form in ("bands", "graded"):
            raise Bilingual(
                "coefficient 只与 linear、steps、each 同用",
                "coefficient goes with linear, steps or each",
            )
        for name, inner in (self.bands or {}).items():
            if inner.bands is not None:
                raise Bilingual(f"“{name}”之内不能再分档", f"'{name}' cannot have bands again")
        return self


FORMS = ("linear", "steps", "each", "graded", "bands")


class Gate(Strict):
    """What a figure must reach, whatever the points; failing it is a `veto`, or a `limit`.

    What a veto or a limit does to the grade is set by the round. `ground` is told to the centre.
    """

    at_least: Number | None = None
    at_most: Number | None = None
    is_: bool | None = Field(default=None, alias="is")
    effect: Literal["veto", "limit"]
    ground: Words
    cite: Cite | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Gate:
        one_of(self, ("at_least", "at_most", "is_"), "一道门槛", "a gate")
        return self


# --- figures computed from others ---------------------------------------------------------------


class Ratio(Strict):
    """`of` divided by `to`."""

    of: Id
    to: Id


class PerHead(Strict):
    """`of` for each of `heads`, a number of people."""

    of: Id
    heads: Id


class Share(Strict):
    """What part of `whole` is `of`."""

    of: Id
    whole: Id


class Difference(Strict):
    """`of` without `less`."""

    of: Id
    less: Id


class Growth(Strict):
    """By how much `of` grew from the first year of the table to the last, against the first."""

    of: Id


class Derived(Strict):
    """A figure computed from other indicators; exactly one operation.

    `years: each` computes it year by year, then takes `over` of the years; `whole` computes it once
    from the other indicators' own figures. Where it divides by what is not above zero, there is no
    figure. Growth is always over the whole table.
    """

    sum: Annotated[list[Id], Field(min_length=2)] | None = None
    difference: Difference | None = None
    ratio: Ratio | None = None
    per_head: PerHead | None = None
    share: Share | None = None
    growth: Growth | None = None
    years: Literal["each", "whole"] = "each"

    @property
    def operation(self) -> str:
        """The one operation."""
        return next(name for name in OPERATIONS if getattr(self, name) is not None)

    @property
    def operands(self) -> list[str]:
        """The indicators it is computed from, in the order of the operation."""
        made = getattr(self, self.operation)
        return list(made) if isinstance(made, list) else list(made.model_dump().values())

    @model_validator(mode="after")
    def _one_operation(self) -> Derived:
        one_of(self, OPERATIONS, "推算指标", "a derived indicator")
        return self


OPERATIONS = ("sum", "difference", "ratio", "per_head", "share", "growth")


# --- the system ---------------------------------------------------------------------------------


class Allowed(Strict):
    """The values that can be true at all; any other is refused when it is entered."""

    at_least: Number | None = None
    at_most: Number | None = None


class Plausible(Strict):
    """What asks for a reason, and blocks nothing.

    `change`: more than so many percent up or down from the year before. `part_of`: more than that
    indicator, of which it is a part. `sum_of`: another number than these indicators add up to.
    """

    change: Annotated[Number, Field(gt=0)] | None = None
    part_of: Id | None = None
    sum_of: Annotated[list[Id], Field(min_length=2)] | None = None


class Indicator(Strict):
    """One indicator.

    `over` says which figure of several years counts. `missing` says what becomes of a value that is
    not there: it counts as `zero`, earns `no_score`, or `blocks` the centre's total. A grade is one
    of an expert's (kernel `graded`); `yes_no` is true or false.
    """

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.\-]*$")]
    name: Words
    group: Id
    role: Role = "scored"
    type: Literal["number", "yes_no", "grade"] = "number"
    unit: str | None = None
    places: Annotated[int, Field(ge=0, le=9)] = 0
    definition: Words
    source: Words | None = None
    period: Literal["year", "year_end"] | None = None
    evidence: list[Words] | Literal["none"] | None = None
    direction: Direction = "more"
    counts: Literal["both", "confirmation", "evaluation"] = "both"
    over: Over = "last"
    missing: Missing = "blocks"
    weight: Annotated[Number, Field(gt=0)] | None = None
    kernel: Kernel | None = None
    gate: Gate | None = None
    derived: Derived | None = None
    allowed: Allowed = Allowed()
    plausible: Plausible = Plausible()
    from_programme: Id | None = None
    evaluated_as: Id | None = None
    cite: Cite | None = None
    guide: Words | None = None


class Group(Strict):
    """Indicators that stand together; `weight` is what its scored indicators sum to."""

    name: Words
    weight: Annotated[Number, Field(gt=0)] | None = None
    aspect: Id | None = None
    cite: Cite | None = None
    guide: Words | None = None


class BandSet(Strict):
    """Classes of centres, such as industries, by which kernels differ."""

    name: Words
    classes: dict[Id, Words]


class Rounding(Strict):
    """How exact results are rounded. Figures always round to their own `places`.

    `at` says where points round to this many `places`: each indicator's, each group's, or only the
    total. `half_up` is 四舍五入, `half_even` halves to the even neighbour, `down` cuts off.
    """

    mode: Literal["half_up", "half_even", "down"]
    places: Annotated[int, Field(ge=0, le=6)]
    at: Literal["indicator", "group", "total"]


class System(Strict):
    """An indicator system of one programme.

    `sample` labels one that no authority has issued: the words stand wherever it shows. `total` is
    what the weights sum to on every occasion; without it nothing is scored and figures are shown.
    Values are entered by the parties `reported_by`, looked through by `reviewed_by`, and settled by
    `verified_by`; a step without parties is left out.
    """

    system: Id
    edition: Edition
    programme: Id
    name: Words
    sample: Words | None = None
    issuer: Id | None = None
    in_force: InForce
    guide: Words | None = None
    occasions: Annotated[list[Occasion], Field(min_length=1)]
    years: Annotated[int, Field(ge=1, le=10)] = 1
    total: Annotated[Number, Field(gt=0)] | None = None
    rounding: Rounding
    reported_by: Names = []
    reviewed_by: Names = []
    verified_by: Names = []
    bonus_at_most: Annotated[Number, Field(gt=0)] | None = None
    deduction_at_most: Annotated[Number, Field(gt=0)] | None = None
    bands: dict[Id, BandSet] = {}
    groups: dict[Id, Group]
    indicators: dict[Id, Indicator]

    @property
    def id(self) -> str:
        """`system@edition`"""
        return f"{self.system}@{self.edition}"

    def asked(self, occasion: Occasion) -> dict[str, Indicator]:
        """The indicators that count on an occasion, in the order of the file."""
        return {
            name: one for name, one in self.indicators.items() if one.counts in ("both", occasion)
        }

    def entered(self, occasion: Occasion) -> dict[str, Indicator]:
        """The indicators whose values somebody gives: those asked that are not derived.

        With them those from which a derived one that is asked for is computed.
        """
        wanted = list(self.asked(occasion))
        for name in wanted:
            derived = self.indicators[name].derived
            wanted += [one for one in derived.operands if one not in wanted] if derived else []
        return {
            name: one
            for name, one in self.indicators.items()
            if name in wanted and one.derived is None
        }


# --- the round's part ---------------------------------------------------------------------------


class Quota(Strict):
    """At most so many centres (`number`), or such a share of those ranked, rounded down.

    Centres tied at the border are all taken `in`, or all left `out`.
    """

    number: Annotated[int, Field(ge=0)] | None = None
    share: Percent | None = None
    ties: Literal["in", "out"]

    @model_validator(mode="after")
    def _one_size(self) -> Quota:
        one_of(self, ("number", "share"), "名额", "a quota")
        return self


class GradeFrom(Strict):
    """A grade: the score it begins `from`, least points by group, and a quota.

    The last grade has no `from`: it takes everybody else.
    """

    grade: Id
    from_: Number | None = Field(default=None, alias="from")
    floors: dict[Id, Number] = {}
    quota: Quota | None = None


class Thresholds(Strict):
    """Where grades begin in a round, best first, as set by the authority `on` a day.

    `veto` is the best grade of a centre with a veto; `limits` the best grade of one that fails that
    gate.
    """

    system: str
    on: dt.date
    sample: Words | None = None
    grades: list[GradeFrom]
    veto: Id | None = None
    limits: dict[Id, Id] = {}


def digest(model: System | Thresholds) -> str:
    """A digest of what a system or thresholds say, whatever the layout of their file."""
    plain = json.dumps(
        model.model_dump(mode="json", by_alias=True),
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(plain.encode()).hexdigest()


for _model in list(globals().values()):
    if isinstance(_model, type) and issubclass(_model, Strict):
        _model.model_rebuild()
