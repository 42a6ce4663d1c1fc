"""Names and AWS's limits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_django.rules import naming


@pytest.mark.parametrize("name", ["ab", "alpha", "a1", "pr-42", "feature-login-page", "a" * 20])
def test_a_good_name_is_returned(name: str) -> None:
    assert naming.check_environment_name(name) == name
    assert naming.check_base_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a", "Alpha", "1alpha", "-alpha", "alpha-", "al--pha", "al_pha", "a" * 21, "alpha\n"]
)
def test_a_bad_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name") as refused:
        naming.check_environment_name(name)
    assert str(refused.value) == (
        f"{name!r} cannot name an environment: a name has 2 to 20 lower-case letters, digits and single hyphens, "
        "beginning with a letter and not ending with a hyphen"
    )


@given(st.text(max_size=25))
def test_no_text_passes_that_the_rule_forbids(name: str) -> None:
    try:
        naming.check_base_name(name)
    except ValueError:
        assert not re.fullmatch(r"[a-z][a-z0-9-]{0,18}[a-z0-9]", name) or "--" in name
    else:
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,18}[a-z0-9]", name)
        assert "--" not in name


def test_physical_names_are_the_ones_that_outside_tools_rely_on() -> None:
    assert naming.cluster_name("alpha") == "alpha-cluster"
    assert naming.service_name("alpha", "gunicorn") == "alpha-gunicorn"
    assert naming.log_group_name("alpha", "gunicorn") == "/ecs/alpha/gunicorn"
    assert naming.database_name("alpha") == "alpha-db"
    assert naming.namespace_name("dev") == "dev-sd-ns"
    assert naming.rds_identifier("dev") == "dev-rds"


@given(st.from_regex(r"[a-z][a-z0-9]{1,19}", fullmatch=True), st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True))
def test_a_target_group_name_always_fits_and_is_one_that_aws_takes(environment: str, service: str) -> None:
    name = naming.target_group_name(environment, service)
    assert len(name) <= naming.TARGET_GROUP_NAME_LIMIT
    assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
    assert name == naming.target_group_name(environment, service)


def test_two_long_names_that_begin_alike_stay_different() -> None:
    first, second = (naming.target_group_name("environment-of-mine1", f"service-number-{n}") for n in (1, 2))
    assert first != second


def test_a_name_above_the_limit_is_refused_with_both_lengths() -> None:
    with pytest.raises(ValueError, match=r"the secret name 'aaaa' has 4 characters: AWS allows 3"):
        naming.check_length("secret name", "aaaa", 3)


@pytest.mark.parametrize("name", ["", "Web", "1web", "web ui", "w" * 33])
def test_a_bad_service_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a service: a name has 1 to 32 lower-case letters"):
        naming.check_service_name(name)
