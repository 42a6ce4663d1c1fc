"""`init` locks production's containers only where it reads everything and finds no place that writes outside `/tmp`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from orchestrator.cost.prices import packaged
from orchestrator.onboarding import written_paths
from orchestrator.onboarding.decisions import Answers, decide
from orchestrator.onboarding.initialise import schema
from orchestrator.onboarding.survey import survey
from orchestrator.onboarding.written_files import ImageSource, texts
from pulumi_django.delivery.firewall import FirewallOptions
from tests.support.django_repositories import SETTINGS, repository
from tests.support.projects import ROOT

OWN = SETTINGS.format(package="shop")
DOCKERFILE = (
    'FROM python:3.13-slim\nCOPY . .\nRUN python manage.py collectstatic --no-input\nCMD ["gunicorn", "shop.wsgi"]\n'
)
QUIET = {"Dockerfile": DOCKERFILE, "requirements.txt": "django\ngunicorn\npsycopg[binary]\n"}
SCRIPT = 'FROM python:3.13-slim\nCOPY entry.sh /entry.sh\nENTRYPOINT ["/entry.sh"]\nCMD ["gunicorn", "shop.wsgi"]\n'
BUCKET = '\nSTORAGES = {"default": {"BACKEND": "storages.backends.s3.S3Storage"}}\nMEDIA_ROOT = "media"\n'


def first(folder: Path, files: Mapping[str, str]) -> str | None:
    """The first place that writes in a project of these files: its file, its line and what it is."""
    found = written_paths.first(survey(repository(folder, {**QUIET, **files})))
    return None if found is None else f"{found.place}: {found.value}"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"Dockerfile": SCRIPT, "entry.sh": '#!/bin/sh\nset -e\nexec "$@" 2>&1\n'},
        {
            "Dockerfile": SCRIPT,
            "entry.sh": '#!/bin/sh\nif [ "$A" -ge 1 ]; then echo yes >&2; fi\nmkdir -p /tmp/x\nexec "$@"\n',
        },
        {"Dockerfile": DOCKERFILE + 'ENTRYPOINT ["/usr/bin/tini", "--"]\n'},
        {"shop/settings.py": OWN + BUCKET, "shop/models.py": "photo = models.ImageField()\n"},
        {"shop/views.py": 'text = open("a.txt").read()\nother = open("b", "rb")\n'},
        {"shop/views.py": 'with default_storage.open("a", "w") as file:\n    file.write("x")\n'},
        {"shop/views.py": 'with tempfile.NamedTemporaryFile("w") as file:\n    open("/tmp/a", "w")\n'},
        {"tests/__init__.py": "", "tests/test_a.py": 'open("out.txt", "w")\n'},
        {"scripts/load.py": 'open("out.txt", "w")\n'},
    ],
)
def test_a_project_that_writes_nothing_can_be_locked(tmp_path: Path, files: dict[str, str]) -> None:
    assert first(tmp_path / "shop", files) is None


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"Dockerfile": "FROM gcr.io/distroless/python3\n"}, "Dockerfile:1: gcr.io/distroless/python3 has no chmod"),
        ({"Dockerfile": "FROM a\nFROM --platform=linux/arm64 scratch\n"}, "Dockerfile:2: scratch has no chmod"),
        (
            {"Dockerfile": 'FROM python:3.13\nENTRYPOINT ["/start"]\n'},
            "Dockerfile: the entrypoint /start was not found",
        ),
        (
            {"Dockerfile": SCRIPT, "entry.sh": "#!/bin/sh\npython manage.py collectstatic\n"},
            "entry.sh:2: python manage.py collectstatic",
        ),
        ({"Dockerfile": SCRIPT, "entry.sh": "#!/bin/sh\necho a > config.ini\n"}, "entry.sh:2: echo a > config.ini"),
        (
            {"Dockerfile": SCRIPT, "entry.sh": "#!/bin/sh\ncd /app && mkdir -p run\n"},
            "entry.sh:2: cd /app && mkdir -p run",
        ),
        (
            {"shop/settings.py": OWN + 'CACHES = {"default": {"BACKEND": "a.filebased.FileBasedCache"}}\n'},
            "shop/settings.py:7: a.filebased.FileBasedCache",
        ),
        (
            {"shop/settings.py": OWN + 'L = {"class": "logging.handlers.RotatingFileHandler"}\n'},
            "shop/settings.py:7: logging.handlers.RotatingFileHandler",
        ),
        (
            {"shop/settings.py": OWN + 'SESSION_ENGINE = "django.contrib.sessions.backends.file"\n'},
            "shop/settings.py:7: django.contrib.sessions.backends.file",
        ),
        (
            {"shop/settings.py": OWN + 'INSTALLED_APPS += ["compressor"]\n'},
            "shop/settings.py:7: compressor writes static files",
        ),
        ({"shop/settings.py": OWN + 'MEDIA_ROOT = "media"\n'}, "shop/settings.py:7: uploads go to MEDIA_ROOT"),
        ({"requirements.txt": "django\ngunicorn\nnltk\n"}, "requirements.txt:3: nltk loads files"),
        ({"shop/models.py": "photo = models.ImageField()\n"}, "shop/models.py:1: models.ImageField()"),
        ({"shop/views.py": 'open("a.txt", "w")\n'}, "shop/views.py:1: open('a.txt', 'w')"),
        ({"shop/views.py": 'open(name, mode="ab")\n'}, "shop/views.py:1: open(name, mode='ab')"),
        ({"shop/views.py": 'Path("a").open("x")\n'}, "shop/views.py:1: Path('a').open('x')"),
        ({"shop/views.py": "path.write_text('a')\n"}, "shop/views.py:1: path.write_text('a')"),
        ({"shop/views.py": "os.makedirs(folder)\n"}, "shop/views.py:1: os.makedirs(folder)"),
        ({"shop/views.py": "FileSystemStorage()\n"}, "shop/views.py:1: FileSystemStorage()"),
        ({"shop/views.py": "def (:\n"}, "shop/views.py: it was not read"),
    ],
)
def test_the_first_place_that_may_write_is_named(tmp_path: Path, files: dict[str, str], place: str) -> None:
    assert first(tmp_path / "shop", files) == place


def test_without_a_dockerfile_nothing_is_known(tmp_path: Path) -> None:
    found = written_paths.first(survey(repository(tmp_path / "shop")))
    assert found is not None
    assert found.place == "guess: there is no Dockerfile"


def test_the_shop_writes_nothing() -> None:
    assert written_paths.first(survey(ROOT / "examples" / "shop")) is None


def written(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """The stack files for a project of these files."""
    decisions = decide(survey(repository(folder, {**QUIET, **files})), Answers())
    schemas = {"app": schema("app", "shop-app")}
    return texts(decisions, schemas, ImageSource(context="..", dockerfile="Dockerfile"))


def test_production_alone_gets_a_read_only_root(tmp_path: Path) -> None:
    found = written(tmp_path / "shop", {})
    assert yaml.safe_load(found["app/Pulumi.live.yaml"])["config"]["shop-app:read_only_root"] is True
    assert "read_only_root" not in found["app/Pulumi.alpha.yaml"]


def test_a_place_that_writes_is_a_comment_in_production(tmp_path: Path) -> None:
    found = written(tmp_path / "shop", {"shop/views.py": 'open("a.txt", "w")\n'})
    assert (
        "  # With this, containers write only below /tmp. Not yet:\n"
        "  # open('a.txt', 'w') (shop/views.py:1)\n"
        "  # shop-app:read_only_root: true\n"
    ) in found["app/Pulumi.live.yaml"]
    assert "read_only_root" not in yaml.safe_load(found["app/Pulumi.live.yaml"])["config"]
    assert "read_only_root" not in found["app/Pulumi.alpha.yaml"]


def test_the_production_base_gets_a_firewall_that_counts_with_its_price(tmp_path: Path) -> None:
    found = written(tmp_path / "shop", {})
    groups = ("AnonymousIpList", "CommonRuleSet", "SQLiRuleSet")
    firewall = {
        "rule_groups": [
            f"AWSManagedRules{group}"
            for group in ("AmazonIpReputationList", *groups[:2], "KnownBadInputsRuleSet", groups[2])
        ],
        "counted_groups": [f"AWSManagedRules{group}" for group in groups],
    }
    assert yaml.safe_load(found["base/Pulumi.prod.yaml"])["config"]["shop-base:firewall"] == firewall
    assert "firewall" not in found["base/Pulumi.dev.yaml"]
    acl, rule = packaged().price("waf", "web_acl"), packaged().price("waf", "rule")
    assert acl is not None
    assert rule is not None
    rules = len(FirewallOptions(**firewall).rule_groups) + 1
    assert f"# ${acl + rules * rule:g} a month." in found["base/Pulumi.prod.yaml"]
