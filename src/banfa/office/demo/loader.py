"""Loading the demonstration: every act goes through `record`, in the order of recording."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.db import transaction

from banfa.office import clock
from banfa.office.demo import FOLDER
from banfa.office.ledger import library, verbs
from banfa.office.ledger.errors import LedgerError
from banfa.office.ledger.models import Engagement, Listing
from banfa.office.ledger.verbs import Proposal, Receipt
from banfa.rules.cases import CaseAct, Reader, read_file
from banfa.rules.life import Act
from banfa.rules.proposals import BadProposal


@dataclass(slots=True)
class Loaded:
    """What was loaded, and which files were left out because their programme does not load."""

    acts: int = 0
    centres: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _File:
    """A history file on its way in: labels of acts, and what they became."""

    reader: Reader
    programme: str
    centres: dict[str, str] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    cases: dict[str, str] = field(default_factory=dict)


def files(folder: Path = FOLDER) -> list[Path]:
    """The history files."""
    return sorted(folder.glob("*.yaml"))


def load(folder: Path = FOLDER) -> Loaded:
    """Loads all history files, or none. Raises LoadError with the place of what is refused."""
    loaded = Loaded()
    good, bad = library.loadable()
    read = []
    for path in files(folder):
        programme = path.stem
        if programme in bad or programme not in good:
            loaded.left_out[path.name] = (
                bad[programme].text("zh") if programme in bad else "无此办法"
            )
        else:
            read.append(_File(read_file(path, library.root()), programme))
    with transaction.atomic():
        for file in read:
            _surroundings(file.reader)
        for _, file, index, given in sorted(_in_order(read), key=lambda x: x[0]):
            _record(file, index, given)
            loaded.acts += 1
    for file in read:
        loaded.centres |= {f"{file.programme}:{k}": v for k, v in file.centres.items()}
    return loaded


def _in_order(read: list[_File]) -> Iterator[tuple[tuple[Any, ...], _File, int, CaseAct]]:
    for number, file in enumerate(read):
        for index, given in enumerate(file.reader.model.given):
            yield (given.recorded or given.on, number, index), file, index, given


def _surroundings(reader: Reader) -> None:
    """Organisations, lists and outside engagements that the file tells of."""
    model = reader.model
    for name, kept in (*model.parties.items(), *model.organisations.items()):
        org: dict[str, Any] = {"org": name, "name": kept.get("org", name), **kept}
        if org.get("kind"):
            shown = {k: str(org.get(k) or "") for k in ("kind", "place", "name_en")}
            verbs.enter_organisation(str(org["org"]), str(org["name"]), **shown)
    for name, rows in model.facts.items():
        for row in rows:
            entry: Mapping[str, Any] = row if isinstance(row, Mapping) else {"org": row}
            span = {"since": entry.get("from"), "until": entry.get("until")}
            if name == "engagements":
                Engagement.objects.create(
                    person=entry["person"],
                    platform=entry.get("platform", ""),
                    level=entry.get("level", "national"),
                    **span,
                )
            else:
                Listing.objects.create(list=name, organisation=entry["org"], **span)


def _record(file: _File, index: int, given: CaseAct) -> None:
    """Records one act of a file; every act of a history must be accepted."""
    loc = ("given", index)
    act = file.reader.act(given, loc)
    when = given.recorded or given.on
    moment = dt.datetime.combine(when, dt.time(10), clock.SHANGHAI)
    asked = _proposal(file, act)
    try:
        for party in given.jointly:
            _concur(file, asked, party, moment)
        receipt = verbs.record(asked, moment)
    except (LedgerError, BadProposal) as error:
        raise file.reader.problem(loc, str(error), str(error)) from error
    if not receipt.accepted:
        raise file.reader.problem(loc, "未被接受：" + told(receipt), "refused: " + told(receipt))
    _remember(file, act, receipt)


def told(receipt: Receipt) -> str:
    """The refusing findings on one line."""
    return "；".join(
        f"{f.code} {f.basis} {f.id}：{f.says.zh if f.says else ''}"
        + (f"［{f.seen.zh}］" if f.seen else "")
        for f in receipt.refusals
    )


def _proposal(file: _File, act: Act) -> Proposal:
    documents = {name: {"content": d["content"]} for name, d in act.documents.items()}
    about = file.cases.get(act.about, act.about) if act.about is not None else None
    return Proposal(
        act.kind,
        act.party,
        act.on,
        programme=file.programme,
        centre=file.centres.get(act.centre) if act.centre is not None else None,
        org=act.org,
        data=_resolved(file, act),
        documents=documents,
        about=about,
        exception=act.exception,
        person="演示数据",
    )


def _resolved(file: _File, act: Act) -> dict[str, Any]:
    """The inputs with labels of acts and centres replaced by what these became."""
    rs = file.reader.rulesets(act.on)
    data = dict(act.data)
    for name, given in rs.models[act.kind].with_.items():
        value = data.get(name)
        if given.type == "programme_act" and isinstance(value, str):
            data[name] = file.seqs.get(value, value)
        elif given.type == "centres" and value:
            data[name] = [file.centres.get(c, c) for c in value]
    return data


def _concur(file: _File, asked: Proposal, party: str, moment: dt.datetime) -> None:
    """A joint body's concurrence on what is about to be recorded."""
    given = {"draft": verbs.draft(asked), "agrees": True}
    joint = replace(
        asked,
        act="concur",
        by=party,
        org=file.reader.org(party, ()),
        data=given,
        documents={},
        about=None,
        exception=None,
    )
    receipt = verbs.record(joint, moment)
    if not receipt.accepted:
        raise LedgerError(told(receipt), told(receipt))
    if asked.centre is None and receipt.centre is not None:
        asked.centre = receipt.centre


def _remember(file: _File, act: Act, receipt: Receipt) -> None:
    if act.centre is not None and receipt.centre is not None:
        file.centres[act.centre] = receipt.centre
    if act.label is None or receipt.seq is None:
        return
    file.seqs[act.label] = receipt.seq
    opens = file.reader.rulesets(act.on).models[act.kind].opens
    if opens is not None:
        file.cases[act.label] = f"{opens.case}#{receipt.seq}"
