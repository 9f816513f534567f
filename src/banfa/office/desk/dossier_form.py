"""A dossier laid open: its form, its setting, and what all pages of dossiers share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.urls import reverse
from django.utils.translation import gettext as _

from banfa.office import clock
from banfa.office.desk import actform, fields, permitted, setting, standing
from banfa.office.desk.dossier_words import STATES, STEPS
from banfa.office.desk.language import say
from banfa.office.dossiers import (
    content,
    outline,
    queries,
    uploads,
    verbs,
)
from banfa.office.dossiers.models import Dossier, State
from banfa.office.dossiers.queries import Seen
from banfa.office.ledger import library, store
from banfa.office.ledger import queries as ledger
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.facts import DatabaseFacts
from banfa.office.ledger.models import ProgrammeBook
from banfa.office.queues import joint
from banfa.rules.life import State as Life
from banfa.rules.words import Text


@dataclass
class Item:
    """One field of a dossier's form with what stands beside it."""

    one: fields.Field
    locked: bool
    flagged: bool
    shown: outline.Line
    source: str = ""
    files: list[Any] = field(default_factory=list)
    length: int | None = None

    @property
    def provable(self) -> bool:
        """Whether evidence may be put beside it: a number, or a text of its own."""
        return not self.locked and self.one.widget in ("number", "long_text")


@dataclass
class Section:
    """A section of a document in the form."""

    id: str
    name: str
    help: str
    items: list[Item]

    @property
    def closed(self) -> bool:
        """Whether none of its fields may be changed."""
        return all(item.locked for item in self.items)

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return all(item.shown.empty for item in self.items)


@dataclass
class Part:
    """The act's own inputs, or one document."""

    id: str
    name: str
    need: Any
    sections: list[Section]
    findings: list[Any] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """How many of its fields have something in them."""
        return sum(not i.shown.empty for s in self.sections for i in s.items)

    @property
    def total(self) -> int:
        """How many fields it has."""
        return sum(len(s.items) for s in self.sections)


@dataclass
class Desk:
    """A dossier laid open: its form, its setting and what was found."""

    seen: Seen
    where: setting.Setting
    form: actform.ActForm
    parts: list[Part]
    model: Any

    @property
    def dossier(self) -> Dossier:
        """The dossier."""
        return self.seen.dossier


def where_of(dossier: Dossier) -> setting.Setting:
    """The state and the world in which the dossier's act would be taken today."""
    today, page = clock.today(), verbs.page_of(dossier)
    if page is not None:
        acts = [e.act for e in page.timeline if e.annulled_by is None]
        return setting.Setting(
            dossier.programme, page.ruleset, page.state, page.world, today, acts, (), None, page
        )
    rs = library.editions(dossier.programme).on(dossier.on or today)
    book = ProgrammeBook.objects.filter(programme=dossier.programme).first()
    world = store.world_of(book or ProgrammeBook(programme=dossier.programme), DatabaseFacts())
    return setting.Setting(dossier.programme, rs, Life(), world, today, world.acts, (), None)


def laid_open(request: HttpRequest, seen: Seen, typed: dict[str, Any] | None = None) -> Desk:
    """The dossier's form with its content, or with what was typed and could not be saved."""
    dossier = seen.dossier
    where = where_of(dossier)
    choices = setting.choices(where, dossier.act, request.reach.centres())
    kept = dossier.content if typed is None else {**dossier.content, **typed}
    form = actform.build(where.rs, dossier.act, choices, request.POST, {}, dossier.party, kept)
    form.exception = []
    form.cases = permitted.case_options(where.rs, where.state, dossier.act)
    form.typed["about"] = dossier.about
    setting.basis_of_inputs(where, form)
    desk = Desk(seen, where, form, [], where.rs.models[dossier.act])
    desk.parts = _parts(desk, kept)
    return desk


