"""Readers of environment variables. A missing or malformed variable stops the process at its start, with its name."""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """Return the value of a variable. An empty value counts as missing."""
    value = os.environ.get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"The environment variable {name} is missing.")
    return value


def flag(name: str, default: str = "0") -> bool:
    """Return True for `1` and False for `0`."""
    value = text(name, default)
    if value not in ("0", "1"):
        raise ImproperlyConfigured(f"{name} must be 0 or 1.")
    return value == "1"


def number(name: str, default: str | None = None) -> float:
    """Return a positive number."""
    try:
        value = float(text(name, default))
    except ValueError:
        value = 0.0
    if value <= 0:
        raise ImproperlyConfigured(f"{name} must be a positive number.")
    return value


def names(name: str, default: str) -> list[str]:
    """Return the parts of a value with commas."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def url(name: str, *schemes: str, default: str | None = None) -> str:
    """Return a URL with one of the schemes. The message never repeats the value, which can contain a password."""
    value = text(name, default)
    if urlsplit(value).scheme not in schemes:
        raise ImproperlyConfigured(f"{name} must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}.")
    return value


def document(name: str) -> dict[str, Any]:
    """Return the JSON object in a variable; without the variable, an empty one."""
    try:
        value = json.loads(os.environ.get(name) or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ImproperlyConfigured(f"{name} must be a JSON object.")
    return value


def database(name: str) -> Mapping[str, Any]:
    """Return Django's settings of the PostgreSQL database with this URL."""
    parts = urlsplit(url(name, "postgres", "postgresql"))
    try:
        port = parts.port or 5432
    except ValueError:
        raise ImproperlyConfigured(f"The port in {name} must be a number from 1 to 65535.") from None
    if not parts.hostname or not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{name} must have a host and the name of a database.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname,
        "PORT": port,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
    }
