import os
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core.signals import request_started


def note_post(environ: dict[str, Any] | None = None, **_: Any) -> None:
    """Write the file `posting` when the application has the beginning of a form."""
    if environ is not None and environ["REQUEST_METHOD"] == "POST":
        (Path(os.environ["SHOP_TEST_FOLDER"]) / "posting").touch()


class WaitingConfig(AppConfig):
    name = "waiting"

    def ready(self) -> None:
        request_started.connect(note_post, dispatch_uid="waiting")
