"""带出: what is known already, for the empty fields of a dossier, each with where it comes from.

Nothing that was typed is ever replaced. Sources, best first: the last version of the same document,
the centre's facts and roles, the last dossier of the organisation for the same kind of act.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from banfa.office.dossiers import content
from banfa.office.dossiers.models import Dossier, Version
from banfa.office.ledger import coding, library
from banfa.office.ledger.models import DocumentVersion
from banfa.office.ledger.queries import CentrePage
from banfa.office.people.models import Organisation
from banfa.rules import programme as p
from banfa.rules.life import Act, State
from banfa.rules.ruleset import Ruleset
from banfa.rules.words import Text

Carried = tuple[Any, Text]


def carried(dossier: Dossier, rs: Ruleset, page: CentrePage | None) -> dict[str, Carried]:
    """What could be filled in, by path, with its source. Looks at every field, filled or not."""
    given = content.fields(rs, dossier.act)
    found: dict[str, Carried] = {}
    if page is not None:
        acts = [e.act for e in page.timeline if e.annulled_by is None]
        found |= _from_documents(dossier, rs, acts, given)
        found |= _from_centre(rs, page.state, acts, given)
    for path, known in _from_before(dossier, rs, given).items():
        found.setdefault(path, known)
    for path, known in _from_organisation(dossier, given).items():
        found.setdefault(path, known)
    return found


def _source(rs: Ruleset, act: Act) -> Text:
    model = rs.models.get(act.kind)
    zh, en = (model.name.zh, model.name.en) if model is not None else ("", "")
    return Text(f"{act.on} {zh}".strip(), f"{act.on} {en}".strip())


def _from_documents(
    dossier: Dossier, rs: Ruleset, acts: Iterable[Act], given: Mapping[str, p.Input]
) -> dict[str, Carried]:
    """The fields of the last version of each document that the act wants and the centre has."""
    wanted = rs.models[dossier.act].documents
    last: dict[str, tuple[str, Act]] = {}
    for act in acts:
        for name, document in act.documents.items():
            if name in wanted:
                last[name] = (document["digest"], act)
    kept = DocumentVersion.objects.filter(
        centre=dossier.centre, digest__in=[d for d, _ in last.values()], content__isnull=False
    )
    contents = {(v.type, v.digest): coding.decode(v.content) for v in kept} if last else {}
    found: dict[str, Carried] = {}
    for name, (digest, act) in last.items():
        held = contents.get((name, digest))
        if isinstance(held, Mapping):
            raw = content.typed(given, {}, {name: held})
            found |= {path: (value, _source(rs, act)) for path, value in raw.items()}
    return found


def _from_centre(
    rs: Ruleset, state: State, acts: Iterable[Act], given: Mapping[str, p.Input]
) -> dict[str, Carried]:
    """The centre's facts for fields of the same name, and its roles for fields of that party."""
    latest = list(acts)[::-1]
    found = {}
    for path, one in given.items():
        name = path.rpartition(".")[2]
        if one.type in ("organisation", "organisations") and one.party in state.roles:
            held = [dict(o) for o in state.roles[one.party]]
            value: Any = held if one.type == "organisations" else held[0]
            if len(held) > 1 and one.type == "organisation":
                continue
            source = next((_source(rs, a) for a in latest if _binds(rs, a, one.party)), _RECORD)
        elif name in state.values:
            value = state.values[name]
            source = next((_source(rs, a) for a in latest if value in a.data.values()), _RECORD)
        else:
            continue
        raw = _fits(one, value)
        if raw not in (None, "", [], {}):
            found[path] = (raw, source)
    return found


_RECORD = Text("本中心登记信息", "the centre's record")


def _binds(rs: Ruleset, act: Act, party: str) -> bool:
    model = rs.models.get(act.kind)
    return model is not None and any(party in effect.bind for effect in model.then)


def _fits(given: p.Input, value: Any) -> Any:
    """The value as typed in that field; None when it is of another shape."""
    try:
        return content.as_typed(given, value)
    except (AttributeError, TypeError):
        return None


def _from_before(dossier: Dossier, rs: Ruleset, given: Mapping[str, p.Input]) -> dict[str, Carried]:
    """The organisation's last submitted dossier for the same kind of act on the same centre.

    For acts that begin a centre there is no centre yet; what another centre was told is not taken.
    """
    if dossier.centre is None:
        return {}
    last = (
        Version.objects.select_related("act")
        .filter(
            dossier__centre=dossier.centre,
            dossier__act=dossier.act,
            dossier__organisation=dossier.organisation,
            withdrawn__isnull=True,
        )
        .order_by("-submitted")
        .first()
    )
    if last is None:
        return {}
    model = rs.models[dossier.act]
    source = Text(f"{last.act.on} {model.name.zh}", f"{last.act.on} {model.name.en}")
    return {q: (v, source) for q, v in last.content.items() if q in given}


_OWN = {
    "uscc": "uscc",
    "unified_social_credit_code": "uscc",
    "organisation_name": "name_zh",
    "unit_name": "name_zh",
    "place": "place",
    "province": "place",
}


def _from_organisation(dossier: Dossier, given: Mapping[str, p.Input]) -> dict[str, Carried]:
    """The organisation's own record, for its code, name and place."""
    organisation: Organisation = dossier.organisation
    source = Text("单位登记信息", "the organisation's record")
    found = {}
    for path, one in given.items():
        kept = getattr(organisation, _OWN.get(path.rpartition(".")[2], ""), None)
        if kept and one.type in ("text", "long_text"):
            found[path] = (str(kept), source)
    return found


def ruleset_of(dossier: Dossier, page: CentrePage | None, today: Any) -> Ruleset:
    """The edition by which the dossier's form is made: the centre's, or the one in force."""
    if page is not None:
        return page.ruleset
    return library.editions(dossier.programme).on(dossier.on or today)
