"""Blocks of listener-rule priorities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_django.rules import priorities


def test_slots_are_blocks_that_never_overlap_and_never_leave_awss_range() -> None:
    seen: set[int] = set()
    for slot in range(priorities.SLOTS):
        block = set(priorities.slot_priorities(slot))
        assert not block & seen
        seen |= block
    assert min(seen) == 1
    assert max(seen) <= priorities.PRIORITY_LIMIT


@pytest.mark.parametrize("slot", [-1, 999])
def test_a_slot_outside_is_refused(slot: int) -> None:
    with pytest.raises(ValueError, match=f"listener_slot is {slot}: a load balancer has slots 0 to 998"):
        priorities.slot_priorities(slot)


@given(st.text())
def test_any_name_has_a_stable_slot(name: str) -> None:
    assert priorities.stable_slot(name) == priorities.stable_slot(name)
    assert 0 <= priorities.stable_slot(name) < priorities.SLOTS


HOST = ["alpha.example.com"]


def route(service: str, paths: list[str], hosts: list[str] | None = None) -> priorities.Route:
    return priorities.Route(service=service, paths=paths, hosts=hosts or HOST)


def placed(rules: list[priorities.Rule]) -> list[tuple[int, list[str]]]:
    assert all(list(rule.hosts) == HOST for rule in rules)
    return [(rule.priority, list(rule.paths)) for rule in rules]


def test_four_paths_make_two_rules_within_awss_limits() -> None:
    rules = priorities.rule_conditions(HOST, ["/api/*", "/admin/*", "/graphql/*", "/mtv/*"])
    assert rules == [(HOST, ["/api/*", "/admin/*", "/graphql/*"]), (HOST, ["/mtv/*"])]


def test_four_hosts_and_three_paths_make_as_many_rules_as_awss_limits_want() -> None:
    hosts = ["a.example.com", "b.example.com", "c.example.com", "example.com"]
    rules = priorities.rule_conditions(hosts, ["/api/*", "/admin/*", "/mtv/*"])
    assert rules == [
        (hosts[:3], ["/api/*", "/admin/*"]),
        (hosts[:3], ["/mtv/*"]),
        (hosts[3:], ["/api/*", "/admin/*", "/mtv/*"]),
    ]


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True),
    st.lists(st.sampled_from(["/a", "/b", "/c", "/d", "/e", "/f"]), min_size=1, unique=True),
)
def test_every_host_answers_every_path_once_within_awss_limits(hosts: list[str], paths: list[str]) -> None:
    seen: list[tuple[str, str]] = []
    for some_hosts, some_paths in priorities.rule_conditions(hosts, paths):
        assert len(some_hosts) <= priorities.VALUES_PER_CONDITION
        assert len(some_paths) <= priorities.VALUES_PER_CONDITION
        assert len(some_hosts) + len(some_paths) <= priorities.CONDITION_VALUES_PER_RULE
        seen += [(host, path) for host in some_hosts for path in some_paths]
    assert sorted(seen) == sorted((host, path) for host in hosts for path in paths)


def test_the_service_for_every_path_comes_last_in_any_order() -> None:
    rules = priorities.assign(
        0, [route("web-ui", ["/*"]), route("gunicorn", ["/api/*", "/admin/*", "/graphql/*", "/mtv/*"])]
    )
    assert placed(rules["gunicorn"]) == [(1, ["/api/*", "/admin/*", "/graphql/*"]), (2, ["/mtv/*"])]
    assert placed(rules["web-ui"]) == [(50, ["/*"])]


def test_the_second_slot_begins_where_the_first_ends() -> None:
    assert placed(priorities.assign(1, [route("web", ["/*"])])["web"]) == [(51, ["/*"])]


def test_two_services_may_answer_the_same_path_of_different_hosts() -> None:
    rules = priorities.assign(0, [route("web", ["/*"], ["api.example.com"]), route("ui", ["/*"], ["www.example.com"])])
    assert [rule.hosts for rule in rules["web"]] == [["api.example.com"]]
    assert [rule.hosts for rule in rules["ui"]] == [["www.example.com"]]


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ([route("web", [])], "paths is empty: a web service needs at least one path pattern, such as '/*'"),
        (
            [priorities.Route(service="web", paths=["/*"], hosts=[])],
            "hosts is empty: a web service needs at least one host name",
        ),
        (
            [route("web", ["api"])],
            "paths: the path pattern 'api' cannot be used: it must begin with / and have at most 128 characters",
        ),
        (
            [route("web", ["/*"]), route("ui", ["/*"])],
            "web.paths and ui.paths both have '/*': keep it in one of them, or give the services different hosts",
        ),
        (
            [route("web", [f"/{n}/*" for n in range(200)])],
            "web has 200 paths and 1 hosts, which make 67 rules: with 1 web services each has room for 50 in the "
            "environment's block of 50 priorities",
        ),
    ],
)
def test_routes_that_conflict_or_exceed_the_block_are_refused(routes: list[priorities.Route], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        priorities.assign(0, routes)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("hosts", "paths"),
    [
        (["a.example.com"], ["/a/*/b/*/c/*", "/d/*/e/*/f/*", "/g/*/h/*/i/*"]),
        (["*.example.com", "*.example.org", "*.example.net", "example.com"], ["/a/*/*", "/b/?/*", "/c/*"]),
        (["*.*.*.example.com", "*.b.example.com"], ["/*/*/*", "/x/*"]),
        (["a.example.com"], ["/*/*/*/*/*/*", "/x"]),
    ],
)
def test_no_rule_has_more_values_or_wildcards_than_a_load_balancer_takes(hosts: list[str], paths: list[str]) -> None:
    conditions = priorities.rule_conditions(hosts, paths)
    for some_hosts, some_paths in conditions:
        values = [*some_hosts, *some_paths]
        assert len(values) <= 5
        assert sum(value.count("*") + value.count("?") for value in values) <= 6
    matched = {(host, path) for some_hosts, some_paths in conditions for host in some_hosts for path in some_paths}
    assert matched == {(host, path) for host in hosts for path in paths}


@pytest.mark.parametrize(
    ("hosts", "paths", "reason"),
    [
        (["a.example.com"], ["/*/*/*/*/*/*/*"], "at most 6 wildcards"),
        ([f"{'a' * 120}.example.com"], ["/*"], "more than 128 characters"),
    ],
)
def test_a_value_that_fits_into_no_rule_is_refused(hosts: list[str], paths: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        priorities.rule_conditions(hosts, paths)


# additional services


def more(service: str, *paths: str, hosts: list[str] | None = None) -> priorities.Route:
    return priorities.Route(
        service=service, paths=paths, hosts=hosts or HOST, setting=f"services.{service}", additional=True
    )


def order(*routes: priorities.Route) -> dict[str, list[int]]:
    return {service: [rule.priority for rule in rules] for service, rules in priorities.assign(0, routes).items()}


def test_an_additional_service_comes_before_the_service_for_every_path() -> None:
    found = order(route("web", ["/*"]), more("channels", "/ws/*"))
    assert found["channels"][0] < found["web"][0] == 50


def test_web_keeps_its_place_before_an_additional_service_unless_it_has_a_wider_path() -> None:
    frontend = route("ui", ["/*"])
    assert order(route("web", ["/api/*"]), frontend, more("channels", "/ws/*"))["web"] == [1]
    found = order(route("web", ["/api/*"]), frontend, more("channels", "/api/ws/*"))
    assert (found["web"], found["ui"]) == ([49], [50])


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8, unique=True))
def test_services_that_come_or_go_never_need_a_priority_of_web_and_frontend(names: list[str]) -> None:
    """AWS refuses a rule at a priority that is taken, and Pulumi deletes rules last."""
    services = [more(name, f"/{name}/*") for name in names]
    for usual in ([route("web", ["/*"])], [route("web", ["/api/*"]), route("ui", ["/*"])]):
        alone = order(*usual)
        whole = order(*usual, *services)
        taken = {priority for name in alone for priority in alone[name]}
        assert not taken & {priority for name in names for priority in whole[name]} - {50}
        assert len({p for found in whole.values() for p in found}) == sum(map(len, whole.values()))
        assert all(10 < priority <= 40 for name in names for priority in whole[name])


def test_a_service_keeps_its_priority_when_another_one_comes() -> None:
    alone = order(route("web", ["/*"]), more("channels", "/ws/*"))
    both = order(route("web", ["/*"]), more("channels", "/ws/*"), more("api", "/api/*"))
    assert {name: both[name] for name in alone} == alone


@pytest.mark.parametrize("names", [("wide", "narrow"), ("a", "b"), ("b", "a")])
def test_a_narrower_path_of_an_additional_service_comes_first(names: tuple[str, str]) -> None:
    wide, narrow = names
    found = order(route("web", ["/*"]), more(wide, "/ws/*"), more(narrow, "/ws/rooms/*"))
    assert max(found[narrow]) < min(found[wide])


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        (
            [route("web", ["/*"]), more("channels", "/ws/*"), more("rooms", "/ws/*")],
            "services.channels.paths and services.rooms.paths both have '/ws/*': keep it in one of them, or give the services "
            "different hosts",
        ),
        (
            [route("web", ["/*"]), more("a", "/x/*", "/y/z/*"), more("b", "/y/*", "/x/z/*")],
            "services.a.paths and services.b.paths each have a path within a path of the other, so neither can come first: "
            "move one of the paths",
        ),
        (
            [route("web", ["/ws/a/*", "/*"]), more("channels", "/ws/*")],
            "web.paths has '/ws/a/*', which gets no request: services.channels.paths has '/ws/*', whose rule comes first",
        ),
        (
            [route("web", ["/api/*"]), route("ui", ["/api/docs/*", "/docs/*"])],
            "ui.paths has '/api/docs/*', which gets no request: web.paths has '/api/*', whose rule comes first",
        ),
        (
            [route("web", ["/*"]), more("many", *(f"/{n}/*" for n in range(100)))],
            "services.many.paths with their hosts make 34 listener rules: there is room for 30",
        ),
        (
            [route("web", [f"/{n}/*" for n in range(40)]), more("channels", "/ws/*")],
            "web.paths with their hosts make 14 listener rules: there is room for 10",
        ),
    ],
)
def test_paths_that_cannot_work_beside_each_other_are_refused(routes: list[priorities.Route], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        priorities.assign(0, routes)
    assert str(refused.value) == message


def test_a_service_with_hosts_of_its_own_may_have_any_path() -> None:
    found = order(route("web", ["/*"]), more("admin", "/*", hosts=["admin.example.com"]))
    assert set(found) == {"web", "admin"}


def test_a_path_pattern_has_at_most_the_length_that_aws_allows() -> None:
    longest = "/".ljust(priorities.PATH_PATTERN_LIMIT, "a")
    assert priorities.rule_conditions(HOST, [longest]) == [(HOST, [longest])]
    with pytest.raises(ValueError, match="at most 128 characters"):
        priorities.rule_conditions(HOST, [f"{longest}a"])


def test_the_paths_of_a_service_without_hosts_are_grouped_by_rule() -> None:
    assert priorities.rule_patterns(["/a", "/b", "/c", "/d"]) == [["/a", "/b", "/c"], ["/d"]]


def additional(name: str, path: str) -> priorities.Route:
    return priorities.Route(service=name, paths=[path], hosts=HOST, additional=True)


def priorities_of(*routes: priorities.Route) -> dict[str, list[int]]:
    rules = priorities.assign(0, [route("web", ["/*"]), *routes])
    return {name: [rule.priority for rule in found] for name, found in rules.items() if name != "web"}


def test_the_priorities_of_additional_services_are_those_of_every_earlier_version() -> None:
    """`svc5` and `svc9` have one place by their names: the second one has the next place."""
    assert priorities_of(additional("svc5", "/five")) == {"svc5": [37]}
    assert priorities_of(additional("svc9", "/nine")) == {"svc9": [37]}
    assert priorities_of(additional("svc5", "/five"), additional("svc9", "/nine")) == {"svc5": [37], "svc9": [38]}


def test_services_that_share_paths_leave_the_place_of_another_service() -> None:
    alone = priorities_of(additional("chat", "/chat/*"))
    others = [additional("wide", "/w/*"), additional("narrow", "/w/n/*")]
    assert priorities_of(additional("chat", "/chat/*"), *others)["chat"] == alone["chat"]
