"""Bare Django views over the office's tables: the same rows fetched by hand, and rendered.

Imports nothing of banfa. It is what the office's pages are measured against: Django's usual
middleware, sessions, one query for who may see what, the rows that the office's page reads, and a
template with the same columns in a frame with its navigation, filters and forms. No translation, no
judging, no history. Served like the office, with a pool.
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
from django.shortcuts import render
from django.urls import path

FRAME = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{{ title }} · 办法</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/desk/tokens.css">
<link rel="stylesheet" href="/static/desk/desk.css">
<script src="/static/desk/desk.js" type="module"></script></head><body>
<header><a href="{% url 'list' %}"><b>办法</b> <span>创新中心管理工作台</span></a><nav>
{% for entry in navigation %}<a href="{{ entry.href }}"
{% if entry.here %} aria-current="page"{% endif %}>{{ entry.text }}</a>{% endfor %}
<span class="me">{{ user.name }}</span>
<form method="post" action="/account/logout/">{% csrf_token %}<button>退出</button></form>
<form method="post" action="/language/">{% csrf_token %}<button>English</button></form>
</nav></header><main><h1>{{ title }}</h1>
{% block body %}{% endblock %}
</main><footer><span>期限由系统推算，只作提示。</span></footer></body></html>"""
LISTED = """{% extends "frame" %}{% block body %}<p>共 {{ total }} 家</p>
<form method="get"><label>名称 <input name="q" type="search" maxlength="100"></label>
<label>所依办法 <select name="programme"><option value="">全部</option>
{% for value, text in programmes %}<option value="{{ value }}">{{ text }}</option>{% endfor %}
</select></label><label>阶段 <select name="stage"><option value="">全部</option>
{% for value in stages %}<option value="{{ value }}">{{ value }}</option>{% endfor %}
</select></label>
<label>所在地 <select name="place"><option value="">全部</option>
{% for value, text in places %}<option value="{{ value }}">{{ text }}</option>{% endfor %}
</select></label><button>筛选</button></form>
<table><thead><tr>{% for head in heads %}<th><a href="?sort={{ head.id }}">{{ head.text }}</a></th>
{% endfor %}</tr></thead><tbody>
{% for r in rows %}<tr><td><input type="checkbox" name="centre" value="{{ r.id }}"></td>
<th><a href="{% url 'centre' r.id %}">{{ r.title_zh }}</a></th>
<td>{{ r.id }}{% if r.imported %} <span>补录</span>{% endif %}</td><td>{{ r.book_id }}</td>
<td><span class="mark">{{ r.stage }}</span> 自 <time>{{ r.stage_since|date:"Y-m-d" }}</time></td>
<td>{% for party, held in r.roles.items %}<span class="small">{{ party }}</span>
{% for one in held %}{{ one.name }} {% endfor %}<br>{% endfor %}</td>
<td>{% if r.next %}<time>{{ r.next.due|date:"Y-m-d" }}</time> {{ r.left }} 日
<span>{{ r.next.name }}</span>{% else %}—{% endif %}</td>
<td>{% if r.decisions %}<span>待决定 {{ r.decisions }}</span>{% endif %}
{% if r.late %}<span>逾期 {{ r.late }}</span>{% endif %}</td></tr>{% endfor %}</tbody></table>
{% endblock %}"""
CENTRE = """{% extends "frame" %}{% block body %}
<dl>{% for name, value in centre.summary.items %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}
{% for party, held in centre.roles.items %}<dt>{{ party }}</dt>
<dd>{% for one in held %}{{ one.name }} {% endfor %}</dd>{% endfor %}</dl>
<table>{% for m in matters %}<tr><td>{{ m.name }}{% if m.year %}（{{ m.year }}）{% endif %}</td>
<td>{% for h in m.holders %}{{ h }} {% endfor %}</td>
<td>{% if m.due %}<time>{{ m.due|date:"Y-m-d" }}</time>{% endif %}
{% if m.computed %}{{ m.computed.0 }}{% endif %}</td></tr>{% endfor %}</table>
<ol>{% for a in acts %}<li><a href="{% url 'act' centre.id a.kind %}">{{ a.kind }}</a>
<time>{{ a.on|date:"Y-m-d" }}</time> {{ a.party }} {{ a.organisation.name }}
{% for name, value in a.data.items %}{{ name }}：{{ value }} {% endfor %}
<ul>{% for w in a.words %}<li>{{ w.says.0 }} {{ w.seen.0 }}</li>{% endfor %}</ul></li>
{% endfor %}</ol>{% endblock %}"""
LOADER = "django.template.loaders.locmem.Loader"
PAGES = {"frame": FRAME, "list": LISTED, "centre": CENTRE}
HEADS = {"name": "中心", "id": "编号", "programme": "所依办法", "stage": "阶段",
         "units": "主要单位", "next": "最近到期", "waiting": "待处理"}  # fmt: skip
