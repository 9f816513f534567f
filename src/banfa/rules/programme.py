"""The vocabulary: what a programme file may say, as typed models.

A programme is one edition of one regulation. The vocabulary is closed: no expressions, no hooks.
Everything that decides anything carries a basis, which is an article (`cite`) or a declared
default for a point on which the text is silent (`default`), never both.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from banfa.rules.calendar import Span
from banfa.rules.loading import Bilingual

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Cite = Annotated[str, Field(min_length=1, max_length=24)]
Strength = Literal["must", "usual", "principle", "may", "select", "encourage", "when_fit"]
Deviation = Literal["refuse", "exception", "warn"]
Code = Literal[
    "WRONG_ACTOR",
    "WRONG_STAGE",
    "NOT_IN_FORCE",
    "TOO_EARLY",
    "TOO_LATE",
    "TOO_LONG",
    "ALREADY_USED",
    "DOCUMENT_MISSING",
    "CONTENT_MISSING",
    "CONDITION_NOT_MET",
    "THRESHOLD_NOT_MET",
    "VALUE_NOT_SET",
    "NOT_REVIEWED",
    "NOT_JOINT",
    "NO_GROUND",
    "NAME_TEMPLATE",
    "NEEDS_EXCEPTION",
    "EXCLUSIVE",
    "UNKNOWN",
    "NO_RULE",
]
InputType = Literal[
    "text",
    "long_text",
    "date",
    "year",
    "integer",
    "number",
    "money",
    "ratio",
    "boolean",
    "choice",
    "choices",
    "texts",
    "people",
    "organisation",
    "organisations",
    "rows",
    "file",
    "centres",
    "programme_act",
    "data",
]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_span(value: Any) -> Any:
    if isinstance(value, str):
        return Span.parse(value)
    raise Bilingual("期限应写成文字，如 3 years", "a length of time is text, such as 3 years")


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Edition = Annotated[str, BeforeValidator(_as_text)]
Names = Annotated[list[str], BeforeValidator(_as_list)]
Length = Annotated[
    Span,
    BeforeValidator(_as_span, json_schema_input_type=str),
]


class Strict(BaseModel):
    """Base of every model: unknown keys are errors, instances never change."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        arbitrary_types_allowed=True,
        populate_by_name=True,
    )


class Words(Strict):
    """The same short text in Chinese and English."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Basis(Strict):
    """Where a rule comes from: an article, or the id of a declared default."""

    cite: Cite | None = None
    default: str | None = None

    @model_validator(mode="after")
    def _one_basis(self) -> Basis:
        if self.cite and self.default:
            raise Bilingual(
                "依据只能二选一：cite（条款）或 default（缺省）",
                "give either cite (an article) or default (a declared default), not both",
            )
        return self


# --- terms: where a value comes from ------------------------------------------------------------


class LastDay(Strict):
    """The last day of a month: `{year: with.year, month: 2}`."""

    year: Term
    month: int = Field(ge=1, le=12)


class TermMap(Strict):
    """A computed value; exactly one form.

    `from` with `plus`/`minus` moves a date by a length (`times`: taken so many times, in one step);
    `last_day` is the end of a month;
    `year_of` a date's year; `sum`, `difference`, `product` exact arithmetic; `size` the number of
    rows of a list; `latest`/`earliest` of several dates (those not known are left out).
    """

    from_: Term | None = Field(default=None, alias="from")
    plus: Length | None = None
    minus: Length | None = None
    times: Term | None = None
    last_day: LastDay | None = None
    year_of: Term | None = None
    sum: list[Term] | None = None
    difference: list[Term] | None = None
    product: list[Term] | None = None
    size: Term | None = None
    latest: list[Term] | None = None
    earliest: list[Term] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> TermMap:
        forms = [n for n in _TERM_FORMS if getattr(self, n) is not None]
        if len(forms) != 1:
            raise Bilingual(
                "一个取值须恰好写一种形式：from、last_day、year_of、sum、difference、product、size、"
                "latest 或 earliest",
                "a computed value takes exactly one form: from, last_day, year_of, sum, difference,"
                " product, size, latest or earliest",
            )
        if (self.plus or self.minus or self.times is not None) and self.from_ is None:
            raise Bilingual(
                "plus、minus、times 须与 from 同用", "plus, minus and times go with from"
            )
        return self


_TERM_FORMS = (
    "from_",
    "last_day",
    "year_of",
    "sum",
    "difference",
    "product",
    "size",
    "latest",
    "earliest",
)

# A string in a term is a reference (`act.on`, `with.amount`, `period.preparation.end`, ...).
Term = bool | int | Decimal | dt.date | str | TermMap
Scalar = bool | int | Decimal | dt.date | str


# --- tests: what must hold ----------------------------------------------------------------------


class Results(Strict):
    """The last `last` confirmed results all have a grade in `grades` (V16)."""

    last: int = Field(ge=1)
    grades: Names


class Where(Strict):
    """One comparison inside a programme-level act's data (`field`) against a term."""

    field: str
    contains: Term | None = None
    equals: Term | None = None
    on_or_before: Term | None = None
    on_or_after: Term | None = None
    at_most: Term | None = None
    is_: Scalar | None = Field(default=None, alias="is")


