"""Where attached files are kept: by their content, once each, in the storage `dossiers`.

The storage is a folder by default and S3-compatible by setting (see `settings.STORAGES`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.files import File
from django.core.files.storage import storages

from banfa.office import clock
from banfa.office.dossiers.models import Blob
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
