"""What pages and acts ask of the database, asked as a browser asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from banfa.office.ledger import queries
from banfa.office.ledger.models import ActRecord, Agenda, Matter, Outbox
from banfa.office.people import rights
from banfa.office.prepared import Prepared, later
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

pytestmark = pytest.mark.django_db
LIST, CENTRE, ACT, WORKBENCH = 12, 15, 20, 20


@pytest.fixture
def boss(centres: Any) -> Client:
    """A browser of somebody of the authority, whose session is fresh."""
    ann = seed.person("ann", ("boss", "boss"), name="ann")
    rights.Right.objects.filter(thing=rights.SECOND_FACTOR, fixed=False).update(allowed=False)
    client = signed_in(ann)
    client.get("/account/")
    return client


def asked(of: Callable[[], Any], status: int) -> list[str]:
    """What is asked of the database meanwhile, as SQL.

    That an edition is on file is asked until the first act that it judged is committed, once a
    process: in a test, which commits nothing, by every act. It is not counted.
    """
    with CaptureQueriesContext(connection) as found:
        assert of().status_code == status
    said = [one["sql"] for one in found.captured_queries]
    return [one for one in said if "ledger_editiondata" not in one]


def started(centre: str, key: str) -> dict[str, str]:
    """The form of `start` filled in: a new stage, a period, a name, and a letter that is owed."""
    version = str(queries.centre(centre).version)
    return {"party": "boss", "on": "2030-11-15", "with.end": "2033-11-15", "key": key,
            "version": version}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "most"),
    [("/", WORKBENCH), ("/centres/", LIST), ("/centres/{}/", CENTRE),
     ("/centres/{}/?party=boss", CENTRE), ("/centres/{}/acts/start/?party=boss", CENTRE)],
)  # fmt: skip
def test_pages_take_few_queries(boss: Client, centres: Any, path: str, most: int) -> None:
    assert 0 < len(asked(lambda: boss.get(path.format(centres[2])), 200)) <= most


def test_an_act_with_all_that_it_brings_takes_few_queries(boss: Client, centres: Any) -> None:
    at, before = f"/centres/{centres[2]}/acts/start/", Outbox.objects.count()
    form = started(centres[2], "one")
    said = asked(lambda: boss.post(at, form), 302)
    assert len(said) <= ACT, "\n".join(one[:200] for one in said)
    assert Outbox.objects.count() == before + 1
    assert Agenda.objects.get(centre=centres[2]).version == 2


def test_an_act_takes_as_few_queries_after_many_others(boss: Client, centres: Any) -> None:
    for year in range(2001, 2031):
        seed.do("boss", "called", "2030-10-01", centres[2], year=year)
    at, form = f"/centres/{centres[2]}/acts/start/", started(centres[2], "many")
    assert len(asked(lambda: boss.post(at, form), 302)) <= ACT
    assert ActRecord.objects.filter(centre=centres[2]).count() == 32


def test_a_repeated_act_reads_and_writes_nothing_more(boss: Client, centres: Any) -> None:
    at, form = f"/centres/{centres[2]}/acts/start/", started(centres[2], "twice")
    assert boss.post(at, form).status_code == 302
    said = asked(lambda: boss.post(at, form), 302)
    assert not [one for one in said if one.startswith(("INSERT", "UPDATE", "WITH"))]


def test_what_has_not_changed_is_left_as_it_is(boss: Client, centres: Any) -> None:
    seed.do("boss", "called", "2030-11-01", centres[2], year=2029)
    kept = list(Matter.objects.filter(centre=centres[2]).values_list("pk", flat=True))
    seed.do("boss", "called", "2030-11-02", centres[2], year=2028)
    assert list(Matter.objects.filter(centre=centres[2]).values_list("pk", flat=True)) == kept
    assert Agenda.objects.get(centre=centres[2]).version == 3


def test_a_prepared_query_asks_anew_each_time(centres: Any) -> None:
    ask = Prepared(
        lambda: Matter.objects.select_related("centre").filter(
            centre__any_of=later("centres"), subject=later("subject")
        )
    )
    first = ask(centres=[centres[0]], subject="")
    assert first and {one.centre_id for one in first} == {centres[0]}
    assert first[0].centre.name_zh
    assert {one.centre_id for one in ask(centres=list(centres), subject="")} >= {*centres[:2]}
    assert ask(centres=[], subject="") == [] and ask.first(centres=[], subject="") is None
    Matter.objects.filter(pk=first[0].pk).update(subject="changed")
    assert [one.pk for one in ask(centres=list(centres), subject="changed")] == [first[0].pk]
