"""Pages about people: an organisation's own, the three administrators', the rights, the log."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from banfa.office import clock
from banfa.office.desk import (
    account_news,
    audit_words,
    endings,
    exports,
    navigation,
    organisation_list,
    told,
)
from banfa.office.desk.account_pages import capacity_words, day
from banfa.office.desk.errors import forbidden_because, wrong_request
from banfa.office.desk.language import say
from banfa.office.ledger import library
from banfa.office.people import access, audit, rights, verbs
from banfa.office.people.errors import PeopleError
from banfa.office.people.models import (
    Capacity,
    Membership,
    Organisation,
    Place,
    Scope,
    Standing,
    User,
)
from banfa.rules import programme as p
from banfa.rules.words import Text

View = Callable[..., HttpResponse]
PAGE = 100


def _unkeepable(request: HttpRequest) -> bool:
    """Whether something was given that no database keeps."""
    given = [*request.GET.lists(), *request.POST.lists()]
    return any("\0" in value for _name, values in given for value in values)


def needs(thing: str) -> Callable[[View], View]:
    """A page for those whose role gives a thing; 403 with the reason for everybody else."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.reach.does(thing):
                audit.note("denied", request.user, thing, result="refused")
                said = _("此页供“%(what)s”之用，您的账号没有这项权限。")
                return forbidden_because(request, said % {"what": say(Text(*rights.THINGS[thing]))})
            if any(
                "\0" in v for q in (request.GET, request.POST) for _n, vs in q.lists() for v in vs
            ):
                return wrong_request(
                    request, _("所填内容含有无法保存的字符（NUL），未作任何记录。")
                )
            return view(request, *args, **kwargs)

        return wrapped

    return decorate


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 12 else -1


def parties() -> list[tuple[str, str, p.Party]]:
    """Every party of every programme: `programme:party`, its words, its model."""
    found = []
    for name in library.loadable()[0]:
        model = library.editions(name).latest.programme
        found += [
            (f"{name}:{party}", f"{say(model.short)}　{say(one.name)}", one)
            for party, one in model.parties.items()
        ]
    return found


# --- an organisation's people -------------------------------------------------------------------


@require_safe
@needs("administer.people")
def people(request: HttpRequest) -> HttpResponse:
    """To the organisation whose people one manages; a list when there are several."""
    mine = navigation.administered(request)
    if len(mine) == 1:
        return HttpResponseRedirect(reverse("organisation_people", args=[mine[0].id]))
    return render(request, "desk/people.html", {"here": "people", "organisations": mine})


@require_http_methods(["GET", "HEAD", "POST"])
def organisation_people(request: HttpRequest, organisation: str) -> HttpResponse:
    """An organisation's people: inviting, asking for capacities, ending. For its administrator."""
    found = next((o for o in navigation.administered(request) if o.id == organisation), None)
    if found is None:
        raise Http404
    said = link = ""
    if request.method == "POST":
        try:
            ending = _leaving(request, found)
            if ending and (asks := endings.confirm(request, ending)):
                return asks
            link = _manage(request, found)
            told.leave(request, ending.done if ending else "")
            if not link:
                return HttpResponseRedirect(reverse("organisation_people", args=[found.id]))
        except PeopleError as error:
            said = say(error.text)
    members = Membership.objects.filter(organisation=found).select_related("user")
    capacities = Capacity.objects.filter(organisation=found, ended__isnull=True)
    context = {
        "here": "people",
        "organisation": found,
        "said": said,
        "link": link,
        "typed": {} if link else request.POST,
        "members": members.order_by("user__name"),
        "capacities": _worded(capacities),
        "parties": [(v, t) for v, t, model in parties() if _plays(found, v, model)],
        "today": clock.today(),
    }
    return render(request, "desk/organisation_people.html", context, status=422 if said else 200)


