"""What work is called, in both languages, and where it is looked at."""

from __future__ import annotations

from django.urls import reverse

from banfa.office.ledger import store
from banfa.office.ledger.models import Centre
from banfa.office.queues.models import MANNERS
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text
from banfa.rules.words import words as declared


def manner(name: str) -> Text:
    """A manner of routing in words."""
    return MANNERS[name]


def of_work(centre: Centre, case: str, act: str) -> Text:
    """A piece of work: the procedure or the act, and the centre."""
    return joined(work_name(centre, case, act), called(centre))


def work_name(centre: Centre, case: str, act: str) -> Text:
    """The procedure or the act that work is on, by name."""
    rs = ruleset_of(centre)
    procedure = rs.programme.procedures.get(case.partition("#")[0]) if case else None
    model = rs.models.get(act)
    what = procedure or model
    return declared(what.name) if what is not None else called(centre)


def ruleset_of(centre: Centre) -> Ruleset:
    """The edition that a centre stands under, by what is kept of it."""
    editions = store.editions_of(centre.book_id)
    return editions.by_name.get(centre.edition) or editions.latest


def called(centre: Centre) -> Text:
    """What a centre is called."""
    return Text(centre.title_zh or centre.id, centre.title_en or centre.title_zh or centre.id)


def joined(first: Text, second: Text) -> Text:
    """Two texts as one: `催办：延期 · 国家…中心`."""
    return Text(f"{first.zh}：{second.zh}", f"{first.en}: {second.en}")


def plain(text: str) -> Text:
    """What a person wrote, the same in both languages."""
    return Text(text, text)


def address(centre: str, case: str, act: str) -> str:
    """The page of a piece of work."""
    if case:
        return reverse("case", args=[centre, case.replace("#", "-")])
    if act:
        return reverse("prepare", args=[centre, act])
    return reverse("centre", args=[centre])
