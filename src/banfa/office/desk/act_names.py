"""Acts to choose among by name: two of one name are told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.utils.translation import gettext as _

from banfa.office.desk.language import say
from banfa.rules import programme as p


def told_apart(models: Mapping[str, p.Act]) -> list[tuple[str, str]]:
    """Each act's id and name in the order of the names.

    An act of a centre and one of the programme itself may be called the same; the latter then says
    what it is of.
    """
    names = {kind: say(model.name) for kind, model in models.items()}
    often = Counter(names.values())
    for kind, name in names.items():
        if often[name] > 1 and models[kind].level == "programme":
            names[kind] = _("%(act)s（办法层面）") % {"act": name}
    return sorted(names.items(), key=lambda pair: pair[1])
