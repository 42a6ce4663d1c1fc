"""For any request and any file, the result is a job or one of our errors, and nothing is changed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle import CreateBase, CreateEnv, DestroyBase, DestroyEnv, Job, PreviewEnv, Request, UpdateEnv
from tests.support.workspace import Workspace

_NAMES = st.one_of(st.sampled_from(["dev", "alpha", "beta", "qa"]), st.text(max_size=25))
_REQUESTS = st.one_of(
    st.builds(CreateBase, name=_NAMES),
    st.builds(CreateEnv, names=st.lists(_NAMES, max_size=3).map(tuple), base=st.none() | _NAMES),
    st.builds(PreviewEnv, name=_NAMES, base=st.none() | _NAMES),
    st.builds(UpdateEnv, names=st.tuples(_NAMES)),
    st.builds(DestroyEnv, names=st.tuples(_NAMES)),
    st.builds(DestroyBase, names=st.tuples(_NAMES), cascade=st.booleans()),
)
_YAML = st.text(st.sampled_from("config:ab-{}[]&*!|>'\"#%\n 1.~?,"), max_size=50)
_anything = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    workspace.orchestrator().create_env("alpha", base="dev")
    return workspace


def answered(workspace: Workspace, request: Request) -> None:
    before, calls = workspace.files(), len(workspace.engine.calls)
    try:
        assert isinstance(workspace.orchestrator().prepare(request), Job)
    except OrchestratorError as error:
        assert error.exit_code in (1, 2)  # noqa: PT017 - either answer is right
    assert (workspace.files(), len(workspace.engine.calls)) == (before, calls)


@_anything
@given(request=_REQUESTS)
def test_any_request_gives_a_job_or_our_error(running: Workspace, request: Request) -> None:
    answered(running, request)


@_anything
@given(
    text=_YAML, lines=st.lists(st.sampled_from(["base: dev", "base: 3", "listener_slot: x", "kind: [a]", "a: {b: }"]))
)
def test_any_configuration_gives_a_job_or_our_error(running: Workspace, text: str, lines: list[str]) -> None:
    config = "config:\n" + "".join(f"  django-app:{line}\n" for line in lines) if lines else text
    running.write("app", "beta", config)
    running.write("base", "qa", config.replace("django-app", "django-base"))
    for request in (CreateEnv(names=("beta",), base="qa"), CreateEnv(names=("beta",)), CreateBase(name="qa")):
        answered(running, request)
