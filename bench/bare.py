"""Bare Django views over the office's tables: the same rows fetched by hand, and rendered.

Imports nothing of banfa. It is what the office's pages are measured against: sessions, one query
for who may see what, one or two for the rows, a template. Served like the office, with a pool.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template import Context, Engine
from django.urls import path

PAGE = Engine().from_string(
    """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{{ title }}</title>
</head><body><h1>{{ title }}</h1>{% block body %}{% endblock %}
{% if rows %}<table><tr><th>名称</th><th>阶段</th><th>起</th><th>各方</th><th>届满</th></tr>
{% for r in rows %}<tr><td><a href="/centres/{{ r.id }}/">{{ r.title_zh }}</a></td>
<td>{{ r.stage }}</td><td>{{ r.stage_since|date:"Y-m-d" }}</td>
<td>{% for party, held in r.roles.items %}{% for one in held %}{{ one.name }} {% endfor %}
{% endfor %}</td><td>{{ r.ends|date:"Y-m-d" }}</td></tr>{% endfor %}</table>
<p>共 {{ total }} 个</p>{% endif %}
{% if centre %}<dl>{% for name, value in centre.summary.items %}<dt>{{ name }}</dt>
<dd>{{ value }}</dd>{% endfor %}</dl>
<ol>{% for a in acts %}<li><b>{{ a.kind }}</b> {{ a.on|date:"Y-m-d" }} {{ a.party }}
{{ a.organisation.name }} {% for name, value in a.data.items %}{{ name }}：{{ value }} {% endfor %}
<ul>{% for w in a.words %}<li>{{ w.says.0 }} {{ w.seen.0 }}</li>{% endfor %}</ul></li>
{% endfor %}</ol>{% endif %}</body></html>"""
)
BODIES = {"ndrc", "most", "miit"}
LIST = """SELECT id, title_zh, stage, stage_since, roles, ends FROM ledger_centre
 WHERE {where} ORDER BY sort_key, id LIMIT 50"""
ACTS = """SELECT a.seq, a.kind, a.on, a.party, p.organisation, p.data, p.words
 FROM ledger_actrecord a JOIN ledger_actpayload p ON p.act_id = a.id
 WHERE a.centre_id = %s ORDER BY a.on, a.seq"""


def _rows(query: str, args: Any) -> list[dict[str, Any]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, args)
        names = [c.name for c in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in found:
        for name, value in row.items():
            if name in ("roles", "summary", "organisation", "data", "words") and value:
                row[name] = json.loads(value)
    return found


def _visible(request: HttpRequest) -> tuple[str, list[Any]]:
    """The condition for the centres that the person of the session may see."""
    held = _rows(
        "SELECT c.programme, c.party, c.organisation_id FROM people_capacity c"
        " JOIN people_user u ON u.id = c.user_id"
        " WHERE u.id = %s AND u.standing = 'active' AND c.approved IS NOT NULL AND c.ended IS NULL",
        [request.session["_auth_user_id"]],
    )
    parts, args = [], []
    for one in held:
        if one["party"] in BODIES:
            parts.append("book_id = %s")
            args.append(one["programme"])
        else:
            parts.append("(book_id = %s AND orgs @> %s::varchar[] AND roles @> %s::jsonb)")
            bound = {one["party"]: [{"org": one["organisation_id"]}]}
            args += [one["programme"], [one["organisation_id"]], json.dumps(bound)]
    return " OR ".join(parts) or "false", args


def listing(request: HttpRequest) -> HttpResponse:
    """The first fifty centres and how many there are."""
    where, args = _visible(request)
    rows = _rows(LIST.format(where=where), args)
    total = _rows(f"SELECT count(*) AS n FROM ledger_centre WHERE {where}", args)[0]["n"]
    shown = {"title": "中心", "rows": rows, "total": total}
    return HttpResponse(PAGE.render(Context(shown)))


def centre(request: HttpRequest, centre: str) -> HttpResponse:
    """A centre's row and all its acts."""
    where, args = _visible(request)
    found = _rows(f"SELECT * FROM ledger_centre WHERE id = %s AND ({where})", [centre, *args])
    if not found:
        raise Http404
    acts = _rows(ACTS, [centre])
    shown = {"title": found[0]["title_zh"], "centre": found[0], "acts": acts}
    return HttpResponse(PAGE.render(Context(shown)))


def act(request: HttpRequest, centre: str, kind: str) -> HttpResponse:
    """An act written by hand: lock, a few checks, two rows, the new head."""
    from django.db import transaction

    where, args = _visible(request)
    with transaction.atomic():
        found = _rows(
            f"SELECT * FROM ledger_centre WHERE id = %s AND ({where}) FOR NO KEY UPDATE",
            [centre, *args],
        )
        if not found or not request.POST.get("with.asset"):
            raise Http404
        row = found[0]
        acts = _rows(ACTS, [centre])
        data = {"asset": request.POST["with.asset"], "value": request.POST.get("with.value")}
        now = dt.datetime.now(dt.UTC)
        said = [row["head_hash"], centre, row["version"] + 1, kind, request.POST["on"], data]
        hashed = "sha256:" + hashlib.sha256(json.dumps(said).encode()).hexdigest()
        row["summary"].setdefault("counts", {})[kind] = sum(a["kind"] == kind for a in acts) + 1
        _write(row, kind, request.POST, data, now, hashed)
    return HttpResponseRedirect(f"/centres/{centre}/")


def _write(
    row: dict[str, Any], kind: str, post: Any, data: Any, now: dt.datetime, hashed: str
) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_actrecord (book_id, centre_id, seq, kind, on, recorded, party, saw,"
            " used, edition, ruleset, findings, parts, payload_digest, previous, hash, algorithm,"
            " key) VALUES (%s, %s, %s, %s, %s, %s, %s, 0, '[]', %s, %s, '[]', '{}', '', %s, %s,"
            " 'sha256', %s) RETURNING id".replace(" on,", ' "on",'),
            [row["book_id"], row["id"], row["version"] + 1, kind, post["on"], now, post["party"],
             row["edition"], row["ruleset"], row["head_hash"], hashed, post["key"]],
        )  # fmt: skip
        number = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO ledger_actpayload (act_id, data, documents, salts, words)"
            " VALUES (%s, %s, '{}', '{}', '[]')",
            [number, json.dumps(data)],
        )
        cursor.execute(
            "UPDATE ledger_centre SET version = version + 1, head_hash = %s, summary = %s,"
            " changed = %s WHERE id = %s",
            [hashed, json.dumps(row["summary"]), now, row["id"]],
        )


urlpatterns = [
    path("centres/", listing),
    path("centres/<str:centre>/", centre),
    path("centres/<str:centre>/acts/<str:kind>/", act),
]


def _database() -> dict[str, Any]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username,
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or options.pop("host", ""),
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**options, "pool": {"min_size": 1, "max_size": 8, "timeout": 15}},
    }


if not settings.configured:
    settings.configure(
        SECRET_KEY=os.environ["BANFA_SECRET_KEY"],
        ALLOWED_HOSTS=["localhost", "127.0.0.1"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": _database()},
        INSTALLED_APPS=["django.contrib.sessions"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        SESSION_ENGINE="django.contrib.sessions.backends.db",
        USE_TZ=True,
        TIME_ZONE="Asia/Shanghai",
    )
    django.setup()
application = get_wsgi_application()
