"""Pages of work: the lists, a procedure in full, an act being prepared, phrases and sign-off."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import case_page, centre_tabs, navigation, workbench
from banfa.office.desk.errors import on_file
from banfa.office.desk.language import say
from banfa.office.ledger import library
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import LedgerError, NotOnFile
from banfa.office.people import access
from banfa.office.people.models import Organisation
from banfa.office.queues import colleagues, joint, queries, routing, verbs, words
from banfa.office.queues.errors import QueueError
from banfa.office.queues.models import MANNERS, Answer, Manner, SignOff
from banfa.office.reviews import queries as reviews

GIVEN_TO = 6
"""So many people can be named in the form that routes a piece of work."""


# --- the lists ----------------------------------------------------------------------------------

List = Callable[[access.Reach, queries.Asked], queries.Lines]
LISTS: dict[str, List] = {
    "todo": queries.todo,
    "done": queries.done,
    "begun": queries.begun,
    "copied": queries.copied,
}


def _kinds(which: str) -> dict[str, str]:
    if which == "todo":
        return {name: say(text) for name, text in queries.KINDS.items()}
    return {"case": _("登记的行为"), "task": _("内部分办")} if which == "done" else {}


def _dues(which: str) -> dict[str, str]:
    if which == "todo":
        return {name: say(text) for name, text in queries.DUES.items()}
    if which == "begun":
        return {"open": _("办理中"), "closed": _("已办结")}
    return {"unread": _("未读")} if which == "copied" else {}


@require_safe
def work_list(request: HttpRequest, which: str) -> HttpResponse:
    """One of the four lists of work."""
    if which not in LISTS:
        raise Http404
    if not request.reach.held:
        return HttpResponseRedirect(reverse(navigation.first_page(request)))
    kinds, dues, short = _kinds(which), _dues(which), workbench.short_names()
    seen = {n: say(w) for n, w in short.items() if n in request.reach.programmes()}
    page = request.GET.get("page", "1")
    asked = queries.Asked(
        _among(request.GET.get("programme", ""), seen),
        _among(request.GET.get("kind", ""), kinds),
        _among(request.GET.get("due", ""), dues),
        int(page) if page.isdigit() and len(page) < 6 else 1,
    )
    filtered = bool(asked.programme or asked.kind or asked.due)
    found = LISTS[which](request.reach, asked)
    context = {
        "here": "home",
        "which": which,
        "title": workbench.titles()[which],
        "lists": workbench.titles().items(),
        "found": found,
        "asked": asked,
        "filtered": filtered,
        "programmes": seen.items(),
        "kinds": kinds.items(),
        "dues": dues.items(),
        "short": short,
        "today": clock.today(),
    }
    return render(request, "desk/work_list.html", context)


@require_safe
def other_work(request: HttpRequest) -> HttpResponse:
    """What waits for the person in the other parts of the office: reviews, figures and the like."""
    if not request.reach.held:
        return HttpResponseRedirect(reverse(navigation.first_page(request)))
    today = clock.today()
    waiting = workbench.todos(request.user, request.reach, today, workbench.OTHERS)
    context = {
        "here": "home",
        "which": "others",
        "title": workbench.titles()["others"],
        "lists": workbench.titles().items(),
        "waiting": waiting,
        "short": workbench.short_names(),
        "today": today,
    }
    return render(request, "desk/other_work.html", context)


def _among(asked: str, known: Any) -> str:
    return asked if asked in known else ""


# --- one piece of work --------------------------------------------------------------------------


@dataclass
class Typed:
    """What was typed in the form that was refused, and why; nothing typed is lost."""

    form: str = ""
    said: str = ""
    values: dict[str, str] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def case(request: HttpRequest, centre: str, case: str) -> HttpResponse:
    """A procedure in full: where it stands, who has it, what was done and said, what comes next."""
    procedure, _dash, number = case.rpartition("-")
    case_id = f"{procedure}#{number}"
    page = _seen(request, centre)
    if case_id not in page.state.cases:
        raise NotOnFile("没有这一办件", "no such procedure")
    return _work(request, page, case_id, "")


@require_http_methods(["GET", "HEAD", "POST"])
@on_file
def prepare(request: HttpRequest, centre: str, kind: str) -> HttpResponse:
    """An act being prepared: opinions and sign-off among colleagues before it is recorded."""
    page = _seen(request, centre)
    if kind not in page.ruleset.models or page.ruleset.models[kind].level != "centre":
        raise Http404
    return _work(request, page, "", kind)


def _seen(request: HttpRequest, centre: str) -> ledger.CentrePage:
    page = ledger.centre(centre)
    if not request.reach.sees(page.centre):
        raise NotOnFile(f"没有编号为“{centre}”的中心", f"no centre '{centre}'")
    joint.veil(request.reach, page)
    return page


def _work(request: HttpRequest, page: ledger.CentrePage, case: str, act: str) -> HttpResponse:
    typed = Typed()
    if request.method == "POST":
        try:
            said = _do(request, page, case, act)
            at = words.address(page.centre.id, case, act)
            return HttpResponseRedirect(f"{at}?said={said}#work")
        except (QueueError, LedgerError) as error:
            if isinstance(error, NotOnFile):
                raise
            typed = _typed(request, say(error.text))
    else:
        verbs.read_copies(request.user, page.centre, case, act)
    context = _context(request, page, case, act, typed)
    return render(request, "desk/work.html", context, status=422 if typed.said else 200)


def _typed(request: HttpRequest, said: str) -> Typed:
    form = f"{request.POST.get('do', '')}:{request.POST.get('task', '')}"
    values = {k: str(v) for k, v in request.POST.items() if k != "csrfmiddlewaretoken"}
    return Typed(form, said, values, request.POST.getlist("people"))


def _context(
    request: HttpRequest, page: ledger.CentrePage, case: str, act: str, typed: Typed
) -> dict[str, Any]:
    reach, centre = request.reach, page.centre
    routings = queries.routings(reach, centre, case, act)
    mine = [
        t for r in routings for t in r.shown if t.to_id == request.user.pk and t.state == "open"
    ]
    routing.see(reach, mine)
    held = list(reach.fitting(centre.book_id, "", centre))
    orgs = list(dict.fromkeys(one.org for one in held))
    peers = [u for u in colleagues.of(centre, orgs[0]) if u.pk != request.user.pk] if orgs else []
    working = {u.pk for u in peers} | {request.user.pk}
    model = page.ruleset.models.get(act)
    return {
        "here": "centres",
        "page": page,
        "programme": page.programme,
        "tabs": centre_tabs.tabs(centre, "centre_cases"),
        "case": case_page.case(page, reach, case) if case else None,
        "reviews": [
            r
            for r in reviews.of_centre(centre, reach)
            if (r.about == case if case else r.kind == act and not r.about)
        ],
        "act": act,
        "act_name": say(model.name) if model is not None else "",
        "act_papers": bool(model is not None and model.documents),
        "circulating": _circulating(reach, page, act),
        "act_party": _party_for(request, page, act) if act else "",
        "title": say(words.work_name(centre, case, act)),
        "routings": routings,
        "tasks": mine,
        "left": {t.pk for r in routings for t in r.shown if t.to_id not in working},
        "colleagues": peers,
        "slots": _slots(typed),
        "manners": [(m, say(text)) for m, text in MANNERS.items()],
        "answers": _answers(),
        "opinions": queries.opinions(reach, centre, case, act),
        "phrases": queries.phrases(request.user, orgs),
        **_sign_off(page, act, orgs, routings, request.user),
        "organisation": held[0].capacity.organisation if held else None,
        "typed": typed,
        "key": typed.values.get("key") or secrets.token_urlsafe(24),
        "said": _said(request.GET.get("said", "")),
        "today": clock.today(),
    }


def _circulating(reach: access.Reach, page: ledger.CentrePage, act: str) -> Any:
    """The act's draft that is with other bodies, for those who may read what these say."""
    model = page.ruleset.models.get(act)
    if model is None or model.jointly is None or page.centre.book_id not in joint.privy(reach):
        return None
    return joint.under_way(page.centre.id, act)