NAVIGATION = {"工作台": "/", "中心": "/centres/", "办法一览": "/programmes/", "材料": "/dossiers/",
              "期限日历": "/calendar/", "评审": "/reviews/", "通知": "/notices/"}  # fmt: skip
DECISIONS = ("decision", "mandatory", "may", "deemed")
TODAY = dt.date(2030, 11, 15)
PLACES = [(str(n), f"第{n}省") for n in range(34)]
BODIES = {"ndrc", "most", "miit"}
LIST = """SELECT id, book_id, title_zh, stage, stage_since, roles, ends, imported
 FROM ledger_centre WHERE {where} ORDER BY sort_key, id LIMIT 50"""
OWED = """SELECT centre_id, name, year, mode, holders, due, computed FROM ledger_matter
 WHERE centre_id = ANY(%s) AND sort = 'duty' AND NOT closed ORDER BY id"""
USER = "SELECT id, name, username FROM people_user WHERE id = %s AND standing = 'active'"
KEYED = "SELECT 1 AS one FROM ledger_actrecord WHERE key = %s"
NOTICES = "SELECT count(*) AS n FROM notices_notice WHERE to_id = %s AND read IS NULL"
ACTS = """SELECT a.seq, a.kind, a.on, a.party, p.organisation, p.data, p.words
 FROM ledger_actrecord a JOIN ledger_actpayload p ON p.act_id = a.id
 WHERE a.centre_id = %s ORDER BY a.on, a.seq"""


_JSON = ("roles", "summary", "organisation", "data", "words", "computed")


