import os
import time
from pathlib import Path

from catalog.models import StockReport
from celery import shared_task


@shared_task
def wait_for_file() -> None:
    """Report the start, wait for `go`, write to the database and report the end."""
    folder = Path(os.environ["SHOP_TEST_FOLDER"])
    (folder / "started").touch()
    for _ in range(1000):
        if (folder / "go").exists():
            break
        time.sleep(0.1)
    StockReport.objects.create(articles=4711)
    (folder / "done").touch()


@shared_task
def note(text: str) -> None:
    """Write a file with this name."""
    (Path(os.environ["SHOP_TEST_FOLDER"]) / text).touch()
