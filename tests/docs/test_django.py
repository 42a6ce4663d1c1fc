"""docs/django.md shows the settings of the shop, and names every variable that an environment passes."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from pulumi_django.rules.container_env import provided_names, queue_variable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/django.md").read_text(encoding="utf-8")
SETTINGS = "".join(
    (ROOT / f"examples/shop/shop/{name}.py").read_text(encoding="utf-8") for name in ("settings", "asgi")
)
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_names_every_variable_of_an_environment() -> None:
    table = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", "".join(re.findall(r"^\| `.*?\|", PAGE, re.MULTILINE))))
    assert table == {*provided_names(), queue_variable("default")}


@pytest.mark.parametrize("block", BLOCKS, ids=[dedent(block).split(" ", 1)[0] for block in BLOCKS])
def test_the_settings_of_the_page_are_those_of_the_shop(block: str) -> None:
    assert block in SETTINGS


def test_the_image_of_the_shop_has_the_versions_of_the_tests() -> None:
    locked = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    locked = {_normal(name): version for name, version in locked.items()}
    text = (ROOT / "examples/shop/requirements.txt").read_text(encoding="utf-8")
    wanted = re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+)$", text, re.MULTILINE)
    assert len(wanted) > 5
    assert {_normal(name): version for name, version in wanted} == {_normal(n): locked[_normal(n)] for n, _ in wanted}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")