def _slots(typed: Typed) -> list[tuple[int, str]]:
    """The places for people in the form that routes work: number, and who was chosen there."""
    chosen = typed.people if typed.form == "route:" else []
    return [(n, chosen[n - 1] if n <= len(chosen) else "") for n in range(1, GIVEN_TO + 1)]


def _sign_off(
    page: ledger.CentrePage, act: str, orgs: list[str], routings: list[Any], user: Any
) -> dict[str, Any]:
    """What the organisation's sign-off of an act still lacks, and whether it can be sent out."""
    missing = still_missing(page, act, orgs[0]) if act and orgs else None
    asked = {t.to_id for r in routings for t in r.shown if t.state in ("open", "waiting")}
    numbers = set(missing.numbers) if missing is not None else set()
    return {"missing": missing, "routable": not numbers & (asked | {user.pk})}


def _answers() -> list[tuple[str, str]]:
    said = {Answer.AGREE: _("同意"), Answer.OBJECT: _("不同意"), Answer.DONE: _("已办理")}
    return [(str(name), text) for name, text in said.items()]


def _party_for(request: HttpRequest, page: ledger.CentrePage, act: str) -> str:
    fits = request.reach.fitting(page.centre.book_id, "", page.centre, act)
    return next((one.capacity.party for one in fits), "")


