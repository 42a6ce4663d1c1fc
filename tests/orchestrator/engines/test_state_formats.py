"""State files of the CLI: plain, gzip, Zstandard, current and older layout."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from orchestrator.engines.automation import state_formats
from orchestrator.engines.automation.diy_backend import Backend, open_backend
from orchestrator.engines.automation.state_formats import UnknownFormatError
from orchestrator.errors import OperationFailedError, StateError
from orchestrator.model import Operation, StackStatus
from tests.support.engines import APP, BASE, Workshop

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".json": bytes,
    ".json.gz": gzip.compress,
    ".json.zst": zstandard.compress,
}
LATEST = {"resources": [], "metadata": {"of": "here"}}


def backend_in(folder: Path) -> Backend:
    backend = open_backend(f"file://{folder}")
    assert backend is not None
    return backend


def put(folder: Path, name: str, content: bytes) -> Path:
    file = folder / ".pulumi" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def checkpoint(**latest: Any) -> bytes:
    return json.dumps({"version": 3, "checkpoint": {"latest": latest or LATEST}}).encode()


@pytest.mark.parametrize("form", PACK)
def test_a_stack_exists_in_every_format(tmp_path: Path, form: str) -> None:
    put(tmp_path, f"stacks/shop/alpha{form}", PACK[form](checkpoint()))
    put(tmp_path, "stacks/shop/alpha.pulumi-tags", b'{"tags": {"a": "b"}}')
    backend = backend_in(tmp_path)
    assert backend.stacks("shop") == ["alpha"]
    assert list(backend.listing("shop").stamps) == ["alpha"]
    assert list(backend.everything()) == [("shop", "alpha")]
    assert backend.checkpoint("shop", "alpha") == LATEST
    assert backend.stamp("shop", "alpha") == backend.listing("shop").stamps["alpha"]
    assert backend.claims("shop") == {}
    backend.reserve("shop", "alpha")


@pytest.mark.parametrize("form", PACK)
def test_the_last_failure_is_read_in_every_format(tmp_path: Path, form: str) -> None:
    put(tmp_path, "history/shop/alpha/alpha-1790000000000000000.history.json", b'{"result": "succeeded"}')
    assert backend_in(tmp_path).ending("shop", "alpha").failed is False
    put(tmp_path, f"history/shop/alpha/alpha-1790000000000000001.history{form}", PACK[form](b'{"result": "failed"}'))
    assert backend_in(tmp_path).ending("shop", "alpha").failed is True


def test_a_stack_whose_only_update_failed_has_never_finished(tmp_path: Path) -> None:
    put(tmp_path, "history/shop/alpha/alpha-1.history.json", b'{"result": "failed"}')
    put(tmp_path, "history/shop/alpha/alpha-1.history.json.attrs", b"{}")
    assert backend_in(tmp_path).ending("shop", "alpha").finished is False
    put(tmp_path, "history/shop/alpha/alpha-2.history.json", b'{"result": "succeeded"}')
    put(tmp_path, "history/shop/alpha/alpha-3.history.json", b'{"result": "failed"}')
    assert backend_in(tmp_path).ending("shop", "alpha").finished is True


def test_the_content_decides_the_format_and_not_the_name(tmp_path: Path) -> None:
    put(tmp_path, "stacks/shop/alpha.json", zstandard.compress(checkpoint()))
    put(tmp_path, "stacks/shop/beta.json.gz", checkpoint())
    backend = backend_in(tmp_path)
    assert backend.checkpoint("shop", "alpha") == backend.checkpoint("shop", "beta") == LATEST


def test_the_newest_of_several_formats_counts(tmp_path: Path) -> None:
    for age, form in enumerate(PACK):
        file = put(tmp_path, f"stacks/shop/alpha{form}", PACK[form](checkpoint(of=form)))
        os.utime(file, (1_790_000_000 - age, 1_790_000_000 - age))
    backend = backend_in(tmp_path)
    assert backend.stacks("shop") == ["alpha"]
    assert backend.checkpoint("shop", "alpha") == {"of": ".json"}
    os.utime(tmp_path / ".pulumi/stacks/shop/alpha.json.zst")
    assert backend.checkpoint("shop", "alpha") == {"of": ".json.zst"}


@pytest.mark.parametrize("name", ["alpha.json.xz", "alpha.json.br", "alpha.yaml"])
def test_an_unknown_format_is_an_error_and_never_an_absent_stack(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"stacks/shop/{name}", b"?")
    backend = backend_in(tmp_path)
    assert backend.stacks("shop") == ["alpha"]
    with pytest.raises(UnknownFormatError, match=f"the state of alpha has an unknown format .*{name}"):
        backend.checkpoint("shop", "alpha")
    put(tmp_path, "stacks/shop/alpha.json", checkpoint())
    assert backend.checkpoint("shop", "alpha") == LATEST


def test_an_unknown_format_of_the_newest_history_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "history/shop/alpha/alpha-1.history.json", b'{"result": "succeeded"}')
    put(tmp_path, "history/shop/alpha/alpha-2.history.json.xz", b"?")
    with pytest.raises(UnknownFormatError, match="the history of alpha has an unknown format"):
        backend_in(tmp_path).ending("shop", "alpha")


@pytest.mark.parametrize(
    "name",
    ["alpha.json.bak", "alpha.json.gz.bak", "alpha.json.zst.bak", "alpha.json.1790000000", "alpha.json.gz.1790000000",
     "alpha.json.attrs", "alpha.pulumi-tags", "tmp4x1"],
)  # fmt: skip
def test_other_files_beside_a_state_are_not_stacks(name: str) -> None:
    assert state_formats.stack_of(name) is None


@pytest.mark.parametrize("form", [".json.gz", ".json.zst"])
def test_a_file_that_is_cut_off_is_damaged_and_its_backup_named(tmp_path: Path, form: str) -> None:
    put(tmp_path, f"stacks/shop/alpha{form}", PACK[form](checkpoint(many=list(range(999))))[:-9])
    with pytest.raises(StateError, match=rf"alpha{form} cannot be unpacked") as caught:
        backend_in(tmp_path).checkpoint("shop", "alpha")
    assert f"alpha{form}.bak" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["stacks/alpha.json", "stacks/alpha.json.gz"])
def test_the_older_layout_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, checkpoint())
    with pytest.raises(StateError, match="older layout, in which stacks belong to no project") as caught:
        backend_in(tmp_path).check_layout()
    assert "pulumi state upgrade" in str(caught.value.hint)
    put(tmp_path, "meta.yaml", b"version: 1\n")
    backend_in(tmp_path).check_layout()


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    backend_in(tmp_path).check_layout()
    put(tmp_path, "meta.yaml", b"version: 2\n")
    with pytest.raises(StateError, match="the state has layout 2, and this program supports layout 1"):
        backend_in(tmp_path).check_layout()


@pytest.mark.engine
@pytest.mark.parametrize("variable", ["PULUMI_DIY_BACKEND_GZIP", "PULUMI_DIY_BACKEND_ZSTD"])
def test_the_real_clis_packed_state_is_the_same_as_a_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv)
    shop.run(BASE)  # plain: the next update packs it
    monkeypatch.setenv(variable, "true")
    shop.engine = shop.another()
    shop.run(BASE)
    shop.configure(APP, base="dev", tags='{"fail": "not today"}')
    with pytest.raises(OperationFailedError, match="not today"):
        shop.run(APP)
    failed = shop.another().stack(APP)
    assert failed is not None
    assert failed.status is StackStatus.FAILED
    shop.configure(APP, base="dev")
    shop.run(APP)
    files = {file.name for file in (shop.state / ".pulumi/stacks").rglob("*.json*") if file.suffix != ".bak"}
    packed = {".gz", ".zst"} & {Path(name).suffix for name in files}
    if not packed:
        pytest.skip(f"this CLI does not know {variable}")
    engine = shop.another()
    assert [(stack.unit, stack.status) for stack in engine.stacks()] == [
        (APP, StackStatus.READY),
        (BASE, StackStatus.READY),
    ]
    assert engine.readers([BASE]) == {BASE: ("fixture-app/alpha",)}
    assert engine.resources(APP)
    assert engine.stamp(APP)
    for unit in (APP, BASE):
        shop.run(unit, Operation.DESTROY)
    assert shop.another().stacks() == ()
    assert shop.cloud() == []


@pytest.mark.engine
def test_an_unknown_format_is_an_error_in_the_search_for_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv)
    put(shop.state, "stacks/fixture-app/alpha.json.xz", b"?")
    assert [(stack.unit, stack.status) for stack in shop.engine.stacks()] == [(APP, StackStatus.DAMAGED)]
    with pytest.raises(UnknownFormatError):
        shop.engine.readers([BASE])