def _leaving(request: HttpRequest, organisation: Organisation) -> endings.Ending | None:
    """What of an organisation is to be ended, as posted; None when it is something else."""
    post = request.POST
    if post.get("what") == "end_member":
        number = _number(post.get("membership", ""))
        return endings.of_member(get_object_or_404(organisation.memberships, pk=number))
    if post.get("what") == "end_capacity":
        number = _number(post.get("capacity", ""))
        return endings.of_capacity(get_object_or_404(organisation.capacities, pk=number))
    return None


def _plays(organisation: Organisation, value: str, party: p.Party) -> bool:
    """Whether an organisation may play a party: the body itself, or of a kind that may."""
    if party.body:
        return organisation.id == value.partition(":")[2]
    return not party.kinds or organisation.kind in party.kinds


def _worded(capacities: Any) -> list[tuple[Capacity, str]]:
    kept = capacities.select_related("user", "organisation", "place").order_by("-id")
    return [(c, capacity_words(access.Held(c.user, c))) for c in kept]


def _manage(request: HttpRequest, organisation: Organisation) -> str:
    """One thing about an organisation's people; gives a one-time link when there is one to show."""
    post, by = request.POST, request.user
    what = post.get("what", "")
    if what == "invite":
        _user, secret = verbs.invite_member(
            by, organisation, post.get("username", ""), post.get("name", ""), post.get("email", "")
        )
        return _link(request, secret)
    if what == "end_member":
        number = _number(post.get("membership", ""))
        membership = get_object_or_404(organisation.memberships, pk=number)
        verbs.end_member(by, membership, endings.reason(request))
    elif what == "end_capacity":
        number = _number(post.get("capacity", ""))
        with transaction.atomic():
            capacity = get_object_or_404(organisation.capacities, pk=number)
            verbs.end_capacity(by, capacity, endings.reason(request))
            account_news.ended(capacity, endings.reason(request))
    elif what == "ask_capacity":
        member = get_object_or_404(organisation.memberships, user=_number(post.get("user", "")))
        _ask(request, member.user, organisation)
    return ""


def _ask(request: HttpRequest, user: User, organisation: Organisation) -> Capacity:
    """Asks for a capacity as the form says. Raises PeopleError."""
    post = request.POST
    value = post.get("party", "")
    known = {v: model for v, _text, model in parties()}
    if value not in known or not _plays(organisation, value, known[value]):
        raise PeopleError(
            f"“{organisation.name_zh}”不能担任所选的一方", "that organisation cannot be that party"
        )
    code = post.get("place", "").strip()
    place = Place.objects.filter(code=code).first() if code else None
    if code and place is None:
        raise PeopleError(f"没有代码为“{code}”的地区", f"no place '{code}'")
    centres = [c for c in post.get("centres", "").replace("、", " ").replace(",", " ").split() if c]
    programme, _colon, party = value.partition(":")
    spell = day(post.get("since", "")), day(post.get("until", ""))
    return verbs.ask_capacity(
        request.user, user, organisation, programme, party, place, centres, *spell
    )


def _link(request: HttpRequest, secret: str) -> str:
    return request.build_absolute_uri(reverse("invitation", args=[secret]))


# --- the system administrator -------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs("administer.accounts")
def accounts(request: HttpRequest) -> HttpResponse:
    """All accounts: creating, disabling, proposing anew, a new link."""
    said = link = ""
    if request.method == "POST":
        try:
            ending = _disabling(request)
            if ending and (asks := endings.confirm(request, ending)):
                return asks
            link = _account(request)
            told.leave(request, ending.done if ending else "")
            if not link:
                # With what was searched for: one goes on where one was.
                return HttpResponseRedirect(request.get_full_path())
        except PeopleError as error:
            said = say(error.text)
    asked = request.GET.get("q", "").strip()[:60]
    found = User.objects.order_by("standing", "username")
    if asked:
        found = found.filter(Q(username__icontains=asked) | Q(name__icontains=asked))
    context = {
        "here": "accounts",
        "creating": bool(said) and request.POST.get("what") == "create",
        "said": said,
        "link": link,
        "typed": {} if link else request.POST,
        "search": asked,
        "page": _page_of(request, found.prefetch_related("memberships__organisation")),
        "organisations": Organisation.objects.filter(active=True).order_by("name_zh"),
    }
    return render(request, "desk/accounts.html", context, status=422 if said else 200)


