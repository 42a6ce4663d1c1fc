"""The public names of the package: each can be imported, type checkers know it, and pure modules stay cheap to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pulumi_django


def _in_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_every_public_name_can_be_imported() -> None:
    assert len(pulumi_django.__all__) > 150
    for name in pulumi_django.__all__:
        assert getattr(pulumi_django, name).__name__ == name


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="AdHocBass"):
        _ = pulumi_django.AdHocBass  # pyright: ignore


def test_importing_the_package_does_not_import_pulumi() -> None:
    assert _in_new_process("import sys, pulumi_django; print('pulumi' in sys.modules)") == "False\n"


def test_a_star_import_brings_every_public_name() -> None:
    code = "import pulumi_django; from pulumi_django import *; print(set(pulumi_django.__all__) - set(dir()))"
    assert _in_new_process(code) == "set()\n"


def test_type_checkers_know_the_names_also_after_a_star_import(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from pulumi_django import *\nfrom pulumi_django import AdHocBase as Base\n\n"
        "reveal_type(Base)\nreveal_type(ContractError)\n_ = NoSuchName\n"
    )
    checker = Path(sys.executable).with_name("basedpyright")
    answer = subprocess.run([checker, program], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert 'Type of "Base" is "type[AdHocBase]"' in answer.stdout
    assert 'Type of "ContractError" is "type[ContractError]"' in answer.stdout
    assert '"NoSuchName" is not defined' in answer.stdout


def test_the_cli_of_pulumi_installs_no_plugin_for_the_package() -> None:
    # Pulumi's Python host takes every installed package called `pulumi-...` for the SDK of a provider, and downloads the plugin of
    # that name and version, unless the package has this file.
    assert json.loads((Path(pulumi_django.__path__[0]) / "pulumi-plugin.json").read_text()) == {"resource": False}
