"""Rules for host names, and the host names that the certificate and records of a domain cover. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HostHeaderConditionConfig.html
HOST_LIMIT = 128
# https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.4
LABEL_LIMIT = 63

CDN_LABEL, SITE_LABEL = "static", "www"
"""Labels before an environment's host, for its static files and its static site."""

WILDCARD = "*."
_LABEL = re.compile(rf"[a-z0-9]([a-z0-9-]{{0,{LABEL_LIMIT - 2}}}[a-z0-9])?")
# A load balancer accepts only letters after the last dot. `xn--` encodes other alphabets.
_LAST_LABEL = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]*[a-z0-9]")


def check(field: str, host: str, *, wildcard: bool) -> str:
    """Return the host. Raises ValueError that names `field` for text that is not a host name.

    `wildcard` allows `*.` as the first label, which matches any name below the rest.
    """
    problem = _problem(host, wildcard=wildcard)
    if problem:
        raise ValueError(f"{field} is {host!r}: {problem}")
    return host


def is_host(host: str) -> bool:
    """Return whether the text is one host name."""
    return _problem(host, wildcard=False) is None


def is_wildcard(host: str) -> bool:
    """Return whether the host is a wildcard."""
    return host.startswith(WILDCARD)


def within(host: str, domain: str) -> bool:
    """Return whether a host is the domain or below it."""
    return host == domain or host.endswith(f".{domain}")


def covered(host: str, domain: str) -> bool:
    """Return whether a certificate for the domain and `*.` below it covers the host. A wildcard matches one label.
    https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html
    """
    label, _, rest = host.partition(".")
    return host == domain or (rest == domain and label != "*")


def overlap(one: str, other: str) -> bool:
    """Return whether both hosts match a common name."""
    if is_wildcard(one) and is_wildcard(other):
        return one.endswith(other[1:]) or other.endswith(one[1:])
    if is_wildcard(other):
        return one.endswith(other[1:])
    return other.endswith(one[1:]) if is_wildcard(one) else one == other


def slug(host: str) -> str:
    """Return the host in the form for names of resources."""
    return host.replace(".", "-")


def distinct_slugs(hosts: Iterable[str]) -> dict[str, str]:
    """Return a different slug for each host. `a-b.example.com` and `a.b.example.com` have the same slug, so the later one in
    the list gets six digits of its hash."""
    found: dict[str, str] = {}
    for host in dict.fromkeys(hosts):
        plain = slug(host)
        taken = plain in found.values()
        found[host] = f"{plain}-{hashlib.sha256(host.encode()).hexdigest()[:6]}" if taken else plain
    return found


def _problem(host: str, *, wildcard: bool) -> str | None:
    if "://" in host or "/" in host:
        return "it must be a host name without scheme and path, such as 'alpha.example.com'"
    if ":" in host or "@" in host:
        return "it must be a host name without a port, such as 'alpha.example.com'"
    if not host.isascii():
        return _international(host)
    if host != host.lower():
        return f"write it in lower case: {host.lower()!r}"
    if host.endswith("."):
        return "remove the dot at the end"
    name = host
    if "*" in host or "?" in host:
        if not wildcard:
            return "it must be one name, without a wildcard"
        if not is_wildcard(host) or "*" in host[1:] or "?" in host:
            return "a wildcard must be '*.' at the beginning, such as '*.alpha.example.com'"
        name = host.removeprefix(WILDCARD)
    if len(host) > HOST_LIMIT:
        return f"it has {len(host)} characters, and a load balancer allows {HOST_LIMIT}"
    labels = name.split(".")
    if len(labels) < 2 or not _LAST_LABEL.fullmatch(labels[-1]):
        return "it must be a host name with a domain, such as 'alpha.example.com'"
    wrong = next((label for label in labels if not _LABEL.fullmatch(label)), None)
    if wrong is None:
        return None
    return (
        f"{wrong!r} is not a label of a host name: a label has 1 to {LABEL_LIMIT} letters, digits and hyphens, without a hyphen at "
        "either end"
    )


def _international(host: str) -> str:
    try:
        return f"write it in the form of the DNS: {host.encode('idna').decode()!r}"
    except UnicodeError:
        return "it must be a host name, such as 'alpha.example.com'"