def _disabling(request: HttpRequest) -> endings.Ending | None:
    """The account that is to be disabled or refused, as posted; None: something else is."""
    if request.POST.get("what") not in ("disable", "disable_account"):
        return None
    user = get_object_or_404(User, pk=_number(request.POST.get("user", "")))
    return endings.of_account(user)


def _page_of(request: HttpRequest, found: Any) -> Any:
    return Paginator(found, PAGE).get_page(request.GET.get("page", "1"))


def _account(request: HttpRequest) -> str:
    post, by = request.POST, request.user
    what = post.get("what", "")
    if what == "create":
        org = post.get("organisation", "")
        organisation = get_object_or_404(Organisation, id=org) if org else None
        _user, secret = verbs.create_account(
            by, post.get("username", ""), post.get("name", ""), post.get("email", ""),
            post.get("role", ""), organisation, post.get("administrator") == "yes",
        )  # fmt: skip
        return _link(request, secret)
    user = get_object_or_404(User, pk=_number(post.get("user", "")))
    if what == "link":
        return _link(request, verbs.renew_link(by, user))
    if what == "disable":
        _disable(request, user)
    elif what == "enable":
        verbs.enable_account(by, user)
    return ""


def _disable(request: HttpRequest, user: User) -> None:
    """Disables an account; whoever created one that still waited is told why it was refused."""
    waited, why = user.standing == Standing.WAITING, endings.reason(request)
    with transaction.atomic():
        verbs.disable_account(request.user, user, why)
        if waited and user.created_by != request.user:
            account_news.account_refused(user, why)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("administer.accounts")
def organisations(request: HttpRequest) -> HttpResponse:
    """All organisations: entering one or bringing it up to date."""
    said, post = "", request.POST
    if request.method == "POST":
        try:
            fields = ("id", "name_zh", "kind", "place", "name_en", "uscc", "parent")
            given = {n: post.get(n, "").strip()[:200] for n in fields}
            verbs.enter_organisation(given.pop("id"), given.pop("name_zh"), **given)
            audit.note("organisation", request.user, post.get("id", ""), None, given)
            return HttpResponseRedirect(reverse("organisations"))
        except PeopleError as error:
            said = say(error.text)
    asked = request.GET.get("q", "").strip()[:60]
    found = Organisation.objects.select_related("parent").order_by("name_zh", "id")
    if asked:
        found = found.filter(Q(name_zh__icontains=asked) | Q(id__icontains=asked))
    names = organisation_list.kind_names()
    page = _page_of(request, found)
    context = {
        "here": "organisations",
        "said": said,
        "typed": post,
        "search": asked,
        "page": page,
        "rows": [(o, names.get(o.kind, o.kind)) for o in page],
        "kinds": sorted(names.items(), key=lambda pair: pair[1]),
    }
    return render(request, "desk/organisations.html", context, status=422 if said else 200)


# --- the security administrator -----------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs("approve.accounts")
def approvals(request: HttpRequest) -> HttpResponse:
    """Accounts and capacities that wait for approval; all capacities; granting one."""
    said = ""
    if request.method == "POST":
        try:
            ending = _disabling(request) or _refusing(request)
            if ending and (asks := endings.confirm(request, ending)):
                return asks
            _decide(request)
            told.leave(request, ending.done if ending else _("已办理。"))
            return HttpResponseRedirect(request.get_full_path())
        except PeopleError as error:
            said = say(error.text)
    live = Capacity.objects.filter(ended__isnull=True)
    asked = request.GET.get("q", "").strip()[:60]
    approved = live.filter(approved__isnull=False)
    if asked:
        approved = approved.filter(
            Q(user__username__icontains=asked) | Q(user__name__icontains=asked)
        )
    context = {
        "here": "approvals",
        "said": said,
        "typed": request.POST,
        "search": asked,
        "waiting": User.objects.filter(standing=Standing.WAITING)
        .select_related("created_by")
        .prefetch_related("memberships__organisation"),
        "asked": _worded(live.filter(approved__isnull=True)),
        "capacities": _worded(approved)[:PAGE],
        "total": approved.count(),
        "parties": [(v, t) for v, t, _model in parties()],
        "organisations": Organisation.objects.filter(active=True).order_by("name_zh"),
        "places": Place.objects.filter(within__isnull=True),
    }
    return render(request, "desk/approvals.html", context, status=422 if said else 200)


