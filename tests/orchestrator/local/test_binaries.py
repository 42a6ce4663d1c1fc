"""The programs of PostgreSQL and Redis on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.local import binaries


def test_a_package_in_a_linked_virtual_environment_is_found_in_its_real_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "real" / "linked_package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.syspath_prepend(tmp_path / "link")
    assert binaries._package_folder("linked_package") == package
    assert binaries._package_folder("no_such_package") is None
