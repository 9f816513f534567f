"""What a programme's data says of the organisations that play its parties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from banfa.rules import programme as p

_SAME = ("member_of", "equals")


def independent(models: Mapping[str, p.Act]) -> frozenset[str]:
    """The parties that must stand apart from a centre, given a programme's acts: third parties,
    panels of experts.

    A programme shows it where it binds them: the act that commissions an organisation demands that
    it is none of those that play other parties of the centre. From a party that is of the centre
    others stand apart; from these nobody does. They look at the centre and are no part of it.
    """
    apart: dict[str, set[str]] = {}
    for model in models.values():
        for effect in model.then:
            for party, term in effect.bind.items():
                others = {o for test in model.when for o in _apart_from(test, str(term))}
                apart.setdefault(party, set()).update(others - {party})
    of_the_centre = set().union(*apart.values())
    return frozenset(n for n, others in apart.items() if others and n not in of_the_centre)


def _apart_from(test: p.Test, term: str, denied: bool = False) -> Iterator[str]:
    """The parties from whose organisations a test demands that a term differs."""
    inner = [*(test.all or ()), *(test.any or ())]
    for one in inner:
        yield from _apart_from(one, term, denied)
    if test.not_ is not None:
        yield from _apart_from(test.not_, term, not denied)
    if str(test.value) not in (term, f"{term}.org"):
        return
    if denied:
        yield from (q for name in _SAME for q in _party(getattr(test, name)))
    else:
        yield from _party(test.differs_from)


def _party(term: Any) -> Iterator[str]:
    """The party that a term such as `role.lead_unit.org` speaks of."""
    head, _, rest = str(term).partition(".")
    if head == "role" and rest:
        yield rest.partition(".")[0]
