"""The questions about reviews: what pages and lists read. Nothing here writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from banfa.office import clock
from banfa.office.ledger import coding, library
from banfa.office.ledger.models import ActPayload, Centre, DocumentVersion
from banfa.office.people.access import Reach
from banfa.office.people.models import Capacity, User
from banfa.office.reviews import access, register, sheets
from banfa.office.reviews.errors import NoSuchReview
from banfa.office.reviews.models import (
    TAKING_PART,
    Answer,
    Assignment,
    Expert,
    Recusal,
    Review,
    ScoreSheet,
    SheetTemplate,
    Stage,
    Subject,
    Verdict,
)
from banfa.office.todo import Todo
from banfa.rules.words import Text, words

SOON = 3
"""So many days before the deadline the caller is reminded of sheets that are not in."""


# --- reviews -------------------------------------------------------------------------------------


def managed(reach: Reach, pk: int) -> Review:
    """A review that the person manages. Raises NoSuchReview for every other one."""
    return _one(access.managed(reach), pk)


def seen(reach: Reach, pk: int) -> Review:
    """A review that the person may look at. Raises NoSuchReview for every other one."""
    return _one(access.seen(reach), pk)


def _one(where: Q, pk: int) -> Review:
    found = Review.objects.filter(where, pk=pk).select_related("organisation", "agency", "ended_by")
    review = found.first()
    if review is None:
        raise NoSuchReview
    return review


def of_caller(reach: Reach, stage: str = "") -> QuerySet[Review]:
    """The reviews that a person may look at, latest first, with their counts."""
    found = Review.objects.filter(access.seen(reach)).select_related("organisation")
    if stage:
        found = found.filter(stage=stage)
    panel = Q(assignments__answer__in=TAKING_PART)
    return found.annotate(
        centres=Count("subjects", distinct=True),
        experts=Count("assignments", filter=panel, distinct=True),
    ).order_by("-made", "-pk")


def centres_of(review: Review) -> list[Centre]:
    """The centres under review, by id."""
    return list(Centre.objects.filter(reviews__review=review).order_by("id"))


def act_name(programme: str, act: str) -> Text:
    """What an act is called in its programme."""
    for rs in reversed(library.editions(programme).rulesets):
        if act in rs.models:
            return words(rs.models[act].name)
    return Text(act, act)


@dataclass(frozen=True)
class Matter:
    """What a person could call a review for: a party's act, as an organisation."""

    programme: str
    party: str
    org: str
    act: str

    @property
    def token(self) -> str:
        """How an address names it."""
        return f"{self.programme}:{self.party}@{self.org}:{self.act}"


def matters(reach: Reach) -> list[Matter]:
    """The acts of centres that a person could prepare by a review, in the programmes' order."""
    found: dict[Matter, None] = {}
    for one in reach.held:
        if not reach.scopes(one, access.CALL):
            continue
        programme, party = one.capacity.programme, one.capacity.party
        if programme not in library.loadable()[0]:
            continue
        mine = {act for acts in access.acts_of(reach, one).values() for act in acts}
        rs = library.editions(programme).latest
        for act in rs.programme.acts:
            if act in mine and _preparable(rs.models[act], party):
                found.setdefault(Matter(programme, party, one.org, act))
    return list(found)


def _preparable(model: Any, party: str) -> bool:
    """Whether an act is about a centre that is there already, and done by that party."""
    begins = list(model.from_ or []) == ["none"]
    real = model.level == "centre" and not model.probe and model.absent is None
    return real and party in model.by and not begins


def reviewable(reach: Reach, matter: Matter) -> QuerySet[Centre]:
    """The centres for which a person could call a review of a matter."""
    where = access.NOTHING
    for one in reach.held:
        same = (one.capacity.programme, one.capacity.party, one.org)
        if same == (matter.programme, matter.party, matter.org):
            for scopes, acts in access.acts_of(reach, one).items():
                if matter.act in acts:
                    where |= access.centres_for(reach, one, scopes)
    return Centre.objects.filter(where).exclude(stage=None).order_by("id")


def open_cases(matter: Matter, centres: Iterable[Centre]) -> dict[str, str]:
    """The open case of each centre that the act would belong to, where exactly one is open."""
    rs = library.editions(matter.programme).latest
    about = rs.models[matter.act].about
    if about is None:
        return {}
    found = {}
    for centre in centres:
        cases = coding.decode(centre.summary).get("cases", {})
        mine = [k for k, c in cases.items() if c["procedure"] == about.case and not c["closed"]]
        if len(mine) == 1:
            found[centre.id] = str(mine[0])
    return found


