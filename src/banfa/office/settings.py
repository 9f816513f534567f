"""Django's settings. What differs from place to place comes from the environment:

DATABASE_URL        postgresql://user:password@host:port/name; unset: the embedded server
BANFA_DATA_DIR      where the embedded server and the secret key live (see banfa.office.postgres)
BANFA_SECRET_KEY    unset: made at random once, kept in the data folder
BANFA_HOSTS         host names to answer to, besides localhost, separated by commas
BANFA_HTTPS         1: reached over HTTPS only (secure cookies, HSTS, redirect)
BANFA_STATIC_ROOT   where collectstatic puts files; unset: served from the package
BANFA_TODAY         2030-11-15: the day it is taken to be (see banfa.office.clock)
BANFA_PROGRAMMES    a folder of programmes instead of those that come with Banfa
BANFA_CHAIN         sha256 (unless set) or sm3: what new acts are chained with
BANFA_DEMO          1: the demonstration, with its one-click accounts (`banfa demo` sets it)
BANFA_IDLE_MINUTES  30: a session ends after so long without use
BANFA_SESSION_HOURS 12: a session ends after so long in any case
BANFA_SESSIONS      3: sessions of one person at a time
BANFA_PASSWORD_DAYS 90: a password lasts so long; 0: for ever
BANFA_LOCK_MINUTES  15: an account is locked so long after five failures
BANFA_PROXIES       1 behind HTTPS, else 0: how many proxies of one's own stand before Banfa
BANFA_OIDC_ISSUER   the address of an OpenID Connect provider; with BANFA_OIDC_CLIENT and
                    BANFA_OIDC_SECRET, and BANFA_OIDC_NAME for the sign-in page
BANFA_MAIL          smtp://user:password@host:port (smtps:// for TLS); unset: no mail is sent
BANFA_MAIL_FROM     the sender's address
BANFA_URL           https://banfa.example.cn: where people reach it, for links in mail and calendars
BANFA_NOTICE_DAYS   365: notices are kept so long
BANFA_FILE_DAYS     30: files to which nothing refers any more are kept so long
BANFA_JOB_DAYS      90: what is known of long work; BANFA_JOB_FILE_DAYS 7: the files it made
BANFA_DEBUG         1: Django's debug pages; never where others can reach it
"""

import atexit
import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from banfa.office import postgres

PACKAGE = Path(__file__).resolve().parents[1]


