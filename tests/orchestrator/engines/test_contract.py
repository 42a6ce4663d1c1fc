"""The contract of the engines: one suite for both."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.engines import processes
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OperationFailedError, OrchestratorError, UnknownStackError
from orchestrator.events import Diagnostic, ResourceEvent
from orchestrator.lifecycle.job import to_wire
from orchestrator.model import UNKNOWN, ChangeOp, Kind, Operation, Record, StackStatus, Unit
from tests.support.engines import APP, BASE, Workshop

RECORD = Record(kind=Kind.AD_HOC, owner="ada", created=datetime(2026, 11, 1, tzinfo=UTC), listener_slot=3)


@pytest.fixture(params=["simulation", pytest.param("pulumi", marks=pytest.mark.engine)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, request.param, monkeypatch.setenv)


def test_a_created_stack_has_outputs_resources_and_its_record(shop: Workshop) -> None:
    outcome = shop.run(BASE, record=RECORD)
    assert (outcome.counts.create, outcome.counts.changed) == (3, 3)
    assert outcome.outputs["base_stack_name"].value == "dev"
    summary = shop.engine.stack(BASE)
    assert summary is not None
    assert summary.status is StackStatus.READY
    assert summary.record == RECORD
    assert {resource.name for resource in shop.engine.resources(BASE)} >= {"first", "second"}


def test_secret_outputs_are_marked_and_never_shown(shop: Workshop) -> None:
    outcome = shop.run(BASE)
    assert outcome.outputs["token"].secret
    summary = shop.engine.stack(BASE)
    assert summary is not None
    assert summary.outputs["token"].shown() == "[secret]"
    assert "s3cret-value" not in repr(outcome)


def test_running_again_changes_nothing(shop: Workshop) -> None:
    shop.run(BASE)
    again = shop.run(BASE)
    assert again.counts.changed == 0
    assert again.changes == ()


def test_a_changed_value_updates_only_the_resources_that_use_it(shop: Workshop) -> None:
    shop.run(BASE)
    shop.configure(BASE, size="large")
    outcome = shop.run(BASE)
    assert [(change.name, change.op) for change in outcome.changes] == [("first", ChangeOp.UPDATE)]
    assert outcome.changes[0].properties == ("tags",)


def test_reads_and_default_providers_are_not_changes(shop: Workshop) -> None:
    shop.run(BASE)
    made = shop.run(APP)
    assert sorted(change.name for change in made.changes) == ["fixture-app-alpha", "last", "topic"]
    assert (made.counts.create, made.counts.total) == (3, 3)
    listed = shop.engine.stack(APP)
    assert listed is not None
    assert listed.resource_count == 3, "the list counts as the update did"
    assert shop.run(APP).counts.same == 3
    gone = shop.run(APP, Operation.DESTROY)
    assert sorted(change.name for change in gone.changes) == ["fixture-app-alpha", "last", "topic"]
    assert gone.counts.delete == 3


def test_the_output_and_logs_of_a_program_become_events(shop: Workshop, capfd: pytest.CaptureFixture[str]) -> None:
    program = shop.folder / "base" / "__main__.py"
    text = program.read_text(encoding="utf-8")
    program.write_text(f"{text}\nprint('printed')\npulumi.log.info('logged')\npulumi.log.warn('warned')\n")
    outcome = shop.run(BASE)
    told = {(event.severity, event.message) for event in shop.events if isinstance(event, Diagnostic)}
    assert told >= {("info", "printed"), ("info", "logged"), ("warning", "warned")}
    assert outcome.warnings == ("warned",)
    assert capfd.readouterr().out == ""


def test_an_environment_reads_its_base_and_is_listed_as_a_reader(shop: Workshop) -> None:
    shop.run(BASE)
    shop.run(APP)
    summary = shop.engine.stack(APP)
    assert summary is not None
    assert summary.references == (shop.engine.reference_name(BASE),)
    assert [stack.unit for stack in shop.engine.stacks()] == [APP, BASE]


def test_a_missing_base_is_an_error_that_names_it(shop: Workshop) -> None:
    with pytest.raises(OrchestratorError, match="fixture-base/dev"):
        shop.run(APP)


def test_the_error_of_a_failed_program_has_its_message_and_the_next_run_finishes(shop: Workshop) -> None:
    shop.configure(BASE, boom=True)
    with pytest.raises(OperationFailedError, match="boom in the program") as failed:
        shop.run(BASE)
    assert "Traceback" not in failed.value.message
    summary = shop.engine.stack(BASE)
    assert summary is not None
    assert summary.status is StackStatus.FAILED
    shop.configure(BASE)
    shop.run(BASE)
    assert {resource.name for resource in shop.engine.resources(BASE)} >= {"first", "second"}


def test_a_preview_shows_the_changes_of_an_update_and_changes_nothing(shop: Workshop) -> None:
    preview = shop.run(BASE, Operation.PREVIEW)
    assert preview.counts.create == 3
    assert preview.outputs["arn"].value == UNKNOWN
    assert shop.engine.stacks() == ()
    assert shop.cloud() == []
    config = (shop.folder / "base" / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    assert config == "config: {}\n"


def test_an_environment_is_previewed_before_its_base_exists(shop: Workshop) -> None:
    base = shop.run(BASE, Operation.PREVIEW)
    handed_over = {shop.engine.reference_name(BASE): {"arn": base.outputs["arn"].value}}
    assert shop.run(APP, Operation.PREVIEW, upstream_outputs=handed_over).counts.create == 3
    assert shop.engine.stacks() == ()


def test_an_environment_that_does_not_exist_is_previewed_on_a_base_that_does(shop: Workshop) -> None:
    shop.run(BASE)
    assert shop.run(APP, Operation.PREVIEW).counts.create >= 3
    assert [stack.unit for stack in shop.engine.stacks()] == [BASE]


PLAIN_REFERENCE = """
import pulumi
import pulumi_aws as aws

