"""Who is told of a dossier's steps, and what of a draft can be found by searching."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from banfa.office import clock
from banfa.office.dossiers import content, queries
from banfa.office.dossiers.models import Dossier, InternalReview, Return, State
from banfa.office.ledger import library, search
from banfa.office.notices import verbs as notices
from banfa.office.notices.queries import holders
from banfa.office.people.models import Membership, User
from banfa.rules.words import Text


def _name(dossier: Dossier) -> Text:
    return queries.named(library.editions(dossier.programme).latest, dossier)[0]


def _writers(dossier: Dossier) -> list[User]:
    """The people of the organisation who could submit it."""
    mine = Membership.objects.filter(organisation=dossier.organisation).values("user")
    own = set(User.objects.filter(pk__in=mine).values_list("pk", flat=True))
    found = holders(dossier.programme, [dossier.party], dossier.centre, clock.today())
    return [user for user in found if user.pk in own]


def _tell(
    to: Iterable[User], kind: str, subject: Text, dossier: Dossier, key: str, body: str = ""
) -> None:
    notices.tell(
        to,
        kind,
        subject + _name(dossier),
        body=Text(body, body) if body else None,
        link=reverse("dossier", args=[dossier.pk]),
        centre=dossier.centre,
        key=f"dossier-{dossier.pk}-{dossier.version}-{key}",
    )


def sent(dossier: Dossier) -> None:
    """Those who check inside the organisation hear that something waits for them."""
    kept = InternalReview.objects.filter(organisation=dossier.organisation).first()
    chosen = list(kept.reviewers.all()) if kept is not None else []
    if not chosen:
        admins = Membership.objects.filter(organisation=dossier.organisation, administrator=True)
        chosen = [m.user for m in admins.select_related("user") if m.holds(clock.today())]
    _tell(chosen, "todo", Text("材料待内部审核：", "To be checked: "), dossier, "sent")


def reviewed(dossier: Dossier, approved: bool) -> None:
    """The writer hears what came of the check."""
    if dossier.created_by is None:
        return
    said = (
        Text("内部审核已通过：", "Checked inside, may be submitted: ")
        if approved
        else Text("内部审核退回：", "Sent back by the check inside: ")
    )
    kind = "todo" if approved else "returned"
    _tell([dossier.created_by], kind, said, dossier, "reviewed", dossier.note)


def returned(dossier: Dossier, made: Return) -> None:
    """The submitting organisation's people hear that it came back, why and until when."""
    said = f"{made.reason}（{made.due:%Y-%m-%d}）"
    _tell(_writers(dossier), "returned", Text("材料被退回修改：", "Returned for correction: "),
          dossier, "returned", said)  # fmt: skip


def recalled(dossier: Dossier) -> None:
    """The submitting organisation's people hear that nothing need be corrected after all."""
    said = Text("退回已收回，无需修改：", "No correction is wanted: ")
    _tell(_writers(dossier), "returned", said, dossier, "recalled")


def corrected(dossier: Dossier, asked: Return) -> None:
    """Who sent it back hears that the corrected material is there."""
    _tell([asked.by], "done", Text("已按要求修改：", "Corrected as asked: "), dossier, "corrected")


def findable(dossier: Dossier) -> None:
    """Keeps an open dossier findable for its organisation; what was submitted is found by its act.

    A dossier of a new centre has no place in the index yet.
    """
    if dossier.centre is None:
        return
    name = _name(dossier)
    source = f"dossier:{dossier.pk}"
    text = "" if dossier.state in (State.SUBMITTED, State.DISCARDED) else _text(dossier)
    link = reverse("dossier", args=[dossier.pk])
    owner = str(dossier.organisation_id)
    search.index(dossier.centre, source, text, name.zh, name.en, link, owner)


def _text(dossier: Dossier) -> str:
    return "\n".join(_words(raw) for raw in dossier.content.values() if not content.empty(raw))


def _words(raw: object) -> str:
    if isinstance(raw, list):
        return " ".join(_words(v) for v in raw)
    if isinstance(raw, dict):
        return str(raw["name"]) if "digest" in raw else " ".join(_words(v) for v in raw.values())
    return str(raw)
