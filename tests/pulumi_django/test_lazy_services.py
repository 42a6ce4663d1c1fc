"""Services of `pulumi_aws` load on demand, with the same result. Each test runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEGIN = "from pulumi_django import lazy_services; lazy_services.install()\nimport sys, pulumi, pulumi_aws as aws\n"


def answer(code: str, **environment: str) -> str:
    """What Python code prints in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded_after(code: str, **environment: str) -> set[str]:
    """The modules of the SDK that are loaded after the code."""
    listing = "print(' '.join(name for name in sys.modules if name.startswith('pulumi_aws.')))"
    return set(answer(f"{BEGIN}{code}\n{listing}", **environment).split())


EVERY_NAME = """
import re
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

services = 0
wrong = []
for file in sorted(Path(aws.__file__).parent.glob("*/__init__.py")):
    name = f"pulumi_aws.{file.parent.name}"
    stars = re.findall(r"^from \\.(\\w+) import \\*$", file.read_text(encoding="utf-8"), re.M)
    if not stars:
        continue
    public = [*stars]
    for star in stars:
        listed = re.search(r"^__all__ = (\\[.*?\\])", (file.parent / f"{star}.py").read_text(encoding="utf-8"), re.M | re.S)
        public += eval(listed[1])
    service = getattr(aws, file.parent.name)
    found = {each: getattr(service, each) for each in sorted(set(public), reverse=True)}
    services += 1
    usual = ModuleType(name)
    usual.__path__, usual.__package__ = [str(file.parent)], name
    SourceFileLoader(name, str(file)).exec_module(usual)
    for each in set(public):
        # A module that no star import hides becomes an attribute of its package.
        expected = vars(usual).get(each, sys.modules.get(f"{name}.{each}"))
        if found[each] is not expected:
            wrong.append(f"{name}.{each}")
    missing = [each for each in vars(usual) if not hasattr(service, each)]
    wrong += [f"{name}.{each} is missing" for each in missing]
print(services, wrong)
"""


def test_every_public_name_of_every_service_is_the_same_object() -> None:
    services, _, wrong = answer(BEGIN + EVERY_NAME).partition(" ")
    assert int(services) > 200
    assert wrong == "[]"


def test_a_service_loads_only_the_modules_that_are_used() -> None:
    loaded = loaded_after("aws.ecs.Service")
    assert "pulumi_aws.ecs.service" in loaded
    assert "pulumi_aws.ecs.task_definition" not in loaded


def test_the_off_switch_loads_whole_services() -> None:
    loaded = loaded_after("aws.ecs.Service", PULUMI_DJANGO_LAZY_SERVICES="0")
    assert {"pulumi_aws.ecs.service", "pulumi_aws.ecs.task_definition"} <= loaded


def test_importing_the_package_changes_nothing_before_install() -> None:
    code = (
        "import pulumi_django, sys, pulumi_aws as aws; aws.ecs.Service; print('pulumi_aws.ecs.task_set' in sys.modules)"
    )
    assert answer(code) == "True"


def test_a_function_hides_the_module_of_its_name() -> None:
    code = (
        "import pulumi_aws.ec2.get_ami\nfrom pulumi_aws.ec2 import get_ami\n"
        "print(aws.ec2.get_ami is get_ami, get_ami.__name__, sys.modules['pulumi_aws.ec2.get_ami'].get_ami is get_ami)"
    )
    assert answer(BEGIN + code) == "True get_ami True"


def test_all_forms_of_imports_find_a_name() -> None:
    code = (
        "import pulumi_aws.ecs.service\nfrom pulumi_aws import ecs\nfrom pulumi_aws.ecs import Service, outputs, service\n"
        "print(ecs.Service is Service is service.Service is pulumi_aws.ecs.service.Service, outputs.__name__)"
    )
    assert answer(f"{BEGIN}import pulumi_aws\n{code}") == "True pulumi_aws.ecs.outputs"


def test_dir_and_star_imports_list_every_name() -> None:
    code = "from pulumi_aws.sqs import *\nprint('Queue' in dir(), 'QueueArgs' in dir(aws.sqs), 'get_queue' in dir(aws.sqs))"
    assert answer(BEGIN + code) == "True True True"


def test_an_unknown_name_is_an_attribute_error_of_the_service() -> None:
    code = "try: aws.sns.Nothing\nexcept AttributeError as error: print(error)"
    assert answer(BEGIN + code) == "module 'pulumi_aws.sns' has no attribute 'Nothing'"


def test_a_replaced_name_stays_when_the_rest_of_the_service_loads() -> None:
    assert answer(f"{BEGIN}aws.sns.Topic = 1; dir(aws.sns); print(aws.sns.Topic)") == "1"


def test_classes_survive_pickling() -> None:
    assert answer(f"{BEGIN}import pickle; print(pickle.loads(pickle.dumps(aws.sns.Topic)) is aws.sns.Topic)") == "True"


def test_a_reference_to_a_resource_becomes_the_resource_of_its_class() -> None:
    code = (
        "from pulumi.runtime import rpc\n"
        "module = rpc.get_resource_module('aws', 'sqs/queue', '')\n"
        "print(module is not None)\n"
        "from pulumi_aws import _utilities\n"
        "class Built(Exception): pass\n"
        "def built(self, name, opts): raise Built(name)\n"
        "aws.sqs.Queue.__init__ = built\n"
        "try: module.construct('jobs', 'aws:sqs/queue:Queue', 'urn:1')\nexcept Built as error: print(error)"
    )
    assert answer(BEGIN + code).split() == ["True", "jobs"]


def test_several_threads_can_use_one_service() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "lazy_services.begin()\n"
        "names = ['Service', 'TaskDefinition', 'Cluster', 'get_cluster', 'TaskSet', 'Tag'] * 8\n"
        "found = list(ThreadPoolExecutor(16).map(lambda name: getattr(aws.ecs, name).__name__, names))\n"
        "print(found == names)"
    )
    assert answer(BEGIN + code) == "True"


def test_the_configuration_module_works_as_before() -> None:
    assert answer(f"{BEGIN}print(aws.config.region, type(aws.config).__name__)") == "None _ExportableConfig"


def test_the_simulation_loads_few_modules_for_a_base_and_an_environment() -> None:
    code = """
import json, os, shutil, sys, tempfile
from pathlib import Path
folder = Path(tempfile.mkdtemp())
shutil.copytree("projects", folder / "projects"); shutil.copy("orchestrator.toml", folder)
from orchestrator import Orchestrator
report = Orchestrator(folder, engine="simulation").create_env("alpha", base="dev")
shutil.rmtree(folder)
print(json.dumps([report.exit_code, sum(name.startswith("pulumi_aws.") for name in sys.modules)]))
"""
    exit_code, modules = json.loads(answer(code))
    assert exit_code == 0
    assert modules < 400, "241 services, of which those in use have about ten modules each"
