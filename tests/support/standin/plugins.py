"""Puts the stand-in on PATH as the provider plugins that the engine starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PACKAGES = ("aws", "awsx", "random")


def install(folder: Path, cloud: Path, setenv: Any) -> None:
    """Write launchers below `folder` and set what they and a Pulumi CLI need: PATH, a home of its own, the cloud."""
    plugins = folder / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        plugin = plugins / f"pulumi-resource-{package}"
        start = (
            f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.support.provider_standin import main\nmain()\n"
        )
        plugin.write_text(f"#!{sys.executable}\n{start}", encoding="utf-8")
        plugin.chmod(0o755)
    setenv("PATH", os.pathsep.join([str(plugins), str(Path(sys.executable).parent), os.environ["PATH"]]))
    setenv("PULUMI_HOME", str(folder / "home"))
    setenv("PULUMI_CONFIG_PASSPHRASE", "test")
    setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
    setenv("STANDIN_CLOUD", str(cloud))
