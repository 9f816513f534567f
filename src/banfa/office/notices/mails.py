"""Mail: made beside notices, in the same transaction, and sent by a job.

A mail says what there is and leads to the site; names and reasons stay in the office. Nothing is
made while no mail server is set (BANFA_MAIL).
"""

from __future__ import annotations

import datetime as dt
import smtplib
from collections.abc import Iterable
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from banfa.office import clock
from banfa.office.notices.kinds import Channel, kind_of
from banfa.office.notices.models import Mail, Notice, Wish
from banfa.office.people.models import User
from banfa.rules.words import Text

SEND = "notices.send"
MOST_TRIES = 7
IN_DIGEST = 30
"""At most so many notices are listed in one mail; the others are counted."""


class NotSent(Exception):
    """A mail could not be handed over; the job tries again later."""


def enabled() -> bool:
    """Whether there is a mail server."""
    return not settings.EMAIL_BACKEND.endswith("dummy.EmailBackend")


def send_at_once(key: str, people: Iterable[int]) -> int:
    """Makes a mail for each of these people's notice of that key, and queues it; gives how many.

    What is not urgent waits for the end of a person's quiet hours.
    """
    people = list(people)
    if not people or not enabled():
        return 0
    with transaction.atomic():
        rows = list(
            Notice.objects.select_for_update(of=("self",))
            .filter(to__in=people, key=key, mail__isnull=True)
            .exclude(to__email="")
        )
        now = clock.now()
        made = Mail.objects.bulk_create([Mail(to_id=row.to_id, made=now) for row in rows])
        for row, mail in zip(rows, made, strict=True):
            row.mail = mail
        Notice.objects.bulk_update(rows, ["mail"])
        wishes = {w.user_id: w for w in Wish.objects.filter(user__in=people)}
        for row, mail in zip(rows, made, strict=True):
            wish = wishes.get(row.to_id) or Wish()
            _queue(mail, dt.timedelta() if row.urgent else quiet_for(wish, now))
    return len(rows)


def make_digests() -> int:
    """Puts each person's waiting notices into one mail and queues it; gives how many mails."""
    if not enabled():
        return 0
    waiting = Notice.objects.filter(
        channel=Channel.DIGEST, mail__isnull=True, read__isnull=True
    ).exclude(to__email="")
    count = 0
    for number in list(waiting.values_list("to", flat=True).distinct().order_by("to")):
        with transaction.atomic():
            user = User.objects.get(pk=number)
            if not user.is_active:
                continue
            rows = list(waiting.filter(to=user).select_for_update(of=("self",)).values_list("pk"))
            if rows:
                mail = Mail.objects.create(to=user, digest=True, made=clock.now())
                Notice.objects.filter(pk__in=[pk for (pk,) in rows]).update(mail=mail)
                _queue(mail, dt.timedelta())
                count += 1
    return count


def _queue(mail: Mail, wait: dt.timedelta) -> None:
    schedule = {"seconds": int(wait.total_seconds())} if wait else None
    app.configure_task(SEND, schedule_in=schedule).defer(number=mail.pk)


def quiet_for(wish: Wish, now: dt.datetime) -> dt.timedelta:
    """How long the person's quiet hours still last; nothing outside of them."""
    begins, ends = wish.quiet_from, wish.quiet_until
    if begins is None or ends is None or begins == ends:
        return dt.timedelta()
    at = now.astimezone(clock.SHANGHAI)
    time = at.time()
    over = begins <= time < ends if begins < ends else time >= begins or time < ends
    if not over:
        return dt.timedelta()
    day = at.date() if time < ends else at.date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, ends, clock.SHANGHAI) - at


# --- sending ------------------------------------------------------------------------------------


