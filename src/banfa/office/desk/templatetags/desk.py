"""Words, dates, values and citations as the pages show them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from banfa.office.clock import SHANGHAI
from banfa.office.desk import citations, language, permitted
from banfa.office.ledger import library
from banfa.office.queues import joint

register = template.Library()

register.filter("say", language.say)
register.filter("long_day", citations.long_day)
register.filter("joins", joint.concerns)


@register.filter
def day(value: Any) -> SafeString | str:
    """A date as `<time>`; a moment by its day in Shanghai."""
    if isinstance(value, dt.datetime):
        value = value.astimezone(SHANGHAI).date()
    if not isinstance(value, dt.date):
        return ""
    return format_html('<time datetime="{0}" class="nowrap">{0}</time>', value.isoformat())


@register.filter
def after_mark(text: str) -> str:
    """A sample's sentence without its own first word, where the mark 样例 stands before it."""
    return re.sub(r"^\s*(样例|Sample)\s*[：:]\s*", "", str(text))


@register.filter
def lines(value: Any) -> str:
    """A list, one a line; text as it is."""
    return "\n".join(str(v) for v in value) if isinstance(value, list) else str(value)


@register.filter
def first_in(values: Iterable[str], among: Iterable[str]) -> str:
    """The first of the values that is among the others; '' for none."""
    return next((v for v in values if v in among), "")


@register.filter
def at(values: Any, number: int) -> Any:
    """The value at a place in a list."""
    return values[number]


@register.filter
def as_json(value: Any) -> str:
    """Plain data as JSON text for a hidden field."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def days_left(ends: dt.date, on: dt.date) -> SafeString:
    """How far a last day is from the day shown, marked when near or past."""
    left = (ends - on).days
    if left < 0:
        said = ngettext("已过 %(n)d 日", "已过 %(n)d 日", -left) % {"n": -left}
        return format_html('<span class="late nowrap">{}</span>', said)
    if left == 0:
        return format_html('<span class="soon nowrap">{}</span>', _("今日为最后一日"))
    said = ngettext("尚余 %(n)d 日", "尚余 %(n)d 日", left) % {"n": left}
    return format_html('<span class="{} nowrap">{}</span>', "soon" if left <= 60 else "muted", said)


@register.filter
def number(value: Any) -> str:
    """An exact number with thousands separated."""
    return f"{value:,}" if isinstance(value, (int, Decimal)) else str(value)


@register.filter
def signed(value: Any) -> Any:
    """A number below zero with a minus sign as printed (−6.00); all else as it is."""
    return f"−{abs(value)}" if isinstance(value, Decimal) and value < 0 else value


def _anchor(link: citations.Link) -> SafeString:
    return format_html(
        '<a class="{}" href="{}" title="{}">{}</a>',
        "cite silent" if link.silent else "cite",
        link.href,
        link.title,
        link.text,
    )


@register.simple_tag
def cite_link(link: citations.Link | None) -> SafeString | str:
    """A prepared link to an article or default."""
    return _anchor(link) if link is not None else ""


@register.simple_tag
def cite_links(links: Iterable[citations.Link]) -> SafeString:
    """Several of them."""
    return format_html_join(" ", "{}", ((_anchor(link),) for link in links))


@register.simple_tag(takes_context=True)
def basis_of(context: Any, found: Any) -> SafeString | str:
    """The basis of a finding, duty or other thing with `cite` and `default`."""
    programme = context.get("programme")
    if programme is None:
        return ""
    link = citations.link(programme, found.cite, found.default)
    return format_html(" {}", _anchor(link)) if link is not None else ""


@register.simple_tag
def invalid(field: Any) -> SafeString:
    """`aria-invalid` and what describes a control."""
    parts = []
    if any(getattr(f, "outcome", "not") == "not" and not f.warning for f in field.findings):
        parts.append(mark_safe(' aria-invalid="true"'))
    if field.described_by:
        parts.append(format_html(' aria-describedby="{}"', field.described_by))
    return SafeString("".join(parts))


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: Any) -> str:
    """The query string of the page with some parameters changed; None takes one out."""
    asked = context["request"].GET.copy()
    asked.pop("hurry", None)  # told once, by the page that was sent back to
    for name, value in changes.items():
        if value in (None, ""):
            asked.pop(name, None)
        else:
            asked[name] = value
    return f"?{asked.urlencode()}" if asked else "?"


@register.simple_tag
def options(pairs: Iterable[tuple[str, Any]], chosen: Any = "") -> SafeString:
    """The options of a choice, from (value, words), with the one that is chosen."""
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((value, _SELECTED if value == chosen else "", text) for value, text in pairs),
    )


_SELECTED = mark_safe(" selected")


@register.filter
def get(values: Any, key: Any) -> Any:
    """What a mapping has under a key; '' for nothing."""
    return values.get(key, "") if hasattr(values, "get") else ""


@register.filter
def name_of(model: Any) -> str:
    """The name of something declared by a programme; '' for nothing."""
    return language.say(model.name) if model else ""


@register.simple_tag
def cite_of(line: Any) -> SafeString | str:
    """The basis of a line of work, by the edition that it stands under."""
    if not (line.cite or line.default):
        return ""
    editions = library.editions(line.programme)
    rs = editions.by_name.get(line.edition) or editions.latest
    return cite_link(citations.link(rs.programme, line.cite, line.default))


@register.filter
def listed(names: Iterable[str]) -> str:
    """Names in a row."""
    return language.joined(names)


@register.simple_tag
def with_settings(default: Any) -> SafeString:
    """What the system does at a default; settings named there by their ids get their words."""
    said = str(escape(language.say(default.says)))
    for option in default.options:
        text = permitted.setting_text(default, option) if option in default.option_names else ""
        shown = format_html("“{}”" if text else "<code>{}</code>", text or option)
        if "_" in option or text:
            said = re.sub(rf"(?<![a-z_]){re.escape(option)}(?![a-z_])", str(shown), said)
    return mark_safe(said)


@register.simple_tag
def issuers(programme: Any) -> str:
    """The issuing bodies by name."""
    parties = programme.parties
    names = [
        language.say(parties[i].name) if i in parties else i for i in programme.instrument.issuers
    ]
    return language.joined(names)


@register.simple_tag
def cited_list(programme: Any, keys: Iterable[str]) -> str:
    """Article keys in words."""
    return language.joined(citations.printed(programme, key) for key in keys)