class Published(Strict):
    """Some programme-level act of this kind counts on the act's day and matches every `where`."""

    act: Id
    where: list[Where] = []


class Every(Strict):
    """Every row of a list has these columns filled (`has`) or one column in a set (`in`)."""

    of: Term
    has: Names = []
    column: str | None = None
    in_: list[Scalar] | None = Field(default=None, alias="in")


class Composition(Strict):
    """A list of rows, counted by the value of one column, reaches these numbers."""

    of: Term
    by: str
    at_least: dict[str, int]


class Run(Strict):
    """An act is on file for every key from `start` to `end`, both included."""

    act: Id
    start: Term
    end: Term


class Listed(Strict):
    """The organisation is on a list kept outside (answered by the port) on the act's day."""

    list: Id
    who: Term


class Exclusive(Strict):
    """No person of this team takes part in another active platform of that level (port)."""

    team: Term
    level: Literal["national", "provincial", "any"] = "national"


class NameTest(Strict):
    """A name has the form that the template `form` (or `current`, the stage's own) gives."""

    of: Term
    form: str = "current"
    lang: Literal["zh", "en"] = "zh"


class Ground(Basis):
    """One ground of a choice, with what establishes it."""

    name: Words
    when: list[Test] = []


class Choose(Strict):
    """The input names one of several grounds and that ground's own tests hold (NO_GROUND)."""

    by: str
    among: dict[str, Ground]


