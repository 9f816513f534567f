"""Saving and removing views; keeping the receipt of an act taken in bulk."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction

from banfa.office import clock
from banfa.office.lists.errors import ListError, NoSuchView
from banfa.office.lists.models import BulkRun, SavedView
from banfa.office.people.models import Organisation, User

MOST_VIEWS = 50


def save_view(
    user: User, listing: str, name: str, query: str, organisation: Organisation | None = None
) -> SavedView:
    """Keeps a view under a name of the person's own; the same name again replaces it.

    With `organisation` its people see it too. Raises ListError for an empty or long name, for a
    query that is too long, and when there are fifty already.
    """
    name = " ".join(name.replace("\0", " ").split())
    if not name or len(name) > 60:
        raise ListError("视图须有名称，至多60字", "a view needs a name of at most 60 characters")
    if len(query) > 2000:
        raise ListError("筛选条件过多，不能保存", "too many conditions to be saved")
    mine = SavedView.objects.filter(user=user, listing=listing)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not mine.filter(name=name).exists() and mine.count() >= MOST_VIEWS:
            raise ListError(
                f"每个列表至多保存{MOST_VIEWS}个视图，请先删除不用的",
                f"at most {MOST_VIEWS} views a list; remove one first",
            )
        return SavedView.objects.update_or_create(
            user=user,
            listing=listing,
            name=name,
            defaults={"query": query, "organisation": organisation, "created": clock.now()},
        )[0]


def remove_view(user: User, number: int) -> None:
    """Removes a view of the person's own. Raises NoSuchView."""
    removed, _ = SavedView.objects.filter(user=user, pk=number).delete()
    if not removed:
        raise NoSuchView("没有这个视图，或不是您所建", "no such view of yours")


def keep_run(
    user: User, key: str, programme: str, act: tuple[str, str, str], on: dt.date, rows: list[Any]
) -> BulkRun:
    """Keeps the receipt of an act (id, Chinese and English name) taken in bulk; the same key again
    gives the receipt that is there. Raises NoSuchView when the key is somebody else's."""
    given = {"user": user, "programme": programme, "on": on, "started": clock.now(), "rows": rows}
    kind, zh, en = act
    try:
        with transaction.atomic():
            return BulkRun.objects.create(key=key, act=kind, act_zh=zh, act_en=en, **given)
    except IntegrityError:
        kept = BulkRun.objects.filter(key=key, user=user).first()
    if kept is None:
        raise NoSuchView("没有这份批量办理回执", "no such receipt")
    return kept
