"""A centre's figures: filled in, reviewed and verified value by value, with what proves them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from csp.decorators import csp_replace
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import figure_words, navigation
from banfa.office.desk.language import in_english, joined, say
from banfa.office.dossiers import uploads as attachable
from banfa.office.dossiers.errors import BadFile
from banfa.office.evaluations import checks, goals, proofs, queries, reports, rights, sheets, verbs
from banfa.office.evaluations.errors import EvaluationError, NotOnFile, Problem, Refused, Stale
from banfa.office.evaluations.models import Collection, Entry, FigureChange, Kind, Stage
from banfa.office.evaluations.sheets import Line, Sheet
from banfa.office.evaluations.systems import programme_of, system_of
from banfa.office.evaluations.verbs import Value
from banfa.rules.figures import Given, from_text, whole
from banfa.rules.loading import Bilingual
from banfa.rules.system import Indicator
from banfa.rules.units import unit
from banfa.rules.words import Text

View = Callable[..., HttpResponse]
Panel = Callable[[HttpRequest, Entry], dict[str, Any] | None]

PANELS: list[Panel] = []
"""What other parts of the office put below a centre's figures: a `template` and its context."""
HOMES: dict[str, Callable[[HttpRequest, Collection], tuple[str, str]]] = {}
"""Where a kind of collection belongs: the address and the words of the page above it."""
NONE_FOUND = ("无", "none", "-", "—")
"""How a later hand writes that there is no value."""


def found(view: View) -> View:
    """A collection, table or file that is not there for this person is a page not there."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if any("\0" in str(part) or _too_large(part) for part in kwargs.values()):
            raise Http404
        try:
            return view(request, *args, **kwargs)
        except NotOnFile as error:
            raise Http404(say(error.text)) from error

    return wrapped


def _too_large(part: Any) -> bool:
    return isinstance(part, int) and part >= 2**31


def home(request: HttpRequest, of: Collection) -> tuple[str, str]:
    """The page that a collection belongs to: its address and its words."""
    if of.kind in HOMES:
        return HOMES[of.kind](request, of)
    if of.kind == Kind.ANNUAL:
        return reverse("reports"), _("年度报告")
    return reverse(navigation.first_page(request)), _("工作台")


def name_of(of: Collection) -> str:
    """What a collection is called."""
    return say(Text(of.name_zh, of.name_en or of.name_zh))


def centre_name(entry: Entry) -> str:
    """What the centre of a table is called."""
    centre = entry.centre
    return say(Text(centre.title_zh or centre.pk, centre.title_en or centre.title_zh or centre.pk))


def unit_of(one: Indicator) -> str:
    """The unit of an indicator in the language of the page."""
    if one.unit is None:
        return ""
    return unit(one.unit).in_words("en" if in_english() else "zh")


# --- what a line looks like -----------------------------------------------------------------------


@dataclass
class Shown:
    """A line of the table on the page: what stands in its fields, and what is wrong with it."""

    line: Line
    unit: str
    options: list[tuple[str, str]]
    typed: str
    reason: str
    evidence: str
    wrong: list[str] = field(default_factory=list)
    hands: list[tuple[str, str, str]] = field(default_factory=list)
    trail: list[dict[str, Any]] = field(default_factory=list)
    before: str = ""
    report: str = ""
    report_state: tuple[Any, str] | None = None
    report_differs: bool = False
    other: str | None = None
    latest: str | None = None
    frozen_shown: str = ""
    new_group: bool = False
    differs: bool = False

    @property
    def label(self) -> str:
        """What the line is about."""
        return say(self.line.indicator.name)


def _options(one: Indicator) -> list[tuple[str, str]]:
    """What may be chosen: yes or no, or grades; none for a number."""
    if one.type == "yes_no":
        return [("yes", _("是")), ("no", _("否"))]
    if one.type == "grade" and one.kernel is not None:
        inner = next(iter(one.kernel.bands.values())) if one.kernel.bands else one.kernel
        return [(name, say(grade.name)) for name, grade in (inner.graded or {}).items()]
    return []


def in_words(one: Indicator, value: str | None) -> str:
    """A value as it is read: a number, 是, or a grade's name."""
    if value is None:
        return ""
    return dict(_options(one)).get(value, value)


