"""The ledger's outbox becomes notices: each row once, to the people of the parties it names."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.ledger.models import Outbox
from banfa.office.notices.queries import holders
from banfa.office.notices.verbs import tell
from banfa.rules.words import Text, words

AT_A_TIME = 50


def deliver(limit: int | None = None) -> int:
    """Takes up what waits in the outbox, oldest first; gives how many rows.

    A batch is one transaction: its rows are locked, told, and marked as taken together. Rows that
    another worker has locked are left to it.
    """
    done = 0
    while limit is None or done < limit:
        with transaction.atomic():
            rows = list(
                Outbox.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(taken__isnull=True)
                .select_related("centre", "act")
                .order_by("created", "id")[:AT_A_TIME]
            )
            for row in rows:
                _take(row)
            Outbox.objects.filter(pk__in=[row.pk for row in rows]).update(taken=clock.now())
        done += len(rows)
        if len(rows) < AT_A_TIME:
            break
    return done


def _take(row: Outbox) -> None:
    """Tells of one row. What happened longer ago than notices are kept is not told any more."""
    if row.created < clock.now() - dt.timedelta(days=settings.NOTICE_DAYS):
        return
    if row.kind == "official_text_changed":
        _text_changed(row)
    else:
        _owed(row)


def _owed(row: Outbox) -> None:
    """A notice that an act owes: to the people of the parties in `to`, as of that centre."""
    editions = library.editions(row.book_id)
    rs = (row.act and editions.by_name.get(row.act.edition)) or editions.latest
    model = rs.programme.notices.get(row.notice)
    name = words(model.name) if model else Text(row.notice, row.notice)
    if row.centre is not None:
        centre = row.centre
        name = Text(
            f"{centre.title_zh or centre.pk}：{name.zh}",
            f"{centre.title_en or centre.pk}: {name.en}",
        )
    by = [words(rs.programme.parties[p].name) for p in row.by if p in rs.programme.parties]
    body = None
    if by:
        zh, en = "、".join(b.zh for b in by), ", ".join(b.en for b in by)
        body = Text(f"由{zh}告知，自{row.since}起。", f"From {en}, since {row.since}.")
    tell(
        holders(row.book_id, row.to, row.centre),
        "letter",
        name,
        body=body,
        link=_entry(row),
        centre=row.centre,
        key=f"outbox:{row.pk}",
        made=row.created,
    )


def _entry(row: Outbox) -> str:
    """Where the act that owes it is shown."""
    if row.act is None:
        return reverse("centre", args=[row.centre_id]) if row.centre_id else ""
    if row.centre_id:
        return reverse("centre_entry", args=[row.centre_id, row.act.seq])
    return reverse("programme_entry", args=[row.book_id, row.act.seq])


def _text_changed(row: Outbox) -> None:
    """That a regulation's official text has changed: to everybody with a capacity under it."""
    edition = str(row.detail.get("edition", ""))
    editions = library.editions(row.book_id)
    programme = (editions.by_name.get(edition) or editions.latest).programme
    counts = [len(row.detail.get(n, ())) for n in ("changed", "added", "removed")]
    tell(
        holders(row.book_id, programme.parties),
        "text",
        Text(
            f"{programme.short.zh}：官方文本已更新",
            f"{programme.short.en}: the official text has changed",
        ),
        body=Text(
            "改动{}条，新增{}条，删去{}条。".format(*counts),
            "{} articles changed, {} added, {} removed.".format(*counts),
        ),
        link=reverse("programme", args=[row.book_id, programme.edition]),
        key=f"outbox:{row.pk}",
        made=row.created,
    )
