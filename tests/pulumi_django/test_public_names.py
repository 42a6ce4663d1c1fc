"""The public names of the package: what can be imported, and that importing pure modules stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pulumi_django


def _type_checking_imports() -> dict[str, str]:
    tree = ast.parse(Path(pulumi_django.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(guarded)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_three_lists_of_public_names_agree() -> None:
    assert _type_checking_imports() == pulumi_django._MODULE_OF
    assert sorted(pulumi_django._MODULE_OF) == sorted(pulumi_django.__all__)


def test_every_public_name_can_be_imported() -> None:
    for name in pulumi_django.__all__:
        assert getattr(pulumi_django, name).__name__ == name


def test_importing_the_package_does_not_import_pulumi() -> None:
    code = "import sys, pulumi_django; print('pulumi' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
