"""Telling those who reported a centre's figures what came of them, once a step finished."""

from __future__ import annotations

from banfa.office.evaluations import rights
from banfa.office.evaluations.models import Entry, Stage
from banfa.office.evaluations.systems import system_of
from banfa.office.notices import queries as notices
from banfa.office.notices.verbs import tell
from banfa.office.people.models import User
from banfa.rules.words import Text

DONE = {
    Stage.REVIEWED: Text("数据审核已办结", "Figures reviewed"),
    Stage.VERIFIED: Text("数据核定已办结", "Figures verified"),
}


def finished(entry: Entry, stage: Stage, by: User | None) -> int:
    """Tells the people who report a centre's figures that a later step was finished: when it
    changed values, and when it was the last. Gives how many were told.

    To be called within the transaction that finishes the step; whoever finishes it is not told.
    """
    collection, centre = entry.collection, entry.centre
    number = changed(entry, stage)
    if stage not in DONE or not (number or stage == rights.steps(collection)[-1]):
        return 0
    parties = rights.parties_of(system_of(collection.system), Stage.REPORTED)
    people = notices.holders(str(collection.book_id), parties, centre)
    title = centre.title_zh or centre.pk
    name = f"{collection.name_zh}（{title}）"
    english = f"{collection.name_en or collection.name_zh} ({centre.title_en or title})"
    if number:
        what = Text(f"改动 {number} 项", f"{number} value(s) changed")
        body = Text(
            f"有 {number} 项数据改动了前一步的数，各项理由见数据表。",
            f"{number} value(s) are not as the step before had them; the table gives each reason.",
        )
    else:
        what, body = Text("未作改动", "nothing changed"), None
    return tell(
        [one for one in people if by is None or one.pk != by.pk],
        "evaluation",
        Text(f"{DONE[stage].zh}：{name}，{what.zh}", f"{DONE[stage].en}: {english}, {what.en}"),
        body=body,
        link=f"/figures/{entry.collection_id}/{centre.pk}/",
        centre=centre,
        key=f"figures:{entry.pk}:{int(stage)}:{entry.version}",
    )


def changed(entry: Entry, stage: Stage) -> int:
    """How many values a hand has otherwise than the hand before: one query."""
    before = rights.before(system_of(entry.collection.system), stage)
    if before == Stage.EMPTY:
        return 0
    return sum(f.at(stage) != f.at(before) for f in entry.figures.all())
