"""What the tests of rounds start from: centres of a real programme, a round of them, people,
figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from banfa.office import clock
from banfa.office.evaluations import rounds, verbs
from banfa.office.evaluations.models import Collection, Entry, Kind, Stage
from banfa.office.evaluations.rounds import Round
from banfa.office.evaluations.systems import scheme_of, system_of, years_of
from banfa.office.evaluations.verbs import Opening, Value
from banfa.office.ledger import bulk, library
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people import rights
from banfa.office.people.access import Reach, reach
from banfa.office.people.models import User
from banfa.office.people.verbs import enter_organisation
from banfa.rules.words import Text
from tests.office.desk import seed

FIELDS = ("柔性封装装备", "特种光学玻璃", "高频磁性材料")
PROVINCE = ("yunling", "云岭省发展改革委（虚构）")
AGENCY = ("minghe", "明禾示例评估中心")
DUE = dt.date(2030, 11, 30)


def use(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the programmes that are shipped, and 2030-11-15 as today."""
    settings.PROGRAMMES_DIR = None
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    library.forget()


def do(programme: str, by: str, kind: str, on: str, centre: str | None = None, **more: Any) -> Any:
    """Records an act, which must be accepted; gives the receipt."""
    envelope = {k: more.pop(k) for k in ("org", "documents", "about") if k in more}
    proposal = Proposal(
        act=kind, by=by, on=dt.date.fromisoformat(on), programme=programme, centre=centre,
        data=more, **envelope,
    )  # fmt: skip
    receipt = record(proposal, dt.datetime.fromisoformat(on + "T10:00:00+08:00"))
    assert receipt.accepted, [(f.id, f.says, f.seen) for f in receipt.refusals]
    return receipt


def existing(number: int, since: str = "2026-05-01") -> list[str]:
    """So many confirmed centres that were there before, in three fields by turns; their ids."""
    enter_organisation(*PROVINCE, "provincial_drc", "云岭省")
    enter_organisation(*AGENCY, "third_party", "云岭省")
    do("nitec", "ndrc", "publish_evaluation_guide", "2026-03-01", indicator_system="指标",
       data_rules="规范", material_requirements="要求")  # fmt: skip
    asked = []
    for n in range(1, number + 1):
        org = enter_organisation(f"unit-{n}", f"第{n}示例装备公司", "enterprise", "云岭省")
        asked.append(_existing(n, org.id, since))
    moment = dt.datetime(2026, 6, 1, 10, tzinfo=clock.SHANGHAI)
    outcomes = bulk.record_many(asked, [moment] * number)
    assert all(o.receipt and o.receipt.accepted for o in outcomes), outcomes[0]
    return [str(o.receipt.centre) for o in outcomes if o.receipt]


def _existing(n: int, org: str, since: str) -> Proposal:
    field = FIELDS[n % len(FIELDS)]
    data = {
        "stage": "confirmed", "since": since, "basis": f"示例发改〔2026〕{n}号",
        "roles": {"supporting_unit": {"org": org}, "supervising_unit": {"org": PROVINCE[0]}},
        "values": {"field_zh": field, "field_en": "Example", "legal_form": "legal_person",
                   "confirmed_on": since, "cycle_year": since[:4]},
    }  # fmt: skip
    return Proposal(
        act="enter_existing_centre", by="ndrc", on=dt.date(2026, 6, 1), programme="nitec", data=data
    )


def opened(centres: Sequence[str], fields: Sequence[str] = FIELDS, on: str = "2030-09-02") -> Round:
    """A round of these centres; as the one that organises it sees it."""
    receipt = do("nitec", "ndrc", "open_evaluation_round", on, year=int(on[:4]),
                 fields=list(fields), centres=list(centres), materials_due=DUE.isoformat(),
                 third_party={"org": AGENCY[0], "kind": "third_party"})  # fmt: skip
    found = next(r for r in rounds._opened(_book("nitec")) if r.number == receipt.seq)
    found.centres = len(centres)
    return found


def to_decision(centre: str, unit: str) -> None:
    """Materials handed in, reviewed and verified."""
    papers = {}
    programme = library.editions("nitec").latest.programme
    for name in ("annual_work_report", "evaluation_data_table", "evaluation_attachments"):
        sections = programme.documents[name].sections
        papers[name] = {"content": {s: "内容" for s in sections} or {"reference": "文件"}}
    do("nitec", "supporting_unit", "submit_evaluation_materials", "2030-10-10", centre,
            org=unit, documents=papers)  # fmt: skip
    do("nitec", "supervising_unit", "initial_review", "2030-10-20", centre,
            org=PROVINCE[0], completeness="完整", truthfulness="真实")  # fmt: skip
    do("nitec", "third_party", "third_party_verification", "2030-11-01", centre,
            org=AGENCY[0], computed_result="见计分")  # fmt: skip


def _book(programme: str) -> Any:
    from banfa.office.ledger.models import ProgrammeBook

    return ProgrammeBook.objects.get(pk=programme)


def person(name: str, *held: tuple[str, str]) -> User:
    """Somebody with these capacities under the programme: party and organisation."""
    return seed.person(name, *((party, org, "nitec") for party, org in held), name=name)


def of(user: User) -> Reach:
    """All that somebody may do today."""
    return reach(user, clock.today())


def spared() -> None:
    """Nobody needs a second factor: that has tests of its own."""
    rights.seed(library.parties_and_acts())
    found = rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False)
    found.update(allowed=False)


def collected(one: Round, centres: Sequence[str], closes: dt.date | None = DUE) -> Collection:
    """The collection of a round's figures, by the sample system."""
    version = next(v for v in verbs.seed_samples() if v.programme == one.programme.programme)
    made = verbs.open_collection(None, Opening(
        version, Kind.ROUND, one.year - 1, one.name, dt.date(2030, 9, 2), closes,
        round=one.number, centres=list(centres),
        classes={c: {"industry": "equipment"} for c in centres},
    ))  # fmt: skip
    one.collection = made
    return made


def values(collection: Collection, strength: int) -> list[Value]:
    """A whole table, the better the higher `strength` (0 to 100)."""
    entered = system_of(collection.system).entered(scheme_of(collection).occasion)
    found = []
    for name, one in entered.items():
        for year in years_of(collection):
            if one.type == "yes_no":
                value: Any = name not in ("false_data", "untrue_material") and (
                    one.gate is None or one.gate.effect != "veto"
                )
            elif one.type == "grade":
                kernel = next(iter(one.kernel.bands.values())) if one.kernel.bands else one.kernel
                grades = list(kernel.graded)
                value = grades[min(len(grades) - 1, (100 - strength) * len(grades) // 101)]
            elif one.role == "deduction":
                value = 0
            else:
                value = Decimal(strength)
            found.append(Value(name, year, value, "示例"))
    return found


def through(entry: Entry, strength: int, until: Stage = Stage.VERIFIED) -> None:
    """A centre's figures reported, reviewed and verified by the installation."""
    verbs.enter(None, entry, Stage.REPORTED, values(entry.collection, strength))
    for stage in (Stage.REPORTED, Stage.REVIEWED, Stage.VERIFIED):
        if stage <= until:
            verbs.finish(None, entry, stage)


def entry_of(collection: Collection, centre: str) -> Entry:
    """A centre's table."""
    found = Entry.objects.select_related("collection__system", "collection__book", "centre")
    return found.get(collection=collection, centre=centre)


def words(zh: str) -> Text:
    """The same words in both languages."""
    return Text(zh, zh)
