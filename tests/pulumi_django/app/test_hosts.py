"""Hosts of an environment: the hosts that its base can serve, and the services that answer them."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django import (
    CdnOptions,
    ProdAppAssetsOptions,
    ProdFrontendOptions,
    ProdWebOptions,
    StaticSiteOptions,
    contract,
)
from tests.pulumi_django.app.environment import BASE, RULE, environment, prod

RECORD = "aws:route53/record:Record"
OWN = {"own_certificate": True}


def hosts_of(result: Any) -> set[str]:
    return {host for rule in result.of_type(RULE) for host in rule.inputs["conditions"][0]["hostHeader"]["values"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "app.shop.example.com"}, r"host is 'app.shop.example.com': the certificate that the base prod issues .*certificate_arn"),
        ({"extra_hosts": ["www.customer.io"]}, "extra_hosts is 'www.customer.io': the certificate"),
        ({"extra_hosts": ["*.shop.example.com"]}, "extra_hosts is .*: the certificate"),
        ({"web": ProdWebOptions(hosts=["a.b.example.com"])}, "web.hosts is 'a.b.example.com': the certificate"),
        ({"frontend": ProdFrontendOptions(hosts=["a.b.example.com"])}, "frontend.hosts is 'a.b.example.com': the certificate"),
    ],
)  # fmt: skip
def test_a_host_that_the_bases_own_certificate_does_not_cover_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        prod(OWN, **changes)


@pytest.mark.parametrize("own", [None, False])
def test_on_an_older_base_or_with_an_existing_certificate_every_host_may_be_covered(own: bool | None) -> None:
    hosts = ["a.shop.example.com", "www.customer.io", "*.t.shop.example.com"]
    result = prod({"own_certificate": own}, extra_hosts=hosts, frontend_image=None)
    assert hosts_of(result) == {"shop.example.com", *hosts}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "https://shop.example.com/"}, "host is .* without scheme and path"),
        ({"host": "*.shop.example.com"}, "host is .* without a wildcard"),
        ({"extra_hosts": ["shop.example.com:443"]}, "extra_hosts is .* without a port"),
        ({"web": ProdWebOptions(hosts=["SHOP.example.com"])}, "web.hosts is .* in lower case"),
        ({"frontend": ProdFrontendOptions(hosts=["x"])}, "frontend.hosts is 'x'"),
        ({"static_site": StaticSiteOptions(host="https://x.example.com")}, "static_site.host is .* without scheme"),
        ({"cdn": CdnOptions(host="x/"), "assets": ProdAppAssetsOptions(source="own")}, "cdn.host is 'x/'"),
    ],
)
def test_an_invalid_host_name_is_refused_in_every_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prod(**changes)


def test_no_environment_answers_for_all_names_of_the_domain() -> None:
    with pytest.raises(contract.ContractError, match="would answer for every environment on the base prod"):
        prod({"own_certificate": False}, extra_hosts=["*.example.com"])


def test_two_hosts_never_make_one_resource_name() -> None:
    result = prod(extra_hosts=["a.b.example.com", "a-b.example.com"], frontend_image=None)
    assert {record.inputs["name"] for record in result.of_type(RECORD)} == {
        "shop.example.com",
        "a.b.example.com",
        "a-b.example.com",
    }


def test_two_paths_never_make_one_resource_name() -> None:
    result = prod(web=ProdWebOptions(paths=("/a/b/*", "/x", "/y", "/a-b/*")), frontend_image=None)
    assert len({rule.name for rule in result.of_type(RULE)}) == 2
    hosts = ["c.example.com", "d.example.com", "*.t.example.com", "t.example.com"]
    result = prod(extra_hosts=["t.example.com", *hosts, "b.example.com", "*.b.example.com"], frontend_image=None)
    names = [rule.name for rule in result.of_type(RULE)]
    assert len(set(names)) == len(names)


def test_a_base_exports_whether_its_certificate_is_its_own() -> None:
    assert "own_certificate" in contract.OPTIONAL
    older = {name: value for name, value in BASE.items() if name != "own_certificate"}
    assert contract.from_outputs({"contract_version": 1, **older}, base="prod", app="shop").own_certificate is None


def test_no_output_contains_an_address_that_no_service_answers() -> None:
    only_web = prod(web=ProdWebOptions(hosts=["api.example.com"]), frontend_image=None)
    assert only_web.outputs["url"] == "https://api.example.com"
    assert environment(only_web)["FRONTEND_URL"] == "https://api.example.com"
    assert [record.inputs["name"] for record in only_web.of_type(RECORD)] == ["api.example.com"]
    beside = prod(web=ProdWebOptions(hosts=["api.example.com"]))
    assert beside.outputs["url"] == environment(beside)["FRONTEND_URL"] == "https://shop.example.com"
    assert environment(beside, "web-ui")["NUXT_PUBLIC_API_BASE"] == "https://api.example.com"
