"""Small Django repositories, written file by file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

MANAGE = """import os
import django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")
"""

SETTINGS = """import os
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = os.environ.get("DEBUG") == "1"
ROOT_URLCONF = "{package}.urls"
WSGI_APPLICATION = "{package}.wsgi.application"
INSTALLED_APPS = ["django.contrib.admin"]
"""


def repository(folder: Path, files: Mapping[str, str] = {}, *, package: str = "shop") -> Path:
    """Write a Django repository with one settings module, and more files or other texts."""
    texts = {
        "manage.py": MANAGE.format(settings=f"{package}.settings"),
        f"{package}/__init__.py": "",
        f"{package}/settings.py": SETTINGS.format(package=package),
        f"{package}/urls.py": "from django.urls import path\nurlpatterns = []\n",
        f"{package}/wsgi.py": "application = None\n",
        **files,
    }
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def start_project(folder: Path, name: str) -> Path:
    """Run `django-admin startproject`."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "django", "startproject", name, str(folder)], check=True, timeout=300)
    return folder
