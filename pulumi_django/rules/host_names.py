"""What a host name is, and which ones a domain's certificate and records cover. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HostHeaderConditionConfig.html
HOST_LIMIT = 128
# https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.4
LABEL_LIMIT = 63

CDN_LABEL, SITE_LABEL = "static", "www"
"""Labels before an environment's host for its static files and its static site."""

WILDCARD = "*."
_LABEL = re.compile(rf"[a-z0-9]([a-z0-9-]{{0,{LABEL_LIMIT - 2}}}[a-z0-9])?")
# A load balancer takes only letters after the last dot; `xn--` is how other alphabets are written.
_LAST_LABEL = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]*[a-z0-9]")


def check(field: str, host: str, *, wildcard: bool) -> str:
    """The host itself; ValueError that names `field` when it is no host name.

    `wildcard` allows `*.` as the first label, which the load balancer takes for any name below the rest.
    """
    problem = _problem(host, wildcard=wildcard)
    if problem:
        raise ValueError(f"{field} is {host!r}: {problem}")
    return host


def is_host(host: str) -> bool:
    """Whether it is one host name."""
    return _problem(host, wildcard=False) is None


def is_wildcard(host: str) -> bool:
    """Whether it stands for many names."""
    return host.startswith(WILDCARD)


def within(host: str, domain: str) -> bool:
    """Whether a host is the domain or below it."""
    return host == domain or host.endswith(f".{domain}")


def covered(host: str, domain: str) -> bool:
    """Whether a certificate for the domain and `*.` below it covers the host: a wildcard stands for one label.
    https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html
    """
    label, _, rest = host.partition(".")
    return host == domain or (rest == domain and label != "*")


def overlap(one: str, other: str) -> bool:
    """Whether there is a name that both stand for."""
    if is_wildcard(one) and is_wildcard(other):
        return one.endswith(other[1:]) or other.endswith(one[1:])
    if is_wildcard(other):
        return one.endswith(other[1:])
    return other.endswith(one[1:]) if is_wildcard(one) else one == other


def slug(host: str) -> str:
    """The host as part of a resource's name."""
    return host.replace(".", "-")


def distinct_slugs(hosts: Iterable[str]) -> dict[str, str]:
    """A slug for each host, no two the same: `a-b.example.com` and `a.b.example.com` have one slug, so the later one in
    the list gets six digits of its hash."""
    found: dict[str, str] = {}
    for host in dict.fromkeys(hosts):
        plain = slug(host)
        taken = plain in found.values()
        found[host] = f"{plain}-{hashlib.sha256(host.encode()).hexdigest()[:6]}" if taken else plain
    return found


def _problem(host: str, *, wildcard: bool) -> str | None:
    if "://" in host or "/" in host:
        return "it is a host name without scheme and path, such as 'alpha.example.com'"
    if ":" in host or "@" in host:
        return "it is a host name without a port, such as 'alpha.example.com'"
    if not host.isascii():
        return _international(host)
    if host != host.lower():
        return f"write it in lower case: {host.lower()!r}"
    if host.endswith("."):
        return "leave the dot at the end out"
    name = host
    if "*" in host or "?" in host:
        if not wildcard:
            return "it is one name, without a wildcard"
        if not is_wildcard(host) or "*" in host[1:] or "?" in host:
            return "a wildcard is '*.' at the beginning, such as '*.alpha.example.com'"
        name = host.removeprefix(WILDCARD)
    if len(host) > HOST_LIMIT:
        return f"it has {len(host)} characters, and a load balancer takes {HOST_LIMIT}"
    labels = name.split(".")
    if len(labels) < 2 or not _LAST_LABEL.fullmatch(labels[-1]):
        return "it is a host name with a domain, such as 'alpha.example.com'"
    wrong = next((label for label in labels if not _LABEL.fullmatch(label)), None)
    if wrong is None:
        return None
    return (
        f"{wrong!r} is no label of a host name: that is 1 to {LABEL_LIMIT} letters, digits and hyphens, without a hyphen at "
        "either end"
    )


def _international(host: str) -> str:
    try:
        return f"write it as the DNS knows it: {host.encode('idna').decode()!r}"
    except UnicodeError:
        return "it is a host name, such as 'alpha.example.com'"
