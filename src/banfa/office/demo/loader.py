"""Loading the demonstration: every act goes through `record`, in the order of recording.

In the demonstration itself each act is done by a person who held the capacity on that day;
elsewhere (tests), where these accounts may not exist, the record names no person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from banfa.office import clock
from banfa.office.demo import FOLDER, accounts
from banfa.office.ledger import library, verbs
from banfa.office.ledger.errors import LedgerError, MayNot
from banfa.office.ledger.models import Engagement, Listing
from banfa.office.ledger.verbs import Proposal, Receipt
from banfa.office.people.models import User
from banfa.rules import programme as p
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
    cast: accounts.Cast | None = None
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
        if settings.DEMO:
            accounts.make()
            cast = accounts.Cast()
            for file in read:
                file.cast = cast
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
    turn = list(file.centres).index(act.centre) if act.centre in file.centres else index
    try:
        for party in given.jointly:
            _concur(file, asked, party, moment, turn)
        receipt = _by_a_person(file, asked, moment, turn)
    except (LedgerError, BadProposal) as error:
        raise file.reader.problem(loc, str(error), str(error)) from error
    if not receipt.accepted:
        raise file.reader.problem(loc, "未被接受：" + told(receipt), "refused: " + told(receipt))
    _remember(file, act, receipt)


def _by_a_person(file: _File, asked: Proposal, moment: dt.datetime, turn: int) -> Receipt:
    """Records an act as one of the people of its seat; a centre not yet theirs is assigned."""
    if file.cast is None:
        return verbs.record(replace(asked, person="演示数据"), moment)
    org = asked.org["org"] if isinstance(asked.org, Mapping) else str(asked.org)
    seat = (file.programme, asked.by, org)
    user = file.cast.who(*seat, moment.date(), turn)
    if user is None:
        raise LedgerError(f"无人以“{asked.by}”身份代表“{org}”", f"nobody acts as {seat}")
    try:
        return verbs.record(_as(file.cast, asked, user, moment), moment)
    except MayNot:
        if asked.centre is None:
            raise
        file.cast.assign(*seat, asked.centre)
        return verbs.record(_as(file.cast, asked, user, moment), moment)


def _as(cast: accounts.Cast, asked: Proposal, user: User, moment: dt.datetime) -> Proposal:
    return replace(asked, user=user, reach=cast.reach(user, moment.date()))


def told(receipt: Receipt) -> str:
    """The refusing findings on one line."""
    return "；".join(
        f"{f.code} {f.basis} {f.id}：{f.says.zh if f.says else ''}"
        + (f"［{f.seen.zh}］" if f.seen else "")
        for f in receipt.refusals
    )


def _proposal(file: _File, act: Act) -> Proposal:
    schemas = file.reader.rulesets(act.on).programme.documents
    documents = {
        name: {"content": _worded(d["content"], schemas[name])} for name, d in act.documents.items()
    }
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
    )


def _worded(content: Any, schema: p.Document) -> Any:
    """A sample document with words of its own: each passage says which one it is."""

    def told(value: Any, name: str, inputs: Mapping[str, p.Input]) -> Any:
        if value == "（内容）":
            return f"{name}：按规定的提纲逐项说明（演示内容）。"
        if isinstance(value, Mapping):
            names = {k: inputs[k].name.zh for k in value if k in inputs}
            return {
                k: told(v, names.get(k, name), _columns(inputs.get(k))) for k, v in value.items()
            }
        if isinstance(value, list):
            return [told(one, name, inputs) for one in value]
        return value

    if not schema.sections:
        return {"reference": f"{schema.name.zh}（演示文件）"} if content == BARE else content
    return {
        k: told(v, schema.sections[k].name.zh, schema.sections[k].fields)
        if k in schema.sections
        else v
        for k, v in content.items()
    }


BARE = {"reference": "（文件）"}


def _columns(given: p.Input | None) -> Mapping[str, p.Input]:
    return (given.columns or {}) if given is not None else {}


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


def _concur(file: _File, asked: Proposal, party: str, moment: dt.datetime, turn: int) -> None:
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
    receipt = _by_a_person(file, joint, moment, turn)
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