def templates(organisation: str, programme: str, act: str) -> list[SheetTemplate]:
    """The templates that fit: of the organisation, for that act, that programme, or any."""
    found = SheetTemplate.objects.filter(kept_by=organisation)
    fits = Q(programme="") | Q(programme=programme, act__in=["", act])
    return list(found.filter(fits).order_by("name"))


def documents_of(review: Review) -> dict[str, list[DocumentVersion]]:
    """The documents on file of each centre under review, latest version of each type first."""
    found: dict[str, list[DocumentVersion]] = {}
    rows = DocumentVersion.objects.filter(centre__reviews__review=review)
    for row in rows.order_by("centre_id", "type", "-version"):
        found.setdefault(str(row.centre_id), []).append(row)
    return found


def wanting(review: Review, panel: Sequence[Assignment]) -> list[Text]:
    """What still stands in the way of calling a review."""
    found = []
    if not review.sheet.get("criteria"):
        found.append(Text("请先编制评分表", "make the scoring sheet first"))
    if review.due is None:
        found.append(Text("请设定评审截止日", "set a deadline"))
    elif review.due < clock.today():
        found.append(Text("评审截止日已过，请重新设定", "the deadline is past"))
    if Recusal.objects.filter(assignment__in=panel, verdict=Verdict.QUESTION).exists():
        found.append(
            Text("请先认定待认定的回避事项", "decide the open questions about recusal first")
        )
    if len(panel) < review.minimum:
        said = f"专家须不少于{review.minimum}位，现有{len(panel)}位"
        found.append(Text(said, f"{review.minimum} experts are needed, there are {len(panel)}"))
    if mute := [a.expert.name for a in panel if a.expert.user_id is None]:
        who = "、".join(mute)
        found.append(
            Text(f"{who}没有账号，不能在线评审，请先在专家库中填写账号", f"no account: {who}")
        )
    return found


# --- experts -------------------------------------------------------------------------------------


def experts(
    reach: Reach, thing: str = access.KEEP, search: str = "", field: str = ""
) -> QuerySet[Expert]:
    """The register as far as a person keeps it or (thing CALL) may choose from it."""
    keepers = access.keepers(reach, thing)
    where = Q(kept_by__in=keepers)
    if thing == access.CALL and keepers:
        where = register.among(keepers)
    found = Expert.objects.filter(where).select_related("kept_by", "employer", "user")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(workplace__icontains=search))
    if field:
        found = found.filter(fields__contains=[field])
    return found.order_by("name", "workplace", "pk")


def choosable(
    review: Review, fields: Sequence[str] = (), languages: Sequence[str] = ()
) -> list[Expert]:
    """The active experts with an account whom the caller could still assign."""
    found = Expert.objects.filter(
        register.among([review.organisation_id]), active=True, user__isnull=False
    ).exclude(assignments__review=review)
    if fields:
        found = found.filter(fields__overlap=list(fields))
    if languages:
        found = found.filter(languages__overlap=list(languages))
    taken = review.assignments.filter(expert__user__isnull=False).values("expert__user")
    found = found.exclude(user__in=taken).select_related("user", "employer")
    once: dict[Any, Expert] = {}
    for expert in found.order_by("pk"):
        once.setdefault(expert.user_id, expert)
    return list(once.values())


def known_words(found: Iterable[Expert]) -> tuple[list[str], list[str]]:
    """The fields and the languages that occur among these experts."""
    rows = list(found)
    fields = sorted({f for e in rows for f in e.fields})
    return fields, sorted({one for e in rows for one in e.languages})


def callers(review: Review) -> list[User]:
    """The active people who hold the calling capacity."""
    held = Capacity.objects.filter(
        programme=review.programme,
        party=review.party,
        organisation=review.organisation_id,
        ended__isnull=True,
        approved__isnull=False,
    ).select_related("user")
    today = clock.today()
    fits = {c.user for c in held if c.holds(today) and c.user.is_active}
    return sorted((u for u in fits if _reaches(u, review, today)), key=lambda u: u.pk)


def _reaches(user: User, review: Review, today: dt.date) -> bool:
    from banfa.office.people.access import reach

    return Review.objects.filter(access.managed(reach(user, today)), pk=review.pk).exists()


# --- progress ------------------------------------------------------------------------------------


def panel(review: Review) -> list[Assignment]:
    """Every expert ever assigned, by number, with sheets and grounds."""
    found = review.assignments.select_related(
        "expert__user", "expert__employer", "made_by", "ended_by", "draw", "replaces__expert"
    )
    return list(
        found.prefetch_related(
            "sheets__subject__centre", "sheets__reopenings__by",
            "recusals__centre", "recusals__decided_by", "recusals__found_by",
        ).order_by("number")
    )  # fmt: skip


