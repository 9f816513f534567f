"""Bringing in a list of existing centres: judged row by row first, then entered.

Every row becomes an `enter_existing_centre` act of the competent body, through `record_many`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction

from banfa.office import clock, hashing
from banfa.office.intake import sheets
from banfa.office.intake.columns import KIND, Column, fits, plan, recognise
from banfa.office.intake.errors import BadFile
from banfa.office.intake.models import Upload
from banfa.office.intake.rows import Reading, Row
from banfa.office.ledger import bulk, library
from banfa.office.ledger.errors import LedgerError, MayNot
from banfa.office.people import access
from banfa.office.people.models import Organisation, User
from banfa.rules.life import digest
from banfa.rules.proposals import BadProposal
from banfa.rules.ruleset import Ruleset

ACCEPTED, REFUSED, FAULTY, KNOWN = "accepted", "refused", "faulty", "known"


@dataclass(slots=True)
class Line:
    """What came of a row. `says` are (column, Chinese, English, article) each; `read` is what was
    understood of it: what, how, in Chinese and English each."""

    line: int
    name: str
    standing: str
    centre: str | None = None
    says: list[tuple[str, str, str, str]] = field(default_factory=list)
    read: list[tuple[str, str, str, str]] = field(default_factory=list)


@dataclass
class Report:
    """What came of every row; `dry`: nothing was recorded."""

    programme: str
    columns: list[Column]
    lines: list[Line]
    dry: bool
    sheet: str = ""
    others: list[tuple[str, int]] = field(default_factory=list)

    def count(self, standing: str) -> int:
        """How many rows stand so."""
        return sum(line.standing == standing for line in self.lines)


def bring(
    programme: str,
    name: str,
    data: bytes,
    on: dt.date,
    *,
    basis: str = "",
    chosen: Mapping[int, str] | None = None,
    user: User | None = None,
    person: str | None = None,
    dry: bool = True,
    most_rows: int = sheets.MOST_ROWS,
    told: bulk.Told | None = None,
) -> Report:
    """Reads a file, judges every row, and (unless `dry`) enters those that are accepted.

    `told` hears how many rows are judged; what it raises undoes all.

    `on` is the day the acts count on; `basis` the basis document where no column gives it; `chosen`
    what columns are, by number. With `user` that person's rights are asked. Raises BadFile for the
    file as a whole, NotOnFile for an unknown programme, MayNot.
    """
    rs, table, columns = _read(programme, name, data, on, chosen or {}, user, most_rows)
    rows = Reading(rs, plan(programme), columns, on, basis.strip(), user, person).rows(table)
    lines = _judged(rs, columns, rows, dry, told)
    return Report(programme, columns, lines, dry, table.sheet, table.others)


def _read(
    programme: str, name: str, data: bytes, on: dt.date, chosen: Mapping[int, str],
    user: User | None, most_rows: int,
) -> tuple[Ruleset, sheets.Table, list[Column]]:  # fmt: skip
    """A file as a table, and what its columns are. Raises as `bring` does."""
    rs = library.editions(programme).on(on)
    if KIND not in rs.models or rs.programme.existing is None:
        raise BadFile("本办法没有补录既有中心的规定", "this programme takes no existing centres")
    if user is not None and not access.may(
        user, KIND, rs.programme.existing.by[0], programme, None, clock.today()
    ):
        raise MayNot
    table = table_of(rs, name, data, most_rows)
    return rs, table, recognise(rs.programme, plan(programme), table.head, chosen)


def table_of(
    rs: Ruleset, name: str, data: bytes, most_rows: int = sheets.MOST_ROWS
) -> sheets.Table:
    """The table in a file; of several sheets the one with headings of this programme's lists."""
    own = plan(rs.programme.programme)
    return sheets.read(name, data, most_rows, lambda head: fits(rs.programme, own, head))


def _judged(
    rs: Ruleset,
    columns: Sequence[Column],
    rows: Sequence[Row],
    dry: bool,
    told: bulk.Told | None,
) -> list[Line]:
    good = [row for row in rows if not row.faults and row.proposal is not None]
    proposals = [row.proposal for row in good if row.proposal is not None]
    if dry:
        outcomes = bulk.judge_many(proposals, told)
    else:
        for proposal in proposals:
            proposal.key = f"import:{digest([rs.programme.programme, proposal.on, proposal.data])}"
        with transaction.atomic():
            _enter_organisations(proposals)
            outcomes = bulk.record_many(proposals, told=told)
    came = {id(row): outcome for row, outcome in zip(good, outcomes, strict=True)}
    headings = {f"with.{c.target}": c.heading for c in columns}
    lines = []
    for row in rows:
        line = _line(row, came.get(id(row)), headings)
        line.read = row.read
        if not row.faults:
            line.says += [(f.column, f.text.zh, f.text.en, "") for f in row.notes]
        lines.append(line)
    return lines


