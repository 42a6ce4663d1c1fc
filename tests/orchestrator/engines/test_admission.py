"""Checks before any change: passphrase, AWS account, locks, damaged stacks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from orchestrator import Orchestrator
from orchestrator.engines.automation import admission
from orchestrator.errors import (
    EngineUnavailableError,
    OrchestratorError,
    RefusedError,
    StackLockedError,
    StateError,
)
from orchestrator.model import ChangeOp, Operation, StackStatus, Status, Unit
from tests.support.engines import APP, BASE, Workshop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, "pulumi", monkeypatch.setenv)


def orchestrator(shop: Workshop, **options: Any) -> Orchestrator:
    return Orchestrator(shop.folder, engine="pulumi", check=False, **options)


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def topic(account: str) -> dict[str, Any]:
    return {"resources": [{"outputs": {}}, {"outputs": {"arn": f"arn:aws:sns:eu-west-1:{account}:first"}}]}


def test_the_account_of_a_stack_is_that_of_its_arns() -> None:
    assert admission.account_of(topic("123456789012")) == "123456789012"
    assert admission.account_of({"resources": [{"outputs": {"arn": "arn:aws:s3:::bucket"}}]}) is None
    assert admission.account_of({}) is None


@pytest.mark.engine
def test_a_salt_fits_its_own_passphrase_only(shop: Workshop) -> None:
    shop.run(BASE)
    config = (shop.folder / "base" / "Pulumi.dev.yaml").read_text()
    salt = next(line.partition(": ")[2] for line in config.splitlines() if line.startswith("encryptionsalt"))
    assert admission.passphrase_fits("test", salt)
    assert not admission.passphrase_fits("other", salt)
    assert admission.passphrase_fits("whatever", "v2:a-format-of-the-future")


@pytest.mark.engine
def test_an_environment_whose_bases_secrets_cannot_be_read_is_refused(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run(BASE)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "other")
    with pytest.raises(RefusedError) as caught:
        orchestrator(shop).create_env("alpha", base="dev")
    assert caught.value.message == "the secrets of dev cannot be read: the stack was created with another passphrase"
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    with pytest.raises(EngineUnavailableError, match="the secrets of dev cannot be read: no passphrase is set"):
        orchestrator(shop).create_env("alpha", base="dev")
    assert not (shop.state / ".pulumi" / "stacks" / "fixture-app").exists()


def test_a_kms_key_that_does_not_decrypt_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        kms = boto3.client("kms", region_name="eu-west-1")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        good = kms.encrypt(KeyId=key, Plaintext=b"data key")["CiphertextBlob"]
        provider = {
            "type": "cloud",
            "state": {"url": f"awskms://{key}?region=eu-west-1", "encryptedkey": _base64(good)},
        }
        admission.check_secrets(BASE, provider)
        bound = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"team": "shop"})["CiphertextBlob"]
        url = f"awskms://{key}?region=eu-west-1&awssdk=v2&context_team=shop"
        admission.check_secrets(BASE, {"type": "cloud", "state": {"url": url, "encryptedkey": _base64(bound)}})
        other = {"url": f"awskms://{key}?region=us-east-1", "encryptedkey": _base64(good)}
        with pytest.raises(RefusedError, match=rf"the KMS key {key} does not decrypt them"):
            admission.check_secrets(BASE, {"type": "cloud", "state": other})


def _base64(content: bytes) -> str:
    import base64

    return base64.b64encode(content).decode()


@pytest.mark.engine
def test_another_account_than_the_stacks_is_refused(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert orchestrator(shop).create_env("alpha", base="dev").exit_code == 0
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():  # the account 123456789012, as in the stand-in's ARNs
        orchestrator(shop).update_env("alpha")
        monkeypatch.setenv("MOTO_ACCOUNT_ID", "210987654321")
        with pytest.raises(RefusedError) as caught:
            orchestrator(shop).update_env("alpha")
    assert caught.value.message == (
        "alpha was not changed: it is in the AWS account 123456789012, and the credentials are for 210987654321"
    )


@pytest.mark.engine
def test_a_stack_of_another_project_that_reads_the_base_stops_its_destruction(shop: Workshop) -> None:
    orchestrator(shop).create_env("alpha", base="dev")
    stacks = shop.state / ".pulumi" / "stacks"
    (stacks / "reports").mkdir()
    (stacks / "reports" / "nightly.json").write_bytes((stacks / "fixture-app" / "alpha.json").read_bytes())
    with pytest.raises(RefusedError, match="dev was not destroyed: reports/nightly reads its outputs"):
        orchestrator(shop).destroy_base("dev", cascade=True)
    assert shop.cloud() == ["first", "last", "second", "topic"]


@pytest.mark.engine
def test_protected_resources_are_seen_before_anything_is_destroyed(shop: Workshop) -> None:
    program = shop.folder / "base" / "__main__.py"
    program.write_text(program.read_text().replace("depends_on=[first]", "depends_on=[first], protect=True"))
    orchestrator(shop).create_base("dev")
    with pytest.raises(
        RefusedError, match=r"nothing was changed: protected resources would be destroyed: dev: second \(Topic\)"
    ):
        orchestrator(shop).destroy_base("dev")
    assert shop.cloud() == ["first", "second"]


@pytest.mark.engine
def test_a_damaged_checkpoint_is_reported_and_hides_no_other_stack(shop: Workshop) -> None:
    orchestrator(shop).create_env("alpha", base="dev")
    file = shop.state / ".pulumi" / "stacks" / "fixture-app" / "alpha.json"
    file.write_text(file.read_text()[:500])
    listed = {deployment.name: deployment.status for deployment in orchestrator(shop).list()}
    assert listed == {"dev": StackStatus.READY, "alpha": StackStatus.DAMAGED}
    with pytest.raises(StateError, match="the state of app/alpha cannot be used: the state of alpha is damaged"):
        orchestrator(shop).update_env("alpha")
    assert orchestrator(shop).update_base("dev").exit_code == 0


@pytest.mark.engine
def test_waiting_lets_the_other_one_finish(shop: Workshop) -> None:
    shop.configure(APP, base="dev", tags=json.dumps({"slow": "3"}))
    orchestrator(shop).create_base("dev")
    thread = threading.Thread(target=lambda: orchestrator(shop).create_env("alpha", base="dev"))
    thread.start()
    locks = shop.state / ".pulumi" / "locks" / "organization" / "fixture-app"
    until(lambda: list(locks.rglob("*.json")))
    with pytest.raises(StackLockedError, match=r"alpha is locked by .*@.* \(pid \d+, since "):
        orchestrator(shop).create_env("alpha", base="dev")
    report = orchestrator(shop, wait="2m").create_env("alpha", base="dev")
    thread.join()
    assert [result.status for result in report.results] == [Status.UNCHANGED]
    assert shop.cloud() == ["first", "last", "second", "topic"]


@pytest.mark.engine
def test_drift_reports_deleted_and_changed_resources(shop: Workshop) -> None:
    orchestrator(shop).create_env("alpha", base="dev")
    cloud = json.loads(shop.cloud_file.read_text())
    by_name = {item["urn"].rpartition("::")[2]: id_ for id_, item in cloud.items()}
    cloud[by_name["first"]]["state"]["tags"] = {"size": "huge"}
    del cloud[by_name["last"]]
    shop.cloud_file.write_text(json.dumps(cloud))
    report = orchestrator(shop).drift(["alpha", "dev"])
    found = {(str(r.unit), c.name, c.op, c.properties) for r in report.results for c in r.changes}
    assert found == {
        ("base/dev", "first", ChangeOp.UPDATE, ("tags",)),
        ("app/alpha", "last", ChangeOp.DELETE, ()),
    }
    assert (report.exit_code, {r.status for r in report.results}) == (0, {Status.SUCCEEDED})
    refreshed = orchestrator(shop).refresh("alpha")
    assert refreshed.result(APP).operation is Operation.REFRESH
    assert orchestrator(shop).update_env("alpha").result(APP).counts.create == 1


@pytest.mark.engine
def test_eight_at_once_on_one_environment_make_it_once(shop: Workshop) -> None:
    orchestrator(shop).create_base("dev")
    ended: list[Any] = []

    def create() -> None:
        try:
            ended.append(orchestrator(shop, wait="5m").create_env("alpha", base="dev").exit_code)
        except OrchestratorError as error:
            ended.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [0] * 8
    assert shop.cloud() == ["first", "last", "second", "topic"]


@pytest.mark.engine
def test_two_environments_created_at_once_have_different_slots(shop: Workshop) -> None:
    shop.configure(BASE, domain_name="example.com")
    orchestrator(shop).create_base("dev")
    names = ["alpha", "beta", "gamma", "delta"]
    threads = [
        threading.Thread(target=lambda name=name: orchestrator(shop).create_env(name, base="dev")) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stacks = [shop.engine.stack(Unit("app", name)) for name in names]
    slots = [stack.record.listener_slot for stack in stacks if stack and stack.record]
    assert len(slots) == len(set(slots)) == len(names)


@pytest.mark.engine
def test_keep_going_continues_with_resources_that_do_not_depend_on_a_failed_one(shop: Workshop) -> None:
    (shop.folder / "base" / "__main__.py").write_text(
        "import pulumi_aws as aws\n"
        "bad = aws.sns.Topic('bad', tags={'fail': 'no'})\n"
        "aws.sns.Topic('waits', display_name=bad.arn)\n"
        "slow = aws.sns.Topic('slow', tags={'slow': '2'})\n"
        "aws.sns.Topic('after', display_name=slow.arn)\n"
    )
    report = orchestrator(shop, keep_going=True).create_base("dev")
    assert report.result(BASE).status is Status.FAILED
    assert "bad: AccessDenied: no" in str(report.result(BASE).reason)
    assert shop.cloud() == ["after", "slow"]
