"""What is done about indicator systems, collections of figures, and runs.

`reach` is who does it, with all they may do; None is the installation itself (seeding, the
demonstration). Every verb asks for the right, locks what it changes, and says what to mend.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Max

from banfa.office import clock
from banfa.office.evaluations import checks, plausibility, rights, tables, telling
from banfa.office.evaluations.errors import (
    EvaluationError,
    MayNot,
    NotOnFile,
    Problem,
    Refused,
    Stale,
)
from banfa.office.evaluations.models import (
    Collection,
    Entry,
    Figure,
    FigureChange,
    Kind,
    Run,
    Stage,
    SystemVersion,
    ThresholdSetting,
)
from banfa.office.evaluations.systems import (
    programme_of,
    read_system,
    read_thresholds,
    scheme_of,
    system_of,
    years_of,
)
from banfa.office.ledger import library
from banfa.office.ledger.models import Centre, ProgrammeBook
from banfa.office.people.access import Reach
from banfa.office.people.models import User
from banfa.rules.figures import Given, whole
from banfa.rules.library import system_files
from banfa.rules.loading import Bilingual, LoadError
from banfa.rules.score_store import pack, pack_table
from banfa.rules.scoring import Scheme, Scores, run
from banfa.rules.system import Thresholds, digest
from banfa.rules.words import Text


def _user(reach: Reach | None) -> User | None:
    return reach.user if reach is not None else None


# --- systems ------------------------------------------------------------------------------------


def load_system(
    reach: Reach | None, programme: str, text: str, name: str = "system.yaml"
) -> SystemVersion:
    """Puts an indicator system on file; the same one again is found, not doubled.

    Raises LoadError with every problem of the file, MayNot, NotOnFile.
    """
    if programme not in library.ids():
        raise NotOnFile(f"没有“{programme}”这部办法", f"no programme '{programme}'")
    rights.need(reach, rights.LOAD, programme)
    system = read_system(text, name, programme_of(programme))
    sample = system.sample
    found, _made = SystemVersion.objects.get_or_create(
        programme=programme,
        digest=digest(system),
        defaults={
            "system": system.system,
            "edition": system.edition,
            "text": text,
            "name_zh": system.name.zh,
            "name_en": system.name.en,
            "sample_zh": sample.zh if sample is not None else "",
            "sample_en": sample.en if sample is not None else "",
            "since": system.in_force.from_,
            "until": system.in_force.until,
            "loaded": clock.now(),
            "loaded_by": _user(reach),
        },
    )
    rights.enter_rows(system)
    return found


def seed_samples() -> list[SystemVersion]:
    """Loads the systems that come with the programmes, labelled as samples: for a new installation.

    A file that does not load is left out; `banfa systems` says why.
    """
    found = []
    for programme in library.ids():
        for path in system_files(programme, library.root()):
            try:
                text = path.read_text(encoding="utf-8")
                found.append(load_system(None, programme, text, path.name))
            except (LoadError, OSError, UnicodeDecodeError):
                continue
    return found


def withdraw_system(reach: Reach | None, version: SystemVersion) -> None:
    """Takes a system out of use: no new collection can be opened with it."""
    rights.need(reach, rights.LOAD, version.programme)
    version.withdrawn = clock.now()
    version.save(update_fields=["withdrawn"])


# --- collections --------------------------------------------------------------------------------


@dataclass(slots=True)
class Opening:
    """What a collection is opened with; `round` is the number of the round's act."""

    system: SystemVersion
    kind: Kind
    year: int
    name: Text
    opens: dt.date
    closes: dt.date | None = None
    round: int | None = None
    occasion: str = "evaluation"
    centres: Sequence[str] = ()
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def open_collection(reach: Reach | None, opening: Opening) -> Collection:
    """Opens a collection for these centres (by id), each with its classes in the sets of bands.

    Raises MayNot, and EvaluationError for a system that is withdrawn or not for that occasion, days
    in the wrong order, a second collection for the same, or centres of another programme.
    """
    version = opening.system
    rights.need(reach, rights.RUN, version.programme)
    system = system_of(version)
    if version.withdrawn is not None:
        raise EvaluationError("该指标体系已停用", "this indicator system was withdrawn")
    if opening.occasion not in system.occasions:
        raise EvaluationError(
            "该指标体系不用于这一场合", "this indicator system is not for that occasion"
        )
    if opening.closes is not None and opening.closes < opening.opens:
        raise EvaluationError("截止日不得早于开始日", "the last day lies before the first")
    book, _ = ProgrammeBook.objects.get_or_create(pk=version.programme)
    try:
        with transaction.atomic():
            made = Collection.objects.create(
                book=book,
                system=version,
                kind=opening.kind,
                occasion=opening.occasion,
                name_zh=opening.name.zh,
                name_en=opening.name.en,
                year=opening.year,
                round=opening.round,
                opens=opening.opens,
                closes=opening.closes,
                made=clock.now(),
                made_by=_user(reach),
            )
            add_centres(reach, made, opening.centres, opening.classes)
    except IntegrityError:
        raise EvaluationError(
            f"{opening.year} 年已有同类的数据采集", f"there is one of this kind for {opening.year}"
        ) from None
    return made


