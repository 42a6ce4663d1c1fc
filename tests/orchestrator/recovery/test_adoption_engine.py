"""The real engine, killed during a create: import, refresh and the next update accept the adopted resource."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.recovery.adoption import Adoption, find_pending
from orchestrator.recovery.state_edit import adopted_state
from tests.support.aws import client, pairs
from tests.support.engines import BASE, Workshop

pytestmark = pytest.mark.engine

PROGRAM = """
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
provider = aws.Provider("aws", region="us-east-1", default_tags={"tags": {"base": "dev"}})
opts = pulumi.ResourceOptions(provider=provider)
first = aws.sns.Topic("first", name="first", opts=opts)
middle = aws.sns.Topic(
    "middle",
    name=config.require("name"),
    display_name=pulumi.Output.secret("s3cret-value"),
    delivery_policy=first.arn,
    tags={"slow": config.require("slow")},
    opts=opts,
)
aws.sns.Topic("last", name="last", display_name=middle.arn, opts=opts)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv)
    (shop.folder / "base" / "__main__.py").write_text(PROGRAM)
    with mock_aws():
        yield shop


def pulumi(shop: Workshop, *words: str) -> str:
    done = subprocess.run(
        ["pulumi", *words, "--stack", "dev", "--non-interactive"],
        cwd=shop.folder / "base",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def until(condition: Callable[[], Any], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def latest(shop: Workshop) -> dict[str, Any]:
    file = shop.state / ".pulumi" / "stacks" / "fixture-base" / "dev.json"
    return json.loads(file.read_text())["checkpoint"]["latest"] if file.exists() else {}


def killed_while_creating(shop: Workshop) -> None:
    """An update whose engine is killed while `middle` is being made; the provider finishes what it began."""
    before = len(shop.cloud())
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--stack", "dev", "--non-interactive"],
        cwd=shop.folder / "base",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: latest(shop).get("pending_operations"))
    until(lambda: len(latest(shop).get("resources") or ()) >= 3)
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    until(lambda: len(shop.cloud()) > before and "middle" in shop.cloud())
    pulumi(shop, "cancel", "--yes")


def in_aws(shop: Workshop) -> None:
    """What the stand-in provider made, in the emulated AWS."""
    for item in json.loads(shop.cloud_file.read_text()).values():
        state = item["state"]
        tags = {"base": "dev", **(state.get("tags") or {})}
        assert client("sns").create_topic(Name=state["name"], Tags=pairs(tags))["TopicArn"] == state["arn"]


def adopt(shop: Workshop) -> list[str]:
    """What the orchestrator does before its next update; names of what was adopted."""
    exported = json.loads(pulumi(shop, "stack", "export"))
    assert exported["deployment"]["pending_operations"]
    in_aws(shop)
    findings = find_pending(exported["deployment"], client)
    edited = {**exported, "deployment": adopted_state(exported["deployment"], findings)}
    file = shop.folder / "edited.json"
    file.write_text(json.dumps(edited))
    assert "s3cret-value" not in file.read_text()
    pulumi(shop, "stack", "import", "--file", str(file))
    return [item.urn.rpartition("::")[2] for item in findings if isinstance(item, Adoption)]


def changes(shop: Workshop, *words: str) -> dict[str, int]:
    document = json.loads(pulumi(shop, "preview", "--json", *words))
    return {op: count for op, count in document["changeSummary"].items() if op != "same"}


def test_a_killed_create_is_adopted_and_the_next_update_makes_only_the_rest(shop: Workshop) -> None:
    shop.configure(BASE, name="middle", slow="4")
    pulumi(shop, "stack", "init")
    killed_while_creating(shop)
    assert adopt(shop) == ["middle"]
    pulumi(shop, "refresh", "--yes", "--skip-preview")
    assert changes(shop) == {"create": 1}
    pulumi(shop, "up", "--yes", "--skip-preview")
    assert shop.cloud() == ["first", "last", "middle"]
    assert changes(shop, "--refresh") == {}
    assert "s3cret-value" not in json.dumps(latest(shop))
    pulumi(shop, "destroy", "--yes", "--skip-preview")
    assert shop.cloud() == []


def test_a_killed_replacement_is_adopted_and_the_next_update_deletes_the_old_resource(shop: Workshop) -> None:
    shop.configure(BASE, name="middle-1", slow="0")
    pulumi(shop, "stack", "init")
    pulumi(shop, "up", "--yes", "--skip-preview")
    shop.configure(BASE, name="middle-2", slow="4")
    killed_while_creating(shop)
    assert shop.cloud() == ["first", "last", "middle", "middle"]
    assert adopt(shop) == ["middle"]
    pulumi(shop, "up", "--yes", "--skip-preview", "--refresh")
    assert shop.cloud() == ["first", "last", "middle"]
    names = [item["state"]["name"] for item in json.loads(shop.cloud_file.read_text()).values()]
    assert sorted(names) == ["first", "last", "middle-2"]
    assert changes(shop, "--refresh") == {}


def test_a_create_without_a_resource_is_dropped_and_repeated(shop: Workshop) -> None:
    shop.configure(BASE, name="middle", slow="4")
    pulumi(shop, "stack", "init")
    killed_while_creating(shop)
    cloud = json.loads(shop.cloud_file.read_text())
    shop.cloud_file.write_text(json.dumps({id_: item for id_, item in cloud.items() if "middle" not in id_}))
    assert adopt(shop) == []
    assert "pending operations" not in pulumi(shop, "up", "--yes", "--skip-preview")
    assert shop.cloud() == ["first", "last", "middle"]
