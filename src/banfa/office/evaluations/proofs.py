"""Files that prove figures: kept once by their content, each tied to a value and a page.

Whether a file is what its name says is looked at before it comes here (by the desk).
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

from django.core.files import File
from django.core.files.storage import storages
from django.db import transaction

from banfa.office import clock
from banfa.office.evaluations import queries, rights
from banfa.office.evaluations.errors import EvaluationError, MayNot, NotOnFile
from banfa.office.evaluations.models import Entry, Proof
from banfa.office.evaluations.systems import fields_of, years_of
from banfa.office.people.access import Reach

MOST = 200
"""So many proofs a table holds at most."""
PAGES = 99_999


def place(digest: str) -> str:
    """The name under which the storage holds the content of that digest."""
    number = digest.partition(":")[2]
    return f"figures/{number[:2]}/{number}"


def held(entry: Entry) -> dict[tuple[str, int], list[Proof]]:
    """The proofs of a table by indicator and year: one query."""
    found: dict[tuple[str, int], list[Proof]] = {}
    for one in entry.proofs.filter(removed__isnull=True).order_by("id"):
        found.setdefault((one.indicator, one.year), []).append(one)
    return found


def _may(reach: Reach | None, entry: Entry) -> None:
    step = queries.next_step(entry)
    if reach is None or (
        step is not None and rights.may_enter(reach, entry.collection, entry.centre, step)
    ):
        return
    raise MayNot(
        "现在不由您填报、审核或核定该中心的数据，不能增减证明材料",
        "these figures are not in your hands now: no evidence can be added or taken away",
    )


def _target(entry: Entry, indicator: str, year: int, page: str) -> int | None:
    step = queries.next_step(entry)
    if indicator not in fields_of(entry.collection, step or 0) or year not in years_of(
        entry.collection
    ):
        raise EvaluationError("请选择要证明的数据", "choose the figure that it proves")
    page = unicodedata.normalize("NFKC", page)
    if not page.strip():
        return None
    if not (page.strip().isascii() and page.strip().isdigit()) or not 1 <= int(page) <= PAGES:
        raise EvaluationError("页码应为正整数", "the page is a positive whole number")
    return int(page)


def add(
    reach: Reach | None, entry: Entry, at: tuple[str, int], page: str, upload: Any,
    name: str, media_type: str,
) -> Proof:  # fmt: skip
    """Keeps a file (`upload`: an uploaded file, found sound before) as proof of one value.

    Raises MayNot when the table is not in the person's hands, EvaluationError for a value that is
    not asked for, a page that is none, or too many.
    """
    _may(reach, entry)
    number = _target(entry, *at, page)
    sha = hashlib.sha256()
    upload.seek(0)
    for chunk in upload.chunks():
        sha.update(chunk)
    digest = f"sha256:{sha.hexdigest()}"
    storage = storages["dossiers"]
    if not storage.exists(place(digest)):
        upload.seek(0)
        storage.save(place(digest), File(upload.file, name))
    kept = (name, digest, upload.size, media_type)
    return _kept(reach, entry, at, number, kept)


def again(reach: Reach | None, entry: Entry, at: tuple[str, int], page: str, known: int) -> Proof:
    """Ties a file that this table has already to another value, or page. Raises as `add`."""
    _may(reach, entry)
    number = _target(entry, *at, page)
    found = entry.proofs.filter(pk=known).first()
    if found is None:
        raise EvaluationError("没有这份证明材料", "no such evidence")
    kept = (found.name, found.digest, found.size, found.media_type)
    return _kept(reach, entry, at, number, kept)


def _kept(
    reach: Reach | None, entry: Entry, at: tuple[str, int], page: int | None,
    kept: tuple[str, str, int, str],
) -> Proof:  # fmt: skip
    name, digest, size, media_type = kept
    with transaction.atomic():
        Entry.objects.select_for_update().get(pk=entry.pk)
        live = entry.proofs.filter(removed__isnull=True)
        same = live.filter(indicator=at[0], year=at[1], digest=digest, page=page).first()
        if same is not None:
            return same
        if live.count() >= MOST:
            raise EvaluationError(
                f"证明材料至多 {MOST} 份，请合并后再传", f"{MOST} pieces of evidence at most"
            )
        return Proof.objects.create(
            entry=entry, indicator=at[0], year=at[1], page=page, name=name, digest=digest,
            size=size, media_type=media_type, added=clock.now(),
            added_by=reach.user if reach is not None else None,
        )  # fmt: skip


def remove(reach: Reach | None, entry: Entry, number: int) -> None:
    """Takes a proof away from its value; that it was there stays on file. Raises MayNot."""
    _may(reach, entry)
    live = entry.proofs.filter(pk=number, removed__isnull=True)
    if not live.update(removed=clock.now()):
        raise EvaluationError(
            "没有这份证明材料，或已移除", "no such evidence, or taken away already"
        )


def file(entry: Entry, number: int) -> tuple[Proof, Any]:
    """A proof of a table, and its content open for reading. Raises NotOnFile."""
    found = entry.proofs.filter(pk=number).first()
    if found is None:
        raise NotOnFile("没有这份证明材料", "no such evidence")
    try:
        return found, storages["dossiers"].open(place(found.digest), "rb")
    except FileNotFoundError:
        raise NotOnFile(
            "证明材料未能从存储中读出，请联系系统管理员", "the storage lost this file"
        ) from None