def complete(review: Review) -> list[Assignment]:
    """The experts who have handed in a sheet for every centre."""
    whole = review.subjects.count()
    done = Count("sheets", filter=Q(sheets__handed_in__isnull=False))
    accepted = review.assignments.filter(answer=Answer.ACCEPTED)
    return list(accepted.annotate(done=done).filter(done=whole).order_by("number"))


def behind(review: Review) -> list[Assignment]:
    """The experts who have not answered, or not handed in every sheet."""
    done = {one.pk for one in complete(review)}
    rows = review.assignments.filter(answer__in=[Answer.INVITED, Answer.ACCEPTED])
    return [one for one in rows.select_related("expert__user") if one.pk not in done]


def all_in(review: Review) -> bool:
    """Whether everybody on the panel has handed in everything, and the panel is large enough."""
    if review.stage == Stage.CLOSED:
        return True
    size = review.assignments.filter(answer__in=TAKING_PART).count()
    return review.minimum <= size == len(complete(review))


# --- what an expert sees -------------------------------------------------------------------------


def of_expert(user: User) -> list[Assignment]:
    """An expert's own assignments that still say something, latest first."""
    found = Assignment.objects.filter(access.assigned(user)).select_related("review__organisation")
    return list(found.prefetch_related("sheets__subject__centre").order_by("-pk"))


def assignment(user: User, review: int) -> Assignment:
    """An expert's assignment in a review. Raises NoSuchReview, also once recused."""
    found = Assignment.objects.filter(access.assigned(user), review=review)
    one = found.select_related("review__organisation", "review__agency", "expert__user").first()
    if one is None:
        raise NoSuchReview
    return one


def own_sheet(user: User, review: int, centre: str) -> ScoreSheet:
    """An expert's sheet for a centre, after the statement was signed. Raises NoSuchReview."""
    one = assignment(user, review)
    found = ScoreSheet.objects.filter(assignment=one, subject__centre=centre)
    sheet = found.select_related("subject__centre").first()
    if sheet is None or one.answer != Answer.ACCEPTED:
        raise NoSuchReview
    sheet.assignment = one
    return sheet


def opened_to(user: User, reach: Reach, review: int, centre: str) -> Subject:
    """A centre under review, for those who may read its material now: the experts who signed, those
    who manage the review and the third party that carries it out, while it is under way.

    Raises NoSuchReview; also for whoever was ever assigned and takes no part (any more).
    """
    found = Subject.objects.filter(review=review, centre=centre, review__stage=Stage.OPEN)
    subject = found.select_related("review__organisation", "centre").first()
    if subject is None:
        raise NoSuchReview
    own = Assignment.objects.filter(review=review, expert__user=user).values_list("answer")
    answers = {answer for (answer,) in own}
    if answers:
        may = answers == {Answer.ACCEPTED}
    else:
        may = Review.objects.filter(access.seen(reach), pk=review).exists()
    if not may:
        raise NoSuchReview
    return subject


def materials(subject: Subject) -> list[DocumentVersion]:
    """The documents of a centre that were put to the experts, by type, latest version first."""
    rows = DocumentVersion.objects.filter(pk__in=subject.materials, centre=subject.centre_id)
    return list(rows.order_by("type", "-version"))


@dataclass
class Heard:
    """Another expert's sheet as somebody may see it: under a name, or a number when blind."""

    name: Text
    sheet: ScoreSheet


def others(
    review: Review, centre: str = "", without: Assignment | None = None, named: bool = False
) -> list[Heard]:
    """The sheets of a centre ('': of all), once all are in; none before.

    `without` leaves out an expert's own; `named`: experts by name, otherwise by number.
    """
    if not all_in(review):
        return []
    rows = ScoreSheet.objects.filter(
        subject__review=review, handed_in__isnull=False, assignment__answer=Answer.ACCEPTED
    ).select_related("assignment__expert", "subject__centre")
    if centre:
        rows = rows.filter(subject__centre=centre)
    if without is not None:
        rows = rows.exclude(assignment=without)
    found = rows.order_by("subject__centre", "assignment__number")
    return [Heard(called(s.assignment, named), s) for s in found]


def called(one: Assignment, named: bool) -> Text:
    """What an expert is called: the name, or a number."""
    if named:
        return Text(one.expert.name, one.expert.name)
    return Text(f"专家{one.number}", f"Expert {one.number}")


# --- summary -------------------------------------------------------------------------------------