def add_centres(
    reach: Reach | None,
    collection: Collection,
    centres: Iterable[str],
    classes: Mapping[str, Mapping[str, str]] | None = None,
) -> int:
    """Adds centres to a collection; those in it stay as they are. Gives how many are new."""
    rights.need(reach, rights.RUN, str(collection.book_id))
    wanted = list(dict.fromkeys(centres))
    found = {
        c.id: c for c in Centre.objects.filter(book_id=collection.book_id, id__in=wanted)
    }  # fmt: skip
    unknown = [one for one in wanted if one not in found]
    if unknown:
        shown = "、".join(unknown[:5])
        raise NotOnFile(f"没有这些中心：{shown}", f"no such centres: {shown}")
    known = set(collection.entries.filter(centre__in=wanted).values_list("centre_id", flat=True))
    fresh = [
        Entry(
            collection=collection,
            centre=found[one],
            classes=_classes(collection, found[one], (classes or {}).get(one, {})),
        )
        for one in wanted
        if one not in known
    ]
    Entry.objects.bulk_create(fresh)
    return len(fresh)


def _classes(collection: Collection, centre: Centre, given: Mapping[str, str]) -> dict[str, str]:
    """The classes of a centre; a set called `class` takes the one on its record."""
    sets = system_of(collection.system).bands
    made = {name: one for name, one in given.items() if name in sets}
    if "class" in sets and "class" not in made and centre.centre_class:
        made["class"] = centre.centre_class
    for name, one in made.items():
        if one not in sets[name].classes:
            raise EvaluationError(
                f"{sets[name].name.zh}没有“{one}”这一类",
                f"no class '{one}' of {sets[name].name.en}",
            )
    return made


def classify(reach: Reach | None, entry: Entry, classes: Mapping[str, str]) -> None:
    """Sets a centre's class in the sets of bands. By the authority."""
    rights.need(reach, rights.RUN, str(entry.collection.book_id))
    with transaction.atomic():
        locked = Entry.objects.select_for_update().get(pk=entry.pk)
        merged = {**locked.classes, **classes}
        locked.classes = _classes(entry.collection, entry.centre, merged)
        locked.version += 1
        locked.save(update_fields=["classes", "version"])
        entry.classes, entry.version = locked.classes, locked.version


def set_thresholds(
    reach: Reach | None, collection: Collection, text: str, on: dt.date, reason: str = ""
) -> ThresholdSetting:
    """Sets where the grades begin in a round, from a day; the latest setting holds.

    Raises LoadError with every problem of the text, MayNot; EvaluationError when nothing changes a
    setting without a reason.
    """
    rights.need(reach, rights.RUN, str(collection.book_id))
    system = system_of(collection.system)
    thresholds = read_thresholds(text, system, programme_of(str(collection.book_id)))
    if collection.settings.exists() and not reason.strip():
        raise EvaluationError(
            "等级线已设定过，变更须写明理由", "the thresholds were set before: say why they change"
        )
    return ThresholdSetting.objects.create(
        collection=collection,
        on=on,
        text=text,
        digest=digest(thresholds),
        reason=reason.strip(),
        at=clock.now(),
        by=_user(reach),
    )


