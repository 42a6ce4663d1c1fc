"""`smoke --load` on the shop, at a small size: PostgreSQL, Redis, gunicorn, Celery and the front door as real processes."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec

import pytest

from orchestrator.operations.health import load
from orchestrator.operations.health.load import LoadTest
from orchestrator.operations.health.verdicts import Verdict
from tests.live.shop import SHOP, Shop, missing, running
from tests.support.waiting import until

WHY = missing() or (None if find_spec("locust") else "Locust is not installed")
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

LOCUST_FILE = SHOP.parent / "load" / "locustfile.py"


@pytest.fixture(scope="module")
def shop() -> Generator[Shop]:
    with running("alpha") as shop:
        yield shop


def sent(shop: Shop, request: LoadTest, names: Collection[str], monkeypatch: pytest.MonkeyPatch) -> load.LoadResult:
    """The result of a load that is long enough for each of these requests on a machine as busy as this one."""
    monkeypatch.setenv("LOAD_HOST_HEADER", f"{shop.host}:{shop.port}")
    while True:
        lines: list[str] = []
        found = load.run(request, f"http://127.0.0.1:{shop.port}", lines.append)
        if {*names} <= {each.request for each in found.requests} or request.duration > timedelta(minutes=2):
            return found
        request = replace(request, duration=4 * request.duration)


def test_visitors_get_every_page_without_a_failure(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ("/", "/health/", "/reports/")
    names = [f"GET {path}" for path in sorted(paths)]
    request = LoadTest(duration=timedelta(seconds=3), users=3, rate=15, paths=paths)
    found = sent(shop, request, names, monkeypatch)
    assert [each.request for each in found.requests] == names
    assert load.verdict(request, found).verdict is Verdict.OK


def test_orders_of_the_locust_file_of_the_examples_are_packed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    request = LoadTest(duration=timedelta(seconds=12), users=4, locust_file=LOCUST_FILE)
    order, look = "POST /products/[number]/orders/", "GET /orders/[number]/"
    found = sent(shop, request, [order, look], monkeypatch)
    assert load.verdict(request, found).verdict is Verdict.OK
    count = {each.request: each.requests for each in found.requests}
    orders = count[order]
    assert count[look] <= orders
    stored = (
        "from catalog.models import Order; print(Order.objects.count(), Order.objects.exclude(packed_at=None).count())"
    )
    # The last requests may be cut off after the shop has stored their order.
    until(lambda: len(set(shop.python(stored).split())) == 1, "the worker packs every order")
    assert int(shop.python(stored).split()[0]) >= orders > 0


def test_a_page_that_is_not_there_fails_the_load(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    request = LoadTest(duration=timedelta(seconds=2), users=2, paths=("/", "/no-such-page/"))
    found = sent(shop, request, ["GET /no-such-page/"], monkeypatch)
    check = load.verdict(request, found)
    assert check.verdict is Verdict.FAIL
    assert "GET /no-such-page/: 404" in check.evidence
