"""What the tests of dossiers start from: a chain of three, and one centre at its first step."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from banfa.office import clock
from banfa.office.dossiers import verbs
from banfa.office.dossiers.models import Dossier
from banfa.office.ledger import library
from banfa.office.ledger.verbs import Proposal, record
from banfa.office.people import rights
from banfa.office.people.models import Membership, Organisation, User
from banfa.office.people.verbs import enter_organisation
from tests.office.desk import seed as desk

PROGRAMMES = Path(__file__).parent / "programmes"
ORGANISATIONS = [
    ("org-1", "甲新材料股份有限公司", "firm"),
    ("org-2", "乙装备制造有限公司", "firm"),
    ("office-1", "某省发展改革委", "office"),
]
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"  # noqa: E501
FULL = {
    "with.field_zh": "先进封装",
    "with.team": ["张某", "李某"],
    "with.guide": "office-1",
    "documents.plan.goals": "三年内建成中试平台。",
    "documents.plan.money.total": "12000",
    "documents.plan.money.items": [
        {"name": "设备", "price": "8000"},
        {"name": "厂房", "price": "4000"},
    ],
}


def use(settings: Any, monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    """The small programme as the only one, 2030-11-15 as today, files in a folder of the test."""
    settings.PROGRAMMES_DIR = PROGRAMMES
    settings.STORAGES = {
        **settings.STORAGES,
        "dossiers": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(files)},
        },
    }
    monkeypatch.setenv("BANFA_TODAY", "2030-11-15")
    library.forget()


def people() -> dict[str, User]:
    """A writer and a colleague of org-1, its manager, one at each next level, a stranger."""
    for number, name, kind in ORGANISATIONS:
        enter_organisation(number, name, kind, "山东")
    enter_organisation("boss", "国家某部", "")
    rights.seed(library.parties_and_acts())
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)
    found = {
        "writer": desk.person("writer", ("unit", "org-1"), name="甲填写人"),
        "colleague": desk.person("colleague", ("unit", "org-1"), name="甲同事"),
        "guide": desk.person("guide", ("guide", "office-1"), name="省委经办人"),
        "boss": desk.person("boss", ("boss", "boss"), name="部里经办人"),
        "stranger": desk.person("stranger", ("unit", "org-2"), name="乙填写人"),
        "manager": desk.person("manager", name="甲管理员"),
    }
    Membership.objects.create(
        user=found["manager"],
        organisation=Organisation.objects.get(pk="org-1"),
        administrator=True,
    )
    return found


def written(user: User, **more: Any) -> Dossier:
    """A full draft of an application."""
    dossier = verbs.start(user, "mini", "apply", "unit")
    return verbs.save(user, dossier.pk, {**FULL, **more}, dossier.version)


def submitted(user: User, **more: Any) -> Dossier:
    """An application that was submitted."""
    dossier = written(user, **more)
    done = verbs.submit(user, dossier.pk, dossier.version)
    assert done.version is not None, done.check
    return done.dossier


def recommend(centre: str) -> None:
    """The recommending unit recommends."""
    letter = {"letter": {"content": {"opinion": "同意推荐。"}}}
    take("guide", "recommend", centre, org="office-1", documents=letter)


def take(by: str, kind: str, centre: str, **more: Any) -> None:
    """Records an act without a dossier."""
    day: dt.date = clock.today()
    proposal = Proposal(act=kind, by=by, on=day, centre=centre, **more)
    receipt = record(proposal)
    assert receipt.accepted, [(f.id, f.says) for f in receipt.refusals]
