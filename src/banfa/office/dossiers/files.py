"""Where attached files are kept: by their content, once each, in the storage `dossiers`.

The storage is a folder by default and S3-compatible by setting (see `settings.STORAGES`). A file to
which nothing refers any more is removed after `settings.FILE_DAYS`; what a version, a document on
file, an act or a draft refers to never is.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.db import connection, transaction

from banfa.office import clock
from banfa.office.dossiers.models import Attachment, Blob, State
from banfa.office.dossiers.uploads import inspect, safe_name


def place(digest: str) -> str:
    """The name under which the storage holds the content of that digest."""
    number = digest.partition(":")[2]
    return f"{number[:2]}/{number}"


def keep(upload: Any) -> tuple[Blob, str]:
    """Stores an uploaded file once and gives it with its safe name. Raises BadFile."""
    name = safe_name(str(upload.name or ""))
    kind = inspect(name, upload.file, upload.size)
    digest = digest_of(upload)
    # Before the storage is asked: a sweep that is removing this file is over then, or leaves it.
    Blob.objects.filter(digest=digest).update(stored=clock.now())
    held = storages["dossiers"]
    if not held.exists(place(digest)):
        upload.seek(0)
        held.save(place(digest), File(upload.file, name))
    blob, _ = Blob.objects.get_or_create(
        digest=digest,
        defaults={"size": upload.size, "media_type": kind.media_type, "stored": clock.now()},
    )
    return blob, name


def digest_of(upload: Any) -> str:
    """The SHA-256 of an uploaded file."""
    sha = hashlib.sha256()
    upload.seek(0)
    for chunk in upload.chunks():
        sha.update(chunk)
    return f"sha256:{sha.hexdigest()}"


def content(digest: str) -> Any:
    """The stored file, open for reading. Raises FileNotFoundError when the storage lost it."""
    return storages["dossiers"].open(place(digest), "rb")


# --- what nothing refers to any more -------------------------------------------------------------

_REFERRING = {
    "dossiers_version": ("content", "attachments"),
    "dossiers_dossier": ("content",),
    "ledger_documentversion": ("content",),
    "ledger_actpayload": ("data", "documents"),
}
"""The tables and their columns in which a file may be referred to by its digest."""
AT_ONCE = 1_000


def sweep(today: dt.date | None = None) -> int:
    """Removes the files to which nothing has referred for `settings.FILE_DAYS`; gives how many.

    First the attachments of drafts that were thrown away that long ago are let go.
    """
    day = today or clock.today()
    before = dt.datetime.combine(day, dt.time(), clock.SHANGHAI) - dt.timedelta(
        days=settings.FILE_DAYS
    )
    thrown = Attachment.objects.filter(
        dossier__state=State.DISCARDED, dossier__changed__lt=before, dossier__versions__isnull=True
    )
    Attachment.objects.filter(pk__in=thrown.values("pk")).delete()
    loose = Blob.objects.filter(attachments__isnull=True, stored__lt=before)
    digests = list(loose.order_by("digest").values_list("digest", flat=True)[:AT_ONCE])
    referred = _referred(digests)
    return sum(_remove(digest, before) for digest in digests if digest not in referred)


def _referred(digests: Iterable[str]) -> set[str]:
    """Which of these digests stand anywhere in what is on file, a thrown-away draft left out."""
    wanted = list(digests)
    found: set[str] = set()
    if not wanted:
        return found
    with connection.cursor() as cursor:
        for table, columns in _REFERRING.items():
            live = f"AND state <> '{State.DISCARDED}'" if table == "dossiers_dossier" else ""
            for column in columns:
                cursor.execute(
                    f"SELECT DISTINCT said #>> '{{}}' FROM {table},"
                    f" jsonb_path_query({column}, '$.**.digest') AS said"
                    f" WHERE {column} IS NOT NULL {live} AND said #>> '{{}}' = ANY(%s)",
                    [wanted],
                )
                found |= {digest for (digest,) in cursor.fetchall()}
    return found


def _remove(digest: str, before: dt.datetime) -> bool:
    """Removes one file unless it was attached or sent again meanwhile."""
    with transaction.atomic():
        loose = Blob.objects.select_for_update(of=("self",)).filter(
            digest=digest, stored__lt=before
        )
        if not loose.exists() or Attachment.objects.filter(blob=digest).exists():
            return False
        Blob.objects.filter(digest=digest).delete()
        storages["dossiers"].delete(place(digest))
    return True
