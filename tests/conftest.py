"""What holds for every test: a clean environment, and honest skipping where a tool is missing."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# The search for cyclic garbage takes a third of the time of a simulated program: thousands of classes are loaded, and every
# program makes hundreds of thousands of objects. So it runs rarely, and passes over what is loaded.
gc.set_threshold(300_000, 5, 5)

# A busy machine is no failure of a property. Every run has the same examples, so that it judges the change and not its luck;
# `--hypothesis-profile other-examples` looks for new ones.
ANY_MACHINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("any-machine", derandomize=True, **ANY_MACHINE)
settings.register_profile("other-examples", derandomize=False, max_examples=1000, **ANY_MACHINE)
settings.load_profile("any-machine")

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
"""No test uses the 1,300 images of moto. Loading them takes longer than most tests, and each reset loads them again."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs like this, and the programs of tests would inherit it and never hear of Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

CLEARED = ("NO_COLOR", "COLUMNS", "GITHUB_STEP_SUMMARY")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """After each file, pass over all that is loaded by then, such as the modules of the Pulumi SDK."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()
    return result


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, and say why, the tests of the real engine where it is not installed."""
    missing = [program for program in ("pulumi", "pulumi-language-python") if shutil.which(program) is None]
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"needs the Pulumi CLI: {' and '.join(missing)} not on PATH")
    for item in items:
        if item.get_closest_marker("engine"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test: no AWS account, no backend, no options by environment variable."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "ORCHESTRATOR_", "PULUMI_")) or name in CLEARED:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