# --- figures ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Value:
    """One value as a hand enters it. `reason` answers plausibility, or says why it is changed.

    None is a value that is not there. `evidence` left out stays as it is, and so does the reason,
    unless `clear` takes it back.
    """

    indicator: str
    year: int
    value: Given
    reason: str = ""
    evidence: list[dict[str, object]] | None = None
    clear: bool = False


@dataclass(slots=True)
class Entered:
    """What entering values did: how many changed, and what plausibility now asks."""

    changed: int
    asks: list[Problem]


def enter(
    reach: Reach | None,
    entry: Entry,
    stage: int,
    values: Iterable[Value],
    expected: int | None = None,
) -> Entered:
    """Enters values of one centre with one hand; all of them, or none when one is wrong.

    A later hand changes what an earlier one entered only with a reason. What plausibility asks is
    given back and blocks nothing until the step is finished. Raises MayNot, Stale when the table
    changed since `expected`, Refused with every value that cannot be taken.
    """
    collection = entry.collection
    if reach is not None and not rights.may_enter(reach, collection, entry.centre, stage):
        raise MayNot(
            "您现有的身份不能填写、审核或核定该中心的数据，本次未作任何变更",
            "none of your capacities may enter these figures; nothing was changed",
        )
    with transaction.atomic():
        locked = _locked(entry, stage, expected)
        known = {(f.indicator, f.year): f for f in locked.figures.select_for_update()}
        changes = _changes(locked, known, stage, list(values))
        _write(locked, changes, stage, _user(reach))
        if changes:
            locked.version += 1
            locked.save(update_fields=["version"])
    entry.version, entry.stage = locked.version, locked.stage
    return Entered(len(changes), plausibility.asks(locked))


def _locked(entry: Entry, stage: int, expected: int | None) -> Entry:
    locked = (
        Entry.objects.select_for_update(of=("self",))
        .select_related("collection__system", "centre")
        .get(pk=entry.pk)
    )
    if expected is not None and locked.version != expected:
        raise Stale(
            "该中心的数据在您打开页面之后已有变更，本次未保存。"
            "您所填的仍在栏内，请与已存的数核对后再提交",
            "these figures changed since you looked; nothing was saved. What you typed is still in"
            " the fields: check it against what is on file",
        )
    system = system_of(locked.collection.system)
    if stage not in rights.steps(locked.collection):
        raise EvaluationError("这次采集没有这一步", "this collection has no such step")
    if locked.stage >= stage:
        raise EvaluationError(
            "这一步已经办结；须先退回才能再改", "this step is finished: it must be sent back first"
        )
    if locked.stage < rights.before(system, stage):
        raise EvaluationError(
            "前一步尚未办结，还不能办理这一步", "the step before is not finished yet"
        )
    return locked


@dataclass(slots=True)
class _Change:
    figure: Figure
    before: int | None
    after: int | None
    reason: str
    evidence: list[dict[str, object]] | None
    moved: bool
    cleared: bool = False


def _changes(
    entry: Entry, known: dict[tuple[str, int], Figure], stage: int, values: list[Value]
) -> list[_Change]:
    entered = system_of(entry.collection.system).entered(scheme_of(entry.collection).occasion)
    years = years_of(entry.collection)
    made, problems = [], []
    for given in values:
        try:
            one = entered.get(given.indicator)
            if one is None or given.year not in years:
                raise Bilingual(
                    f"“{given.indicator}”（{given.year} 年）不在填报范围",
                    f"'{given.indicator}' ({given.year}) is not asked for",
                )
            after = None if given.value is None else whole(given.indicator, one, given.value)
            at = (given.indicator, given.year)
            figure = known.get(at) or Figure(entry=entry, indicator=at[0], year=at[1])
            before, reason = figure.at(stage), given.reason.strip()
            moved = before != after or (figure.stage < stage and stage > Stage.REPORTED)
            if stage > Stage.REPORTED and before != after and not reason:
                raise Bilingual(
                    f"{one.name.zh}（{given.year} 年）改动前一步的数，须写明理由",
                    f"{one.name.en} ({given.year}): say why the figure is changed",
                )
        except Bilingual as error:
            problems.append(Problem(given.indicator, given.year, Text(error.zh, error.en)))
            continue
        asked = given.evidence is not None and given.evidence != figure.evidence
        cleared = given.clear and bool(figure.reason)
        if moved or asked or cleared or (reason and reason != figure.reason):
            made.append(
                _Change(figure, before, after, reason, given.evidence, before != after, cleared)
            )
    if problems:
        raise Refused(
            f"有 {len(problems)} 项数据有误，本次未作任何变更",
            f"{len(problems)} value(s) cannot be taken; nothing was changed",
            problems,
        )
    return made