def _rows(query: str, args: Any) -> list[dict[str, Any]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, args)
        names = [c.name for c in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in found:
        for name, value in row.items():
            if name in _JSON and value:
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


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A page in its frame: who is signed in, how many notices they have not read, where one is."""
    number = request.session["_auth_user_id"]
    user = _rows(USER, [number])
    if not user:
        raise Http404
    unread = _rows(NOTICES, [number])[0]["n"]
    context["user"] = user[0]
    context["navigation"] = [
        {"text": f"{text}（{unread}）" if unread and text == "通知" else text, "href": href,
         "here": href == "/centres/"}
        for text, href in NAVIGATION.items()
    ]  # fmt: skip
    return render(request, template, context)


def listing(request: HttpRequest) -> HttpResponse:
    """The first fifty centres with what is owed for them, and how many there are."""
    where, args = _visible(request)
    rows = _rows(LIST.format(where=where), args)
    total = _rows(f"SELECT count(*) AS n FROM ledger_centre WHERE {where}", args)[0]["n"]
    owed: dict[str, list[dict[str, Any]]] = {}
    for one in _rows(OWED, [[row["id"] for row in rows]]):
        owed.setdefault(one["centre_id"], []).append(one)
    for row in rows:
        mine = owed.get(row["id"], [])
        ahead = [m for m in mine if m["due"] and m["due"] >= TODAY and m["mode"] not in DECISIONS]
        row["next"] = min(ahead, key=lambda m: m["due"], default=None)
        row["left"] = (row["next"]["due"] - TODAY).days if row["next"] else None
        row["late"] = sum(1 for m in mine if m["due"] and m["due"] < TODAY)
        row["decisions"] = sum(1 for m in mine if m["mode"] in DECISIONS)
    shown = {
        "title": "中心",
        "rows": rows,
        "total": total,
        "heads": [{"id": name, "text": text} for name, text in HEADS.items()],
        "programmes": [(name, name) for name in sorted({row["book_id"] for row in rows})],
        "stages": sorted({row["stage"] for row in rows}),
        "places": PLACES,
    }
    return _page(request, "list", shown)


def centre(request: HttpRequest, centre: str) -> HttpResponse:
    """A centre's row, what is owed for it, and all its acts."""
    where, args = _visible(request)
    found = _rows(f"SELECT * FROM ledger_centre WHERE id = %s AND ({where})", [centre, *args])
    if not found:
        raise Http404
    shown = {
        "title": found[0]["title_zh"],
        "centre": found[0],
        "matters": _rows(OWED, [[centre]]),
        "acts": _rows(ACTS, [centre]),
    }
    return _page(request, "centre", shown)


def act(request: HttpRequest, centre: str, kind: str) -> HttpResponse:
    """An act written by hand: key, lock, a few checks, two rows, the head, what it is found by."""
    from django.db import transaction

    where, args = _visible(request)
    user = _rows(USER, [request.session["_auth_user_id"]])
    with transaction.atomic():
        found = _rows(
            f"SELECT * FROM ledger_centre WHERE id = %s AND ({where}) FOR NO KEY UPDATE",
            [centre, *args],
        )
        if not found or not request.POST.get("with.asset"):
            raise Http404
        if not user or _rows(KEYED, [request.POST["key"]]):
            raise Http404
        row = found[0]
        acts = _rows(ACTS, [centre])
        data = {"asset": request.POST["with.asset"], "value": request.POST.get("with.value")}
        now = dt.datetime.now(dt.UTC)
        said = [row["head_hash"], centre, row["version"] + 1, kind, request.POST["on"], data]
        hashed = "sha256:" + hashlib.sha256(json.dumps(said).encode()).hexdigest()
        row["summary"].setdefault("counts", {})[kind] = sum(a["kind"] == kind for a in acts) + 1
        _write(row, kind, request.POST, data, now, hashed, user[0]["name"])
    return HttpResponseRedirect(f"/centres/{centre}/")


def _write(
    row: dict[str, Any], kind: str, post: Any, data: Any, now: dt.datetime, hashed: str, person: str
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
            "INSERT INTO ledger_actpayload (act_id, person, data, documents, salts, words)"
            " VALUES (%s, %s, %s, '{}', '{}', '[]')",
            [number, person, json.dumps(data)],
        )
        cursor.execute(
            "UPDATE ledger_centre SET version = version + 1, head_hash = %s, summary = %s,"
            " changed = %s WHERE id = %s",
            [hashed, json.dumps(row["summary"]), now, row["id"]],
        )
        text = f"{kind} {data['asset']} {data['value']}"
        pairs = " ".join(
            sorted({f"'{text[n : n + 2]}'" for n in range(len(text)) if text[n] != " "})
        )
        cursor.execute(
            "INSERT INTO ledger_searchtext (centre_id, source, owner, title_zh, title_en, link,"
            " text, vector) VALUES (%s, %s, '', %s, %s, '', %s, %s)",
            [row["id"], f"act:{row['version'] + 1}", kind, kind, text, pairs],
        )


urlpatterns = [
    path("centres/", listing, name="list"),
    path("centres/<str:centre>/", centre, name="centre"),
    path("centres/<str:centre>/acts/<str:kind>/", act, name="act"),
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
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [("django.template.loaders.cached.Loader", [(LOADER, PAGES)])],
                    "context_processors": ["django.template.context_processors.request"],
                },
            }
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.db",
        USE_TZ=True,
        TIME_ZONE="Asia/Shanghai",
    )
    django.setup()
application = get_wsgi_application()