def _refusing(request: HttpRequest) -> endings.Ending | None:
    """The capacity that is to be ended or refused, as posted; None: something else is."""
    if request.POST.get("what") != "end_capacity":
        return None
    number = _number(request.POST.get("capacity", ""))
    return endings.of_capacity(get_object_or_404(Capacity, pk=number))


def _decide(request: HttpRequest) -> None:
    post, by = request.POST, request.user
    what = post.get("what", "")
    if what in ("approve_account", "disable_account"):
        user = get_object_or_404(User, pk=_number(post.get("user", "")))
        if what == "approve_account":
            verbs.approve_account(by, user)
        else:
            _disable(request, user)
    elif what in ("approve_capacity", "end_capacity"):
        capacity = get_object_or_404(Capacity, pk=_number(post.get("capacity", "")))
        with transaction.atomic():
            if what == "approve_capacity":
                verbs.approve_capacity(by, capacity)
                account_news.granted(capacity)
            else:
                verbs.end_capacity(by, capacity, endings.reason(request))
                account_news.ended(capacity, endings.reason(request))
    elif what == "grant":
        user = User.objects.filter(username=post.get("username", "").strip().lower()).first()
        organisation = Organisation.objects.filter(id=post.get("organisation", "")).first()
        if user is None or organisation is None:
            raise PeopleError("没有这个账号或单位", "no such account or organisation")
        if not Membership.objects.filter(user=user, organisation=organisation).exists():
            verbs.join(user, organisation, by=by)
        with transaction.atomic():
            capacity = _ask(request, user, organisation)
            verbs.approve_capacity(by, capacity)
            account_news.granted(capacity)


# --- rights -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs("see.rights")
def rights_page(request: HttpRequest) -> HttpResponse:
    """Who may see and do what, as a matrix; the security administrator may change it."""
    said = ""
    chosen = request.GET.get("programme", "")
    if request.method == "POST":
        post = request.POST
        try:
            rights.change(
                request.user, post.get("subject", ""), post.get("thing", ""),
                post.get("scope", ""), post.get("what") == "give",
            )  # fmt: skip
            return HttpResponseRedirect(f"{reverse('rights')}?programme={chosen}")
        except PeopleError as error:
            said = say(error.text)
    chosen, subjects = _subjects(chosen)
    context = {
        "here": "rights",
        "said": said,
        "typed": request.POST,
        "programmes": _programme_options(),
        "chosen": chosen,
        "subjects": subjects,
        "lines": _lines(chosen, [s for s, _name in subjects]),
        "scopes": [(s, say(SCOPES[s])) for s in Scope],
        "may_change": request.reach.does("administer.rights") and chosen,
    }
    return render(request, "desk/rights.html", context, status=422 if said else 200)


SCOPES = {
    Scope.OWN: Text("担任", "holds the role"),
    Scope.PART: Text("参与", "takes part"),
    Scope.ASSIGNED: Text("指明", "named centres"),
    Scope.PLACE: Text("地区", "place"),
    Scope.PROGRAMME: Text("办法", "programme"),
    Scope.ALL: Text("全部", "all"),
}


def _programme_options() -> list[tuple[str, str]]:
    named = [(n, say(library.editions(n).latest.programme.short)) for n in library.loadable()[0]]
    return [*named, ("", _("管理员"))]


