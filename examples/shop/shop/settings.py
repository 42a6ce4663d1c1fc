"""Settings that read what an environment hands over. docs/django.md explains each variable."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from shop import environment

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = os.environ.get("SHOP_VERSION", "1")

# Basics
SECRET_KEY = environment.text("SECRET_KEY")
DEBUG = environment.flag("DEBUG")
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
ASGI_APPLICATION = "shop.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "catalog",
    # Further applications, for example one with a migration that a test needs.
    *environment.names("SHOP_EXTRA_APPS", ""),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Behind the load balancer. It sends health checks with the task's address as host, and only its rules reach the tasks,
# so ALLOWED_HOSTS is `*` by default.
ALLOWED_HOSTS = environment.names("ALLOWED_HOSTS", "*")
SITE_URL = environment.url("FRONTEND_URL", "http", "https")
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = urlsplit(SITE_URL).scheme == "https"

# Database. PostgreSQL on RDS accepts only TLS.
DATABASES = {
    "default": {
        **environment.database("DATABASE_URL"),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"sslmode": environment.text("DB_SSLMODE", "require"), "connect_timeout": 10},
    }
}

# Cache and websockets. Environments that share a Redis have a key prefix each. The SQS broker needs no Redis.
if "REDIS_URL" in os.environ:
    _redis, _prefix = environment.url("REDIS_URL", "redis", "rediss"), os.environ.get("REDIS_KEY_PREFIX", "")
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _redis, "KEY_PREFIX": _prefix}
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # The layer waits 5 s for a message. redis-py 8 gives up after the same time, which closes quiet websockets.
            "CONFIG": {"hosts": [{"address": _redis, "socket_timeout": 15}], "prefix": f"{_prefix}channels"},
        }
    }

# Celery, with Redis or SQS as broker.
CELERY_BROKER_URL = environment.url("CELERY_BROKER_URL", "redis", "rediss", "sqs")
CELERY_BROKER_TRANSPORT_OPTIONS = environment.document("CELERY_BROKER_TRANSPORT_OPTIONS")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# A task without a queue goes to `celery`, which the worker `default` also reads.
CELERY_TASK_ROUTES = {"catalog.tasks.report_stock": {"queue": "default"}}
CELERY_BEAT_SCHEDULE = {
    "report stock": {
        "task": "catalog.tasks.report_stock",
        "schedule": environment.number("SHOP_REPORT_SECONDS", "60"),
    }
}

# Files. WhiteNoise serves static files from the image; uploads go to the environment's bucket.
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": environment.text("S3_BUCKET_NAME"),
            "region_name": environment.text("AWS_REGION"),
            "location": f"{environment.text('APP_NAME', 'shop')}/media",
            "file_overwrite": False,
        },
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# ECS keeps what containers write to their output.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name} {message}", "style": "{"}},
    "handlers": {"output": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["output"], "level": "INFO"},
}
