"""The state of the simulation: intact after failures, locked during operations, damaged for one stack at most."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines.simulation.store import Head, Store
from orchestrator.errors import RefusedError, StackLockedError, StateError
from orchestrator.model import Operation, StackStatus, Unit
from tests.support.engines import APP, BASE, Workshop

UNIT = Unit("base", "dev")
RESOURCES: dict[str, dict[str, Any]] = {"urn:a": {"urn": "urn:a", "type": "t", "name": "a", "parent": "", "inputs": {}}}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, "simulation", monkeypatch.setenv)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def state_file(shop: Workshop, unit: Unit) -> Path:
    return shop.folder / ".orchestrator" / "simulation" / unit.project / f"{unit.stack}.jsonl"


def test_a_stack_is_read_as_it_was_written(store: Store) -> None:
    head = Head(tags={"a": "b"}, outputs={"x": 1}, secret_outputs=["x"], resource_count=1, references=["r"])
    store.write(UNIT, head, RESOURCES)
    assert store.head(UNIT) == head
    assert store.resources(UNIT) == RESOURCES
    assert store.units(["base", "app"]) == [UNIT]


def test_a_full_disk_leaves_the_old_state_whole(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(UNIT, Head(resource_count=1), RESOURCES)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StateError) as failed:
        store.write(UNIT, Head(resource_count=2), {})
    assert failed.value.message == "the state of base/dev could not be written: No space left on device"
    assert store.resources(UNIT) == RESOURCES
    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == ["dev.jsonl"]


def test_a_really_full_disk_ends_in_one_sentence(shop: Workshop) -> None:
    shop.run(BASE)
    before = state_file(shop, BASE).read_bytes()
    shop.configure(BASE, size="large")
    code = (
        "import resource, signal\n"
        "from orchestrator.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))\n"
        f"raise SystemExit(main(['update-base', 'dev', '--engine', 'simulation', '--project-dir', {str(shop.folder)!r}]))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "the state of dev could not be written: File too large" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert state_file(shop, BASE).read_bytes() == before


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"version": 1}\n', b"\xff\xfe", b'{"version": 9, "body_bytes": 0, "head": {}}\n']
)
def test_a_damaged_stack_is_named_and_hides_no_other(shop: Workshop, damage: bytes) -> None:
    shop.run(BASE)
    shop.run(APP)
    state_file(shop, APP).write_bytes(damage)
    states = {stack.unit: stack.status for stack in shop.engine.stacks()}
    assert states == {APP: StackStatus.DAMAGED, BASE: StackStatus.READY}
    with pytest.raises(StateError, match="the simulated state of app/alpha is damaged"):
        shop.run(APP)


def test_a_truncated_body_is_found_by_its_length(shop: Workshop) -> None:
    shop.run(BASE)
    file = state_file(shop, BASE)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(StateError, match="the file is shorter or longer than its first line says"):
        shop.engine.resources(BASE)


def test_the_error_for_a_locked_stack_names_owner_host_and_start(shop: Workshop) -> None:
    shop.run(BASE)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\nfrom pathlib import Path\nfrom orchestrator.engines.simulation.store import Store\n"
            "from orchestrator.model import Unit\n"
            f"with Store(Path({str(shop.folder / '.orchestrator' / 'simulation')!r})).locked(Unit('base', 'dev')):\n"
            "    print('held', flush=True)\n    sys.stdin.read()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StackLockedError, match=rf"dev is locked: .*@.* \(pid {holder.pid}, since 20") as refused:
        shop.run(BASE)
    assert refused.value.owner is not None
    summary = shop.engine.stack(BASE)
    assert summary is not None
    assert summary.status is StackStatus.UPDATING
    holder.kill()
    holder.communicate()
    shop.run(BASE)
    assert shop.engine.lock_owner(BASE) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_reported(shop: Workshop) -> None:
    (shop.folder / ".orchestrator").mkdir(mode=0o500)
    with pytest.raises(StateError, match="cannot be written: Permission denied"):
        shop.run(BASE)


def test_a_file_in_place_of_the_folder_is_reported(shop: Workshop) -> None:
    (shop.folder / ".orchestrator").write_text("in the way", encoding="utf-8")
    with pytest.raises(StateError, match="the state of base/dev cannot be written: Not a directory"):
        shop.run(BASE)


def test_a_protected_resource_stops_a_destroy_before_anything_is_deleted(shop: Workshop) -> None:
    program = shop.folder / "base" / "__main__.py"
    program.write_text(
        "import pulumi, pulumi_aws as aws\naws.sns.Topic('kept', opts=pulumi.ResourceOptions(protect=True))\n",
        encoding="utf-8",
    )
    shop.run(BASE)
    with pytest.raises(RefusedError, match="dev was not destroyed: kept is protected"):
        shop.run(BASE, Operation.DESTROY)
    assert len(shop.engine.resources(BASE)) == 2


def test_secret_inputs_are_masked_where_resources_are_shown(shop: Workshop) -> None:
    program = shop.folder / "base" / "__main__.py"
    program.write_text(
        "import pulumi, pulumi_aws as aws\n"
        "aws.secretsmanager.SecretVersion('v', secret_id='s', secret_string=pulumi.Output.secret('s3cret-value'))\n",
        encoding="utf-8",
    )
    shop.run(BASE)
    shown = json.dumps([dict(resource.inputs) for resource in shop.engine.resources(BASE)])
    assert "s3cret-value" not in shown
    assert "[secret]" in shown


def test_a_replacement_gets_new_values_and_the_rest_keeps_its_own(shop: Workshop) -> None:
    program = shop.folder / "base" / "__main__.py"

    def write(image: str) -> None:
        program.write_text(
            "import pulumi, pulumi_aws as aws\n"
            f"task = aws.ecs.TaskDefinition('t', family='f', container_definitions='[{image}]')\n"
            "pulumi.export('arn', task.arn)\npulumi.export('topic', aws.sns.Topic('x').arn)\n",
            encoding="utf-8",
        )

    write("1")
    first = shop.run(BASE)
    write("2")
    second = shop.run(BASE)
    assert (second.counts.replace, second.counts.changed) == (1, 1)
    assert second.outputs["arn"].value.endswith("f:2")
    assert second.outputs["topic"].value == first.outputs["topic"].value


def test_a_resource_that_the_program_no_longer_creates_is_deleted(shop: Workshop) -> None:
    shop.run(BASE)
    (shop.folder / "base" / "__main__.py").write_text(
        "import pulumi_aws as aws\naws.sns.Topic('first')\n", encoding="utf-8"
    )
    outcome = shop.run(BASE)
    assert [(change.name, change.op.value) for change in outcome.changes] == [("first", "update"), ("second", "delete")]
