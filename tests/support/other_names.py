"""Projects with names of their own, and real programs: the base project is `platform-base`, and the application's is `shop`."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.main import main

TOML = """\
engine = "simulation"

[projects.platform]
path = "network"
scope = "base"
template = "dev"

[projects.shop]
path = "shop"
scope = "environment"
depends_on = ["platform"]
template = "alpha"

[images.backend]
context = "source"

[pull_requests]
base = "dev"
"""
BASE = "config:\n  aws:region: us-east-1\n  platform-base:domain_name: example.com\n"
APP = """\
config:
  aws:region: us-east-1
  shop:base: dev
  shop:listener_slot: 0
  shop:backend_image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1.0.0
  shop:settings_module: shop.settings
"""
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:2.0.0"


def create(folder: Path) -> None:
    """Create the base dev with alpha and gamma, alpha with two releases, and a saved plan."""
    for path, text in {
        "orchestrator.toml": TOML,
        "network/Pulumi.yaml": "name: platform-base\nruntime: python\n",
        "network/__main__.py": "from pulumi_django.programs import base\n\nbase()\n",
        "network/Pulumi.dev.yaml": BASE,
        "network/Pulumi.prod.yaml": f"{BASE}  platform-base:kind: prod\n",
        "shop/Pulumi.yaml": "name: shop\nruntime: python\n",
        "shop/__main__.py": 'from pulumi_django.programs import app\n\napp(base_project="platform-base")\n',
        "shop/Pulumi.alpha.yaml": APP,
        "source/Dockerfile": "FROM scratch\n",
        "values.env": "TOKEN=value\n",
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    for words in (
        "create-env alpha gamma --base dev --yes",
        f"deploy alpha --image backend={IMAGE} --yes",
        "preview-env beta --base dev --save-plan plan",
    ):
        assert run(folder, words) == 0, words


def run(folder: Path, words: str) -> int:
    """Run a command line in these projects. `plan` and `values.env` are files of them."""
    own, separator, command = words.replace(" plan", f" {folder}/plan").partition(" -- ")
    own = own.replace("values.env", str(folder / "values.env"))
    return main([*own.split(), "--project-dir", str(folder), *((separator + command).split())])
