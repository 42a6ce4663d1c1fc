"""Stack configuration as argument classes: every form of `pulumi config set` and YAML, and every error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_django import AdHocAppArgs, AdHocBaseArgs, ProdAppArgs, ProdBaseArgs
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.program import config
from pulumi_django.program.config import ConfigError
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.text import MAY_BE_EMPTY
from pulumi_django.testing import simulate


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int = 1
    name: str = "n"
    prefix: str | None = field(default=None, metadata={MAY_BE_EMPTY: True})

    def __post_init__(self) -> None:
        if self.size > 9:
            raise ValueError(f"size is {self.size}: it must be at most 9")


@dataclass(frozen=True, kw_only=True)
class Args:
    needed: str
    count: int = 1
    share: float = 0.5
    on: bool = False
    kind: Kind = Kind.AD_HOC
    nat: Literal["single", "none"] = "single"
    words: Sequence[str] | None = None
    inner: Inner = field(default_factory=Inner)
    many: Mapping[str, Inner] = field(default_factory=dict[str, Inner])
    maybe: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    token: pulumi.Input[str] | None = None
    optional: Inner | None = field(default_factory=Inner)
    anything: Mapping[str, Any] = field(default_factory=dict[str, Any])
    given: object = None


def load(values: dict[str, str], secret_keys: tuple[str, ...] = (), **options: Any) -> Args:
    found: list[Args] = []
    full = {f"p:{key}": value for key, value in values.items()}
    simulate(
        lambda: found.append(config.load(Args, given={"given": 1}, **options)),
        project="p",
        stack="dev",
        config=full,
        secret_keys=[f"p:{key}" for key in secret_keys],
    )
    return found[0]


def problems(values: dict[str, str], **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load({"needed": "x", **values}, **options)
    return list(refused.value.problems)


def test_text_and_yaml_forms_become_the_declared_types() -> None:
    args = load(
        {
            "needed": "x",
            "count": "3",
            "share": "0.25",
            "on": "true",
            "kind": "prod",
            "nat": "none",
            "words": '["a", "b"]',
            "inner": '{"size": 2}',
            "many": '{"q": {"size": 3}, "r": {}}',
            "maybe": '{"A": "1", "B": null}',
        }
    )
    assert args == Args(
        needed="x",
        count=3,
        share=0.25,
        on=True,
        kind=Kind.PROD,
        nat="none",
        words=("a", "b"),
        inner=Inner(size=2),
        many={"q": Inner(size=3), "r": Inner()},
        maybe={"A": "1", "B": None},
        given=1,
    )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"cuont": "3"}, "p:cuont: is not a key here: did you mean count?"),
        ({"count": "many"}, 'p:count: is "many": it must be a whole number'),
        ({"count": "1.5"}, 'p:count: is "1.5": it must be a whole number'),
        ({"share": "half"}, 'p:share: is "half": it must be a number'),
        ({"on": "yes"}, 'p:on: is "yes": it must be true or false'),
        ({"kind": "magic"}, 'p:kind: is "magic": it must be one of ad-hoc, prod'),
        ({"nat": "two"}, 'p:nat: is "two": it must be one of single, none'),
        ({"words": "a b"}, 'p:words: is "a b": it must be a list'),
        ({"inner": "[1]"}, "p:inner: is [1]: it must be an object with keys"),
        ({"inner": '{"size": 10}'}, "p:inner: size is 10: it must be at most 9"),
        ({"inner": '{"sizes": 1}'}, "p:inner.sizes: is not a key here: did you mean size?"),
        ({"many": '{"q": {"size": "x"}}'}, 'p:many.q.size: is "x": it must be a whole number'),
        ({"words": '["a", {"b": 1}]'}, 'p:words[1]: is {"b": 1}: it must be text'),
        ({"given": "1"}, "p:given: is not a key here; valid keys are "),
    ],
)
def test_a_value_of_a_wrong_type_is_reported_with_its_key(values: dict[str, str], problem: str) -> None:
    found = problems(values)
    assert len(found) == 1
    assert found[0].startswith(problem)


NULLS = ("", "null")
"""How a null at the top of a stack file reaches a program."""


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("key", [*(f.name for f in fields(Args) if f.name not in ("needed", "optional", "given"))])
def test_null_at_the_top_is_the_same_as_a_missing_key(key: str, null: str) -> None:
    assert load({"needed": "x", key: null}) == load({"needed": "x"})


@pytest.mark.parametrize("null", NULLS)
def test_null_for_a_required_key_is_a_missing_one(null: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"needed": null})
    assert refused.value.problems == ("p:needed: is missing",)


@pytest.mark.parametrize("null", NULLS)
def test_null_means_none_for_a_field_with_another_default(null: str) -> None:
    assert load({"needed": "x", "optional": null}).optional is None
    assert load({"needed": "x", "optional": '{"size": 3}'}).optional == Inner(size=3)


def test_null_in_an_object_is_the_same_as_a_missing_key_at_every_depth() -> None:
    args = load(
        {
            "needed": "x",
            "inner": '{"size": null, "name": null}',
            "many": '{"a": null, "b": {"size": null, "name": "m"}}',
            "maybe": '{"A": null, "B": ""}',
            "anything": '{"a": null, "b": [{"c": null, "d": {"e": null, "f": 1}}]}',
        }
    )
    assert args.inner == Inner()
    assert args.many == {"b": Inner(name="m")}
    assert args.maybe == {"A": None, "B": ""}
    assert args.anything == {"b": [{"d": {"f": 1}}]}


def test_null_in_a_list_is_no_key_and_is_refused() -> None:
    assert problems({"words": '["a", null]'}) == ["p:words[1]: is null: it must be text"]


@pytest.mark.parametrize("null", NULLS)
def test_null_for_the_key_of_the_arguments_is_the_same_as_a_missing_key(null: str) -> None:
    found: list[Inner] = []
    simulate(lambda: found.append(config.load(Inner, at="part")), project="p", config={"p:part": null})
    assert found == [Inner()]


def test_empty_text_in_an_object_is_refused_unless_the_field_allows_it() -> None:
    assert problems({"inner": '{"name": ""}'}) == ["p:inner.name: is empty text: set a value, or remove the key"]
    assert load({"needed": "x", "inner": '{"prefix": ""}'}).inner.prefix == ""


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", f"{'9' * 400}"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    assert problems({"share": number})[0].endswith("it must be a number")
    assert problems({"count": number})[0].endswith("it must be a whole number")
    if number.isdigit():
        assert problems({"many": f'{{"a": {{"size": {number}}}}}'})[0].endswith("it must be a whole number")


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        load({"count": "x", "on": "y"})
    assert sorted(refused.value.problems) == [
        'p:count: is "x": it must be a whole number',
        "p:needed: is missing",
        'p:on: is "y": it must be true or false',
    ]


def test_an_encrypted_value_stays_secret_or_is_refused_and_no_message_shows_it() -> None:
    args = load({"needed": "x", "token": "s3cret-value"}, ("token",))
    assert isinstance(args.token, pulumi.Output)
    found = problems({"count": "s3cret-value"}, secret_keys=("count",))
    assert found == [
        "p:count: is encrypted, but the program needs its plain value: set it without --secret, or use the name of a secret"
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["count", "on", "words", "inner", "many", "maybe", "x y", "nat"]),
        st.text(max_size=20),
        max_size=4,
    )
)
def test_no_configuration_ends_in_another_error(values: dict[str, str]) -> None:
    try:
        args = load({"needed": "x", **values})
    except ConfigError:
        return
    assert args.needed == "x"


def all_null(cls: Any) -> dict[str, Any]:
    """Return null for every optional key of a class, and for those of its objects."""
    hints = get_type_hints(cls, localns={"Output": pulumi.Output, "T": TypeVar("T")})
    found: dict[str, Any] = {}
    for each in fields(cls):
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        of_objects = [member for member in (hints[each.name], *get_args(hints[each.name])) if is_dataclass(member)]
        if default is MISSING or each.name in ("aws", "region", "base"):
            continue
        if default is None or type(None) not in get_args(hints[each.name]):
            found[each.name] = None
        required = is_dataclass(default) and any(f.default is f.default_factory is MISSING for f in fields(default))
        if is_dataclass(default) and of_objects == [type(default)] and not required:
            found[each.name] = all_null(type(default))
    return found


@pytest.mark.parametrize("cls", [AdHocAppArgs, ProdAppArgs, AdHocBaseArgs, ProdBaseArgs])
@pytest.mark.parametrize("depth", ["top", "within objects"])
def test_null_everywhere_is_a_configuration_without_these_keys(cls: Any, depth: str) -> None:
    app = cls in (AdHocAppArgs, ProdAppArgs)
    given: dict[str, Any] = {"base": None, "aws": AwsAccess()} if app else {"region": "us-east-1"}
    needed = {"p:backend_image": "shop:1", "p:settings_module": "shop.settings"} if app else {}
    nulls = all_null(cls)
    assert len(nulls) > 10
    wire = {
        f"p:{key}": json.dumps(value) if depth != "top" and isinstance(value, dict) else ""
        for key, value in nulls.items()
    }
    if depth == "top":
        wire = {key: text for key, text in wire.items() if not isinstance(nulls[key.removeprefix("p:")], dict)}
    found: list[Any] = []

    def program() -> None:
        found.append(config.load(cls, given=given))

    simulate(program, project="p", config=needed)
    simulate(program, project="p", config={**needed, **wire})
    assert found[0] == found[1]
