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
BANFA_DEBUG         1: Django's debug pages; never where others can reach it
"""

import atexit
import os
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
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "banfa.office.ledger",
    "banfa.office.desk",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "banfa.office.desk.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
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

# --- security

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
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

SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # pages carry the token in the form or in hx-headers
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "banfa.office.desk.errors.csrf_failure"

if os.environ.get("BANFA_HTTPS") == "1":
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    CSRF_TRUSTED_ORIGINS = [
        f"https://{host}" for host in ALLOWED_HOSTS if not host.startswith(("127.", "["))
    ]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