def _parts(desk: Desk, kept: dict[str, Any]) -> list[Part]:
    dossier, rs = desk.dossier, desk.where.rs
    open_ = queries.editable(desk.seen, rs)
    flagged = desk.seen.returned.parts if desk.seen.returned else []
    shown = {
        line.path: line
        for part in outline.outline(rs, dossier.act, kept, desk.form.choices.organisations, say)
        for section in part.sections
        for line in section.lines
    }
    attached: dict[str, list[Any]] = {}
    for one in dossier.attachments.select_related("blob").order_by("pk"):
        attached.setdefault(one.path, []).append(one)

    def item(one: fields.Field) -> Item:
        source = dossier.sources.get(one.name)
        return Item(
            one,
            one.name not in open_,
            content.within(one.name, flagged),
            shown[one.name],
            say(Text(*source)) if source else "",
            attached.get(one.name, []),
            one.given.length_hint,
        )

    parts = []
    if desk.form.inputs:
        inputs = [item(one) for one in desk.form.inputs]
        parts.append(Part("matters", _("办理事项"), None, [Section("with", "", "", inputs)]))
    for document in desk.form.documents:
        sections = [
            Section(
                "s-" + s.id.replace(".", "-"),
                s.name if s.heading else "",
                s.help if s.heading else "",
                [item(one) for one in s.fields],
            )
            for s in document.sections
        ]
        if document.reference is not None and document.file is not None:
            bare = [item(document.reference), item(document.file)]
            sections.append(Section("", "", "", bare))
        parts.append(Part(document.anchor, document.name, document.need, sections,
                          document.findings))  # fmt: skip
    return parts


def typed_in(request: HttpRequest, rs: Any, kind: str) -> dict[str, Any]:
    """What the form sent, by path; files have their own way."""
    return {
        name: fields.read(name, given, request.POST, request.FILES)
        for name, given in content.fields(rs, kind).items()
        if given.type != "file"
    }


def day(raw: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(raw.strip())
    except ValueError:
        return None


def whole(raw: str) -> int:
    return int(raw) if raw.isdecimal() and len(raw) < 10 else -1


def centre_of(request: HttpRequest, id_: str, thing: str = queries.SEE) -> ledger.CentrePage:
    """A centre whose material the person may see. Raises NotOnFile."""
    page = ledger.centre(id_)
    if not request.reach.sees(page.centre) or not request.reach.sees(page.centre, thing):
        raise NotOnFile(f"没有编号为“{id_}”的中心", f"no centre '{id_}'")
    joint.veil(request.reach, page)
    return page


def find(request: HttpRequest, id_: int) -> Seen:
    return queries.find(request.user, request.reach, id_)


def back(id_: int, anchor: str = "") -> HttpResponse:
    return HttpResponseRedirect(reverse("dossier", args=[id_]) + anchor)


def head(request: HttpRequest, seen: Seen, where_title: str, rs: Any) -> dict[str, Any]:
    """What both pages of a dossier show at the top."""
    dossier = seen.dossier
    name, party, _documents = queries.named(rs, dossier)
    return {
        "here": "dossiers",
        "seen": seen,
        "dossier": dossier,
        "programme": rs.programme,
        "title": say(name),
        "party_name": say(party),
        "organisation": standing.say_organisation(dossier.organisation),
        "state": STATES[State(dossier.state)],
        "about_what": where_title,
        "today": clock.today(),
        "steps": [(STEPS[s.what], s) for s in dossier.steps.order_by("-at", "-pk")[:30]],
        "shown_types": uploads.SHOWN,
        "saved": request.GET.get("saved") == "1",
        "submitted": request.GET.get("submitted") == "1",
        "brought": whole(request.GET.get("brought", "")),
    }


def flagged_names(seen: Seen, rs: Any) -> list[str]:
    """The flagged parts in words."""
    if seen.returned is None:
        return []
    named = {}
    for at, name, inside in queries.parts_of(rs, seen.dossier.act):
        named[at] = say(name)
        named |= {q: f"{say(name)} · {say(text).strip()}" for q, text in inside}
    return [named.get(q, q) for q in seen.returned.parts]


def draft_files(dossier: Dossier) -> list[dict[str, Any]]:
    """The files of a draft as a version would keep them."""
    return [
        {"name": a.name, "path": a.path, "digest": a.blob_id, "size": a.blob.size,
         "type": a.blob.media_type}
        for a in dossier.attachments.select_related("blob").order_by("pk")
    ]  # fmt: skip


def with_proof(parts: list[outline.Part], listed: list[dict[str, Any]]) -> list[outline.Part]:
    """The outline with each file beside the line that it proves."""
    lines = {line.path: line for part in parts for s in part.sections for line in s.lines}
    for one in listed:
        if one["path"] in lines:
            lines[one["path"]].proof.append(one)
    return parts


def listed_files(dossier: Dossier, attached: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Attachments with their addresses."""
    return [
        {
            **one,
            "url": reverse("dossier_file", args=[dossier.pk, one["digest"].partition(":")[2]]),
            "shown": one["type"] in uploads.SHOWN,
        }
        for one in attached
    ]