def _said(code: str) -> str:
    """What was done, after a form was accepted."""
    return {
        "opinion": _("意见已留痕。"),
        "withdraw_opinion": _("意见已撤回，原文留痕备查。"),
        "route": _("已分办，办理人将收到提醒。"),
        "withdraw": _("分办已撤回。"),
        "answer": _("已办理，流程继续。"),
        "object": _("已表示不同意，意见和理由已留痕。"),
        "hand_over": _("已转办。"),
        "entrust": _("已委派；办结后将回到您处确认。"),
        "add_before": _("已加签：待其办理后再由您办理。"),
        "add_after": _("已加签：您办理后由其接着办理。"),
        "take_over": _("已接办。"),
        "urge_task": _("已催办。"),
        "urge": _("已催办承办方。"),
        "copy": _("已抄送。"),
    }.get(code, "")


# --- what is done on it -------------------------------------------------------------------------


def _do(request: HttpRequest, page: ledger.CentrePage, case: str, act: str) -> str:
    """Does what a form asks; gives its name. Raises QueueError, LedgerError."""
    post, reach, centre = request.POST, request.reach, page.centre
    asked = post.get("do", "")
    text, note = _phrase_and_text(request), post.get("note", "")
    task, to = _number(post.get("task", "")), _number(post.get("to", ""))
    people = [_number(n) for n in post.getlist("people") if n]
    org = _organisation(request, page)
    match asked:
        case "opinion":
            inside = post.get("inside", "1") != "0"
            verbs.give_opinion(reach, centre, text, case, act, inside=inside, org=org)
        case "withdraw_opinion":
            verbs.withdraw_opinion(reach, _number(post.get("opinion", "")), post.get("why", ""))
        case "route":
            due = _day(post.get("due", ""))
            routing.route(
                reach, centre, post.get("manner", ""), people, case, act, note, due, org,
                post.get("key", ""),
            )  # fmt: skip
        case "withdraw":
            routing.withdraw_routing(reach, _number(post.get("routing", "")))
        case "answer":
            routing.answer(reach, task, post.get("answer", ""), text)
            if post.get("answer") == Answer.OBJECT:
                return "object"
        case "pass":
            how = {
                "hand_over": routing.hand_over,
                "entrust": routing.entrust,
                "add_before": routing.add_before,
                "add_after": routing.add_after,
            }.get(post.get("how", ""))
            if how is None:
                raise QueueError("请选择转办、委派或加签", "choose how to pass it on")
            how(reach, task, to, note)
            return post["how"]
        case "take_over":
            routing.take_over(reach, task)
        case "urge_task":
            routing.urge_task(reach, task)
        case "urge":
            routing.urge_case(reach, centre, case)
        case "copy":
            verbs.copy_to(reach, centre, people, case, act, note, org)
        case _:
            raise QueueError("页面内容已变化，请刷新后重试", "the page has changed; reload it")
    return asked


def _organisation(request: HttpRequest, page: ledger.CentrePage) -> str:
    """The organisation for which the person works here: the first that reaches the centre."""
    fits = request.reach.fitting(page.centre.book_id, "", page.centre)
    return next((one.org for one in fits), "")


def _phrase_and_text(request: HttpRequest) -> str:
    """What was typed, after the stock phrase that was picked unless that is in it already."""
    phrase, text = request.POST.get("phrase", "").strip(), request.POST.get("text", "").strip()
    if not phrase or phrase in text:
        return text
    return f"{phrase}\n{text}".strip()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 15 else -1


def _day(text: str) -> dt.date | None:
    if not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise QueueError(
            f"“{text[:40]}”不是有效日期，请写成 2030-11-20", f"'{text[:40]}' is not a date"
        ) from None