def proposed_conclusion(review: Review) -> str:
    """A conclusion that says what the figures say, for the caller to complete."""
    found = review.summary or {}
    sheet = sheets.of(review.sheet)
    centres = sorted(found["centres"].values(), key=lambda c: (c["rank"], c["name"]))
    judges = len(found["judges"])
    how = f"，每个中心去掉最高分和最低分各{review.drop}份" if review.drop else ""
    said = (
        f"经{judges}位专家评审（满分{sheet.highest}分{how}），"
        if len(centres) == 1
        else f"经{judges}位专家对{len(centres)}个中心评审（满分{sheet.highest}分{how}），"
    )
    if len(centres) == 1:
        total = centres[0]["total"]
        return said + (
            f"“{centres[0]['name']}”平均得分{total['mean']}分，"
            f"中位数{total['median']}分，最低{total['least']}分，最高{total['most']}分。"
        )
    lines = [f"第{c['rank']}名“{c['name']}”{c['total']['mean']}分" for c in centres]
    return said + "得分和名次为：" + "；".join(lines) + "。"


def conclusion_for(review: Review, centre: str) -> str:
    """The conclusion with one centre's figures and the digest that the act will pin."""
    found = (review.summary or {})["centres"][centre]
    total = found["total"]
    many = len((review.summary or {})["centres"])
    rank = f"，在{many}个中心中列第{found['rank']}名" if many > 1 else ""
    line = f"“{found['name']}”平均得分{total['mean']}分{rank}。" if many > 1 else ""
    return f"{review.conclusion}\n{line}（评审汇总校验值 {review.digest}）".replace("\n（", "\n（")


def taken_into(reviews: Iterable[Review]) -> dict[tuple[int, str], int]:
    """The number of the act that pins a review's digest, by review and centre: two queries."""
    closed = [r for r in reviews if r.digest and r.ended is not None]
    if not closed:
        return {}
    rows = ActPayload.objects.filter(
        act__centre__reviews__review__in=[r.pk for r in closed],
        act__kind__in={r.act for r in closed},
    )
    columns = ("act__centre_id", "act__seq", "act__kind", "act__recorded", "data", "documents")
    acts = list(rows.order_by("act_id").distinct().values_list(*columns))
    wanted = {d["digest"] for *_rest, documents in acts for d in documents.values()}
    kept = DocumentVersion.objects.filter(digest__in=wanted, content__isnull=False)
    contents = {d: str(c) for d, c in kept.values_list("digest", "content")}
    found: dict[tuple[int, str], int] = {}
    for centre, seq, kind, recorded, data, documents in acts:
        pinned = [contents.get(d["digest"], "") for d in documents.values()]
        for review in closed:
            said = any(review.digest in text for text in (str(data), *pinned))
            if said and kind == review.act and review.ended and recorded >= review.ended:
                found.setdefault((review.pk, str(centre)), seq)
    return found


# --- of a centre ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReviewLine:
    """A review as a centre's record shows it. Experts are not named when it is blind.

    `kind` and `about` are the act that it prepares and its case, `review` the number for those who
    may look at it, `taken` the number of the act that took the summary up.
    """

    title: str
    kind: str
    act: Text
    caller: str
    stage: Text
    about: str
    since: dt.date | None
    due: dt.date | None
    experts: int
    handed_in: int
    names: list[str] = field(default_factory=list)
    review: int | None = None
    taken: int | None = None


def of_centre(centre: Centre, reach: Reach) -> list[ReviewLine]:
    """The reviews of a centre that were called, latest first; for those who may see the centre."""
    if not reach.sees(centre):
        return []
    rows = list(
        Review.objects.filter(subjects__centre=centre)
        .exclude(stage=Stage.DRAFT)
        .select_related("organisation")
        .annotate(about=F("subjects__about"))
        .order_by("-called", "-pk")
    )
    mine = set(
        Review.objects.filter(access.seen(reach), pk__in=[r.pk for r in rows]).values_list(
            "pk", flat=True
        )
    )
    counts, taken = _counts(rows, centre), taken_into(rows)
    found = []
    for row in rows:
        names, handed = counts.get(row.pk, ([], 0))
        found.append(
            ReviewLine(
                row.title,
                row.act,
                act_name(row.programme, row.act),
                row.organisation.name_zh,
                Stage(row.stage).text,
                row.about,
                _day(row.called),
                row.due if row.stage == Stage.OPEN else None,
                len(names),
                handed,
                [] if row.blind else names,
                row.pk if row.pk in mine else None,
                taken.get((row.pk, centre.id)),
            )
        )
    return found


