"""Filled-in workbooks on their way in: kept, shown row by row, entered at once or by a job."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import transaction

from banfa.office import clock
from banfa.office.evaluations import queries, rights, workbook
from banfa.office.evaluations.errors import EvaluationError, MayNot, NotOnFile
from banfa.office.evaluations.models import Collection, Entry, Stage, Upload
from banfa.office.evaluations.workbook import Outcome, Report
from banfa.office.ledger.models import Centre
from banfa.office.people import access
from banfa.office.people.access import Reach

AT_ONCE = 20
"""So many centres are entered while one waits; more are left to a job."""
KEPT_ROWS = 2_000
"""So many rows with something wrong a receipt keeps; the others are counted."""


def steps_of(reach: Reach, collection: Collection) -> list[Stage]:
    """The steps that the person may take for some centre of a collection: one query at most."""
    return [step for step in rights.steps(collection) if _has_right(reach, collection, step)]


def _has_right(reach: Reach, collection: Collection, step: Stage) -> bool:
    parties = rights.parties_of(queries.system_of(collection.system), step)
    return any(rights.holding(reach, rights.HANDS[step], str(collection.book_id), parties))


def entries_for(reach: Reach, collection: Collection, step: int) -> list[Entry]:
    """The centres whose step is open and in the person's hands, by name: one query."""
    thing = rights.HANDS[Stage(step)]
    before = rights.before(queries.system_of(collection.system), step)
    chosen = Entry.objects.filter(
        collection=collection,
        stage__gte=before,
        stage__lt=step,
        centre__in=Centre.objects.filter(reach.centres(thing)),
    ).select_related("centre", "collection__system")
    found = chosen.order_by("centre__sort_key", "centre_id")
    return [e for e in found if rights.may_enter(reach, collection, e.centre, step)]


def keep(reach: Reach, collection: Collection, step: int, name: str, data: bytes) -> Upload:
    """Keeps a workbook for its preview. Raises EvaluationError for one that is refused unopened,
    MayNot for a step that is not the person's."""
    if step not in steps_of(reach, collection):
        raise MayNot(
            "您的身份不能填报这次采集的数据", "none of your capacities may enter these figures"
        )
    workbook.inspect(data)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return Upload.objects.create(
        collection=collection, stage=step, name=name[:200], digest=digest, content=data,
        made=clock.now(), by=reach.user,
    )  # fmt: skip


def find(reach: Reach, collection: Collection, number: int) -> Upload:
    """One's own upload. Raises NotOnFile."""
    found = Upload.objects.filter(pk=number, collection=collection, by=reach.user).first()
    if found is None:
        raise NotOnFile("没有这份上传的表", "no such upload")
    found.collection = collection
    return found


def preview(reach: Reach, upload: Upload) -> Report:
    """What entering it would do, row by row. Nothing changes. Raises EvaluationError."""
    return workbook.check(reach, upload.collection, upload.stage, bytes(upload.content))


def enter(reach: Reach, upload: Upload) -> bool:
    """Enters what is good in an upload, once; says whether it is done, or left to a job.

    Raises EvaluationError when it was entered before, or holds nothing to enter.
    """
    report = preview(reach, upload)
    if not report.values:
        raise EvaluationError("没有可以入库的数据", "there is nothing to enter")
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if locked.entered or locked.queued:
            raise EvaluationError("这份表已经入库", "this upload was entered before")
        locked.queued, locked.centres = clock.now(), len(report.values)
        locked.save(update_fields=["queued", "centres"])
        if len(report.values) > AT_ONCE:
            from banfa.office.evaluations.tasks import enter_upload

            enter_upload.defer(number=upload.pk)
            return False
    _enter(reach, locked, report)
    return True


def work(number: int) -> None:
    """Enters a queued upload: what the job does. It may be cut off anywhere, and begin again."""
    upload = Upload.objects.select_related("collection__system", "by").get(pk=number)
    if upload.entered is not None:
        return
    reach = access.reach(upload.by, clock.today())
    try:
        _enter(reach, upload, preview(reach, upload))
    except EvaluationError as error:
        _close(upload, {"said": [error.text.zh, error.text.en]})


def _enter(reach: Reach, upload: Upload, report: Report) -> None:
    def told(done: int, _all: int) -> bool:
        Upload.objects.filter(pk=upload.pk).update(done=done)
        return not Upload.objects.filter(pk=upload.pk, stopped=True).exists()

    made = workbook.apply(reach, upload.collection, upload.stage, report, told)
    wrong = report.wrong()
    told_rows: list[dict[str, Any]] = [
        {
            "row": one.row,
            "centre": one.centre,
            "said": [one.problem.zh, one.problem.en] if one.problem else ["", ""],
        }
        for one in wrong[:KEPT_ROWS]
    ]
    _close(
        upload,
        {
            "rows": len(report.rows),
            "centres": made.centres,
            "changed": made.changed,
            "wrong": len(wrong),
            "same": report.count(Outcome.SAME) + report.count(Outcome.EMPTY),
            "refused": {c: [t.zh, t.en] for c, t in made.refused.items()},
            "told": told_rows,
            "asks": sum(workbook.asks(upload.collection, list(report.values)[:200]).values()),
        },
    )


def _close(upload: Upload, report: dict[str, Any]) -> None:
    """Notes what came of it; the file itself is kept no longer."""
    Upload.objects.filter(pk=upload.pk).update(entered=clock.now(), report=report, content=b"")


def stop(reach: Reach, upload: Upload) -> None:
    """Asks the job to end after the centre at hand; what is entered stays."""
    Upload.objects.filter(pk=upload.pk, by=reach.user, entered__isnull=True).update(stopped=True)
