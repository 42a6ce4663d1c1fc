"""The addresses of an environment's parts on this machine, and the texts that change with them. Pure.

Every task has an address of its own, as on AWS. Linux answers on the whole network 127.0.0.0/8, so two services can listen
on the same port. Other systems answer on 127.0.0.1 only, where each service gets a free port of its own.
"""

from __future__ import annotations

import hashlib
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EVERYWHERE = ("0.0.0.0", "[::]")
"""Addresses with which a program listens on all interfaces."""

LOOPBACK = "127.0.0.1"
OWN_ADDRESSES = sys.platform == "linux"
"""Whether every task gets an address of its own."""

_BEFORE, _AFTER = r"(?<![\w.-])", r"(?![\w-])(?!\.\w)"
"""The borders of a host name or an address in a text."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The address of a task, the database server or another part."""

    address: str
    ports: Mapping[int, int]
    """Local port by declared port."""

    def port(self, declared: int) -> int:
        """The local port of a declared one."""
        return self.ports.get(declared, declared)


class Addresses:
    """Gives out places. `seed` decides the network, so that two environments use different addresses."""

    def __init__(self, seed: str, *, own: bool = OWN_ADDRESSES) -> None:
        digest = hashlib.sha256(seed.encode()).digest()
        self._network = f"127.{64 + digest[0] % 64}.{digest[1]}"
        self._own = own
        self._last = 1

    def place(self, ports: Sequence[int]) -> Place:
        """A new place for something that listens on these ports. A port that is taken is replaced by a free one."""
        if not self._own:
            return Place(address=LOOPBACK, ports={port: free_port(LOOPBACK) for port in ports})
        self._last += 1
        address = f"{self._network}.{self._last}"
        return Place(
            address=address, ports={port: port if is_free(address, port) else free_port(address) for port in ports}
        )


def is_free(address: str, port: int) -> bool:
    """Whether a program can listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_port(address: str) -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class Changes:
    """Replacements in the texts of a declaration: variables, words of commands, values of secrets."""

    def __init__(self) -> None:
        self._made: list[tuple[re.Pattern[str], str]] = []

    def text(self, pattern: str, replacement: str) -> None:
        """Replace what the regular expression matches; earlier replacements come first."""
        self._made.append((re.compile(pattern), replacement.replace("\\", r"\\")))

    def host(self, declared: str, place: Place) -> None:
        """Replace a host name, and its ports where they follow."""
        name = f"{_BEFORE}{re.escape(declared)}"
        for port, local in place.ports.items():
            self.text(rf"{name}:{port}(?!\d)", f"{place.address}:{local}")
        self.text(f"{name}{_AFTER}", place.address)

    def site(self, declared: str, local: str, port: int) -> None:
        """Replace the host name of a site, with its protocol and port where a URL names it."""
        name = re.escape(declared)
        self.text(rf"\bhttps?://{name}(?::\d+)?{_AFTER}", f"http://{local}:{port}")
        self.text(rf"\bwss?://{name}(?::\d+)?{_AFTER}", f"ws://{local}:{port}")
        self.text(f"{_BEFORE}{name}{_AFTER}", local)

    def value(self, declared: str, local: str) -> None:
        """Replace a text wherever it occurs: a generated password, a URL."""
        self.text(re.escape(declared), local)

    def applied(self, text: str) -> str:
        """The text with all replacements."""
        for pattern, replacement in self._made:
            text = pattern.sub(replacement, text)
        return text


def within_task(text: str, place: Place) -> str:
    """The text with the place of a task instead of `localhost`, which the containers of a task share on AWS.

    Only ports of the task count. Another one, such as that of a CORS origin, is one of the reader's machine.
    """
    for port, local in place.ports.items():
        text = re.sub(rf"{_BEFORE}(?:localhost|127\.0\.0\.1):{port}(?!\d)", f"{place.address}:{local}", text)
    return text


def listening(words: Sequence[str], place: Place) -> list[str]:
    """The words of a command that listens at its place instead of on all addresses.

    `0.0.0.0` and `[::]` become the address, and a declared port, alone or after a colon, becomes the local one.
    """
    changed = list(words)
    for everywhere in EVERYWHERE:
        changed = [word.replace(everywhere, place.address) for word in changed]
    for declared, local in place.ports.items():
        if declared != local:
            changed = [
                re.sub(rf"(?<![\w.])(:?){declared}$|(?<=:){declared}(?!\d)", rf"\g<1>{local}", w) for w in changed
            ]
    return changed


def local_host(declared: str, domain: str | None, environment: str) -> str:
    """The name of a declared host on this machine, below `localhost`: every system resolves those to itself."""
    if domain and declared == domain:
        return f"{environment}.localhost"
    if domain and declared.endswith(f".{domain}"):
        return f"{declared.removesuffix(f'.{domain}')}.localhost"
    return f"{declared}.localhost"
