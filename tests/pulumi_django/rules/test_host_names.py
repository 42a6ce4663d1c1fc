"""Host names, and the names that a domain's certificate covers."""

from __future__ import annotations

import pytest

from pulumi_django.rules import host_names


@pytest.mark.parametrize(
    "host", ["alpha.example.com", "example.com", "xn--mnchen-3ya.example.com", "a.b.c.example.co", "1.example.com"]
)
def test_a_host_name_is_taken(host: str) -> None:
    assert host_names.check("host", host, wildcard=False) == host


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (
            "https://alpha.example.com/",
            "host is 'https://alpha.example.com/': it must be a host name without scheme and path",
        ),
        ("alpha.example.com/app", "without scheme and path"),
        ("alpha.example.com:8000", "without a port"),
        ("me@example.com", "without a port"),
        ("Alpha.example.com", "write it in lower case: 'alpha.example.com'"),
        ("alpha.example.com.", "remove the dot at the end"),
        ("münchen.example.com", "write it in the form of the DNS: 'xn--mnchen-3ya.example.com'"),
        ("alpha", "a host name with a domain"),
        ("", "a host name with a domain"),
        ("10.0.0.1", "a host name with a domain"),
        ("-a.example.com", "'-a' is not a label"),
        ("a_b.example.com", "'a_b' is not a label"),
        ("a..example.com", "'' is not a label"),
        ("a b.example.com", "'a b' is not a label"),
        (f"{'a' * 64}.example.com", "is not a label"),
        (f"{'a.' * 60}example.com", "a load balancer allows 128"),
        ("*.example.com", "one name, without a wildcard"),
        ("alph?.example.com", "one name, without a wildcard"),
    ],
)
def test_text_that_is_no_host_name_is_refused(host: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?").replace("*", r"\*")):
        host_names.check("host", host, wildcard=False)


@pytest.mark.parametrize("host", ["a.*.example.com", "*", "*a.example.com", "*.*.example.com", "*.a?.example.com"])
def test_a_wildcard_is_the_whole_first_label(host: str) -> None:
    assert host_names.check("x", "*.alpha.example.com", wildcard=True)
    with pytest.raises(ValueError, match="a wildcard must be "):
        host_names.check("x", host, wildcard=True)


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("example.com", True),
        ("alpha.example.com", True),
        ("a.alpha.example.com", False),
        ("*.example.com", False),
        ("*.alpha.example.com", False),
        ("example.org", False),
        ("badexample.com", False),
    ],
)
def test_a_certificate_covers_the_domain_and_one_label_below_it(host: str, covered: bool) -> None:
    assert host_names.covered(host, "example.com") is covered


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "b.example.com", False),
        ("*.a.example.com", "x.a.example.com", True),
        # A load balancer's wildcard stands for any number of labels.
        ("*.a.example.com", "x.y.a.example.com", True),
        ("*.a.example.com", "a.example.com", False),
        ("*.a.example.com", "*.b.a.example.com", True),
        ("*.a.example.com", "*.b.example.com", False),
    ],
)
def test_hosts_overlap_when_one_name_is_in_both(one: str, other: str, overlap: bool) -> None:
    assert host_names.overlap(one, other) is overlap
    assert host_names.overlap(other, one) is overlap


def test_no_two_hosts_have_one_slug() -> None:
    found = host_names.distinct_slugs(["a.b.example.com", "a-b.example.com", "c.example.com"])
    assert found["a.b.example.com"] == "a-b-example-com"
    assert found["c.example.com"] == "c-example-com"
    assert len(set(found.values())) == 3
