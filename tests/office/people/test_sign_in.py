"""Signing in: passwords, lockout, sessions, second factors, one-time links, the demo's door."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from banfa.office import clock
from banfa.office.people import invitations, passwords, verbs
from banfa.office.people.errors import PeopleError
from banfa.office.people.models import AuditEvent, User
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_pages import text_of

pytestmark = pytest.mark.django_db
GOOD = "correct horse battery"
LOGIN = "/account/login/"


def worker(password: str = GOOD, **more: Any) -> User:
    user = seed.person("li.si", name="李四", **more)
    passwords.choose(user, password)
    return user


def sign_in(client: Client, password: str = GOOD, username: str = "li.si") -> Any:
    return client.post(LOGIN, {"login": username, "password": password})


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


# --- passwords


@pytest.mark.parametrize(
    "raw", ["Short1!", "onlylowers", "lower1234", "aaaaaaaaaaaaaa", "li.si-Xy-2030"]
)
def test_weak_passwords_are_refused(raw: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(raw, worker())


@pytest.mark.parametrize("raw", ["Kx7qpdwz", "kx7qpd!z", "a long enough phrase"])
def test_strong_passwords_pass(raw: str) -> None:
    validate_password(raw, worker())


def test_the_last_five_passwords_are_not_taken_again() -> None:
    user = worker("first one of all")
    for n in range(4):
        passwords.choose(user, f"password no {n} here")
    with pytest.raises(ValidationError, match="最近5次"):
        validate_password("first one of all", user)
    passwords.choose(user, "yet another one 9")
    validate_password("first one of all", user)
    assert user.password.startswith("argon2")


def test_an_expired_password_must_be_changed_first(visitor: Client) -> None:
    user = worker()
    User.objects.filter(pk=user.pk).update(changed=clock.now() - dt.timedelta(days=91))
    assert sign_in(visitor).status_code == 302
    assert visitor.get("/")["Location"] == "/account/password/"
    page = visitor.get("/account/password/")
    assert page.status_code == 200 and "当前密码" in text_of(page)
    new = {
        "oldpassword": GOOD,
        "password1": "a new one for 2031",
        "password2": "a new one for 2031",
    }
    assert (
        visitor.post("/account/password/", {**new, "password1": "x", "password2": "x"}).status_code
        == 200
    )
    assert visitor.post("/account/password/", new)["Location"] == "/account/?done=password"
    assert visitor.get("/")["Location"] == "/account/"
    assert "password_changed" in kinds()


# --- signing in


def test_signing_in_and_out_is_in_the_log(visitor: Client) -> None:
    worker()
    page = visitor.get("/centres/x/")
    assert page["Location"] == "/account/login/?next=%2Fcentres%2Fx%2F"
    assert "不正确" in text_of(sign_in(visitor, "wrong"))
    assert sign_in(visitor)["Location"] == "/"
    assert visitor.get("/account/")["Cache-Control"].count("no-store") == 1
    assert visitor.post("/account/logout/")["Location"] == "/"
    assert visitor.get("/account/").status_code == 302
    events = AuditEvent.objects.order_by("id")
    assert kinds() == ["sign_in_failed", "sign_in", "sign_out"]
    assert events[0].who == "li.si" and events[1].ip == "127.0.0.1" and len(events[1].request) == 32


def test_five_failures_lock_the_account(visitor: Client) -> None:
    worker()
    for _n in range(4):
        assert sign_in(visitor, "wrong").status_code == 200
    locked = sign_in(visitor, "wrong")
    assert locked.status_code == 429 and "请在15分钟后再试" in text_of(locked)
    assert sign_in(Client(headers={"host": "localhost"})).status_code == 429
    assert "locked_out" in kinds()


@pytest.mark.parametrize("standing", ["waiting", "disabled"])
def test_an_account_not_in_effect_is_told(visitor: Client, standing: str) -> None:
    worker(standing=standing)
    answer = sign_in(visitor)
    assert answer["Location"] == "/account/inactive/"
    assert "待安全管理员审核" in text_of(visitor.get("/account/inactive/"))
    assert visitor.get("/account/").status_code == 302


def test_there_is_no_signing_up(visitor: Client) -> None:
    assert visitor.get("/account/signup/").status_code in (302, 404)
    assert User.objects.count() == 0


# --- sessions


def test_idle_and_long_sessions_end(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    worker()
    sign_in(visitor)
    real = time.time

    def later(minutes: float) -> None:
        monkeypatch.setattr("banfa.office.people.sessions.time.time", lambda: real() + minutes * 60)

    later(29)
    assert visitor.get("/account/").status_code == 200
    later(29 + 31)
    answer = visitor.get("/account/")
    assert answer["Location"].endswith("over=idle")
    assert "30分钟未操作" in text_of(visitor.get(answer["Location"]))
    later(0)
    sign_in(visitor)
    for minutes in range(20, 12 * 60, 20):
        later(minutes)
        assert visitor.get("/account/").status_code == 200
    later(12 * 60 + 1)
    assert visitor.get("/account/")["Location"].endswith("over=long")
    assert kinds().count("session_ended") == 2


def test_only_so_many_sessions_and_each_can_be_ended() -> None:
    user = worker()
    clients = [Client(headers={"host": "localhost"}) for _ in range(4)]
    for client in clients:
        sign_in(client)
    assert UserSession.objects.filter(user=user).count() == 3
    assert clients[0].get("/account/").status_code == 302
    page = clients[3].get("/account/sessions/")
    assert text_of(page).count("终止") == 2 and "本次" in text_of(page)
    second = UserSession.objects.filter(user=user).order_by("pk")[0]
    assert clients[3].post("/account/sessions/", {"session": second.pk}).status_code == 302
    assert clients[1].get("/account/").status_code == 302
    other = signed_in(seed.person("other"))
    third = UserSession.objects.filter(user=user).order_by("pk")[0]
    assert other.post("/account/sessions/", {"session": third.pk}).status_code == 404


def test_a_lost_session_leads_back_and_keeps_what_was_typed(visitor: Client) -> None:
    user = worker()
    sign_in(visitor)
    UserSession.objects.get(user=user).end()
    page = visitor.get("/account/delegations/?x=1")
    assert page["Location"] == "/account/login/?next=%2Faccount%2Fdelegations%2F%3Fx%3D1&over=lost"
    assert "登录已过期" in text_of(visitor.get(page["Location"]))
    # what was typed is on the page that answers; nothing typed: back to the page it came from
    kept = visitor.post("/account/delegations/", {"since": "2030-12-01"})
    assert kept.status_code == 403 and "2030-12-01" in text_of(kept)
    came = {"referer": "http://localhost/account/?a=b"}
    for headers in ({}, {"hx-request": "true", "hx-current-url": came["referer"]}):
        answer = visitor.post("/account/delegations/", {}, headers=came | headers)
        to = answer.headers.get("HX-Redirect") or answer["Location"]
        assert to == "/account/login/?next=%2Faccount%2F%3Fa%3Db&over=lost"
    abroad = visitor.post("/account/delegations/", {}, headers={"referer": "http://example.org/x"})
    assert abroad["Location"] == "/account/login/?over=lost"
    # a password is never shown again
    secret = visitor.post("/account/password/", {"oldpassword": GOOD})
    assert secret.status_code == 302 and GOOD not in secret.content.decode()
    # a wrong password does not forget the way
    wrong = visitor.post(LOGIN, {"login": "li.si", "password": "no", "next": "/account/"})
    assert 'name="next" value="/account/"' in wrong.content.decode()


def test_what_was_typed_is_sent_again_after_signing_in_elsewhere(centres: Any) -> None:
    user = worker()
    own = {"host": "localhost", "origin": "http://localhost"}
    strict = Client(enforce_csrf_checks=True, headers=own)
    token = strict.get(LOGIN).context["csrf_token"]
    form = {"end": "999", "csrfmiddlewaretoken": str(token)}
    assert strict.post("/account/delegations/", form).status_code == 403
    strict.force_login(user, "banfa.office.people.accounts.Backend")
    strict.cookies["csrftoken"] = "a" * 32  # signing in gave another one
    again = strict.post("/account/delegations/", form)
    assert "再次发送" in text_of(again) and "校验信息已过期" in text_of(again)
    form["csrfmiddlewaretoken"] = str(again.context["csrf_token"])
    assert strict.post("/account/delegations/", form).status_code == 404


# --- second factors


def code(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return str(format_hotp_value(hotp_value(secret, counter)))


def test_capacities_that_decide_need_a_second_factor(
    visitor: Client, centres: Any, django_capture_on_commit_callbacks: Any
) -> None:
    user = worker()
    seed.capacity(user, "boss", "boss")
    sign_in(visitor)
    for at in ("/", f"/centres/{centres[0]}/", f"/centres/{centres[0]}/acts/revoke/?party=boss"):
        assert visitor.get(at)["Location"] == "/account/second/"
    page = visitor.get("/account/second/app/")
    if page.status_code == 302:  # asks for the password again
        visitor.post(page["Location"], {"password": GOOD})
        page = visitor.get("/account/second/app/")
    secret = page.context["form"].secret
    assert "data:image/svg+xml" in page.content.decode()
    answer = visitor.post("/account/second/app/", {"code": "000000"})
    assert answer.status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        answer = visitor.post("/account/second/app/", {"code": code(secret)})
    assert answer.status_code == 302
    assert visitor.get("/").status_code == 200
    stored = Authenticator.objects.get(user=user, type="totp").data["secret"]
    assert secret not in stored
    assert "second_factor" in kinds()
    # the last one stays
    gone = visitor.post("/account/second/app/remove/", {})
    assert Authenticator.objects.filter(user=user, type="totp").exists(), gone
    again = Client(headers={"host": "localhost"})
    assert sign_in(again)["Location"] == "/account/second/login/"
    assert again.get("/").status_code == 302
    assert "验证码" in text_of(again.get("/account/second/login/"))
    assert again.post("/account/second/login/", {"code": "123456"}).status_code == 200


def test_a_code_signs_in(visitor: Client) -> None:
    user, secret = worker(), generate_totp_secret()
    TOTP.activate(user, secret)
    sign_in(visitor)
    assert visitor.post("/account/second/login/", {"code": code(secret)})["Location"] == "/"
    assert visitor.get("/account/").status_code == 200


# --- one-time links


def test_a_link_works_once(visitor: Client, administrators: Any) -> None:
    user, secret = verbs.create_account(administrators["system"], "zhang", "张三")
    at = f"/account/invitations/{secret}/"
    assert "张三" in text_of(visitor.get(at))
    weak = visitor.post(at, {"password1": "weak", "password2": "weak"})
    assert weak.status_code == 422 and "至少12个字符" in text_of(weak)
    other = visitor.post(at, {"password1": GOOD, "password2": GOOD + "!"})
    assert "不一致" in text_of(other)
    assert "口令已设置" in text_of(visitor.post(at, {"password1": GOOD, "password2": GOOD}))
    assert visitor.get(at).status_code == 404
    assert visitor.post(at, {"password1": "x" * 20, "password2": "x" * 20}).status_code == 404
    assert sign_in(visitor, username="zhang")["Location"] == "/account/inactive/"
    verbs.approve_account(administrators["security"], user)
    assert sign_in(visitor, username="zhang")["Location"] == "/"


def test_a_newer_link_ends_the_older(administrators: Any, monkeypatch: Any) -> None:
    system = administrators["system"]
    user, first = verbs.create_account(system, "zhang", "张三")
    second = verbs.renew_link(system, user)
    assert invitations.find(first) is None and invitations.find(second) is not None
    monkeypatch.setenv("BANFA_TODAY", "2030-11-19")
    with pytest.raises(PeopleError, match="已过期"):
        invitations.accept(second, GOOD)


# --- the demonstration's door


def test_the_demos_door_opens_in_the_demo_only(
    visitor: Client, centres: Any, settings: Any
) -> None:
    settings.DEMO = True
    user = seed.person("demo-01", ("boss", "boss"), demo=True, name="演示")
    real = worker()
    page = visitor.get(LOGIN)
    assert "演示账号" in text_of(page) and "主管部门" in text_of(page)
    assert visitor.post("/account/demo/", {"user": real.pk}).status_code == 404
    deep = visitor.get(LOGIN, {"next": "/centres/"}).content.decode()
    assert deep.count('name="next" value="/centres/"') >= 3
    for to, leads in (("/centres/", "/centres/"), ("//example.org/", "/"), ("", "/")):
        answer = visitor.post("/account/demo/", {"user": user.pk, "next": to})
        assert answer["Location"] == leads
    assert visitor.get("/").status_code == 200
    settings.DEMO = False
    assert visitor.get("/").status_code == 302
    assert visitor.post("/account/demo/", {"user": user.pk}).status_code == 404
    assert "演示账号" not in text_of(visitor.get(LOGIN))


def test_a_common_password_is_named_as_everywhere_else() -> None:
    with pytest.raises(ValidationError) as told:
        validate_password("password1234")
    assert "这个口令太常见了。" in told.value.messages
    assert not any("密码" in said for said in told.value.messages)
