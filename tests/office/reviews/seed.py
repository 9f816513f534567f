"""What the tests of reviews start from: a programme with an appraisal, three centres, people."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from banfa.office import clock
from banfa.office.ledger import library
from banfa.office.ledger.models import Centre
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people import rights
from banfa.office.people.models import Capacity, Membership, Organisation, Standing, User
from banfa.office.people.verbs import enter_organisation
from banfa.office.reviews import register, sheets, verbs
from banfa.office.reviews.models import Assignment, Expert, Review, ScoreSheet

PROGRAMMES = Path(__file__).parent / "programmes"
PLAN = {"plan": {"content": {"goals": "建成中试平台，服务全行业。", "money": {"total": "12000"}}}}
SHEET = sheets.Sheet(
    (
        sheets.Criterion("c1", "技术水平", 60, "先进性、成熟度"),
        sheets.Criterion("c2", "组建条件", 40, "", True),
    )
)
FULL = {"score.c1": "90", "score.c2": "80", "comment.c2": "条件较好", "opinion": "同意"}


def use(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the programme as the only one and 2030-11-15 as today."""
    settings.PROGRAMMES_DIR = PROGRAMMES
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    library.forget()


def do(by: str, kind: str, on: str, centre: str | None = None, **more: Any) -> str:
    """Records an act; gives the centre's id."""
    envelope = {k: more.pop(k) for k in ("org", "documents", "about", "user") if k in more}
    day = dt.date.fromisoformat(on)
    proposal = Proposal(
        act=kind, by=by, on=day, programme="panel", centre=centre, data=more, **envelope
    )
    moment = dt.datetime.fromisoformat(on + "T10:00:00+08:00")
    receipt = record(proposal, moment)
    assert receipt.accepted, [(f.id, f.says) for f in receipt.refusals]
    return receipt.centre or ""


def centres() -> list[Centre]:
    """Three centres that seek recognition; organisations in a small tree:

    group above org-1 and sister; org-2 below ministry; org-3 alone; uni, lab of their own; agency.
    """
    for number, name, kind, parent in (
        ("group", "甲集团公司", "firm", None),
        ("org-1", "甲新材料股份有限公司", "firm", "group"),
        ("sister", "甲装备有限公司", "firm", "group"),
        ("ministry", "乙部", "", None),
        ("org-2", "乙研究院", "firm", "ministry"),
        ("org-3", "丙公司", "firm", None),
        ("uni", "丁大学", "", None),
        ("lab", "戊实验室", "", None),
        ("agency", "己评估中心", "agency", None),
        ("boss", "主管部门", "", None),
    ):
        enter_organisation(number, name, kind, "山东", parent=parent)
    made = []
    for org, field, team in (
        ("org-1", "先进封装", ["张某", "李某"]),
        ("org-2", "氢能装备", ["王某"]),
        ("org-3", "工业软件", ["赵某"]),
    ):
        given = {"org": org, "documents": PLAN, "field_zh": field, "team": team}
        made.append(do("unit", "apply", "2030-03-01", **given))
    for centre in made:
        do("unit", "seek", "2030-06-01", centre)
    return list(Centre.objects.order_by("id"))


def person(username: str, *held: tuple[str, str], **more: Any) -> User:
    """An account that takes effect, with these capacities: party, organisation."""
    rights.seed(library.parties_and_acts())
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)
    user = User(
        username=username, name=more.pop("name", username), standing=Standing.ACTIVE,
        created=clock.now(), **more,
    )  # fmt: skip
    user.set_unusable_password()
    user.save()
    for party, org in held:
        organisation = Organisation.objects.get(id=org)
        Membership.objects.get_or_create(user=user, organisation=organisation)
        Capacity.objects.create(
            user=user, organisation=organisation, programme="panel", party=party,
            asked=clock.now(), approved=clock.now(),
        )  # fmt: skip
    return user


def expert(name: str, workplace: str = "丁大学", account: bool = True, **more: Any) -> Expert:
    """An expert in the ministry's register, with an account."""
    user = person(f"x-{User.objects.count()}", name=name) if account else None
    given = {"name": name, "workplace": workplace, "fields": more.pop("fields", "材料"), **more}
    given["account"] = user.username if user is not None else ""
    return register.enter(None, Organisation.objects.get(id="boss"), given)


def begun(by: User, chosen: list[Centre], **terms: Any) -> Review:
    """A review that is prepared, without experts."""
    boss = Organisation.objects.get(id="boss")
    review = verbs.begin(by, "panel", "boss", boss, "appraise", "组建方案论证", chosen)
    given = {"title": "组建方案论证", "blind": True, "drop": 0, "minimum": 2}
    given |= {"due": dt.date(2030, 11, 30)} | terms
    review = verbs.set_terms(review, review.version, **given)
    return verbs.set_sheet(review, review.version, SHEET)


def called(by: User, chosen: list[Centre], experts: list[Expert], **terms: Any) -> Review:
    """A review under way with these experts."""
    review = begun(by, chosen, **terms)
    verbs.choose(by, review, review.version, experts, "领域相符")
    review.refresh_from_db()
    return verbs.call(review, review.version)


def accepted(review: Review) -> list[Assignment]:
    """Everybody invited accepts."""
    rows = list(review.assignments.filter(answer="invited").order_by("number"))
    return [verbs.accept(one.expert.user, one, True) for one in rows]


def score(one: Assignment, *points: int, hand_in: bool = True) -> list[ScoreSheet]:
    """An expert scores every centre; points by sheet, the same for both criteria."""
    done = []
    rows = list(one.sheets.order_by("subject__centre"))
    for number, sheet in enumerate(rows):
        given = points[number] if len(points) > number else points[-1]
        typed = {**FULL, "score.c1": str(given), "score.c2": str(given)}
        sheet.refresh_from_db()
        verb = verbs.hand_in if hand_in else verbs.save_sheet
        done.append(verb(one.expert.user, sheet, sheets.written(SHEET, typed), sheet.version))
    return done