def _counts(rows: Sequence[Review], centre: Centre) -> dict[int, tuple[list[str], int]]:
    """For each review the names of its panel, and how many have handed in for the centre."""
    done = Count(
        "sheets", filter=Q(sheets__subject__centre=centre, sheets__handed_in__isnull=False)
    )
    panel_ = Assignment.objects.filter(review__in=rows, answer__in=TAKING_PART)
    found: dict[int, tuple[list[str], int]] = {}
    for one in panel_.select_related("expert").annotate(done=done).order_by("number"):
        names, handed = found.get(one.review_id, ([], 0))
        found[one.review_id] = ([*names, one.expert.name], handed + one.done)
    return found


def _day(moment: dt.datetime | None) -> dt.date | None:
    return moment.astimezone(clock.SHANGHAI).date() if moment is not None else None


# --- what waits ----------------------------------------------------------------------------------


def todos(user: User, reach: Reach, today: dt.date) -> list[Todo]:
    """What waits for a person: as an expert, and as one of those who called a review."""
    return [*_of_expert(user), *_of_caller(reach, today)]


def with_last_day(user: User, reach: Reach) -> list[Todo]:
    """The person's reviews under way that have a last day, overdue ones too: as an expert who has
    not finished, and as one of those who called them. Earliest first, each review once."""
    found = {one.link: one for one in _of_expert(user) if one.due}
    called = Review.objects.filter(access.managed(reach), stage=Stage.OPEN, due__isnull=False)
    for row in called:
        one = Todo(
            kind="review", title=Text("评审截止", "A review's last day"),
            link=f"/reviews/{row.pk}/", programme=row.programme, due=row.due,
            note=Text(row.title, row.title),
        )  # fmt: skip
        found.setdefault(one.link, one)
    return sorted(found.values(), key=lambda one: (one.due or dt.date.max, one.link))


def _of_expert(user: User) -> Iterator[Todo]:
    for one in of_expert(user):
        review = one.review
        if review.stage != Stage.OPEN:
            continue
        link = f"/reviews/{review.pk}/"
        given = {"programme": review.programme, "due": review.due, "kind": "review"}
        note = Text(review.title, review.title)
        if one.answer == Answer.INVITED:
            title = Text("答复评审邀请", "Answer the invitation to a review")
            yield Todo(title=title, link=link, since=_day(one.invited), note=note, **given)
            continue
        open_ = [s for s in one.sheets.all() if s.handed_in is None]
        if open_:
            title = Text(f"评分（{len(open_)}个中心）", f"Score ({len(open_)} centres)")
            yield Todo(title=title, link=link, since=_day(one.signed), note=note, **given)


def _of_caller(reach: Reach, today: dt.date) -> Iterator[Todo]:
    where = access.managed(reach)
    waiting = Q(assignments__answer__in=TAKING_PART)
    question = Q(assignments__recusals__verdict=Verdict.QUESTION) & waiting
    rows = Review.objects.filter(where, stage__in=[Stage.DRAFT, Stage.OPEN]).annotate(
        size=Count("assignments", filter=waiting, distinct=True),
        questions=Count("assignments__recusals", filter=question, distinct=True),
        whole=Count("subjects", distinct=True),
        done=Count(
            "assignments__sheets",
            filter=Q(
                assignments__answer=Answer.ACCEPTED, assignments__sheets__handed_in__isnull=False
            ),
            distinct=True,
        ),
    )
    for row in rows.order_by("due", "pk"):
        for title in _titles(row, today):
            yield Todo(
                kind="review",
                title=title,
                link=f"/reviews/{row.pk}/",
                programme=row.programme,
                since=_day(row.called or row.made),
                due=row.due,
                note=Text(row.title, row.title),
            )


def _titles(row: Any, today: dt.date) -> Iterator[Text]:
    """What a review asks of its caller."""
    if row.questions:
        yield Text(f"认定回避事项（{row.questions}项）", f"Decide on recusal ({row.questions})")
    if row.stage == Stage.DRAFT:
        yield Text("完成评审筹备并邀请专家", "Finish preparing and call the review")
        return
    if row.size < row.minimum:
        lacking = row.minimum - row.size
        yield Text(f"补选专家（缺{lacking}位）", f"Choose {lacking} more experts")
    elif row.done == row.size * row.whole:
        yield Text("评分表已交齐，请汇总", "All sheets are in: sum up")
    elif row.due is not None and row.due < today:
        yield Text("评审已逾期，尚有评分表未交", "The deadline is over, sheets are missing")
    elif row.due is not None and (row.due - today).days <= SOON:
        yield Text("评审将到期，尚有评分表未交", "The deadline is near, sheets are missing")
