"""The proof that values reach a program in the same form on both engines: from stack files, from other stacks, from plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import settings
from orchestrator.config.assignments import make_assignment
from orchestrator.config.stack_config import StackConfig, refuse_unquoted
from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle.job import to_wire
from orchestrator.model import Operation, UnitOutcome
from tests.orchestrator.config.test_scalars import ALWAYS
from tests.support.engines import APP, BASE, Workshop

VALUES: dict[str, tuple[str, str]] = {
    "null": ("", "null"),
    "~": ("", "null"),
    "": ("", "null"),
    "Null": ("", "null"),
    "''": ("", '""'),
    "'null'": ("null", '"null"'),
    "true": ("true", "true"),
    "True": ("true", "true"),
    "yes": ("yes", '"yes"'),
    "1.10": ("1.1", "1.1"),
    "1.0": ("1", "1"),
    "-0.0": ("0", "0"),
    "0x1F": ("31", "31"),
    "0o17": ("15", "15"),
    "1_000": ("1000", "1000"),
    "1e3": ("1000", "1000"),
    "1e16": ("10000000000000000", "10000000000000000"),
    "1e20": ("100000000000000000000", "100000000000000000000"),
    "1e-5": ("0.00001", "1e-05"),
    "1e-7": ("1e-7", "1e-07"),
    "0.1": ("0.1", "0.1"),
    "123456789012": ("123456789012", "123456789012"),
    "9007199254740993": ("9007199254740993", "9007199254740993"),
    "12:30:45": ("12:30:45", '"12:30:45"'),
    "!!str 1.10": ("1.10", '"1.10"'),
    "=": ("=", '"="'),
}
"""Scalar -> what a program gets at the top of the file, and within an object (as Python's JSON writes it)."""

TEXTS = (
    *("yes", "n", "null", "~", "", "1.10", "010", "08", "0X1F", "0B1", "0O17", ".1e3", "-.5e1", "1.", "1e3", "7e12345"),
    *(
        "123456789012",
        "012345678901",
        "2026-11-20",
        "2026-1-2 3:4:5",
        "12:30:45",
        "=",
        "<<",
        "true",
        "True",
        "+5",
        "1_0",
    ),
)

SHOWS_CONFIGURATION = """
import json
import pulumi
from pulumi_django.program.config import stack_config
for key, text in stack_config().items():
    name = key.partition(":")[2]
    if name.startswith(("top", "deep")):
        pulumi.export(name, "is " + text if name.startswith("top") else [json.dumps(v) for v in json.loads(text).values()])
"""

EXPORTS_NUMBERS = """
import pulumi
pulumi.export("port", 5432)
pulumi.export("share", 0.5)
pulumi.export("nested", {"port": 6379, "list": [1]})
pulumi.export("flag", True)
pulumi.export("secret", pulumi.Output.secret(5432))
"""

READS_NUMBERS = """
import pulumi
from pulumi_django import contract
name = "organization/fixture-base/dev"
given = contract._handed_over(name)
if given is None:
    reference = pulumi.StackReference(name)
    known = {key: reference.require_output(key) for key in ("port", "share", "nested", "flag", "secret")}
else:
    known = {key: contract.from_wire(value) for key, value in given.items()}
for key, value in known.items():
    pulumi.export(key, pulumi.Output.unsecret(pulumi.Output.from_input(value).apply(repr)))
pulumi.export("text", contract.number_text(known["port"]))
"""


@pytest.fixture(params=["simulation", pytest.param("pulumi", marks=pytest.mark.engine)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, request.param, monkeypatch.setenv)


def program(shop: Workshop, project: str, text: str) -> None:
    (shop.folder / project / "__main__.py").write_text(text, encoding="utf-8")


def shown(outcome: UnitOutcome) -> dict[str, Any]:
    return {name: output.value for name, output in outcome.outputs.items()}


def test_every_scalar_of_a_stack_file_reaches_a_program_in_the_same_form(shop: Workshop) -> None:
    program(shop, "base", SHOWS_CONFIGURATION)
    tops = [f"  fixture-base:top{index}: {scalar}" for index, scalar in enumerate(VALUES)]
    deeps = [f"    k{index:02}: {scalar}" for index, scalar in enumerate(VALUES)]
    text = "\n".join(["config:", *tops, "  fixture-base:deep:", *deeps, ""])
    (shop.folder / "base" / "Pulumi.dev.yaml").write_text(text, encoding="utf-8")
    found = shown(shop.run(BASE))
    assert {scalar: found[f"top{index}"] for index, scalar in enumerate(VALUES)} == {
        scalar: f"is {top}" for scalar, (top, _deep) in VALUES.items()
    }
    assert dict(zip(VALUES, found["deep"], strict=True)) == {scalar: deep for scalar, (_top, deep) in VALUES.items()}
    # The engine rewrote the file when it made the stack: null at the top is empty text there now.
    assert shown(shop.run(BASE)) == found


def test_text_that_looks_like_something_else_is_written_so_that_it_stays_text(shop: Workshop) -> None:
    program(shop, "base", SHOWS_CONFIGURATION)
    project = settings.load(shop.folder).by_key["base"]
    config = StackConfig.load(project, "dev")
    for index, text in enumerate(TEXTS):
        config.assign(make_assignment(f"top{index}", text))
        config.assign(make_assignment(f"deep.k{index:02}", text))
    config.write()
    refuse_unquoted(project, config.path, config.path.read_text(encoding="utf-8"))
    found = shown(shop.run(BASE))
    assert [found[f"top{index}"] for index in range(len(TEXTS))] == [f"is {text}" for text in TEXTS]
    assert found["deep"] == [f'"{text}"' for text in TEXTS]


@pytest.mark.parametrize("scalar", [scalar for scalar, _reason in ALWAYS])
def test_what_readers_disagree_on_never_reaches_a_program_of_the_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scalar: str
) -> None:
    shop = Workshop(tmp_path, "simulation", monkeypatch.setenv)
    program(shop, "base", SHOWS_CONFIGURATION)
    (shop.folder / "base" / "Pulumi.dev.yaml").write_text(f"config:\n  top: {scalar}\n", encoding="utf-8")
    with pytest.raises(OrchestratorError, match=r"Pulumi\.dev\.yaml:2: top is .*: put it in quotes"):
        shop.run(BASE)


NUMBERS = {
    "port": "5432.0",
    "share": "0.5",
    "flag": "True",
    "secret": "5432.0",
    "text": "5432",
}


def test_a_number_of_another_stack_is_a_float_and_its_text_is_whole(shop: Workshop) -> None:
    program(shop, "base", EXPORTS_NUMBERS)
    program(shop, "app", READS_NUMBERS)
    outputs = shop.run(BASE).outputs
    assert outputs["port"].value == 5432
    read = shown(shop.run(APP))
    assert {key: read[key] for key in NUMBERS} == NUMBERS
    assert "6379.0" in read["nested"]
    assert "[1.0]" in read["nested"]


def test_a_number_that_a_plan_hands_over_is_what_a_stack_reference_reads(shop: Workshop) -> None:
    program(shop, "base", EXPORTS_NUMBERS)
    program(shop, "app", READS_NUMBERS)
    planned = shop.run(BASE, Operation.PREVIEW).outputs
    handed_over = {"organization/fixture-base/dev": to_wire(planned)}
    preview = shown(shop.run(APP, Operation.PREVIEW, upstream_outputs=handed_over))
    assert {key: preview[key] for key in ("port", "share", "flag", "text")} == {
        key: NUMBERS[key] for key in ("port", "share", "flag", "text")
    }