def _subjects(programme: str) -> tuple[str, list[tuple[str, str]]]:
    """The columns of the matrix: a programme's parties, or the administrators."""
    if programme not in library.loadable()[0]:
        return "", [(s, say(Text(*words))) for s, words in rights.ROLES.items()]
    model = library.editions(programme).latest.programme
    return programme, [(f"{programme}:{n}", say(q.name)) for n, q in model.parties.items()]


def _lines(programme: str, subjects: list[str]) -> list[tuple[str, str, list[list[str]]]]:
    models = library.editions(programme).latest.models if programme else {}
    found = []
    for line in rights.matrix(subjects):
        kind = line.thing.removeprefix("act:")
        if line.thing in rights.THINGS:
            name = say(Text(*rights.THINGS[line.thing]))
        else:
            name = say(models[kind].name) if kind in models else kind
        cells = [[say(SCOPES[Scope(s)]) for s in scopes] for scopes in line.cells]
        found.append((line.thing, name, cells))
    return found


@require_safe
@needs("see.rights")
def rights_export(request: HttpRequest, format: str) -> HttpResponse:
    """The matrix as a file."""
    chosen, subjects = _subjects(request.GET.get("programme", ""))
    rows = [
        [name, thing, *("、".join(cell) for cell in cells)]
        for thing, name, cells in _lines(chosen, [s for s, _name in subjects])
    ]
    audit.note("exported", request.user, f"rights:{chosen or 'roles'}.{format}")
    head = [_("事项"), _("代码"), *(name for _subject, name in subjects)]
    return exports.response(format, f"rights-{chosen or 'roles'}", head, rows)


# --- the audit log ------------------------------------------------------------------------------


@require_safe
@needs("see.audit")
def audit_page(request: HttpRequest) -> HttpResponse:
    """The audit log, as far as the reader may read it."""
    page = _page_of(request, _asked_events(request))
    context = {
        "here": "audit",
        "page": page,
        "rows": [
            (e, audit_words.kind(e), audit_words.about(e), audit_words.changes(e)) for e in page
        ],
        "since": request.GET.get("since", ""),
        "until": request.GET.get("until", ""),
        "kinds": [(k, say(Text(*w))) for k, w in audit.KINDS.items()],
        "kind": request.GET.get("kind", ""),
        "search": request.GET.get("q", "")[:60],
    }
    return render(request, "desk/audit.html", context)


def _asked_day(text: str) -> dt.date | None:
    """A day to filter by; None when there is none or it cannot be read."""
    try:
        found = dt.date.fromisoformat(text.strip()) if text else None
    except ValueError:
        return None
    # Beyond these a day more or the zone would leave the calendar.
    return found if found and 1900 <= found.year <= 2999 else None


def _asked_events(request: HttpRequest) -> Any:
    found = audit.readable(request.user)
    if kind := request.GET.get("kind", ""):
        found = found.filter(kind=kind)
    since, until = (_asked_day(request.GET.get(name, "")) for name in ("since", "until"))
    if since:
        found = found.filter(at__gte=clock.begins(since))
    if until:
        found = found.filter(at__lt=clock.begins(until + dt.timedelta(days=1)))
    if asked := request.GET.get("q", "").strip()[:60]:
        found = found.filter(Q(who__icontains=asked) | Q(object__icontains=asked) | Q(ip=asked))
    return found


@require_safe
@needs("export.audit")
def audit_export(request: HttpRequest, format: str) -> HttpResponse:
    """The log as a file; the export is itself an event."""
    audit.note("exported", request.user, f"audit.{format}")
    head = [
        *(_("序号"), _("时间"), _("人员"), _("事件"), _("对象"), _("变更前"), _("变更后")),
        *(_("结果"), _("地址"), _("请求编号"), _("校验值")),
    ]
    rows = (
        [
            *(e.id, e.at.astimezone(clock.SHANGHAI).isoformat(" ", "seconds"), e.who),
            *(audit_words.kind(e), e.object, e.before, e.after, e.result, e.ip, e.request, e.hash),
        ]
        for e in _asked_events(request)[:100_000]
    )
    return exports.response(format, "audit", head, rows)
