"""The form by which a person delegates a capacity: what was typed, what is wrong beside it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.http import QueryDict
from django.utils.translation import gettext as _

from banfa.office.desk.language import say
from banfa.office.people import verbs
from banfa.office.people.models import Capacity, User
from banfa.office.readable import Readable

ALL, SOME = "all", "some"


@dataclass
class Form(Readable):
    """A posted form: its capacity, person, days and acts as far as they can be read.

    `wrong` says of a field, by its name, what is the matter with it.
    """

    capacity: Capacity | None
    to: User | None
    since: dt.date | None = None
    until: dt.date | None = None
    acts: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)


def read(post: QueryDict, capacities: list[Capacity], known: dict[int, set[str]]) -> Form:
    """The form as posted.

    `capacities` are those that the person may delegate, `known` the acts of each by its number.
    """
    capacity = next((c for c in capacities if str(c.pk) == post.get("capacity")), None)
    number = post.get("to", "")
    found = User.objects.filter(pk=int(number)) if number.isdecimal() and len(number) < 12 else None
    form = Form(capacity, found.first() if found is not None else None)
    if capacity is None:
        form.wrong["capacity"] = _("请选择身份。")
    if form.to is None:
        form.wrong["to"] = _("请选择受托人。")
    _days(form, post)
    _acts(form, post, known.get(capacity.pk, set()) if capacity else set())
    return form


def _days(form: Form, post: QueryDict) -> None:
    for name in ("since", "until"):
        text = post.get(name, "").strip()
        try:
            setattr(form, name, dt.date.fromisoformat(text))
        except ValueError:
            said = _("“%(text)s”不是有效日期，请写成 2030-11-20。") % {"text": text[:40]}
            form.wrong[name] = said if text else _("请填写日期。")
    if form.since and form.until:
        for name, error in verbs.wrong_days(form.since, form.until):
            form.wrong.setdefault(name, say(error.text))


def _acts(form: Form, post: QueryDict, known: set[str]) -> None:
    """`scope` says whether all acts are meant: an empty list alone does not."""
    scope = post.get("scope", "")
    form.acts = [kind for kind in post.getlist("acts") if kind in known] if scope == SOME else []
    if scope not in (ALL, SOME):
        form.wrong["acts"] = _("请选择全部事项，或所列的事项。")
    elif scope == SOME and form.capacity and not form.acts:
        form.wrong["acts"] = _("请至少选一项属于这一身份的事项。")
