"""Who there is, who may act as what, and what they may see and do. Rights are rows, not code.

A person holds *capacities*: to act for an organisation as a party of a programme. A `Right` says
what a party (or a role) may see or do, and how far. Nothing is allowed that no row allows.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from banfa.office import clock


class Place(models.Model):
    """A place by its code (GB/T 2260), from a day until a day; places lie within one another."""

    code = models.CharField(primary_key=True, max_length=12)
    name_zh = models.CharField(max_length=100)
    name_en = models.CharField(max_length=100, default="", blank=True)
    short_zh = models.CharField(max_length=60, default="", blank=True)
    within = models.ForeignKey("self", models.PROTECT, null=True, related_name="parts")
    since = models.DateField(null=True)
    until = models.DateField(null=True)

    class Meta:
        indexes = [models.Index(fields=["name_zh"], name="place_name")]

    def __str__(self) -> str:
        return self.name_zh


class Organisation(models.Model):
    """An organisation that takes part. `uscc` is the unified social credit code when known.

    `place` is its place as written in acts, `seat` the place of the code list when one fits.
    `parent` is the organisation it is subordinate to. It is never deleted, only made inactive.
    """

    id = models.CharField(primary_key=True, max_length=200)
    name_zh = models.CharField(max_length=300)
    name_en = models.CharField(max_length=300, default="", blank=True)
    kind = models.CharField(max_length=60, default="", blank=True)
    place = models.CharField(max_length=100, default="", blank=True)
    seat = models.ForeignKey(Place, models.PROTECT, null=True, related_name="organisations")
    uscc = models.CharField(max_length=18, null=True, unique=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="subordinates")
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="not_its_own_parent"
            )
        ]

    def __str__(self) -> str:
        return self.name_zh


class Role(StrEnum):
    """The three administrators. A person holds at most one, and no capacity beside it."""

    SYSTEM = "system"
    SECURITY = "security"
    AUDIT = "audit"

    @property
    def label(self) -> str:
        """The role in Chinese."""
        return {"system": "系统管理员", "security": "安全管理员", "audit": "审计管理员"}[self]


class Standing(StrEnum):
    """How an account stands. It takes effect when the security administrator approves it."""

    WAITING = "waiting"
    ACTIVE = "active"
    DISABLED = "disabled"

    @property
    def label(self) -> str:
        """The standing in Chinese."""
        return {"waiting": "待审核", "active": "有效", "disabled": "已停用"}[self]


class Users(BaseUserManager["User"]):
    """Finds accounts; they are made by the verbs."""

    def get_by_natural_key(self, username: str | None) -> User:
        """An account by its name, whatever the case of its letters."""
        return self.get(username__iexact=username)


class User(AbstractBaseUser):
    """A person's account. Its number is never used again: accounts are disabled, not deleted.

    `role` makes it an administrator's. `must_change` asks for a new password at the next sign-in;
    `changed` is when the password was chosen. Without a password nobody can sign in with one.
    """

    username = models.CharField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9._-]{2,59}$")],
    )
    name = models.CharField(max_length=100)
    email = models.EmailField(default="", blank=True)
    role = models.CharField(max_length=20, default="", blank=True)
    standing = models.CharField(max_length=20, default=Standing.WAITING)
    demo = models.BooleanField(default=False)
    must_change = models.BooleanField(default=False)
    changed = models.DateTimeField(null=True)
    created = models.DateTimeField()
    created_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    until = models.DateField(null=True)

    objects = Users()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=["", *Role]), name="one_role"),
            models.CheckConstraint(condition=Q(standing__in=list(Standing)), name="known_standing"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Whether it takes effect: approved, not disabled, not past its day.

        A demonstration's account takes no effect anywhere but in the demonstration.
        """
        live = self.until is None or clock.today() <= self.until
        return self.standing == Standing.ACTIVE and live and (settings.DEMO or not self.demo)

    @property
    def label(self) -> str:
        """The person as the record shows them: name and account."""
        return f"{self.name}（{self.username}）"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Saves it; a demonstration's account is refused outside the demonstration."""
        if self.demo and self._state.adding and not settings.DEMO:
            raise PermissionDenied("demonstration accounts exist in the demonstration only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Never: accounts are disabled."""
        raise TypeError("accounts are disabled, never deleted")


class OldPassword(models.Model):
    """A password that was used before, as hashed."""

    user = models.ForeignKey(User, models.PROTECT, related_name="old_passwords")
    hash = models.CharField(max_length=200)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} {self.until:%F}"