_HELD = {Stage.REPORTED: "reported", Stage.REVIEWED: "reviewed", Stage.VERIFIED: "verified"}


def _write(entry: Entry, changes: list[_Change], stage: int, by: User | None) -> None:
    fresh = [c.figure for c in changes if c.figure.pk is None]
    for change in changes:
        setattr(change.figure, _HELD[Stage(stage)], change.after)
        change.figure.stage = max(change.figure.stage, stage)
        kept = "" if change.cleared else change.figure.reason
        change.figure.reason = change.reason or kept
        if change.evidence is not None:
            change.figure.evidence = change.evidence
    old = [c.figure for c in changes if c.figure.pk is not None]
    Figure.objects.bulk_create(fresh)
    Figure.objects.bulk_update(old, [*_HELD.values(), "stage", "reason", "evidence"], 500)
    now = clock.now()
    FigureChange.objects.bulk_create(
        FigureChange(
            figure=c.figure, stage=stage, before=c.before, after=c.after, reason=c.reason,
            at=now, by=by,
        )
        for c in changes
    )  # fmt: skip


FINISHED = {
    Stage.REPORTED: ("submitted", "submitted_by"),
    Stage.REVIEWED: ("reviewed", "reviewed_by"),
    Stage.VERIFIED: ("verified", "verified_by"),
}


def finish(reach: Reach | None, entry: Entry, stage: int, expected: int | None = None) -> None:
    """Finishes a step: reporting in, reviewing, or verifying one centre's figures.

    Values that the hand left alone are confirmed as they are; those who reported the figures are
    told what a later hand changed. Late is late and still taken; a date
    does not refuse it. Raises MayNot, Stale, and Refused when figures that must be there are
    missing (first step), plausibility still asks for reasons, or a value is as it was though its
    dispute was upheld and nobody says why.
    """
    if reach is not None and not rights.may_enter(reach, entry.collection, entry.centre, stage):
        raise MayNot(
            "您现有的身份不能办结这一步，本次未作任何变更",
            "none of your capacities may finish this step; nothing was changed",
        )
    with transaction.atomic():
        locked = _locked(entry, stage, expected)
        problems = [*plausibility.asks(locked), *checks.upheld(locked, stage)]
        if stage == Stage.REPORTED:
            problems = [*plausibility.gaps(locked), *problems]
        if problems:
            raise Refused(
                f"还有 {len(problems)} 处须补填或说明，未能办结",
                f"{len(problems)} figure(s) are missing or need a reason: not finished",
                problems,
            )
        _confirm(locked, stage)
        moment, who = FINISHED[Stage(stage)]
        locked.stage, locked.version = stage, locked.version + 1
        setattr(locked, moment, clock.now())
        setattr(locked, who, _user(reach))
        locked.save(update_fields=["stage", "version", moment, who])
        telling.finished(locked, Stage(stage), _user(reach))
    entry.stage, entry.version = locked.stage, locked.version


def _confirm(entry: Entry, stage: int) -> None:
    if stage == Stage.REPORTED:
        return
    left = list(entry.figures.select_for_update().filter(stage__lt=stage))
    held = _HELD[Stage(stage)]
    for figure in left:
        setattr(figure, held, figure.at(stage))
        figure.stage = stage
    Figure.objects.bulk_update(left, [held, "stage"], 500)


