"""The two times of a page: the day it shows, and the day of knowledge it is shown with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from banfa.office.clock import SHANGHAI
from banfa.office.readable import Readable

EARLIEST, LATEST = dt.date(1949, 10, 1), dt.date(2200, 12, 31)


@dataclass
class Moment(Readable):
    """The day shown (`on`), the day of knowledge (`known`), and what could not be read.

    `known_at` is the end of the day of knowledge in Shanghai, None for all that is known now.
    """

    today: dt.date
    on: dt.date
    known: dt.date | None = None
    mistakes: list[str] = field(default_factory=list)

    @property
    def known_at(self) -> dt.datetime | None:
        """The last moment of the day of knowledge."""
        if self.known is None:
            return None
        return dt.datetime.combine(self.known, dt.time.max, SHANGHAI)

    @property
    def now(self) -> bool:
        """Whether the page shows today as known today; only then can acts be taken from it."""
        return self.on == self.today and self.known is None


def read(query: Mapping[str, str], today: dt.date) -> Moment:
    """The moment that the query string asks for; what cannot be read is said and left out."""
    moment = Moment(today, today)
    on = _day(query.get("on", ""), _("截至日"), moment)
    known = _day(query.get("known", ""), _("知悉日"), moment)
    moment.on = on or today
    moment.known = known if known is None or known < today else None
    return moment


def _day(raw: str, name: str, moment: Moment) -> dt.date | None:
    raw = raw.strip()
    if not raw:
        return None
    try:
        day = dt.date.fromisoformat(raw)
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day <= LATEST:
        said = _("%(name)s“%(raw)s”不是有效日期，已改按今日显示；请写成 2030-11-20。")
        moment.mistakes.append(said % {"name": name, "raw": raw[:40]})
        return None
    return day