# --- phrases and sign-off -----------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def phrases(request: HttpRequest) -> HttpResponse:
    """One's stock phrases, and those of the organisations whose people one manages."""
    managed, said = navigation.administered(request), ""
    if request.method == "POST":
        try:
            if request.POST.get("do") == "drop":
                verbs.drop_phrase(request.user, _number(request.POST.get("phrase", "")))
            else:
                owner = next((o for o in managed if o.id == request.POST.get("organisation")), None)
                verbs.keep_phrase(request.user, request.POST.get("text", ""), owner)
            return HttpResponseRedirect(reverse("phrases"))
        except QueueError as error:
            said = say(error.text)
        except NotOnFile as error:
            raise Http404 from error
    orgs = {one.org for one in request.reach.held} | {o.id for o in managed}
    context = {
        "here": "account",
        "phrases": queries.phrases(request.user, orgs),
        "managed": managed,
        "managed_ids": {o.id for o in managed},
        "said": said,
        "typed": request.POST.get("text", ""),
    }
    return render(request, "desk/phrases.html", context, status=422 if said else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def sign_off(request: HttpRequest, organisation: str) -> HttpResponse:
    """Which acts an organisation wants signed off by whom before they are recorded."""
    managed = {o.id: o for o in navigation.administered(request)}
    if organisation not in managed:
        raise Http404
    found, said = managed[organisation], ""
    if request.method == "POST":
        try:
            _demand(request, found)
            return HttpResponseRedirect(reverse("sign_off", args=[organisation]))
        except QueueError as error:
            said = say(error.text)
    known = dict(colleagues.members(found).values_list("pk", "name"))
    context = {
        "here": "people",
        "organisation": found,
        "demands": [_demanded(one, known) for one in queries.sign_offs([organisation])],
        "acts": _acts(found),
        "members": known.items(),
        "slots": range(1, GIVEN_TO + 1),
        "manners": [(m, say(words.manner(m))) for m in _SIGNING],
        "said": said,
        "typed": request.POST,
        "typed_people": request.POST.getlist("people"),
    }
    return render(request, "desk/sign_off.html", context, status=422 if said else 200)


_SIGNING = (str(Manner.TOGETHER), str(Manner.ANY), str(Manner.IN_TURN))


def _demand(request: HttpRequest, organisation: Organisation) -> None:
    programme, _dot, act = request.POST.get("act", "").partition(".")
    drop = request.POST.get("do") == "drop"
    people = [_number(n) for n in request.POST.getlist("people") if n]
    if not drop and (programme not in library.ids() or not act or not people):
        raise QueueError("请选择行为和签批人员", "choose an act and its people")
    verbs.require_sign_off(
        request.user, organisation, programme, act, request.POST.get("manner", ""),
        [] if drop else people,
    )  # fmt: skip


def _demanded(one: SignOff, known: dict[int, str]) -> dict[str, Any]:
    model = library.editions(one.programme).latest.models.get(one.act)
    return {
        "value": f"{one.programme}.{one.act}",
        "programme": say(library.editions(one.programme).latest.programme.short),
        "act": say(model.name) if model is not None else one.act,
        "manner": say(words.manner(one.manner)),
        "people": [known.get(n, _("（已离开）")) for n in one.people],
    }


def _acts(organisation: Organisation) -> list[tuple[str, list[tuple[str, str]]]]:
    """The acts on centres that the organisation's people may take, by programme."""
    from banfa.office.people.models import Capacity

    held: dict[str, set[str]] = {}
    live = Capacity.objects.filter(organisation=organisation, ended__isnull=True)
    for programme, party in live.values_list("programme", "party"):
        held.setdefault(programme, set()).add(party)
    groups = []
    for programme, parties in sorted(held.items()):
        rs = library.editions(programme).latest
        acts = [
            (f"{programme}.{kind}", say(model.name))
            for kind, model in rs.models.items()
            if model.level == "centre" and not model.probe and model.absent is None
            and parties & set(model.by)
        ]  # fmt: skip
        groups.append((say(rs.programme.short), acts))
    return groups


# --- before an act is recorded -------------------------------------------------------------------


def still_missing(page: ledger.CentrePage | None, kind: str, org: str) -> queries.Missing | None:
    """What of the organisation's own sign-off is missing before this act is recorded."""
    if page is None or not org:
        return None
    return queries.missing_sign_off(page.centre, page.centre.book_id, kind, org)


urls: Sequence[Any] = [
    path("work/others/", other_work, name="other_work"),
    path("work/<slug:which>/", work_list, name="work_list"),
    path("centres/<str:centre>/cases/<str:case>/", case, name="case"),
    path("centres/<str:centre>/prepare/<slug:kind>/", prepare, name="prepare"),
    path("account/phrases/", phrases, name="phrases"),
    path("people/organisations/<str:organisation>/sign-off/", sign_off, name="sign_off"),
]
