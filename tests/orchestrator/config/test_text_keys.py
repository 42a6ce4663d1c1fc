"""Keys whose type is text in the programs of this package."""

from __future__ import annotations

import pytest

from orchestrator.config.text_keys import holds_text, is_image
from orchestrator.model import Scope


@pytest.mark.parametrize(
    ("key", "scope", "verdict"),
    [
        ("extra_env.DEBUG", None, True),
        ("extra_secrets.TOKEN", None, True),
        ("backend_image", Scope.ENVIRONMENT, True),
        ("settings_module", None, True),
        ("tags.team", Scope.BASE, True),
        ("database.engine_version", None, True),
        ("app.extra_env.DEBUG", None, True),
        ("base.database.engine_version", None, True),
        ("web.cpu_units", None, False),
        ("spot", None, False),
        ("base", None, False),
        ("database.engine_version", Scope.ENVIRONMENT, None),
        ("unknown", None, None),
    ],
)
def test_the_type_of_a_key_is_the_programs_own(key: str, scope: Scope | None, verdict: bool | None) -> None:
    assert holds_text(key.split("."), scope) is verdict


def test_an_image_is_recognized_by_its_key() -> None:
    assert [is_image(path.split(".")) for path in ("backend_image", "redis.image", "images", "web")] == [
        True,
        True,
        False,
        False,
    ]