class Test(Strict):
    """One test; exactly one kind of test a mapping.

    Comparisons take `value` (a term; left out for the date comparisons it is the act's own day)
    and one comparator. `is`, `is_not`, `in`, `not_in`, `contains` compare with literals, all others
    with terms.
    """

    all: list[Test] | None = None
    any: list[Test] | None = None
    not_: Test | None = Field(default=None, alias="not")
    value: Term | None = None
    is_: Scalar | None = Field(default=None, alias="is")
    is_not: Scalar | None = None
    in_: list[Scalar] | None = Field(default=None, alias="in")
    not_in: list[Scalar] | None = None
    contains: Scalar | None = None
    contains_all: list[Scalar] | None = None
    equals: Term | None = None
    differs_from: Term | None = None
    member_of: Term | None = None
    covers: Term | None = None
    at_least: Term | None = None
    at_most: Term | None = None
    above: Term | None = None
    below: Term | None = None
    on_or_before: Term | None = None
    on_or_after: Term | None = None
    before: Term | None = None
    after: Term | None = None
    given: str | None = None
    done: str | None = None
    key: Term | None = None
    here: bool = False
    flag: str | None = None
    open: str | None = None
    in_stage: Names | None = None
    results: Results | None = None
    published: Published | None = None
    every: Every | None = None
    composition: Composition | None = None
    run: Run | None = None
    listed: Listed | None = None
    exclusive: Exclusive | None = None
    name: NameTest | None = None
    choose: Choose | None = None
    parameter: str | None = None

    @property
    def kind(self) -> str:
        """The name of the one kind of test this is (`value` comparisons: the comparator)."""
        return next(n for n in TEST_KINDS if getattr(self, n) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Test:
        kinds = [n for n in TEST_KINDS if getattr(self, n) is not None]
        if self.parameter is not None and kinds in (["is_"], ["in_"], ["is_not"], ["not_in"]):
            return self
        if len(kinds) != 1:
            raise Bilingual(
                f"一个条件须恰好写一种判断，这里写了 {len(kinds)} 种："
                + "、".join(k.rstrip("_") for k in kinds),
                f"a test takes exactly one kind, found {len(kinds)}: "
                + ", ".join(k.rstrip("_") for k in kinds),
            )
        kind = kinds[0]
        if kind in COMPARATORS and kind not in DATE_COMPARATORS and self.value is None:
            raise Bilingual(
                f"{kind.rstrip('_')} 须写明比较谁（value）",
                f"{kind.rstrip('_')} needs value: what is compared",
            )
        if self.value is not None and kind not in COMPARATORS:
            raise Bilingual(
                "value 须与一个比较词同用，如 is、at_most、on_or_before",
                "value goes with a comparator such as is, at_most or on_or_before",
            )
        return self


DATE_COMPARATORS = ("on_or_before", "on_or_after", "before", "after")
COMPARATORS = (
    "is_",
    "is_not",
    "in_",
    "not_in",
    "contains",
    "contains_all",
    "equals",
    "differs_from",
    "member_of",
    "covers",
    "at_least",
    "at_most",
    "above",
    "below",
    *DATE_COMPARATORS,
)
TEST_KINDS = (
    "all",
    "any",
    "not_",
    *COMPARATORS,
    "given",
    "done",
    "flag",
    "open",
    "in_stage",
    "results",
    "published",
    "every",
    "composition",
    "run",
    "listed",
    "exclusive",
    "name",
    "choose",
)


class Condition(Test):
    """A test with an identity, a basis and a strength: it yields one finding.

    `only_if` limits when it is asked at all. `deviation` says what a soft rule's failure does when
    it differs from the programme's `strengths`. `code` overrides the code the test kind implies.
    """

    id: Id
    cite: Cite | None = None
    default: str | None = None
    strength: Strength = "must"
    deviation: Deviation | None = None
    code: Code | None = None
    only_if: Test | None = None
    says: Words | None = None

    @model_validator(mode="after")
    def _based(self) -> Condition:
        if bool(self.cite) == bool(self.default):
            raise Bilingual(
                f"条件“{self.id}”须写且只写一个依据：cite（条款）或 default（缺省）",
                f"condition '{self.id}' needs one basis: cite (an article) or default"
                " (a declared default)",
            )
        return self


# --- what acts carry ----------------------------------------------------------------------------


class Input(Basis):
    """One typed value an act (or a section of a document) takes.

    `missing` is the code of the finding when a required value is left out. `party` says which
    role an organisation is proposed for: its kind must then be one that party allows.
    `one_per` asks for one row (column `unit`) for each organisation of that term.
    Money is in yuan unless `unit` says otherwise.
    """

    type: InputType = "text"
    name: Words
    options: dict[str, Words] | None = None
    required: bool = True
    missing: Literal["VALUE_NOT_SET", "CONTENT_MISSING"] = "CONTENT_MISSING"
    columns: dict[Id, Input] | None = None
    party: Id | None = None
    act: Id | None = None
    one_per: Term | None = None
    unit: str | None = None
    length_hint: int | None = None
    help: Words | None = None

    @model_validator(mode="after")
    def _fits_type(self) -> Input:
        if (self.type in ("choice", "choices")) != (self.options is not None):
            raise Bilingual(
                "options 与 choice、choices 须同时出现", "options belong to choice and choices"
            )
        if (self.type == "rows") != (self.columns is not None):
            raise Bilingual("columns 与 rows 须同时出现", "columns belong to type rows")
        return self


class Section(Basis):
    """A part of a document: free text when it has no fields."""

    name: Words
    required: bool = True
    fields: dict[Id, Input] = {}
    length_hint: int | None = None
    help: Words | None = None


class Document(Basis):
    """A kind of document and what it must contain."""

    name: Words
    sections: dict[Id, Section] = {}


class DocumentNeed(Basis):
    """A document an act must carry."""

    required: bool = True
    code: Code = "DOCUMENT_MISSING"


class Elsewhere(Basis):
    """What the stage finding says in a stage where a more specific reason applies."""

    id: Id
    code: Code = "WRONG_STAGE"
    says: Words | None = None


class About(Basis):
    """The open case an act belongs to and the steps at which it may be taken."""

    case: Id
    at: Names
    key: Term | None = None
    id: Id = "case"
    code: Code = "NOT_REVIEWED"


class Opens(Strict):
    """The case an act opens, at which step; `key` makes it unique (a year, a round)."""

    case: Id
    step: Id
    key: Term | None = None
    keep: dict[Id, Term] = {}


class Jointly(Basis):
    """Bodies whose recorded concurrence the act needs."""

    parties: Names


class PeriodSpan(Strict):
    """A period's first and last day; both ends belong to it."""

    start: Term = "act.on"
    end: Term


class Result(Strict):
    """A confirmed evaluation result."""

    grade: Term
    round: Term | None = None


class Effect(Strict):
    """What an accepted act changes; with `if`, only when that test holds.

    Effects are carried out in the order of the keys below.
    """

    if_: Test | None = Field(default=None, alias="if")
    stage: str | None = None
    class_: Term | None = Field(default=None, alias="class")
    bind: dict[Id, Term] = {}
    unbind: Names = []
    set: dict[Id, Term] = {}
    unset: Names = []
    keep: dict[Id, Term] = {}
    open: dict[Id, PeriodSpan] = {}
    end: dict[Id, Term] = {}
    close: Names = []
    step: Id | None = None
    raise_: Names = Field(default=[], alias="raise")
    lower: Names = []
    grade: Result | None = None
    owe: Names = []
    serve: Names = []


class Causes(Strict):
    """A centre-level act caused for each centre that a programme-level act names."""

    act: Id
    each: str
    with_: dict[Id, Term] = Field(default={}, alias="with")


def _as_effects(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class Act(Strict):
    """One official thing that a party may do.

    `from` lists stages or stage groups (`none`: no stage yet; `any`: every stage, terminal ones
    too; left out: every stage but terminal ones). `level: programme` acts belong to no centre. A
    `probe` is judged and never recorded.
    `absent` declares that the regulation has no such act: trying it answers NO_RULE (the finding's
    id is `no_rule`, or `by_id` when given).
    """

    name: Words
    cite: Annotated[list[Cite], BeforeValidator(_as_list)] = []
    default: str | None = None
    level: Literal["centre", "programme"] = "centre"
    probe: bool = False
    absent: Words | None = None
    by: Names = []
    by_id: Id = "actor"
    by_cite: Cite | None = None
    from_: Names | None = Field(default=None, alias="from")
    elsewhere: dict[str, Elsewhere] = {}
    stage_cite: Cite | None = None
    outside_force: bool = False
    about: About | None = None
    opens: Opens | None = None
    key: Term | None = None
    with_: dict[Id, Input] = Field(default={}, alias="with")
    documents: dict[Id, DocumentNeed] = {}
    jointly: Jointly | None = None
    when: list[Condition] = []
    then: Annotated[list[Effect], BeforeValidator(_as_effects)] = []
    causes: Causes | None = None
    strength: Strength = "must"
    help: Words | None = None

    @model_validator(mode="after")
    def _based(self) -> Act:
        if not self.cite and not self.default:
            raise Bilingual(
                "行为须写依据：cite（条款）或 default（缺省）",
                "an act needs a basis: cite (an article) or default (a declared default)",
            )
        return self


# --- the rest of a programme --------------------------------------------------------------------


class InForce(Basis):
    """First and last day on which acts may be dated (both included; no `until`: open)."""

    from_: dt.date = Field(alias="from")
    until: dt.date | None = None


class Reference(Strict):
    """Another instrument that this one repeals or carries out."""

    name: Words
    number: str | None = None
    cite: Cite | None = None
    until: dt.date | None = None


class Instrument(Strict):
    """The regulation as a document."""

    name: Words
    kind: Literal["law", "decree", "measures", "guidelines", "implementation_guide"]
    number: str | None = None
    issuers: Names
    issued: dt.date | None = None
    in_force: InForce
    numbering: Literal["articles", "parts"] = "articles"
    articles: Names
    annexes: Names = []
    repeals: list[Reference] = []
    implements: list[Reference] = []
    level: Literal["national", "provincial"]
    interpreters: Names = []


class Party(Basis):
    """A role. A `body` is one fixed organisation, identified by the party's id or name; others are
    bound to a centre by acts.

    `kinds` limits which organisations may play the role. `many`: several may.
    `inside`: an organ of the centre itself (board, committee), bound when constituted.
    """

    name: Words
    body: bool = False
    kinds: Names = []
    many: bool = False
    inside: bool = False
    unbound: bool = False


class CentreClass(Basis):
    """A class of centre."""

    name: Words
    says: Words | None = None


class Derived(Strict):
    """A stage reached by the calendar alone: in stage `of` after the date `after`."""

    of: Id
    after: str


class Stage(Basis):
    """A stage of a centre's life. `terminal`: only acts that name it may follow.

    `lasting` says why nothing leads out of a stage that is not an end.
    """

    name: Words
    terminal: bool = False
    lasting: Words | None = None
    derived: Derived | None = None


class Period(Basis):
    """A period that acts open, move and close."""

    name: Words


class Value(Strict):
    """A fact about the centre that acts set."""

    name: Words
    type: InputType = "text"


class Step(Strict):
    """A step of a procedure; `waits_for` is who must act next; `end` closes the case."""

    name: Words
    waits_for: Names = []
    end: bool = False


class Procedure(Basis):
    """A case with steps, opened by an act; several of a kind may be open."""

    name: Words
    steps: dict[Id, Step]


class Register(Strict):
    """Rows that somebody keeps (V26); makes the act `record_<id>` with the columns as inputs."""

    name: Words
    cite: Annotated[list[Cite], BeforeValidator(_as_list)] = []
    default: str | None = None
    by: Names
    from_: Names | None = Field(default=None, alias="from")
    columns: dict[Id, Input]
    key: Term | None = None
    when: list[Condition] = []
    then: Annotated[list[Effect], BeforeValidator(_as_effects)] = []
    help: Words | None = None


class Duty(Basis):
    """Who owes what by when.

    Yearly (`each: year`): owed for every calendar year with at least one day in `while`;
    `duty.year` is the year covered. Otherwise owed while every test in `when` holds.
    `mode: decision` is something fallen due for the competent body to decide; no timer decides it.
    `done_by` is the act that discharges it (keyed by year for yearly duties).
    """

    name: Words
    holder: Names
    each: Literal["year"] | None = None
    while_: Names = Field(default=[], alias="while")
    counts: Literal["any_day", "last_day"] = "any_day"
    when: list[Test] = []
    since: Term | None = None
    due: Term | None = None
    done_by: Id | None = None
    mode: Literal["obligation", "decision", "option", "flag"] = "obligation"
    late: Literal["none", "flag", "ground", "deemed"] = "flag"
    follows: Words | None = None
    strength: Strength = "must"

    @model_validator(mode="after")
    def _based(self) -> Duty:
        if bool(self.cite) == bool(self.default):
            raise Bilingual("义务须写且只写一个依据：cite 或 default", "a duty needs one basis")
        return self


class Consequence(Basis):
    """What follows from a state of affairs: an act falls due. It never happens by itself."""

    name: Words
    when: list[Test]
    act: Id
    ground: str | None = None
    mode: Literal["mandatory", "may", "deemed"]
    since: Term | None = None

    @model_validator(mode="after")
    def _based(self) -> Consequence:
        if bool(self.cite) == bool(self.default):
            raise Bilingual("后果须写且只写一个依据：cite 或 default", "one basis is needed")
        return self


class Grade(Strict):
    """A grade; `consequence: none` states that the regulation attaches nothing to it."""

    name: Words
    consequence: Literal["none"] | None = None


class FromRegister(Strict):
    """How an indicator is computed for a period from recorded rows (V21).

    Rows of `of` (an act or `record_<register>`) whose `date` falls in the period count; `sum` adds
    up that input instead. `until`: a stock, rows begun by the period's end and not ended by then.
    """

    of: Id
    date: str
    sum: str | None = None
    until: str | None = None


class Indicator(Words):
    """An indicator the regulation names."""

    unit: str | None = None
    from_register: FromRegister | None = None


class Evaluation(Basis):
    """The scheme of evaluation: ordered grades, best first; none: the text sets no scale."""

    grades: dict[Id, Grade] = {}
    aspects: dict[Id, Words] = {}
    indicators: dict[Id, Indicator] = {}


class NameForm(Basis):
    """The form of a centre's name in these stages (and of this class).

    `zh`/`en` are templates with `{value}` places; none: there is no such name. `may`: use is
    optional. `barred`: no name may be used.
    """

    stages: Names
    class_: str | None = Field(default=None, alias="class")
    zh: str | None = None
    en: str | None = None
    may: bool = False
    barred: bool = False


class Notice(Basis):
    """A letter or notice that somebody owes somebody after an act."""

    name: Words
    to: Names
    by: Names
    optional: bool = False


class Parameter(Basis):
    """A value the authority sets on a date; there is no built-in value."""

    name: Words
    type: InputType
    options: dict[str, Words] | None = None
    set_by: Names
    per_year: bool = False


class Default(Strict):
    """A point on which the text is silent, and what the system does there.

    `options`: the settings the authority may choose by a dated act, the first in use at start;
    `option_names` puts settings other than applies and lifted into words.
    """

    gap: Words
    says: Words
    articles: Annotated[list[str], BeforeValidator(_as_list)] = []
    options: list[str] = ["applies", "lifted"]
    option_names: dict[str, Words] = {}


class Absent(Strict):
    """A dimension on which the regulation has no rule (V28)."""

    name: Words
    because: Words | None = None


class Existing(Basis):
    """How centres that came to be before the system enter it."""

    by: Names
    stages: Names


class ByAuthority(Basis):
    """A generic act of the competent body."""

    by: Names


class Relation(Basis):
    """A relation to another programme: conversion, promotion, supersession."""

    kind: Literal["conversion", "promotion", "supersession", "integration"]
    programme: str
    name: Words
    from_: dt.date | None = Field(default=None, alias="from")
    until: dt.date | None = None


class Move(Strict):
    """A parameter of a transition: how one period carries over (`same`, or a new end)."""

    end: Term


class Transition(Basis):
    """Moves centres from an earlier edition to this one on a day.

    `stages`: which centres move, by their stage on that day, stages that the calendar alone reaches
    included, or groups (left out: all not terminal). Periods carry over as they are unless
    `periods` gives another end; `stage_map` renames stages.
    """

    from_: Edition = Field(alias="from")
    on: dt.date
    stages: Names = []
    stage_map: dict[str, str] = {}
    periods: dict[Id, Move] = {}


class Article(Strict):
    """What becomes of an article: every article and item is listed."""

    kind: Annotated[
        list[Literal["executable", "recorded", "declaratory"]], BeforeValidator(_as_list)
    ]
    gist: Words
    because: Words | None = None
    by: Names = []

    @model_validator(mode="after")
    def _reasoned(self) -> Article:
        if self.kind == ["declaratory"] and self.because is None:
            raise Bilingual(
                "宣示性条款须写明理由（because）",
                "a declaratory article needs its reason (because)",
            )
        return self


DimensionId = Literal[
    "issuer",
    "level",
    "validity",
    "replaces",
    "classes",
    "legal_form",
    "lead",
    "entry",
    "pre_stage",
    "recommender",
    "expert_step",
    "start_approval",
    "formation_period",
    "extension",
    "not_finished",
    "confirmation_request",
    "confirmation_threshold",
    "confirming_act",
    "grades",
    "consequence_top",
    "result_support",
    "consequence_middle",
    "consequence_bottom",
    "evaluation_period",
    "evaluator",
    "evaluation_basis",
    "exemption",
    "non_participation",
    "yearly_assessment",
    "annual_report",
    "annual_report_deadline",
    "adjustment_minor",
    "adjustment_major",
    "integrity",
    "other_revocation",
    "governance",
    "plan_cycle",
    "funding",
    "team_exclusivity",
    "name_zh",
    "name_en",
    "priority_route",
]


class Dimension(Strict):
    """One line of the comparison between programmes; `absent: true` means no rule."""

    says: Words | None = None
    cite: Annotated[list[Cite], BeforeValidator(_as_list)] = []
    absent: bool = False


class Programme(Strict):
    """One edition of one regulation.

    `groups` name sets of stages; `tasks` are tags that never block; `lists` are lists kept outside
    (a punishment list, a catalogue) that the port answers for.
    """

    programme: Id
    edition: Edition
    name: Words
    short: Words
    instrument: Instrument
    authority: Names
    strengths: dict[Literal["usual", "principle"], Deviation] = {}
    holiday_shift: bool = False
    kinds: dict[Id, Words] = {}
    parties: dict[Id, Party]
    classes: dict[Id, CentreClass] = {}
    stages: dict[Id, Stage]
    groups: dict[Id, list[Id]] = {}
    periods: dict[Id, Period] = {}
    values: dict[Id, Value] = {}
    flags: dict[Id, Words] = {}
    procedures: dict[Id, Procedure] = {}
    documents: dict[Id, Document] = {}
    acts: dict[Id, Act]
    registers: dict[Id, Register] = {}
    duties: dict[Id, Duty] = {}
    consequences: dict[Id, Consequence] = {}
    evaluation: Evaluation | None = None
    names: dict[Id, NameForm] = {}
    notices: dict[Id, Notice] = {}
    parameters: dict[Id, Parameter] = {}
    defaults: dict[str, Default] = {}
    absences: dict[Id, Absent] = {}
    tasks: dict[Id, Words] = {}
    lists: dict[Id, Words] = {}
    exceptions: ByAuthority | None = None
    annulment: Basis
    existing: Existing | None = None
    validity_extension: ByAuthority | None = None
    relations: list[Relation] = []
    transitions: list[Transition] = []
    articles: dict[str, Article]
    profile: dict[DimensionId, Dimension] = {}


for _model in list(globals().values()):
    if isinstance(_model, type) and issubclass(_model, Strict):
        _model.model_rebuild()
