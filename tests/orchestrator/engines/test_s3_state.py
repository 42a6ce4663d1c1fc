"""The real engine with its state on S3, served by moto on this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import boto3
import pytest
import zstandard
from moto.server import ThreadedMotoServer

from orchestrator.engines import processes
from orchestrator.engines.automation.diy_backend import S3Files, open_backend
from orchestrator.errors import EngineUnavailableError, StackLockedError, StateError
from orchestrator.model import Kind, Operation, Record, StackStatus
from tests.support.engines import APP, BASE, Workshop


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """The address of a state bucket."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    client.create_bucket(Bucket="state")
    yield f"s3://state/team?region=us-east-1&endpoint=http://{host}:{port}&s3ForcePathStyle=true"
    server.stop()


def test_files_are_written_read_listed_and_deleted_below_the_prefix(bucket: str) -> None:
    files = S3Files(bucket)
    files.write(".pulumi/stacks/p/dev.json", b"{}")
    assert files.names(".pulumi/stacks") == [".pulumi/stacks/p/dev.json"]
    assert files.read(".pulumi/stacks/p/dev.json") == b"{}"
    files.delete(".pulumi/stacks/p/dev.json")
    assert files.read(".pulumi/stacks/p/dev.json") is None


def test_a_missing_bucket_is_reported(bucket: str) -> None:
    backend = open_backend(bucket.replace("s3://state/", "s3://nowhere/"))
    assert backend is not None
    with pytest.raises(EngineUnavailableError, match=r"the state in s3://nowhere cannot be reached: .*NoSuchBucket"):
        backend.stacks("p")


@pytest.mark.engine
def test_create_look_and_destroy(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv, backend=bucket)
    record = Record(kind=Kind.AD_HOC, owner="ada")
    shop.run(BASE, record=record)
    shop.run(APP)
    summary = shop.another().stack(BASE)
    assert summary is not None
    assert (summary.status, summary.record) == (StackStatus.READY, record)
    assert [stack.unit for stack in shop.engine.stacks()] == [APP, BASE]
    for unit in (APP, BASE):
        shop.run(unit, Operation.DESTROY)
    assert shop.engine.stacks() == ()
    assert shop.cloud() == []


def test_a_lock_in_the_bucket_is_held_by_one_and_a_dead_ones_is_taken(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.engines.automation.storage.PATIENCE_SECONDS", 0)
    files = S3Files(bucket)
    with (
        files.exclusive(".pulumi/orchestrator/slots-dev"),
        pytest.raises(StackLockedError, match="slots-dev is locked by another orchestrator"),
        S3Files(bucket).exclusive(".pulumi/orchestrator/slots-dev"),
    ):
        pytest.fail("two hold it")
    with S3Files(bucket).exclusive(".pulumi/orchestrator/slots-dev"):
        pass
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = {**processes.of_pid(gone.pid).document(), "started": "1", "timestamp": "2026-11-01T00:00:00Z"}
    files.write(".pulumi/orchestrator/slots-dev.json", json.dumps(left).encode())
    with files.exclusive(".pulumi/orchestrator/slots-dev"):
        pass


def test_a_lease_of_a_process_that_cannot_be_seen_is_kept(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.engines.automation.storage.PATIENCE_SECONDS", 0)
    files = S3Files(bucket)
    # Another container may have the same host name, so a missing process id proves nothing.
    other = {"username": "ada", "hostname": socket.gethostname(), "pid": 2**22, "timestamp": "2026-11-01T00:00:00Z"}
    files.write(".pulumi/orchestrator/slots-dev.json", json.dumps(other).encode())
    with pytest.raises(StackLockedError), files.exclusive(".pulumi/orchestrator/slots-dev"):
        pytest.fail("it was taken")


def test_stamps_change_with_the_content(bucket: str) -> None:
    files = S3Files(bucket)
    files.write(".pulumi/stacks/p/dev.json", b"{}")
    name = ".pulumi/stacks/p/dev.json"
    before = files.variants(name)[name].stamp
    assert files.stamps(".pulumi/stacks/p") == {name: before}
    files.write(name, b"[]")
    assert files.variants(name)[name].stamp != before
    assert files.variants(".pulumi/stacks/p/none.json") == {}


def test_the_newest_form_in_a_bucket_counts(bucket: str) -> None:
    files, backend = S3Files(bucket), open_backend(bucket)
    assert backend is not None
    checkpoint = b'{"version": 3, "checkpoint": {"latest": {"resources": [{"urn": "%s", "type": "t"}]}}}'
    files.write(".pulumi/stacks/packed/dev.json.zst", zstandard.compress(checkpoint % b"1"))
    files.write(".pulumi/stacks/packed/dev-2.json", checkpoint % b"2")
    assert backend.stacks("packed") == ["dev", "dev-2"]
    assert backend.checkpoint("packed", "dev") == {"resources": [{"urn": "1", "type": "t"}]}
    files.delete(".pulumi/stacks/packed/dev.json.zst")
    files.write(".pulumi/stacks/packed/dev.json.lz4", b"?")
    with pytest.raises(StateError, match=r"has an unknown format \(.*dev.json.lz4\)"):
        backend.checkpoint("packed", "dev")


def test_files_are_encrypted_with_the_settings_in_the_url(bucket: str) -> None:
    files = S3Files(f"{bucket}&ssetype=aws:kms&kmskeyid=alias/state")
    files.write(".pulumi/stacks/kept/dev.pulumi-tags", b"{}")
    with files.exclusive(".pulumi/orchestrator/kept"):
        for name in (".pulumi/stacks/kept/dev.pulumi-tags", ".pulumi/orchestrator/kept.json"):
            kept = files._client.head_object(Bucket="state", Key=f"team/{name}")  # pyright: ignore[reportPrivateUsage]
            assert (kept["ServerSideEncryption"], kept["SSEKMSKeyId"]) == ("aws:kms", "alias/state")


def test_the_region_of_the_environment_counts_as_for_the_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    def endpoint(url: str) -> str:
        return S3Files(url)._client.meta.endpoint_url  # pyright: ignore[reportPrivateUsage]

    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert endpoint("s3://state") == "https://s3.eu-central-1.amazonaws.com"
    assert endpoint("s3://state?region=eu-west-1") == "https://s3.eu-west-1.amazonaws.com"
    dual = S3Files("s3://state?dualstack=true&fips=true&region=us-east-1")
    config = dual._client.meta.config  # pyright: ignore[reportPrivateUsage]
    assert (config.use_dualstack_endpoint, config.use_fips_endpoint) == (True, True)