class Invitation(models.Model):
    """A one-time link by which a person chooses a password. Only the link's digest is kept."""

    user = models.ForeignKey(User, models.PROTECT, related_name="invitations")
    digest = models.CharField(max_length=80, unique=True)
    made = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    until = models.DateTimeField()
    used = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user_id} {self.until:%F}"


class Spell(models.Model):
    """Something that holds from a day until a day, both included."""

    since = models.DateField(null=True)
    until = models.DateField(null=True)

    class Meta:
        abstract = True

    def holds(self, on: dt.date) -> bool:
        """Whether it holds on a day."""
        return (self.since is None or self.since <= on) and (self.until is None or on <= self.until)


class Membership(Spell):
    """That a person belongs to an organisation, perhaps as the one who manages its people."""

    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="memberships")
    administrator = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organisation"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user} @ {self.organisation}"


class Capacity(Spell):
    """That a person acts for an organisation as a party of a programme.

    `place` and `centres` narrow it (none: not narrowed). It counts once `approved`, until `ended`.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="capacities")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="capacities")
    programme = models.CharField(max_length=40)
    party = models.CharField(max_length=100)
    place = models.ForeignKey(Place, models.PROTECT, null=True, blank=True)
    centres = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    asked = models.DateTimeField()
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    approved = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    ended = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation", "programme", "party"],
                condition=Q(ended__isnull=True),
                name="capacity_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.organisation} {self.programme}:{self.party}"

    @property
    def subject(self) -> str:
        """What rights are looked up by."""
        return f"{self.programme}:{self.party}"


class Delegation(models.Model):
    """That another person may do these acts (none listed: all) in somebody's capacity."""

    capacity = models.ForeignKey(Capacity, models.PROTECT, related_name="delegations")
    to = models.ForeignKey(User, models.PROTECT, related_name="delegated")
    acts = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    since = models.DateField()
    until = models.DateField()
    made = models.DateTimeField()
    ended = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("since")), name="delegation_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.capacity} → {self.to}"


class Scope(StrEnum):
    """How far a right reaches: centres where the organisation holds this role; any role; those
    named with the capacity; those in its place; the programme's; all."""

    OWN = "own"
    PART = "part"
    ASSIGNED = "assigned"
    PLACE = "place"
    PROGRAMME = "programme"
    ALL = "all"


class Right(models.Model):
    """That a subject may see or do a thing within a scope; `allowed` false: withdrawn.

    A subject is `nitec:supporting_unit` or `role:security`; a thing `see.centre`,
    `act:start` and the like. `fixed` rows belong to the separation of the administrators.
    """

    subject = models.CharField(max_length=160)
    thing = models.CharField(max_length=120)
    scope = models.CharField(max_length=20)
    allowed = models.BooleanField(default=True)
    fixed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "thing", "scope"], name="right_once"),
            models.CheckConstraint(condition=Q(scope__in=list(Scope)), name="known_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.thing} {self.scope}"


class AuditEvent(models.Model):
    """Something that happened to accounts, permissions or the system; never changed or removed.

    `role` is the administrator's role of who did it ('' for others). `hash` covers all of it and
    `previous`.
    """

    at = models.DateTimeField(db_index=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="events")
    who = models.CharField(max_length=200, default="")
    role = models.CharField(max_length=20, default="")
    kind = models.CharField(max_length=60)
    object = models.CharField(max_length=300, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    result = models.CharField(max_length=20, default="done")
    ip = models.CharField(max_length=60, default="")
    request = models.CharField(max_length=60, default="")
    algorithm = models.CharField(max_length=20)
    previous = models.CharField(max_length=80)
    hash = models.CharField(max_length=80)

    def __str__(self) -> str:
        return f"{self.id} {self.kind} {self.object}"