def _line(row: Row, outcome: bulk.Outcome | None, headings: Mapping[str, str]) -> Line:
    if outcome is None:
        says = [(f.column, f.text.zh, f.text.en, "") for f in row.faults]
        return Line(row.line, row.name, KNOWN if row.known else FAULTY, row.known, says)
    if isinstance(outcome.error, BadProposal):
        says = [
            (headings.get(m.where, ""), m.text.zh, m.text.en, "") for m in outcome.error.mistakes
        ]
        return Line(row.line, row.name, FAULTY, says=says)
    if isinstance(outcome.error, LedgerError):
        text = outcome.error.text
        return Line(row.line, row.name, FAULTY, says=[("", text.zh, text.en, "")])
    got = outcome.receipt
    assert got is not None
    standing = ACCEPTED if got.accepted else REFUSED
    told = [] if got.accepted else got.refusals
    says = [
        ("", f.says.zh if f.says else "", f.says.en if f.says else "", f.basis or "") for f in told
    ]
    return Line(row.line, row.name, standing, got.centre, says)


def _enter_organisations(proposals: Sequence[Any]) -> None:
    """Enters the organisations named in roles that are not on file: people will act for them."""
    wanted: dict[str, dict[str, Any]] = {}
    for proposal in proposals:
        for held in (proposal.data.get("roles") or {}).values():
            for one in held if isinstance(held, list) else [held]:
                wanted[one["org"]] = one
    known = set(Organisation.objects.filter(id__in=wanted).values_list("id", flat=True))
    Organisation.objects.bulk_create(
        [
            Organisation(
                id=org, name_zh=one["name"], kind=one.get("kind", ""), place=one.get("place", "")
            )
            for org, one in wanted.items()
            if org not in known
        ],
        batch_size=1000,
        ignore_conflicts=True,
    )


# --- from page to page ----------------------------------------------------------------------------


def keep(
    user: User, programme: str, name: str, data: bytes, on: dt.date, basis: str, most_rows: int
) -> Upload:
    """Keeps a file for its preview instead of one brought before and not entered.

    Raises BadFile when it cannot be read or no column is known, MayNot.
    """
    _rs, table, _columns = _read(programme, name, data, on, {}, user, most_rows)
    Upload.objects.filter(user=user, entered__isnull=True).delete()
    return Upload.objects.create(
        programme=programme,
        user=user,
        name=name[-200:],
        digest=hashing.hashed(hashing.DEFAULT, data.hex()),
        content=data,
        head=table.head,
        rows=len(table.rows),
        sheet=table.sheet[:200],
        others=table.others,
        on=on,
        basis=basis[:300],
        made=clock.now(),
    )


def judge(
    upload: Upload, chosen: Mapping[int, str], most_rows: int, told: bulk.Told | None = None
) -> Report:
    """The preview of a file kept; `chosen` says what columns are. What came of it is kept too."""
    choose(upload, chosen)
    report = _again(upload, most_rows, dry=True, told=told)
    upload.judged = [asdict(line) for line in report.lines]
    upload.save(update_fields=["judged"])
    return report


def choose(upload: Upload, chosen: Mapping[int, str]) -> None:
    """What the columns of a file kept are; what was judged by another choice falls."""
    kept = {str(n): target for n, target in chosen.items()}
    if kept != upload.chosen:
        upload.chosen, upload.judged = kept, None
        upload.save(update_fields=["chosen", "judged"])


def judged(upload: Upload) -> list[Line] | None:
    """What came of the rows of a file kept when they were judged; None: they have not been."""
    return None if upload.judged is None else [Line(**line) for line in upload.judged]


def columns_of(upload: Upload) -> list[Column]:
    """The columns of a file kept: as recognised and chosen, also when they cannot be so."""
    rs = library.editions(upload.programme).on(upload.on)
    chosen = {int(n): target for n, target in upload.chosen.items()}
    try:
        return recognise(rs.programme, plan(upload.programme), upload.head, chosen)
    except BadFile:
        return [Column(n, heading, chosen.get(n, "")) for n, heading in enumerate(upload.head)]


def enter(upload_id: int, user: User, most_rows: int, told: bulk.Told | None = None) -> Upload:
    """Enters what is accepted of a file kept; a second time it gives what came of the first.

    All in one transaction: what `told` raises undoes all of it.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload_id, user=user)
        if upload.entered is None:
            report = _again(upload, most_rows, dry=False, told=told)
            upload.report = [asdict(line) for line in report.lines]
            upload.entered = clock.now()
            upload.content, upload.judged = b"", None
            upload.save()
    return upload


def _again(upload: Upload, most_rows: int, dry: bool, told: bulk.Told | None) -> Report:
    chosen = {int(n): target for n, target in upload.chosen.items()}
    return bring(
        upload.programme,
        upload.name,
        bytes(upload.content),
        upload.on,
        basis=upload.basis,
        chosen=chosen,
        user=upload.user,
        dry=dry,
        most_rows=most_rows,
        told=told,
    )