def _shown(made: Sheet, step: Stage | None, given: Mapping[str, str] | None) -> list[Shown]:
    rows, group = [], None
    for line in made.lines:
        one, key = line.indicator, line.key
        own = line.values.get(int(step)) if step is not None else None
        text = own or ""
        reason, evidence = line.said.get(int(step), "") if step is not None else "", line.evidence
        if given is not None:
            text = given.get(f"v.{key}", text)
            reason, evidence = given.get(f"r.{key}", reason), given.get(f"e.{key}", evidence)
        shown = Shown(line, unit_of(one), _options(one), text, reason, evidence)
        shown.hands = [
            (
                str(figure_words.VALUES[s]),
                in_words(one, line.values.get(int(s))),
                line.said.get(s, ""),
            )
            for s in rights.steps(made.entry.collection)
            if int(s) in line.values and s != step
        ]
        shown.trail = [_told(one, change) for change in line.changes]
        shown.before, shown.latest = in_words(one, line.before), line.held(Stage.VERIFIED)
        shown.frozen_shown = in_words(one, line.frozen)
        if line.report is not None and line.reported is not None:
            shown.report = in_words(one, line.reported)
            shown.report_state = figure_words.STAGES[Stage(line.report.stage)]
            shown.report_differs = shown.latest is not None and shown.latest != line.reported
        shown.hands = list(_together(shown.hands))
        values = {v for v in line.values.values() if v is not None}
        shown.differs = len(values) > 1
        shown.new_group, group = line.group != group, line.group
        rows.append(shown)
    return rows


def _beside_others(rows: list[Shown], step: int) -> None:
    """What is on file by now beside each value typed otherwise into a page that was out of date."""
    for row in rows:
        on_file = row.line.values.get(step) or ""
        if row.typed.strip() != on_file:
            row.other = in_words(row.line.indicator, on_file) or str(_("空"))