def database_from_url(url: str) -> dict[str, object]:
    """Django's database entry for a PostgreSQL URL; query parameters go to libpq as they are."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(
            f"DATABASE_URL begins with {parts.scheme or 'nothing'}://; "
            "Banfa needs PostgreSQL: postgresql://user:password@host:port/name"
        )
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database: .../name is missing at its end")
    try:
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL: {error}") from error
    options: dict[str, object] = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or "") or options.pop("host", ""),
        "PORT": str(port or options.pop("port", "")),
        # A connection a request halves the throughput; the pool keeps some open per process.
        "CONN_MAX_AGE": 0,
        # The pool looks whether a connection still lives before it gives it out.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**options, "pool": {"min_size": 1, "max_size": 8, "timeout": 15}},
    }


def _database_url() -> str:
    if url := os.environ.get("DATABASE_URL"):
        return url
    server = postgres.start()
    atexit.register(server.stop)
    return server.url


DATABASES = {"default": database_from_url(_database_url())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEY = os.environ.get("BANFA_SECRET_KEY") or postgres.kept_secret(
    postgres.default_data_dir() / "secret-key"
)
DEBUG = os.environ.get("BANFA_DEBUG") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS += [host for host in os.environ.get("BANFA_HOSTS", "").split(",") if host]

PROGRAMMES_DIR = os.environ.get("BANFA_PROGRAMMES") or None
CHAIN_ALGORITHM = os.environ.get("BANFA_CHAIN") or "sha256"

ROOT_URLCONF = "banfa.office.urls"
WSGI_APPLICATION = "banfa.office.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "procrastinate.contrib.django",
    "banfa.office.desk",  # before allauth, whose templates its own stand for
    "banfa.office.notices",
    "banfa.office.evaluations",
    "banfa.office.ledger",
    "banfa.office.lists",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "axes",
    "banfa.office.people",
    "banfa.office.dossiers",
    "banfa.office.intake",
    "banfa.office.jobs",
    "banfa.office.reviews",
    "banfa.office.demo",
    "banfa.office.queues",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "banfa.office.people.sessions.TraceMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "banfa.office.desk.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "banfa.office.people.sessions.SessionMiddleware",
    "banfa.office.people.sessions.GateMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "banfa.office.desk.context.desk",
            ],
        },
    }
]

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "locale"]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "static/"
if static_root := os.environ.get("BANFA_STATIC_ROOT"):
    STATIC_ROOT = Path(static_root)
WHITENOISE_USE_FINDERS = not static_root

# --- attached files: a folder beside the database, or S3-compatible storage


def file_storage() -> dict[str, object]:
    """Where attached files lie: BANFA_S3_BUCKET and its companions, or the folder BANFA_FILES."""
    if bucket := os.environ.get("BANFA_S3_BUCKET"):
        names = ("endpoint_url", "access_key", "secret_key", "region_name")
        given = ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "REGION")
        told = {n: os.environ.get(f"BANFA_S3_{g}") for n, g in zip(names, given, strict=True)}
        options = {"bucket_name": bucket, "default_acl": None, "file_overwrite": False}
        options |= {n: v for n, v in told.items() if v}
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    folder = os.environ.get("BANFA_FILES") or str(postgres.default_data_dir() / "files")
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": folder,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "dossiers": file_storage(),
}

# --- security

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # the QR code of a second factor
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

SESSION_ENGINE = (
    "banfa.office.people.session_store"  # in the database, so that a session can be ended
)
SESSION_COOKIE_AGE = 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # pages carry the token in the form or in hx-headers
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "banfa.office.desk.errors.csrf_failure"

if os.environ.get("BANFA_HTTPS") == "1":
    SECURE_SSL_REDIRECT = True
    ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https"
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    CSRF_TRUSTED_ORIGINS = [
        f"https://{host}" for host in ALLOWED_HOSTS if not host.startswith(("127.", "["))
    ]

# --- people

DEMO = os.environ.get("BANFA_DEMO") == "1"
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "banfa.office.people.accounts.Backend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "banfa.office.people.passwords.StrengthValidator"},
    {"NAME": "banfa.office.people.passwords.CommonValidator"},
    {"NAME": "banfa.office.people.passwords.HistoryValidator"},
]
LOGIN_URL = "account_login"
SIGNED_OUT_POST = "banfa.office.desk.send_again.send_again"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"


def _number(name: str, usual: int) -> int:
    text = os.environ.get(name, "").strip() or str(usual)
    if not text.isdigit():
        raise ImproperlyConfigured(f"{name} is '{text}'; write a whole number such as {usual}")
    return int(text)


IDLE_MINUTES = _number("BANFA_IDLE_MINUTES", 30)
SESSION_HOURS = _number("BANFA_SESSION_HOURS", 12)
SESSIONS_AT_MOST = _number("BANFA_SESSIONS", 3)
PASSWORD_DAYS = _number("BANFA_PASSWORD_DAYS", 90)
LOCKOUT_MINUTES = _number("BANFA_LOCK_MINUTES", 15)
UPLOAD_MB = _number("BANFA_UPLOAD_MB", 50)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # a dossier's tables have a field in every cell
TRUSTED_PROXIES = _number("BANFA_PROXIES", int(os.environ.get("BANFA_HTTPS") == "1"))

ACCOUNT_ADAPTER = "banfa.office.people.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_CHANGE_EMAIL = False
# Failures at sign-in are counted by axes, over all processes.
ACCOUNT_RATE_LIMITS = {"login_failed": None}
MFA_ADAPTER = "banfa.office.people.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = os.environ.get("BANFA_HTTPS") != "1"  # localhost only
MFA_TOTP_TOLERANCE = 1
USERSESSIONS_TRACK_ACTIVITY = False

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=LOCKOUT_MINUTES)
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "banfa.office.people.accounts.tried_username"
AXES_CLIENT_IP_CALLABLE = "banfa.office.people.accounts.client_ip"
AXES_LOCKOUT_CALLABLE = "banfa.office.desk.errors.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # the audit log has it
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W006"]  # an account is locked from wherever it is tried

SOCIALACCOUNT_ADAPTER = "banfa.office.people.accounts.SocialAdapter"
SOCIALACCOUNT_PROVIDERS: dict[str, object] = {}
if oidc_issuer := os.environ.get("BANFA_OIDC_ISSUER"):
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": os.environ.get("BANFA_OIDC_NAME") or "统一身份认证",
                "client_id": os.environ.get("BANFA_OIDC_CLIENT", ""),
                "secret": os.environ.get("BANFA_OIDC_SECRET", ""),
                "settings": {"server_url": oidc_issuer},
            }
        ],
    }
    # A form that leads there is redirected; browsers ask the policy about that address too.
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"].append(
        "{0.scheme}://{0.netloc}".format(urlsplit(oidc_issuer))
    )


def mail_from_url(url: str) -> dict[str, object]:
    """Django's mail settings for smtp://user:password@host:port; smtps:// for TLS."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ImproperlyConfigured("BANFA_MAIL: write smtp://user:password@host:port")
    tls = parts.scheme == "smtps"
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if tls else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": tls,
    }


EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
if mail_url := os.environ.get("BANFA_MAIL"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    globals().update(mail_from_url(mail_url))
    EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("BANFA_MAIL_FROM") or "banfa@localhost"

# --- notices and jobs


def _site_url() -> str:
    """Where people reach the site, without a slash at its end."""
    scheme = "https" if os.environ.get("BANFA_HTTPS") == "1" else "http"
    usual = f"{scheme}://{ALLOWED_HOSTS[3]}" if len(ALLOWED_HOSTS) > 3 else "http://localhost:8000"
    url = os.environ.get("BANFA_URL", "").strip().rstrip("/") or usual
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ImproperlyConfigured("BANFA_URL: write https://banfa.example.cn")
    return url


SITE_URL = _site_url()
NOTICE_DAYS = _number("BANFA_NOTICE_DAYS", 365)
FILE_DAYS = _number("BANFA_FILE_DAYS", 30)
JOB_DAYS = _number("BANFA_JOB_DAYS", 90)
JOB_FILE_DAYS = _number("BANFA_JOB_FILE_DAYS", 7)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