def send(number: int) -> None:
    """Sends a mail that was not sent yet. Raises NotSent when it is to be tried again.

    Nothing goes to those whose account is no longer active, nor about what was read meanwhile. The
    row is locked while it is handed over, so that two workers send it once.
    """
    with transaction.atomic():
        mail = (
            Mail.objects.select_for_update(of=("self",))
            .select_related("to")
            .filter(pk=number, sent__isnull=True, given_up__isnull=True)
            .first()
        )
        if mail is None:
            return
        notices = list(mail.notices.filter(read__isnull=True).order_by("-urgent", "-made", "-id"))
        if not notices or not mail.to.is_active or not mail.to.email:
            mail.delete()
            return
        again = _hand_over(mail, notices)
    if again:
        raise NotSent(mail.problem)


def _hand_over(mail: Mail, notices: list[Notice]) -> bool:
    """Hands it to the server and writes down how that went; gives whether to try again."""
    mail.tries += 1
    try:
        message(mail, notices).send()
        mail.sent, mail.problem = clock.now(), ""
    except Exception as error:
        mail.problem = _said(error)
        if mail.tries >= MOST_TRIES or _for_good(error):
            mail.given_up = clock.now()
    mail.save()
    return mail.sent is None and mail.given_up is None


def _for_good(error: Exception) -> bool:
    """Whether the server refused it in a way that no later try would mend."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _said in error.recipients.values())
    return isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code >= 500


def _said(error: Exception) -> str:
    """What went wrong: the sort (of `TROUBLES`) and the server's code or the system's word.

    Without the server's answer, which may repeat the address.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "recipient " + "/".join(str(code) for code, _said in error.recipients.values())
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"login {error.smtp_code}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answer {error.smtp_code}"
    if isinstance(error, OSError):
        return f"connection {error.strerror or type(error).__name__}"[:300]
    return f"other {type(error).__name__}"


TROUBLES = {
    "recipient": Text("收件地址被拒", "the address was refused"),
    "login": Text("邮件服务器拒绝登录", "the mail server refused the login"),
    "answer": Text("邮件服务器不接受", "the mail server did not accept it"),
    "connection": Text("连不上邮件服务器", "the mail server could not be reached"),
    "other": Text("发送时出错", "it could not be sent"),
}


def trouble(problem: str) -> Text:
    """A mail's problem in words, with the code by which a server's log can be searched."""
    sort, _space, code = problem.partition(" ")
    words = TROUBLES.get(sort, TROUBLES["other"])
    return Text(f"{words.zh}（{code}）", f"{words.en} ({code})") if code else words


def message(mail: Mail, notices: list[Notice]) -> EmailMultiAlternatives:
    """The message, in the person's language, as text and as HTML."""
    wish = Wish.objects.filter(user=mail.to).first() or Wish()
    english = wish.language == "en"
    with translation.override(wish.language):
        shown = [_line(notice, english) for notice in notices[:IN_DIGEST]]
        context = {
            "name": mail.to.name,
            "lang": "en" if english else "zh-CN",
            "lines": shown,
            "more": len(notices) - len(shown),
            "inbox": f"{settings.SITE_URL}/notices/",
            "choices": f"{settings.SITE_URL}/notices/choices/",
        }
        if mail.digest:
            subject = _("有%(count)s条未读通知") % {"count": len(notices)}
        else:
            subject = shown[0]["subject"]
        urgent = _("【紧急】") if any(n.urgent for n in notices) else ""
        made = EmailMultiAlternatives(
            subject=_("【办法】") + urgent + " ".join(subject.split()),
            body=render_to_string("notices/mail.txt", context),
            to=[mail.to.email],
            headers={
                "Message-ID": f"<banfa-{mail.pk}-{mail.made:%Y%m%d%H%M%S}@{_host()}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        made.attach_alternative(render_to_string("notices/mail.html", context), "text/html")
    return made


def _line(notice: Notice, english: bool) -> dict[str, Any]:
    subject = Text(notice.subject_zh, notice.subject_en)
    name = kind_of(notice.kind).name
    return {
        "subject": subject.en if english else subject.zh,
        "kind": name.en if english else name.zh,
        "urgent": notice.urgent,
        "made": notice.made.astimezone(clock.SHANGHAI),
        "link": f"{settings.SITE_URL}/notices/{notice.pk}/",
    }


def _host() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