def send_back(reach: Reach | None, entry: Entry, to: int, reason: str) -> None:
    """Sends a centre's table back to an earlier step, with a reason; what later hands entered goes.

    By whoever may take the step after it, or the authority. What was entered stays in the changes.
    """
    collection = entry.collection
    if not reason.strip():
        raise EvaluationError("退回须写明理由", "say why it is sent back")
    if not 0 <= to < entry.stage:
        raise EvaluationError("只能退回到之前的步骤", "it can only go back to an earlier step")
    if reach is not None and not (
        any(
            rights.may_enter(reach, collection, entry.centre, later)
            for later in rights.HANDS
            if later > to + 1
        )
        or rights.administers(reach, rights.RUN, str(collection.book_id))
    ):
        raise MayNot("您现有的身份不能退回", "none of your capacities may send it back")
    with transaction.atomic():
        locked = Entry.objects.select_for_update().get(pk=entry.pk)
        now, by = clock.now(), _user(reach)
        figures = list(locked.figures.select_for_update())
        changes = []
        for figure in figures:
            before = figure.at(Stage.VERIFIED)
            figure.stage = min(figure.stage, max(to, Stage.REPORTED))
            after = figure.at(Stage.VERIFIED)
            if before != after:
                changes.append(FigureChange(figure=figure, stage=to, before=before, after=after,
                                            reason=reason.strip(), at=now, by=by))  # fmt: skip
        Figure.objects.bulk_update(figures, ["stage"], 500)
        FigureChange.objects.bulk_create(changes)
        for later, (moment, who) in FINISHED.items():
            if later > to:
                setattr(locked, moment, None)
                setattr(locked, who, None)
        locked.stage, locked.version = to, locked.version + 1
        locked.save()
    entry.stage, entry.version = locked.stage, locked.version


# --- runs ---------------------------------------------------------------------------------------


def score_collection(
    reach: Reach | None,
    collection: Collection,
    stage: int = Stage.VERIFIED,
    *,
    thresholds: Thresholds | None = None,
    thresholds_text: str = "",
    weights: Mapping[str, Decimal] | None = None,
    note: str = "",
    told: tables.Told | None = None,
) -> Run:
    """Scores a collection's figures as one hand has them, and keeps the run.

    With other thresholds or weights it is a dry run. Raises MayNot, EvaluationError when there is
    nothing to score.
    """
    rights.need(reach, rights.RUN, str(collection.book_id))
    latest = collection.settings.order_by("-id").first()
    dry = bool(weights) or bool(thresholds_text)
    if thresholds_text:
        thresholds = read_thresholds(
            thresholds_text, system_of(collection.system), programme_of(str(collection.book_id))
        )
    elif latest is not None:
        thresholds_text = latest.text
        thresholds = tables.thresholds(thresholds_text)
    made = tables.table_of(collection, stage, told)
    if not made.centres:
        raise EvaluationError("还没有中心可计分", "there are no centres to score")
    scheme = scheme_of(collection)
    if weights:
        scheme = Scheme(scheme.system, scheme.occasion, weights)
    scores = run(scheme, thresholds, made)
    return _kept(collection, stage, scores, dry, thresholds_text, weights or {}, note,
                 pack_table(made), _user(reach))  # fmt: skip


def _kept(
    collection: Collection, stage: int, scores: Scores, dry: bool, text: str,
    weights: Mapping[str, Decimal], note: str, table: bytes, by: User | None,
) -> Run:  # fmt: skip
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        last = collection.runs.aggregate(last=Max("number"))["last"] or 0
        return Run.objects.create(
            collection=collection,
            number=last + 1,
            stage=stage,
            dry=dry,
            thresholds=text,
            weights={name: str(weight) for name, weight in weights.items()},
            system_digest=digest(scores.scheme.system),
            thresholds_digest=digest(scores.thresholds) if scores.thresholds is not None else "",
            table_digest=scores.table_digest,
            result_digest=scores.digest(),
            table=table,
            scores=pack(scores),
            centres=len(scores.centres),
            blocked=int(scores.blocked.sum()),
            note=note.strip(),
            at=clock.now(),
            by=by,
        )


def sample_thresholds(programme: str, system: str) -> str:
    """The text of the example thresholds that come with a sample system; empty without any."""
    path: Path = library.root() / programme / "indicators" / "thresholds" / f"{system}.yaml"
    return path.read_text(encoding="utf-8") if path.is_file() else ""
