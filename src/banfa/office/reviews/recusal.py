"""Recusal by rule: what ties an expert, or a third-party agency, to a centre under review.

A ground that a rule settles stands; one that it cannot settle (a name may be a namesake's, two
organisations may share nothing but a distant superior) is a question that the caller decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from banfa.office.ledger.models import ActPayload, Centre
from banfa.office.people.models import Capacity, Membership, Organisation
from banfa.office.reviews.models import Expert, Tie, Verdict
from banfa.rules.words import Text

RULES = {
    "same_organisation": Text("同一单位", "Same organisation"),
    "tree": Text("上下级单位", "Superior or subordinate organisation"),
    "common_superior": Text("同一上级单位", "Common superior"),
    "service": Text("曾在有关单位任职", "Has served there"),
    "team": Text("团队成员", "In the centre's team"),
    "tie": Text("申报的利益关系", "Declared tie"),
    "dossier": Text("经办过该中心事项", "Has worked on the dossier"),
    "draft": Text("编写过该中心材料", "Has written the centre's material"),
    "own": Text("本人申请回避", "Own declaration"),
}
WRITERS: list[Callable[[Iterable[int], Iterable[str]], set[tuple[int, str]]]] = []
"""Who of these people (by number) wrote material of which of these centres: the desk, which knows
the apps that keep drafts, puts their questions here."""


@dataclass(frozen=True)
class Ground:
    """A ground found: which rule, for which centre, what was seen, and whether it settles it."""

    rule: str
    centre: Centre | None
    says: Text
    verdict: str = Verdict.STANDS


@dataclass(frozen=True)
class Holder:
    """An organisation that holds a role of a centre: its id and name."""

    org: str
    name: str


class Tree:
    """The tree of subordination, read once: who is above whom, and names."""

    def __init__(self) -> None:
        self.above: dict[str, str | None] = {}
        self.names: dict[str, str] = {}
        for id_, parent, name in Organisation.objects.values_list("id", "parent_id", "name_zh"):
            self.above[id_], self.names[id_] = parent, name

    def chain(self, org: str) -> list[str]:
        """An organisation and all above it up to the root."""
        found: list[str] = []
        at: str | None = org
        while at is not None and at not in found:
            found.append(at)
            at = self.above.get(at)
        return found

    def relation(self, one: str, other: str) -> tuple[str, str] | None:
        """How two organisations are related, with the organisation it runs through; None: not."""
        if one == other:
            return "same_organisation", one
        up, across = self.chain(one), self.chain(other)
        if other in up or one in across:
            return "tree", other if other in up else one
        common = next((o for o in up if o in across), None)
        return ("common_superior", common) if common is not None else None


def holders(centre: Centre, skip_party: str = "") -> list[Holder]:
    """Who holds a role of the centre, without those who hold only `skip_party`."""
    found: dict[str, str] = {}
    for party, held in centre.roles.items():
        if party != skip_party:
            for one in held:
                if one.get("org"):
                    found[str(one["org"])] = str(one.get("name") or one["org"])
    return [Holder(org, name) for org, name in sorted(found.items())]


def of_experts(
    experts: Iterable[Expert], centres: Sequence[Centre], skip_party: str = ""
) -> dict[int, list[Ground]]:
    """The grounds against each of these experts, by number: a fixed number of queries.

    `skip_party` is the party as which the commissioned agency serves: its role is no tie.
    """
    experts = list(experts)
    facts = _Facts(experts, centres)
    found: dict[int, list[Ground]] = {}
    for expert in experts:
        seen: dict[tuple[str, str, str], Ground] = {}
        for centre in centres:
            for ground in facts.grounds(expert, centre, holders(centre, skip_party)):
                seen.setdefault((ground.rule, centre.id, ground.says.zh), ground)
        found[expert.pk] = list(seen.values())
    return found


def of_agency(agency: Organisation, party: str, centres: Sequence[Centre]) -> list[Ground]:
    """The grounds against a third-party agency: the same tree rule; its own role is no tie."""
    tree, found = Tree(), []
    for centre in centres:
        for holder in holders(centre, party):
            if ground := _related(tree, agency.id, agency.name_zh, holder, centre):
                found.append(ground)
    return found


def _related(tree: Tree, org: str, name: str, holder: Holder, centre: Centre) -> Ground | None:
    """The ground that lies in how an organisation stands to one that holds a role."""
    relation = tree.relation(org, holder.org)
    if relation is None:
        return None
    rule, through = relation
    by = tree.names.get(through, through)
    if rule == "same_organisation":
        says = Text(f"“{name}”在“{centre}”中担任角色", f"'{name}' itself holds a role of {centre}")
        return Ground(rule, centre, says)
    if rule == "tree":
        says = Text(
            f"“{name}”与“{centre}”的“{holder.name}”为上下级单位",
            f"'{name}' and '{holder.name}' of {centre} stand above one another",
        )
        return Ground(rule, centre, says)
    says = Text(
        f"“{name}”与“{centre}”的“{holder.name}”同属“{by}”，请认定是否影响公正评审",
        f"'{name}' and '{holder.name}' of {centre} share the superior '{by}'",
    )
    return Ground(rule, centre, says, Verdict.QUESTION)


class _Facts:
    """All that the rules ask about a set of experts and centres, read once."""

    def __init__(self, experts: Sequence[Expert], centres: Sequence[Centre]) -> None:
        self.tree = Tree()
        users = [e.user_id for e in experts if e.user_id]
        self.served: dict[int, set[str]] = {}
        for model in (Membership, Capacity):
            rows = model.objects.filter(user__in=users).values_list("user_id", "organisation_id")
            for user, org in rows:
                self.served.setdefault(user, set()).add(org)
        self.ties: dict[int, list[Tie]] = {}
        for tie in Tie.objects.filter(expert__in=experts):
            self.ties.setdefault(tie.expert_id, []).append(tie)
        labels = {e.user.label: e.user_id for e in experts if e.user is not None}
        self.worked: set[tuple[int, str]] = set()
        for name in ("person", "on_behalf_of"):
            where = {f"{name}__in": list(labels), "act__centre__in": list(centres)}
            rows = ActPayload.objects.filter(**where).values_list(name, "act__centre_id")
            self.worked |= {(labels[label], centre) for label, centre in rows.distinct()}
        ids = [c.id for c in centres]
        self.wrote = {pair for asked in WRITERS for pair in asked(users, ids)} if users else set()

    def grounds(self, expert: Expert, centre: Centre, held: Sequence[Holder]) -> Iterator[Ground]:
        """Every ground against one expert for one centre."""
        yield from self._employer(expert, centre, held)
        if expert.name in centre.people:
            says = Text(
                f"“{centre}”的团队中有名为“{expert.name}”的人员，请认定是否同一人",
                f"the team of {centre} has a person named '{expert.name}': the same one?",
            )
            yield Ground("team", centre, says, Verdict.QUESTION)
        for tie in self.ties.get(expert.pk, []):
            yield from self._tie(tie, centre, held)
        if expert.user_id is not None and (expert.user_id, centre.id) in self.worked:
            says = Text(f"曾经办“{centre}”的登记事项", f"has taken acts recorded for {centre}")
            yield Ground("dossier", centre, says)
        if expert.user_id is not None and (expert.user_id, centre.id) in self.wrote:
            says = Text(f"曾编写或审核“{centre}”的申报材料", f"has written material of {centre}")
            yield Ground("draft", centre, says)

    def _employer(self, expert: Expert, centre: Centre, held: Sequence[Holder]) -> Iterator[Ground]:
        own = expert.employer_id
        served = self.served.get(expert.user_id or 0, set()) - {own}
        for holder in held:
            if own is not None:
                name = self.tree.names.get(own, expert.workplace)
                if ground := _related(self.tree, own, name, holder, centre):
                    yield ground
            elif expert.workplace == holder.name:
                says = Text(
                    f"所在单位“{expert.workplace}”在“{centre}”中担任角色",
                    f"works at '{expert.workplace}', which holds a role of {centre}",
                )
                yield Ground("same_organisation", centre, says)
            for org in sorted(served):
                relation = self.tree.relation(org, holder.org)
                if relation is not None and relation[0] != "common_superior":
                    name = self.tree.names.get(org, org)
                    says = Text(
                        f"是或曾是“{name}”的人员，该单位与“{centre}”的“{holder.name}”"
                        "为同一单位或上下级单位",
                        f"is or was of '{name}', tied to '{holder.name}' of {centre}",
                    )
                    yield Ground("service", centre, says)

    def _tie(self, tie: Tie, centre: Centre, held: Sequence[Holder]) -> Iterator[Ground]:
        note = f"（{tie.note}）" if tie.note else ""
        if tie.person:
            if tie.name in centre.people:
                says = Text(
                    f"申报与“{tie.name}”有利益关系{note}，“{centre}”的团队中有同名人员，"
                    "请认定是否同一人",
                    f"declared a tie to '{tie.name}'; the team of {centre} has that name",
                )
                yield Ground("tie", centre, says, Verdict.QUESTION)
            return
        for holder in held:
            relation = (
                self.tree.relation(tie.organisation_id, holder.org)
                if tie.organisation_id
                else ("same_organisation", holder.org)
                if tie.name == holder.name
                else None
            )
            if relation is not None and relation[0] != "common_superior":
                says = Text(
                    f"申报与“{tie.name}”有利益关系{note}，涉及“{centre}”的“{holder.name}”",
                    f"declared a tie to '{tie.name}', which touches '{holder.name}' of {centre}",
                )
                yield Ground("tie", centre, says)