base = pulumi.StackReference(f"organization/fixture-base/{pulumi.Config().require('base')}")
aws.sns.Topic("topic", display_name=base.require_output("arn"), tags={"token": base.require_output("token")})
pulumi.export("url", base.get_output("nothing"))
"""


def test_a_program_with_an_ordinary_stack_reference_is_previewed_on_a_base_that_exists(shop: Workshop) -> None:
    (shop.folder / "app" / "__main__.py").write_text(PLAIN_REFERENCE, encoding="utf-8")
    shop.run(BASE)
    assert shop.run(APP, Operation.PREVIEW).counts.create == 2
    assert [stack.unit for stack in shop.engine.stacks()] == [BASE]


def test_a_program_with_an_ordinary_stack_reference_is_previewed_on_a_base_that_is_only_planned(shop: Workshop) -> None:
    (shop.folder / "app" / "__main__.py").write_text(PLAIN_REFERENCE, encoding="utf-8")
    base = shop.run(BASE, Operation.PREVIEW)
    handed_over = {shop.engine.reference_name(BASE): to_wire(base.outputs)}
    assert shop.run(APP, Operation.PREVIEW, upstream_outputs=handed_over).counts.create == 2
    assert shop.engine.stacks() == ()


def test_destroying_leaves_neither_resources_nor_stack_and_keeps_the_configuration(shop: Workshop) -> None:
    shop.run(BASE)
    outcome = shop.run(BASE, Operation.DESTROY)
    assert outcome.counts.delete == 3
    assert shop.engine.stack(BASE) is None
    assert shop.cloud() == []
    assert (shop.folder / "base" / "Pulumi.dev.yaml").exists()


def test_a_stack_that_does_not_exist_cannot_be_destroyed_or_read(shop: Workshop) -> None:
    nope = Unit("base", "nope")
    with pytest.raises(UnknownStackError, match="nope does not exist"):
        shop.run(nope, Operation.DESTROY)
    with pytest.raises(UnknownStackError):
        shop.engine.resources(nope)
    assert shop.engine.stack(nope) is None


def test_a_record_can_be_replaced_without_an_operation(shop: Workshop) -> None:
    shop.run(BASE, record=RECORD)
    changed = replace(RECORD, pinned=True, listener_slot=None)
    shop.engine.change_record(BASE, lambda _before: changed)
    summary = shop.another().stack(BASE)
    assert summary is not None
    assert summary.record == changed


def test_changes_of_one_record_at_once_are_all_kept(shop: Workshop) -> None:
    shop.run(BASE, record=replace(RECORD, listener_slot=0))
    engines = [shop.another() for _ in range(4)]

    def count(engine: Engine) -> None:
        for _ in range(5):
            engine.change_record(BASE, lambda now: replace(now or RECORD, listener_slot=_slot(now) + 1))

    threads = [threading.Thread(target=count, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    summary = shop.another().stack(BASE)
    assert summary is not None
    assert _slot(summary.record) == 20


def _slot(record: Record | None) -> int:
    return (record.listener_slot or 0) if record else 0


def test_changes_of_a_record_after_an_operation_was_prepared_are_kept(shop: Workshop) -> None:
    shop.run(BASE, record=RECORD)
    shop.engine.change_record(BASE, lambda now: replace(now or RECORD, pinned=True))
    shop.run(BASE, record=replace(RECORD, commit="abc"), record_before=RECORD)
    summary = shop.another().stack(BASE)
    assert summary is not None
    assert summary.record == replace(RECORD, commit="abc", pinned=True)


def test_other_processes_see_a_mark_until_it_is_removed(shop: Workshop) -> None:
    shop.engine.marks.set("working/dev/1", {"units": ["app/alpha"]})
    (mark,) = shop.another().marks.below("working/dev")
    assert (mark.name, mark.runs, mark.says) == ("working/dev/1", True, {"units": ["app/alpha"]})
    assert shop.another().marks.below("going/dev") == ()
    assert shop.another().marks.below("working/de") == ()
    shop.engine.marks.remove("working/dev/1")
    shop.engine.marks.remove("working/dev/1")
    assert shop.another().marks.below("working/dev") == ()


def test_every_resource_has_an_event_when_it_ends(shop: Workshop) -> None:
    shop.run(BASE)
    done = {event.name for event in shop.events if isinstance(event, ResourceEvent) and event.phase == "done"}
    assert {"first", "second"} <= done


def test_an_idle_stack_has_no_lock_owner(shop: Workshop) -> None:
    shop.run(BASE)
    assert shop.engine.lock_owner(BASE) is None


def test_after_an_interrupt_nothing_is_begun(shop: Workshop) -> None:
    shop.engine.interrupt()
    with pytest.raises(OrchestratorError, match="interrupted") as refused:
        shop.run(BASE)
    assert refused.value.exit_code == 130
    assert shop.cloud() == []


def test_readers_are_the_stacks_that_read_it(shop: Workshop) -> None:
    shop.run(BASE)
    assert shop.engine.readers([BASE]) == {BASE: ()}
    shop.run(APP)
    assert shop.engine.readers([BASE]) == {BASE: ("fixture-app/alpha",)}
    assert shop.engine.readers([APP]) == {APP: ()}


def test_revealed_outputs_are_decrypted(shop: Workshop) -> None:
    shop.run(BASE)
    assert shop.engine.reveal(BASE)["token"] == "s3cret-value"


def test_the_fingerprint_changes_with_the_state(shop: Workshop) -> None:
    assert (shop.engine.fingerprint(BASE), shop.engine.stamp(BASE)) == (None, None)
    shop.run(BASE)
    first, stamp = shop.engine.fingerprint(BASE), shop.engine.stamp(BASE)
    shop.run(BASE)
    assert shop.engine.fingerprint(BASE) == first
    shop.configure(BASE, size="large")
    shop.run(BASE)
    assert shop.engine.fingerprint(BASE) not in (None, first)
    assert shop.engine.stamp(BASE) not in (None, stamp)


def test_other_processes_see_a_claim_until_its_stack_exists(shop: Workshop) -> None:
    shop.run(BASE)
    shop.engine.claim(APP, RECORD)
    assert shop.another().claims() == {APP: RECORD}
    assert shop.another().stack(APP) is None
    shop.run(APP, record=RECORD)
    assert shop.another().claims() == {}
    shop.engine.unclaim(APP)
    assert shop.another().stack(APP).record == RECORD  # type: ignore[union-attr]


def test_a_claim_ends_with_its_process(shop: Workshop) -> None:
    shop.engine.claim(APP, RECORD)
    files = [file for file in shop.folder.rglob("alpha.*") if file.suffix in (".claim", ".pulumi-tags")]
    assert len(files) == 1
    started = str(processes.this_process().started)
    files[0].write_text(files[0].read_text().replace(started, "1"))
    assert shop.another().claims() == {}


def test_a_claim_can_be_taken_back(shop: Workshop) -> None:
    shop.engine.claim(BASE, RECORD)
    shop.engine.unclaim(BASE)
    shop.engine.unclaim(BASE)
    assert shop.another().claims() == {}


def test_an_exclusive_lock_keeps_the_others_waiting(shop: Workshop) -> None:
    order: list[str] = []
    inside = threading.Event()

    def other() -> None:
        inside.wait(300)
        with shop.another().exclusive("slots-dev"):
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    with shop.engine.exclusive("slots-dev"):
        inside.set()
        time.sleep(0.5)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_nothing_drifts_by_itself(shop: Workshop) -> None:
    shop.run(BASE)
    fingerprint = shop.engine.fingerprint(BASE)
    outcome = shop.run(BASE, Operation.DRIFT)
    assert (outcome.counts.changed, outcome.changes) == (0, ())
    assert shop.engine.fingerprint(BASE) == fingerprint


def test_a_preview_tells_every_resource_that_there_would_be(shop: Workshop) -> None:
    planned = shop.run(BASE, Operation.PREVIEW).planned
    assert {"first", "second"} <= {resource.name for resource in planned}
    first = next(resource for resource in planned if resource.name == "first")
    assert first.inputs["tags"] == {"size": "small"}
    assert first.parent is not None
    assert first.parent.endswith("::fixture-base-dev")


def test_values_for_all_stacks_in_pulumi_yaml_reach_the_program_unless_the_stack_has_its_own(shop: Workshop) -> None:
    file = shop.folder / "app" / "Pulumi.yaml"
    file.write_text(
        f'{file.read_text()}config:\n  base:\n    type: string\n    default: dev\n  tags: \'{{"of": "project"}}\'\n'
    )
    shop.run(BASE)
    shop.configure(APP)
    assert shop.run(APP).outputs["base_stack_name"].value == "dev"
    topic = next(resource for resource in shop.engine.resources(APP) if resource.name == "topic")
    assert topic.inputs["tags"] == {"of": "project"}
    shop.configure(APP, tags='{"of": "stack"}')
    shop.run(APP)
    topic = next(resource for resource in shop.engine.resources(APP) if resource.name == "topic")
    assert topic.inputs["tags"] == {"of": "stack"}


def test_a_missing_value_that_pulumi_yaml_requires_is_refused_before_any_change(shop: Workshop) -> None:
    file = shop.folder / "base" / "Pulumi.yaml"
    file.write_text(f"{file.read_text()}config:\n  asked:\n    type: string\n")
    with pytest.raises(OrchestratorError, match="asked"):
        shop.run(BASE)
    assert shop.cloud() == []


def test_the_history_has_every_update_with_its_message_configuration_and_result(shop: Workshop) -> None:
    assert shop.engine.history(BASE) == ()
    shop.run(BASE, message="orchestrator create-base dev by ada")
    shop.configure(BASE, size="large")
    shop.run(BASE, message="orchestrator update-base dev by bo")
    program = shop.folder / "base" / "__main__.py"
    program.write_text("raise RuntimeError('the program is broken')\n", encoding="utf-8")
    with pytest.raises(OperationFailedError):
        shop.run(BASE, message="orchestrator update-base dev by bo")
    first, second, third = shop.engine.history(BASE)
    assert [entry.number for entry in (first, second, third)] == [1, 2, 3]
    assert [(entry.command, entry.operator) for entry in (first, third)] == [
        ("create-base", "ada"),
        ("update-base", "bo"),
    ]
    assert (first.changes["create"], second.config["fixture-base:size"]) == (3, "large")
    assert (second.result, third.result) == ("succeeded", "failed")
    assert "the program is broken" in (third.reason or "")
    assert first.started is not None
    assert shop.engine.history(BASE, 1) == (third,)
    assert shop.engine.history(APP) == ()
