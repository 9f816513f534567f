"""What people do about work: give opinions, route it, answer, urge, copy, note. Nothing official.

Each verb asks whether the person may, locks what it changes, and does it in one transaction. What
is not on file for the person is `NotOnFile`, as if it were not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from banfa.office import clock
from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.models import Centre, Matter, Sort
from banfa.office.notices.verbs import tell
from banfa.office.people import access
from banfa.office.people.access import Held, Reach
from banfa.office.people.models import Organisation, User
from banfa.office.queues import colleagues, words
from banfa.office.queues.errors import NotYours, QueueError, TooLate
from banfa.office.queues.models import (
    Copied,
    Manner,
    Note,
    Opinion,
    Phrase,
    SignOff,
)
from banfa.rules.words import Text

LONGEST = 4000
MOST_PEOPLE = 30


# --- who may, on what ---------------------------------------------------------------------------


def capacity(reach: Reach, centre: Centre, thing: str, org: str = "") -> Held:
    """The capacity (of that organisation) in which a person may do a thing here. Raises NotYours;
    NotOnFile where the person may not even see the centre."""
    if not reach.sees(centre):
        raise NotOnFile(f"没有编号为“{centre.id}”的中心", f"no centre '{centre.id}'")
    for one in reach.held:
        fits = one.capacity.programme == centre.book_id and org in ("", one.org)
        if fits and any(one.reaches(scope, centre) for scope in reach.scopes(one, thing)):
            return one
    raise NotYours("您现有的身份不能在此办理此事", "none of your capacities allows this here")


def written(text: str, what: Text, needed: bool = True) -> str:
    text = text.replace("\0", "").strip()
    if needed and not text:
        raise QueueError(f"请填写{what.zh}", f"{what.en} is missing")
    if len(text) > LONGEST:
        raise QueueError(
            f"{what.zh}至多{LONGEST}字，现有{len(text)}字",
            f"{what.en} has at most {LONGEST} characters, not {len(text)}",
        )
    return text


def chosen_people(centre: Centre, held: Held, wanted: Sequence[int], one: bool) -> list[User]:
    """The colleagues by their numbers, in the order given. Raises QueueError."""
    known = {user.pk: user for user in colleagues.of(centre, held.org)}
    chosen = list(dict.fromkeys(wanted))
    if not chosen or any(n not in known or n == held.user.pk for n in chosen):
        raise QueueError(
            "请选择本单位可以办理此中心事务的其他人员",
            "choose colleagues who may work on this centre",
        )
    if one and len(chosen) > 1:
        raise QueueError("转办、委派只能交给一人", "hand over or entrust to one person only")
    if len(chosen) > MOST_PEOPLE:
        raise QueueError(f"一次至多{MOST_PEOPLE}人", f"at most {MOST_PEOPLE} people at once")
    return [known[n] for n in chosen]


# --- opinions -----------------------------------------------------------------------------------


def give_opinion(
    reach: Reach,
    centre: Centre,
    text: str,
    case: str = "",
    act: str = "",
    seq: int | None = None,
    inside: bool = True,
    org: str = "",
    answer: str = "",
) -> Opinion:
    """Keeps what a person says, with capacity, organisation and time. `inside`: for the person's
    organisation only. Raises NotYours, QueueError."""
    held = capacity(reach, centre, "give.opinion", org)
    if case and not Matter.objects.filter(centre=centre, sort=Sort.CASE, key=case).exists():
        raise NotOnFile("没有这一办件", "no such procedure")
    return Opinion.objects.create(
        centre=centre,
        case=case,
        act=act,
        seq=seq,
        organisation=held.capacity.organisation,
        party=held.capacity.party,
        by=reach.user,
        on_behalf_of=held.on_behalf_of or "",
        at=clock.now(),
        inside=inside,
        answer=answer,
        text=written(text, Text("意见", "the opinion")),
    )


def withdraw_opinion(reach: Reach, number: int, why: str) -> Opinion:
    """Marks one's own opinion as withdrawn; it stays on file with the reason."""
    with transaction.atomic():
        found = Opinion.objects.select_for_update().filter(pk=number, by=reach.user).first()
        if found is None:
            raise NotOnFile("没有这条意见", "no such opinion")
        if found.withdrawn is not None:
            raise TooLate("这条意见已经撤回", "it has been withdrawn already")
        found.withdrawn = clock.now()
        found.why = written(why, Text("撤回理由", "the reason"))
        found.save(update_fields=["withdrawn", "why"])
    return found


# --- copies, notes, phrases, sign-off -----------------------------------------------------------