def _together(hands: list[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """Hands that say the same of a value, in one line."""
    labels: list[str] = []
    for number, (label, value, words) in enumerate(hands):
        labels.append(label)
        following = hands[number + 1] if number + 1 < len(hands) else None
        if following is not None and following[1] == value and not words and not following[2]:
            continue
        yield " = ".join(labels), value, words
        labels = []


def _told(one: Indicator, change: FigureChange) -> dict[str, Any]:
    """A change in words: when, by whom, from what to what, why."""
    before, after = (
        in_words(one, queries.written(one, v)) or str(_("空"))
        for v in (change.before, change.after)
    )
    told = after if before == after else f"{before} → {after}"
    hand = figure_words.HANDS.get(Stage(change.stage), "")
    who = f"{change.by.name if change.by is not None else ''} {hand}".strip()
    return {"at": change.at, "who": who, "told": told, "reason": change.reason}


# --- the page -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@found
def figures(request: HttpRequest, collection: int, centre: str) -> HttpResponse:
    """A centre's table in a collection, for whoever sees the centre; its hand may fill it in."""
    of = queries.collection(request.reach, collection)
    entry = queries.entry(request.reach, of, centre)
    if request.method != "POST":
        return _page(request, entry)
    does = _DOES.get(request.POST.get("do", ""))
    if does is None:
        raise Http404
    try:
        return does(request, entry)
    except Refused as error:
        return _answer(request, entry, say(error.text), error.problems)
    except EvaluationError as error:
        return _answer(request, entry, say(error.text), status=error.status)


def _answer(
    request: HttpRequest, entry: Entry, said: str, problems: list[Problem] | None = None,
    status: int = 422,
) -> HttpResponse:  # fmt: skip
    """The page again with all that was typed, and what is wrong with it."""
    if request.headers.get("Accept") == "application/json":
        told = {_key(p): say(p.text) for p in problems or []}
        if status == Stale.status:
            said = _("%s。点“暂存”即列出已存的数供核对。") % said.rstrip("。")
        return JsonResponse({"said": said, "problems": told}, status=status)
    return _page(request, entry, said, problems or [], status)


def _key(problem: Problem) -> str:
    return f"{problem.indicator}.{problem.year}"


def _page(
    request: HttpRequest, entry: Entry, said: str = "", problems: list[Problem] | None = None,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    if request.method == "POST":
        entry = queries.entry(request.reach, entry.collection, entry.centre_id)
    made = sheets.sheet(entry)
    of, step = entry.collection, made.step
    mine = step is not None and rights.may_enter(request.reach, of, entry.centre, step)
    rows = _shown(made, step if mine else None, request.POST if said else None)
    if status == Stale.status and mine:
        _beside_others(rows, int(step or 0))
    for row in rows:
        row.wrong = [say(p.text) for p in problems or [] if _key(p) == row.line.key]
    system, programme = system_of(of.system), programme_of(str(of.book_id))
    parties = rights.parties_of(system, step) if step is not None else []
    home_page = home(request, of)
    viewing = _viewing(request, made)
    context = {
        "here": "reports" if of.kind == Kind.ANNUAL else "rounds",
        "home": home_page,
        "entry": entry,
        "of": of,
        "name": name_of(of),
        "centre_name": centre_name(entry),
        "system": of.system,
        "sample": say(system.sample),
        "made": made,
        "rows": rows,
        "mine": mine,
        "step": int(step) if step is not None else 0,
        "step_name": figure_words.HANDS[step] if step is not None else "",
        "value_name": figure_words.VALUES[step] if step is not None else "",
        "finish_name": figure_words.FINISH[step] if step is not None else "",
        "stage": figure_words.STAGES[Stage(entry.stage)],
        "waits_for": joined(say(programme.parties[p].name) for p in parties),
        "late": queries.is_late(entry, clock.today()),
        "today": clock.today(),
        "back": _back(request, entry),
        "may_goal": goals.may_set(request.reach, entry),
        "goal_rows": [r for r in rows if r.line.indicator.type == "number"],
        "has_goals": any(r.line.goal for r in rows),
        "needs": mine and step == Stage.REPORTED and any(r.line.needed for r in rows),
        "has_report": any(r.report for r in rows),
        "may_take": mine and step == Stage.REPORTED and any(_fills(r.line) for r in rows),
        "taken": _count(request.GET.get("taken", "")),
        "has_hands": not mine or any(r.hands for r in rows),
        "files": {p.digest: p for r in rows for p in r.line.proofs},
        "viewing": viewing,
        "shown_types": attachable.SHOWN,
        "accept": ",".join(f".{e}" for e in attachable.ENDINGS),
        "said": said,
        "confirm": bool(said) and mine and step is not None and bool(checks.unchecked(entry, step)),
        "saved": request.GET.get("saved", ""),
        "report_link": _report_link(request, made),
        "panels": [p for panel in PANELS if (p := panel(request, entry)) is not None],
    }
    answer = render(request, "desk/figures.html", context, status=status)
    return answer


def _viewing(request: HttpRequest, made: Sheet) -> dict[str, Any] | None:
    """The evidence to show beside the table, and the value it proves."""
    asked = request.GET.get("proof", "")
    for line in made.lines:
        for one in line.proofs:
            if str(one.pk) == asked:
                return {"proof": one, "line": line, "shown": one.media_type in attachable.SHOWN}
    return None


def _back(request: HttpRequest, entry: Entry) -> list[tuple[int, str]]:
    """The steps to which the person may send the table back."""
    of, reach = entry.collection, request.reach
    if entry.stage == Stage.EMPTY:
        return []
    later = [s for s in rights.steps(of) if rights.may_enter(reach, of, entry.centre, s)]
    anyone = rights.administers(reach, rights.RUN, str(of.book_id))
    found_ = []
    for to in [Stage.EMPTY, *rights.steps(of)]:
        if to < entry.stage and (anyone or any(s > to + 1 for s in later)):
            again = next(s for s in rights.steps(of) if s > to)
            found_.append((int(to), str(_("退回重新%s") % figure_words.HANDS[again])))
    return found_


def _report_link(request: HttpRequest, made: Sheet) -> dict[str, str] | None:
    """Where the year is reported with these figures, for those who may; None once it is."""
    entry = made.entry
    if made.act is not None or entry.collection.kind != Kind.ANNUAL:
        return None
    programme = str(entry.collection.book_id)
    for kind in reports.kinds(programme):
        held = next(
            (
                one
                for party in kind.chain[0].by
                for one in request.reach.fitting(programme, party, entry.centre, kind.act)
            ),
            None,
        )
        if kind.calendar and held is not None:
            page = reverse("centre_act", args=[entry.centre_id, kind.act])
            query = f"?party={held.capacity.party}&figures={entry.pk}"
            return {"href": page + query, "text": say(kind.chain[0].name)}
    return None


# --- what is done ---------------------------------------------------------------------------------


def _step(entry: Entry) -> Stage:
    step = queries.next_step(entry)
    if step is None:
        raise EvaluationError("数据已全部办结", "these figures are finished")
    return step


def _version(request: HttpRequest) -> int | None:
    raw = request.POST.get("version", "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else None


def _typed(request: HttpRequest, made: Sheet, step: Stage) -> tuple[list[Value], list[Problem]]:
    """What was typed and differs from what is on file; and what cannot be read."""
    values, problems = [], []
    for line in made.lines:
        raw = request.POST.get(f"v.{line.key}")
        if raw is None or len(raw) > 200:
            continue
        reason = request.POST.get(f"r.{line.key}", "").replace("\0", "").strip()[:2000]
        proof = request.POST.get(f"e.{line.key}", "").replace("\0", "").strip()[:500]
        try:
            value = _value(line, raw.replace("\0", "").strip(), reason, proof, step)
        except Bilingual as error:
            problems.append(Problem(line.name, line.year, Text(error.zh, error.en)))
            continue
        if value is not None:
            values.append(value)
    return values, problems


def _value(line: Line, raw: str, reason: str, proof: str, step: Stage) -> Value | None:
    one, before = line.indicator, line.held(int(step))
    given: Given
    if step > Stage.REPORTED and not raw:
        given = _as_given(one, before)  # left alone: as the hand before has it
    elif step > Stage.REPORTED and raw.lower() in NONE_FOUND:
        given = None
    else:
        given = from_text(one, raw)
    after = None if given is None else queries.written(one, whole(line.name, one, given))
    said = line.said.get(int(step), "")
    new_reason, new_proof = reason != said, proof != line.evidence
    if after == before and not new_reason and not new_proof:
        return None
    evidence: list[dict[str, object]] | None = None
    if new_proof:
        evidence = [{"text": proof}] if proof else []
    changed = after != before
    kept = reason if new_reason or (changed and step > Stage.REPORTED) else ""
    return Value(
        line.name, line.year, given, kept, evidence, clear=new_reason and not reason
        and step == Stage.REPORTED,
    )  # fmt: skip


def _as_given(one: Indicator, value: str | None) -> Given:
    if value is None:
        return None
    return value if one.type == "grade" else from_text(one, value)


def _save(request: HttpRequest, entry: Entry) -> tuple[Sheet, list[Problem], int]:
    """Saves what can be taken; gives what cannot, and how many values changed."""
    made, step = sheets.sheet(entry), _step(entry)
    values, problems = _typed(request, made, step)
    done = 0
    try:
        done = verbs.enter(request.reach, entry, step, values, _version(request)).changed
    except Refused as error:
        wrong = {_key(p) for p in error.problems}
        problems += error.problems
        good = [v for v in values if f"{v.indicator}.{v.year}" not in wrong]
        done = verbs.enter(request.reach, entry, step, good, _version(request)).changed
    return made, problems, done


def _do_save(request: HttpRequest, entry: Entry) -> HttpResponse:
    made, problems, done = _save(request, entry)
    if request.headers.get("Accept") == "application/json":
        return _saved(request, entry, problems)
    if problems:
        said = _("已保存 %(done)s 项；另有 %(wrong)s 项有误，未保存，请改正。")
        return _answer(request, entry, said % {"done": done, "wrong": len(problems)}, problems)
    return _back_to(made.entry, "saved=1")


def _saved(request: HttpRequest, entry: Entry, problems: list[Problem]) -> JsonResponse:
    """What the page shows after it saved itself: the time, and what each value now asks."""
    entry = queries.entry(request.reach, entry.collection, entry.centre_id)
    now = sheets.sheet(entry)
    at = timezone.localtime(clock.now(), clock.SHANGHAI)
    told = {
        "version": entry.version,
        "said": _("%s 已自动保存") % f"{at:%H:%M:%S}",
        "problems": {_key(p): say(p.text) for p in problems},
        "asks": {line.key: [say(a) for a in line.asks] for line in now.lines if line.asks},
        "open": now.open,
    }
    if problems:
        told["said"] = _("有 %s 项填写有误，未保存") % len(problems)
    return JsonResponse(told)


def _fills(line: Line) -> bool:
    """Whether a line is empty and the yearly report has its value."""
    return line.reported is not None and line.values.get(int(Stage.REPORTED)) is None


def _do_take(request: HttpRequest, entry: Entry) -> HttpResponse:
    """Saves what was typed, then fills what is still empty from the yearly reports."""
    _made, problems, _done = _save(request, entry)
    if problems:
        said = _("有 %s 项填写有误，请先改正，再带入年度报告数；其余各项已保存。")
        return _answer(request, entry, said % len(problems), problems)
    step = _step(entry)
    if step != Stage.REPORTED:
        raise EvaluationError("只有填报时可以带入", "only while the figures are reported")
    values = [
        Value(line.name, line.year, _as_given(line.indicator, line.reported))
        for line in sheets.sheet(entry).lines
        if _fills(line)
    ]
    done = verbs.enter(request.reach, entry, step, values, entry.version).changed
    return _back_to(entry, f"saved=taken&taken={done}")


def _count(raw: str) -> int:
    """A number in an address; 0 for anything else."""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 6 else 0


def _do_finish(request: HttpRequest, entry: Entry) -> HttpResponse:
    _made, problems, _done = _save(request, entry)
    if problems:
        said = _("有 %s 项填写有误，尚未办结；其余各项已保存。") % len(problems)
        return _answer(request, entry, said, problems)
    step = _step(entry)
    left = checks.unchecked(entry, step)
    if left and request.POST.get("checked") != "yes":
        return _answer(request, entry, _asked_to_check(left))
    verbs.finish(request.reach, entry, step)
    return _back_to(entry, "saved=finished")


def _asked_to_check(left: checks.Unchecked) -> str:
    """Says what would be confirmed unseen, and asks for the word that it was seen."""
    said = _(
        "共 %(all)s 项数据，其中 %(alone)s 项未改动也未写意见，%(unproved)s 项没有证明材料。"
        "办结即认可这些数据：请勾选“已逐项核对”后再办结。"
    )
    return said % {"all": left.all, "alone": left.alone, "unproved": left.unproved}


def _do_back(request: HttpRequest, entry: Entry) -> HttpResponse:
    raw = request.POST.get("to", "")
    to = int(raw) if raw in ("0", "1", "2") else -1
    if to not in dict(_back(request, entry)):
        raise EvaluationError("请选择退回到哪一步", "choose the step to send it back to")
    verbs.send_back(request.reach, entry, to, request.POST.get("why", "").replace("\0", "")[:1000])
    return _back_to(entry, "saved=back")


def _target(request: HttpRequest) -> tuple[str, int]:
    """The value that a goal or a proof is about: `indicator.year`."""
    name, _dot, year = request.POST.get("value", "").rpartition(".")
    return name, int(year) if year.isascii() and year.isdigit() and len(year) < 6 else 0


def _do_goal(request: HttpRequest, entry: Entry) -> HttpResponse:
    name, year = _target(request)
    text, source = request.POST.get("goal", ""), request.POST.get("source", "")
    goals.set_goal(
        request.reach, entry, name, year, text.replace("\0", ""), source.replace("\0", "")
    )
    return _back_to(entry, "saved=goal", "#goals")


def _do_proof(request: HttpRequest, entry: Entry) -> HttpResponse:
    at, number = _target(request), request.POST.get("page", "")[:10]
    known, upload = request.POST.get("known", ""), request.FILES.get("file")
    if upload is not None:
        try:
            name = attachable.safe_name(str(upload.name or ""))
            kind = attachable.inspect(name, upload.file, upload.size or 0)
        except BadFile as error:
            return _answer(request, entry, say(error.text))
        proofs.add(request.reach, entry, at, number, upload, name, kind.media_type)
    elif known.isascii() and known.isdigit() and len(known) < 12:
        proofs.again(request.reach, entry, at, number, int(known))
    else:
        raise EvaluationError("请选择文件", "choose a file")
    return _back_to(entry, "saved=proof", "#proofs")


def _do_unproof(request: HttpRequest, entry: Entry) -> HttpResponse:
    raw = request.POST.get("proof", "")
    number = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 12 else 0
    proofs.remove(request.reach, entry, number)
    return _back_to(entry, "saved=unproof", "#proofs")


_DOES: dict[str, Callable[[HttpRequest, Entry], HttpResponse]] = {
    "save": _do_save,
    "take": _do_take,
    "finish": _do_finish,
    "back": _do_back,
    "goal": _do_goal,
    "proof": _do_proof,
    "unproof": _do_unproof,
}


def _back_to(entry: Entry, query: str, place: str = "") -> HttpResponse:
    page = reverse("figures", args=[entry.collection_id, entry.centre_id])
    return HttpResponseRedirect(f"{page}?{query}{place}")


# --- evidence -------------------------------------------------------------------------------------

_FRAMED = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "frame-ancestors": ["'self'"],
}


@require_safe
@found
@csp_replace(_FRAMED)
@xframe_options_sameorigin
def figure_proof(request: HttpRequest, collection: int, centre: str, number: int) -> HttpResponse:
    """A file that proves a figure, shown when a browser can show it."""
    of = queries.collection(request.reach, collection)
    entry = queries.entry(request.reach, of, centre)
    proof, stored = proofs.file(entry, number)
    shown = proof.media_type in attachable.SHOWN and request.GET.get("save") != "1"
    answer = FileResponse(stored, content_type=proof.media_type)
    how = "inline" if shown else "attachment"
    answer["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(proof.name, safe='')}"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


urls = [
    path("figures/<int:collection>/<str:centre>/", figures, name="figures"),
    path(
        "figures/<int:collection>/<str:centre>/proof/<int:number>/",
        figure_proof,
        name="figure_proof",
    ),
]
