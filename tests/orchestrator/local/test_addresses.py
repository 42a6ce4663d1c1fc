"""Addresses on this machine, and the texts that change with them."""

from __future__ import annotations

import socket
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.local import layout, routes
from orchestrator.local.addresses import Addresses, Changes, Place, listening, local_host
from orchestrator.local.declaration import Declaration
from orchestrator.local.prepare import Prepared


def test_services_with_the_same_port_get_different_addresses() -> None:
    addresses = Addresses("alpha", own=True)
    first, second = addresses.place([8000]), addresses.place([8000])
    assert first.address != second.address
    assert first.port(8000) == second.port(8000) == 8000


def test_without_addresses_of_their_own_services_get_different_ports() -> None:
    addresses = Addresses("alpha", own=False)
    first, second = addresses.place([8000]), addresses.place([8000])
    assert first.address == second.address == "127.0.0.1"
    assert first.port(8000) != second.port(8000)


def test_a_port_that_is_taken_is_replaced() -> None:
    address = Addresses("taken", own=True).place([]).address
    with socket.socket() as taken:
        taken.bind((address, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert Addresses("taken", own=True).place([port]).port(port) != port


def test_a_command_listens_at_its_place_only() -> None:
    place = Place(address="127.64.0.2", ports={8000: 8000})
    assert listening(["gunicorn", "--bind", "0.0.0.0:8000"], place) == ["gunicorn", "--bind", "127.64.0.2:8000"]
    moved = Place(address="127.0.0.1", ports={8000: 54321})
    assert listening(["daphne", "-b", "0.0.0.0", "-p", "8000", "--x=18000"], moved) == [
        *("daphne", "-b", "127.0.0.1", "-p", "54321", "--x=18000")
    ]
    assert listening(["uvicorn", "--bind", "[::]:8000"], moved) == ["uvicorn", "--bind", "127.0.0.1:54321"]


def test_a_host_changes_with_its_port_and_only_as_a_whole_name() -> None:
    changes = Changes()
    changes.host("db.example.com", Place(address="127.64.0.2", ports={5432: 6000}))
    assert changes.applied("postgres://a:b@db.example.com:5432/c") == "postgres://a:b@127.64.0.2:6000/c"
    assert changes.applied("db.example.com") == "127.64.0.2"
    assert changes.applied("my-db.example.com db.example.com.br") == "my-db.example.com db.example.com.br"
    assert changes.applied("See db.example.com.") == "See 127.64.0.2."


def test_a_site_gets_the_protocol_and_the_port_of_the_front_door() -> None:
    changes = Changes()
    changes.site("alpha.example.com", "alpha.localhost", 8080)
    assert changes.applied("https://alpha.example.com/x") == "http://alpha.localhost:8080/x"
    assert changes.applied("wss://alpha.example.com/ws") == "ws://alpha.localhost:8080/ws"
    assert changes.applied("alpha.example.com,.beta.example.com") == "alpha.localhost,.beta.example.com"


@given(st.text())
def test_a_value_with_backslashes_is_put_in_as_it_is(value: str) -> None:
    changes = Changes()
    changes.value("SIMULATED", value)
    assert changes.applied("a SIMULATED b") == f"a {value} b"


def test_hosts_are_names_below_localhost() -> None:
    assert local_host("alpha.example.com", "example.com", "alpha") == "alpha.localhost"
    assert local_host("*.example.com", "example.com", "alpha") == "*.localhost"
    assert local_host("example.com", "example.com", "alpha") == "alpha.localhost"
    assert local_host("shop.example.org", "example.com", "alpha") == "shop.example.org.localhost"


def test_the_own_host_comes_before_the_host_of_a_service_whose_rule_comes_first(alpha: Declaration) -> None:
    found = layout.local_routes(alpha, routes.read(alpha))
    admin = replace(found.rules[0], priority=1, hosts=["admin.localhost"])
    prepared: Any = SimpleNamespace(
        declaration=alpha,
        routes=replace(found, rules=[admin, *found.rules]),
        wanted=SimpleNamespace(port=8080),
    )
    urls = Prepared.urls.fget(prepared)  # type: ignore[misc]
    assert urls == {"alpha.localhost": "http://alpha.localhost:8080", "admin.localhost": "http://admin.localhost:8080"}
    assert next(iter(urls)) == "alpha.localhost"