def copy_to(
    reach: Reach,
    centre: Centre,
    people: Sequence[int],
    case: str = "",
    act: str = "",
    note: str = "",
    org: str = "",
) -> int:
    """抄送: shows a piece of work to colleagues; gives to how many it was new."""
    held = capacity(reach, centre, "route.work", org)
    if case and not Matter.objects.filter(centre=centre, sort=Sort.CASE, key=case).exists():
        raise NotOnFile("没有这一办件", "no such procedure")
    note = written(note, Text("附言", "the note"), needed=False)
    chosen = chosen_people(centre, held, people, one=False)
    with transaction.atomic():
        known = Copied.objects.filter(centre=centre, case=case, act=act, to__in=chosen)
        before = set(known.values_list("to", flat=True))
        fresh = [u for u in chosen if u.pk not in before]
        Copied.objects.bulk_create(
            [
                Copied(
                    centre=centre, case=case, act=act, organisation=held.capacity.organisation,
                    party=held.capacity.party, by=reach.user, at=clock.now(), to=user, note=note,
                )
                for user in fresh
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        tell(
            fresh,
            "copy",
            words.joined(Text("抄送", "For your notice"), words.of_work(centre, case, act)),
            body=words.plain(note) if note else None,
            link=words.address(centre.id, case, act),
            centre=centre,
            key=f"copy:{centre.id}:{case}:{act}",
        )
    return len(fresh)


def read_copies(user: User, centre: Centre, case: str, act: str) -> None:
    """Marks what was copied to a person as read."""
    mine = Copied.objects.filter(to=user, centre=centre, case=case, act=act, read__isnull=True)
    mine.update(read=clock.now())


def write_note(reach: Reach, centre: Centre, text: str, org: str = "") -> Note:
    """Writes a note on a centre for the people of one's organisation."""
    held = capacity(reach, centre, "write.note", org)
    return Note.objects.create(
        centre=centre,
        organisation=held.capacity.organisation,
        by=reach.user,
        at=clock.now(),
        text=written(text, Text("备注", "the note")),
    )


def remove_note(reach: Reach, number: int) -> None:
    """Takes one's own note away."""
    mine = Note.objects.filter(pk=number, by=reach.user, removed__isnull=True)
    if not mine.update(removed=clock.now()):
        raise NotOnFile("没有这条备注", "no such note")


def keep_phrase(user: User, text: str, organisation: Organisation | None = None) -> Phrase:
    """Keeps a stock phrase: one's own, or of an organisation whose people one manages."""
    text = written(text, Text("常用语", "the phrase"))
    if len(text) > 300:
        raise QueueError("常用语至多300字", "a phrase has at most 300 characters")
    if organisation is not None:
        _administers(user, organisation)
    owner = {"organisation": organisation} if organisation is not None else {"user": user}
    return Phrase.objects.get_or_create(text=text, **owner)[0]


def drop_phrase(user: User, number: int) -> None:
    """Removes a stock phrase of one's own, or of an organisation whose people one manages."""
    found = Phrase.objects.select_related("organisation").filter(pk=number).first()
    if found is None or (found.user_id not in (None, user.pk)):
        raise NotOnFile("没有这条常用语", "no such phrase")
    if found.organisation is not None:
        _administers(user, found.organisation)
    found.delete()


def require_sign_off(
    user: User,
    organisation: Organisation,
    programme: str,
    act: str,
    manner: str,
    people: Sequence[int],
) -> SignOff | None:
    """Demands that acts of a kind be signed off by these people of the organisation before they
    are recorded; without people the demand is dropped. By the organisation's administrator."""
    _administers(user, organisation)
    at = {"organisation": organisation, "programme": programme, "act": act}
    if not people:
        SignOff.objects.filter(**at).delete()
        return None
    if manner not in (Manner.TOGETHER, Manner.ANY, Manner.IN_TURN):
        raise QueueError("请选择会签、或签或依次", "choose all, any or in turn")
    known = set(colleagues.members(organisation).values_list("pk", flat=True))
    if not set(people) <= known:
        raise QueueError("只能选择本单位的人员", "choose people of the organisation")
    values = {
        "manner": manner,
        "people": list(dict.fromkeys(people)),
        "by": user,
        "at": clock.now(),
    }
    return SignOff.objects.update_or_create(**at, defaults=values)[0]


def _administers(user: User, organisation: Organisation) -> None:
    if not access.administered(user, clock.today()).filter(organisation=organisation).exists():
        raise NotYours("您不是这个单位的管理员", "you do not manage this organisation")
