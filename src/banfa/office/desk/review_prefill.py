"""A review's conclusion on its way into an act's form, with the digest that the act then pins.

Any act can be prepared by a review, so this reads the act's own inputs: the experts' names go to an
input of persons (not when they are kept secret), the conclusion to the first long text, the digest
to the first document that is a file; the conclusion names the digest, too.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, QueryDict

from banfa.office.reviews import queries
from banfa.office.reviews.errors import NoSuchReview
from banfa.office.reviews.models import Review, Stage
from banfa.rules import programme as p
from banfa.rules.life import canonical
from banfa.rules.ruleset import Ruleset


def given(request: HttpRequest, where: Any, kind: str) -> QueryDict:
    """The query of an act's form, with what the review that it names (`review`) fills in.

    A review that is not this person's, not closed, or about another act or centre fills nothing.
    """
    raw = request.GET.get("review", "")
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10 and where.centre):
        return request.GET
    try:
        review = queries.managed(request.reach, int(raw))
    except NoSuchReview:
        return request.GET
    fits = review.stage == Stage.CLOSED and review.act == kind
    if not fits or where.centre not in (review.summary or {})["centres"]:
        return request.GET
    filled = request.GET.copy()
    for name, value in answers(review, where.centre, where.rs, kind).items():
        filled.setdefault(name, value)
    return filled


def answers(review: Review, centre: str, rs: Ruleset, kind: str) -> dict[str, str]:
    """What a review fills into the form of an act, by the names of its fields."""
    model, found = rs.models[kind], {}
    about = review.subjects.filter(centre=centre).values_list("about", flat=True).first()
    if about:
        found["about"] = about
    people = next((n for n, g in model.with_.items() if g.type == "people"), None)
    if people and not review.blind:
        found[f"with.{people}"] = "\n".join(names(review))
    if text := _text(rs, model):
        found[text] = queries.conclusion_for(review, centre)
    if document := _file(rs, model):
        size = len(canonical(review.summary).encode())
        kept = {"name": f"评审汇总-{review.pk}.json", "size": size, "digest": review.digest}
        found[f"documents.{document}.__file.kept"] = json.dumps(kept, ensure_ascii=False)
        found[f"documents.{document}.__reference"] = f"{review.title}（评审汇总）"
    return found


def names(review: Review) -> list[str]:
    """The experts whose sheets are in the summary, by number."""
    counted = (review.summary or {})["judges"]
    rows = review.assignments.filter(number__in=[int(n) for n in counted]).order_by("number")
    return list(rows.values_list("expert__name", flat=True))


def _text(rs: Ruleset, model: p.Act) -> str:
    """The field that the conclusion goes to: the first long text, those required first."""
    places = [
        (not g.required, f"with.{n}") for n, g in model.with_.items() if g.type == "long_text"
    ]
    for name in model.documents:
        for section, part in rs.programme.documents[name].sections.items():
            if not part.fields:
                places.append((not part.required, f"documents.{name}.{section}"))
    return min(places, key=lambda place: place[0])[1] if places else ""


def _file(rs: Ruleset, model: p.Act) -> str:
    """The document that is a file with a number: the first, those required first."""
    files = [
        (not need.required, n)
        for n, need in model.documents.items()
        if not rs.programme.documents[n].sections
    ]
    return min(files, key=lambda one: one[0])[1] if files else ""
