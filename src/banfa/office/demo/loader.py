"""Loading the demonstration: every act goes through the one door, in the order of recording.

Acts are recorded many at a time, until one needs to know what became of another.

In the demonstration itself each act is done by a person who held the capacity on that day;
elsewhere (tests), where these accounts may not exist, the record names no person.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from banfa.office import clock
from banfa.office.demo import FOLDER, accounts, drafts, reviews
from banfa.office.ledger import bulk, library, verbs
from banfa.office.ledger.bulk import Outcome
from banfa.office.ledger.errors import LedgerError, MayNot
from banfa.office.ledger.models import Engagement, Listing
from banfa.office.ledger.verbs import Proposal, Receipt
from banfa.rules import programme as p
from banfa.rules.cases import CaseAct, Reader, read_file
from banfa.rules.life import Act
from banfa.rules.loading import LoadError
from banfa.rules.proposals import BadProposal


@dataclass(slots=True)
class Loaded:
    """What was loaded, and which files were left out because their programme does not load."""

    acts: int = 0
    reviews: int = 0
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
    pending: set[str] = field(default_factory=set)

    def rests_on_what_waits(self, act: Act) -> bool:
        """Whether an act refers to one that is not recorded yet."""
        said = {act.about, *(v for v in act.data.values() if isinstance(v, str))}
        return bool(said & self.pending)


def files(folder: Path = FOLDER) -> list[Path]:
    """The history files."""
    return sorted(folder.glob("*.yaml"))


def digest(folder: Path = FOLDER) -> str:
    """Over all that the demonstration is made of: another digest, another demonstration."""
    parts = sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".csv"))
    said = hashlib.sha256()
    for path in parts:
        said.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return said.hexdigest()[:16]


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
        recorder = _Recorder(accounts.Cast() if settings.DEMO else None)
        for _, file, index, given in sorted(_in_order(read), key=lambda x: x[0]):
            recorder.take(file, index, given)
            loaded.acts += 1
        recorder.flush()
        for file in read:
            loaded.centres |= {f"{file.programme}:{k}": v for k, v in file.centres.items()}
        if settings.DEMO:
            loaded.reviews = reviews.make(loaded.centres)
            drafts.make(loaded.centres)
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


@dataclass(slots=True)
class _Waiting:
    """An act that waits to be recorded with others."""

    file: _File
    index: int
    act: Act
    asked: Proposal
    moment: dt.datetime
    turn: int

    @property
    def seat(self) -> tuple[str, str, str]:
        """The programme, the party and the organisation that acts."""
        org = self.asked.org["org"] if isinstance(self.asked.org, Mapping) else self.asked.org
        return self.file.programme, self.asked.by, str(org)

    def problem(self, zh: str, en: str) -> LoadError:
        """What is wrong, with the place in the file."""
        return self.file.reader.problem(("given", self.index), zh, en)


class _Recorder:
    """Records what it is given in its order; every act of a history must be accepted."""

    def __init__(self, cast: accounts.Cast | None) -> None:
        self.cast = cast
        self.waiting: list[_Waiting] = []

    def take(self, file: _File, index: int, given: CaseAct) -> None:
        """Puts an act in line; those before it are recorded first when it rests on them."""
        act = file.reader.act(given, ("given", index))
        moment = dt.datetime.combine(given.recorded or given.on, dt.time(10), clock.SHANGHAI)
        if given.jointly or file.rests_on_what_waits(act):
            self.flush()
        turn = list(file.centres).index(act.centre) if act.centre in file.centres else index
        asked = _proposal(file, act)
        one = _Waiting(file, index, act, asked, moment, turn)
        if act.centre is not None and act.centre not in file.centres:
            file.centres[act.centre] = f"{file.programme}-{len(file.centres) + 1:04d}"
        for party in given.jointly:
            self._concur(one, party)
        if act.label is not None:
            file.pending.add(act.label)
        self.waiting.append(one)

    def _concur(self, one: _Waiting, party: str) -> None:
        """A joint body's concurrence on what is about to be recorded."""
        try:
            draft = verbs.draft(one.asked)
        except (LedgerError, BadProposal) as error:
            raise one.problem(str(error), str(error)) from error
        joint = replace(
            one.asked,
            act="concur",
            by=party,
            org=one.file.reader.org(party, ()),
            data={"draft": draft, "agrees": True},
            documents={},
            about=None,
            exception=None,
        )
        self.waiting.append(replace(one, asked=joint, act=replace(one.act, label=None)))
        self.flush()
        if one.act.centre is not None:
            one.asked.centre = one.file.centres[one.act.centre]

    def flush(self) -> None:
        """Records all that waits. Raises LoadError for what is refused."""
        waiting, self.waiting = self.waiting, []
        known: set[tuple[str, str, str, str]] = set()
        while True:
            with transaction.atomic():
                outcomes = bulk.record_many(
                    [self._by_a_person(one) for one in waiting], [one.moment for one in waiting]
                )
                denied = {
                    (*one.seat, one.asked.centre)
                    for one, outcome in zip(waiting, outcomes, strict=True)
                    if isinstance(outcome.error, MayNot) and one.asked.centre is not None
                }
                if self.cast is None or not denied - known:
                    break
                transaction.set_rollback(True)
            known |= denied
            for seat in denied:
                self.cast.assign(*seat)
        for one, outcome in zip(waiting, outcomes, strict=True):
            _settled(one, outcome)

    def _by_a_person(self, one: _Waiting) -> Proposal:
        """The proposal as one of the people of its seat makes it."""
        if self.cast is None:
            return replace(one.asked, person="演示数据")
        user = self.cast.who(*one.seat, one.moment.date(), one.turn)
        if user is None:
            raise one.problem(f"无人能以“{one.seat}”办理", f"nobody acts as {one.seat}")
        return replace(one.asked, user=user, reach=self.cast.reach(user, one.moment.date()))


def _settled(one: _Waiting, outcome: Outcome) -> None:
    """Remembers what became of an act. Raises LoadError when it was not accepted."""
    receipt = outcome.receipt
    if receipt is None:
        raise one.problem(str(outcome.error), str(outcome.error)) from outcome.error
    if not receipt.accepted:
        raise one.problem("未被接受：" + told(receipt), "refused: " + told(receipt))
    if one.act.centre is not None and receipt.centre != one.file.centres[one.act.centre]:
        raise one.problem(f"中心编号不符：{receipt.centre}", "another centre than expected")
    _remember(one.file, one.act, receipt)


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


def _remember(file: _File, act: Act, receipt: Receipt) -> None:
    if act.label is None or receipt.seq is None:
        return
    file.pending.discard(act.label)
    file.seqs[act.label] = receipt.seq
    opens = file.reader.rulesets(act.on).models[act.kind].opens
    if opens is not None:
        file.cases[act.label] = f"{opens.case}#{receipt.seq}"
