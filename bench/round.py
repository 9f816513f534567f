"""A round of many centres, from its opening to the last grade, in a database of its own.

`python -m bench round 2000`: the centres are entered, the round is opened by one act, all materials
are handed in, all figures entered, the round is scored, ranked and adopted, and each centre's grade
is decided; all official facts through record() and record_many(). Prints the time of each step and
the queries of the round's pages at the end.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench import office

PROGRAMME, AUTHORITY, OPENING = "ncti", "most", "open_evaluation_round"
ASPECTS = ("national_tasks", "key_technology", "sector_progress", "services", "incubation")
CENTRES, QUERIES = 2_000, 15
AGENCY = {"org": "agency", "name": "示例评估院", "kind": "third_party"}


def run(number: int = CENTRES) -> None:
    """Lives the round and prints."""
    folder = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        with office._database(folder):
            _live(number)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _timed(what: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    found = work()
    print(f"  {what}: {time.perf_counter() - began:.1f} s")
    return found


def _live(number: int) -> None:
    from banfa.office.evaluations import round_queries, round_verbs, rounds, verbs
    from banfa.office.people import access
    from banfa.office.people.models import User

    print(f"A round of {number} centres")
    verbs.seed_samples()
    office.officers()
    today = dt.date.fromisoformat(office.TODAY)
    reach = access.reach(User.objects.get(username=f"m-{AUTHORITY}"), today)
    centres = _timed("centres entered", lambda: _enter(number))
    seq = _timed("opened by one act", lambda: _open(centres))
    one = rounds.round_(reach, PROGRAMME, seq)
    _timed("materials handed in, opinions of the third party", lambda: _materials(centres))
    collection = _timed("collection opened", lambda: _collect(reach, one, centres))
    _timed("figures entered by their hands", lambda: _figures(collection))
    _timed("thresholds, scored with explanation, ranked, adopted", lambda: round_verbs.adopt(
        reach, _scored(reach, collection)))  # fmt: skip
    one = rounds.round_(reach, PROGRAMME, seq)
    grades = {
        centre: found.grade
        for centre in centres
        if (found := round_queries.computed_for(round_queries.adopted(collection), centre))
    }
    _timed("grades decided", lambda: _decide(grades))
    decided = round_queries.decided(reach, one)
    assert decided == grades, "a grade on file is not the one that was decided"
    _pages(seq, collection, centres)


def _recorded(proposals: Sequence[Any]) -> list[str]:
    from banfa.office.ledger.bulk import record_many

    outcomes = record_many(proposals)
    wrong = next((o for o in outcomes if not o.accepted), None)
    if wrong is not None:
        raise RuntimeError(wrong.receipt.refusals if wrong.receipt else wrong.error)
    return [str(o.receipt.centre) for o in outcomes if o.receipt is not None]


def _enter(number: int) -> list[str]:
    places = office.provinces()
    return _recorded([office._entered(3 * n + 1, places)[0] for n in range(number)])


def _open(centres: Sequence[str]) -> int:
    from banfa.office.ledger.verbs import Proposal, record

    _recorded([
        Proposal("mandate_third_party", AUTHORITY, dt.date(2030, 1, 15), PROGRAMME,
                 data={"third_party": AGENCY, "terms": "年度绩效评估"}),
    ])  # fmt: skip
    receipt = record(
        Proposal(
            OPENING, AUTHORITY, dt.date(2030, 3, 1), PROGRAMME,
            data={"year": 2030, "centres": list(centres), "third_party": AGENCY,
                  "closes_on": dt.date(2030, 5, 31)},
        )
    )  # fmt: skip
    if not receipt.accepted or receipt.seq is None:
        raise RuntimeError(receipt.refusals)
    return receipt.seq


def _materials(centres: Sequence[str]) -> None:
    from banfa.office.ledger.verbs import Proposal

    paper = {"evaluation_material": _paper()}
    findings = [{"aspect": a, "opinion": "见分项说明", "data": "年度报告"} for a in ASPECTS]
    _recorded([
        Proposal("submit_evaluation_material", "centre", dt.date(2030, 5, 20), centre=c,
                 documents=paper) for c in centres
    ])  # fmt: skip
    _recorded([
        Proposal("report_findings", "third_party", dt.date(2030, 8, 15), centre=c, org=AGENCY,
                 data={"findings": findings, "proposed_grade": "good"}) for c in centres
    ])  # fmt: skip


def _paper() -> Any:
    from banfa.office.ledger import library
    from banfa.rules.cases import complete

    rs = library.editions(PROGRAMME).latest
    return {"content": complete(rs.programme.documents["evaluation_material"])}


def _collect(reach: Any, one: Any, centres: Sequence[str]) -> Any:
    from banfa.office.evaluations import queries, verbs
    from banfa.office.evaluations.models import Kind
    from banfa.office.evaluations.systems import system_of

    [system] = queries.systems(PROGRAMME, one.act.on)
    bands = system_of(system).bands
    classes = {c: {n: next(iter(of.classes)) for n, of in bands.items()} for c in centres}
    return verbs.open_collection(
        reach,
        verbs.Opening(system, Kind.ROUND, 2029, one.name, one.act.on, one.closes, one.number,
                      centres=centres, classes=classes),
    )  # fmt: skip


def _figures(collection: Any) -> None:
    from banfa.office.evaluations import verbs
    from banfa.office.evaluations.models import Stage
    from banfa.office.evaluations.systems import fields_of, years_of
    from banfa.rules.figures import grades_of

    years = years_of(collection)
    for number, entry in enumerate(collection.entries.select_related("collection", "centre")):
        for stage in (Stage.REPORTED, Stage.REVIEWED, Stage.VERIFIED):
            asked = fields_of(collection, stage)
            before = fields_of(collection, Stage(stage - 1)) if stage > Stage.REPORTED else {}
            values = []
            for name, one in asked.items():
                if name in before:
                    continue
                for year in years:
                    value: Any = Decimal(10 + number % 97)
                    if one.type == "grade":
                        value = grades_of(one)[number % len(grades_of(one))]
                    elif one.type == "yes_no":
                        value = one.gate is None or one.gate.is_ is not False
                    values.append(verbs.Value(name, year, value, reason="依据材料"))
            verbs.enter(None, entry, stage, values)
            verbs.finish(None, entry, stage)


def _scored(reach: Any, collection: Any) -> Any:
    from banfa.office.evaluations import verbs

    text = verbs.sample_thresholds(PROGRAMME, collection.system.system)
    verbs.set_thresholds(reach, collection, text, dt.date(2030, 8, 20))
    return verbs.score_collection(reach, collection)


def _decide(grades: dict[str, Any]) -> None:
    from banfa.office.ledger.verbs import Proposal

    worst = "poor"
    _recorded([
        Proposal(
            "decide_grade", AUTHORITY, dt.date(2030, 10, 12), centre=centre,
            data={"grade": grade, "document_no": "示例国科发区〔2030〕95号"}
            | ({"rectification_deadline": dt.date(2031, 10, 12)} if grade == worst else {}),
        )
        for centre, grade in grades.items()
    ])  # fmt: skip


def _pages(seq: int, collection: Any, centres: Sequence[str]) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from banfa.office.people.models import User

    client = Client(HTTP_HOST="localhost")
    client.cookies["sessionid"] = office.session_of(User.objects.get(username=f"m-{AUTHORITY}"))
    at = f"/rounds/{PROGRAMME}/{seq}/"
    pages = ["/rounds/", at, f"{at}figures/", f"{at}figures/{centres[7]}/", f"{at}scoring/",
             f"{at}runs/1/", f"{at}runs/1/{centres[7]}/", f"{at}results/"]  # fmt: skip
    for page in pages:
        client.get(page)
        began = time.perf_counter()
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(page)
        took = (time.perf_counter() - began) * 1000
        print(f"  {page}: {answer.status_code}, {len(asked)} queries, {took:.0f} ms"
              f"   (aim ≤ {QUERIES})")  # fmt: skip
