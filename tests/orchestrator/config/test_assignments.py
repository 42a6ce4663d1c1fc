"""The values of `--set` and `--image`."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.assignments import (
    Assignment,
    image_assignment,
    make_assignment,
    parse_assignment,
    parse_assignments,
    parse_image,
    parse_images,
)
from orchestrator.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("'3'", "3"),
        ("0.5", 0.5),
        ("true", True),
        ("yes", "yes"),
        ("", ""),
        ("null", None),
        ("registry/app:1.2", "registry/app:1.2"),
        ("a=b", "a=b"),
        ("12:30", "12:30"),
        ("2026-11-20", "2026-11-20"),
        ("[/api/*, /admin/*]", ["/api/*", "/admin/*"]),
        ("{cpu_units: 512, since: 2026-11-20}", {"cpu_units": 512, "since": "2026-11-20"}),
    ],
)
def test_a_value_is_read_as_yaml(text: str, value: Any) -> None:
    read = parse_assignment(f"key={text}").value
    assert (read, type(read)) == (value, type(value))


ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-a1b2c3:KEY::"


@pytest.mark.parametrize("key", ["extra_secrets.X", "django-app:extra_env.X", "settings_module", "app.extra_env.X"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (ARN, ARN),
        ("secretsmanager:shop:KEY", "secretsmanager:shop:KEY"),
        ("1.10", "1.10"),
        ("010", "010"),
        ("123456789012", "123456789012"),
        ("7e12345", "7e12345"),
        ("true", "true"),
        ("yes", "yes"),
        ("2026-11-20", "2026-11-20"),
        ("a: b", "a: b"),
        ("a #b", "a #b"),
        ('{"a": 1}', '{"a": 1}'),
        ("{x", "{x"),
        ("[1", "[1"),
        ("*", "*"),
        ("@x", "@x"),
        ("- x", "- x"),
        (" x ", "x"),
        ("'1'", "1"),
        ('"a\\tb"', "a\tb"),
        ("'a' or 'b'", "'a' or 'b'"),
        ("'open", "'open"),
        ("", ""),
        ("null", None),
        ("~", None),
    ],
)
def test_the_value_of_a_key_whose_type_is_text_is_that_text(key: str, text: str, value: str | None) -> None:
    assert parse_assignment(f"{key}={text}").value == value


def test_a_value_of_an_unknown_key_that_yaml_readers_change_is_text() -> None:
    assert parse_assignment(f"other:secret={ARN}").value == ARN
    assert parse_assignment("other:profile=012345678901").value == "012345678901"
    assert parse_assignment("aws:profile=012345678901").value == "012345678901"
    assert parse_assignment("other:day={since: 2026-11-20 10:00:00}").value == {"since": "2026-11-20 10:00:00"}
    assert parse_assignment("other:o={a: }").value == {"a": None}
    assert parse_assignment("web={service: }").value == {"service": None}


def test_text_within_an_object_or_a_list_stays_text_and_numbers_stay_numbers() -> None:
    given = "extra_env={V: 1.10, ACCOUNT: 123456789012, ZERO: 010, ON: yes, N: 5, NONE: null, Q: '1.10'}"
    assert parse_assignment(given).value == {
        **{"V": "1.10", "ACCOUNT": "123456789012", "ZERO": "010", "ON": "yes"},
        **{"N": 5, "NONE": None, "Q": "1.10"},
    }
    assert parse_assignment("extra_hosts=[1.10]").value == ["1.10"]
    assert parse_assignment("web={cpu_units: 1_024, env: 1.10}").value == {"cpu_units": 1024, "env": 1.1}


@pytest.mark.parametrize("key", ["backend_image", "redis.image", "django-app:frontend_image"])
def test_an_empty_image_is_refused(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment(f"{key}=")
    assert caught.value.message == f"--set {key} cannot be used: an image cannot be empty"


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 2**63, -(2**63)])
def test_a_number_that_no_program_keeps_is_refused(number: float) -> None:
    with pytest.raises(UsageError, match=r"^--set web\.cpu_units cannot be used: "):
        make_assignment("web.cpu_units", {"deep": [number]})


def test_a_long_number_from_python_is_text_where_text_is_needed() -> None:
    assert make_assignment("extra_env", {"ACCOUNT": 123456789012}).value == {"ACCOUNT": "123456789012"}
    assert make_assignment("web.cpu_units", 123456789012).value == 123456789012


@pytest.mark.parametrize(
    ("key", "namespace", "path"),
    [
        ("spot", None, ("spot",)),
        ("web.cpu_units", None, ("web", "cpu_units")),
        ("aws:region", "aws", ("region",)),
        ("django-app:workers.default.desired_count", "django-app", ("workers", "default", "desired_count")),
    ],
)
def test_a_key_has_a_namespace_and_a_path(key: str, namespace: str | None, path: tuple[str, ...]) -> None:
    assert parse_assignment(f"{key}=1") == Assignment(namespace=namespace, path=path, value=1)
    assert str(make_assignment(key, 1)) == key


@pytest.mark.parametrize("text", ["", "region", "=3", "a..b=3", ".a=3", "a b=3", ":a=3", "a:b:c d=1", "9a=1", "../x=1"])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment(text)
    assert caught.value.message == f"--set {text.partition('=')[0]!r} is not of the form KEY=VALUE"
    assert caught.value.hint == "for example --set web.desired_count=2 or --set aws:region=eu-west-1"


def test_a_value_that_is_no_yaml_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment("token={s3cret")
    assert caught.value.message == "--set token cannot be understood: the value is not valid YAML"
    assert caught.value.hint == "put text in quotes: --set 'key=\"value\"'"


def test_a_value_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^--set a cannot be used: the value is nested too deeply or refers to itself$"
    ):
        parse_assignment("a=&x [*x]")


def test_a_value_of_a_foreign_type_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^--set a cannot be used: the type object is not allowed in a configuration$"
    ):
        make_assignment("a", object())


def test_one_key_is_set_once() -> None:
    with pytest.raises(UsageError, match=r"^--set web\.port is given more than once$"):
        parse_assignments(["web.port=1", "region=x", "web.port=2"])


@pytest.mark.parametrize("reference", ["shop", "shop:1.2", "registry.example.com:5000/a/b@sha256:0123", "a=b"])
def test_an_image_is_a_name_and_a_reference(reference: str) -> None:
    assert parse_image(f"backend={reference}") == ("backend", reference)


@pytest.mark.parametrize("text", ["shop:1", "=shop:1", "Back end=shop:1"])
def test_an_image_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_image(text)
    assert caught.value.message == f"--image {text!r} is not of the form NAME=REFERENCE"


@pytest.mark.parametrize("reference", ["", "a b", "a\nb", "x" * 513])
def test_an_invalid_image_reference_is_refused(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_image(f"backend={reference}")
    assert caught.value.message.endswith(f"cannot be used: {reference!r} is not an image reference")


def test_one_image_is_given_once() -> None:
    with pytest.raises(UsageError, match=r"^--image backend is given more than once$"):
        parse_images(["backend=a", "backend=b"])
    assert parse_images(["backend=a", "frontend=b"]) == {"backend": "a", "frontend": "b"}


@pytest.mark.parametrize(
    ("name", "key"), [("backend", "backend_image"), ("frontend", "frontend_image"), ("redis", "redis.image")]
)
def test_an_image_has_its_key(name: str, key: str) -> None:
    found = image_assignment(name, "x:1")
    assert replace(found, origin=None) == make_assignment(key, "x:1")
    assert found.origin == f"--image {name}"


@given(st.text(max_size=60))
def test_every_text_is_parsed_or_refused_with_a_usage_error(text: str) -> None:
    for parse in (parse_assignment, parse_image):
        with contextlib.suppress(UsageError):
            parse(text)


@given(st.text(st.sampled_from("{}[]&*!|>'\"#%@`:,- \nax1.~?"), max_size=20))
def test_every_yaml_value_is_parsed_or_refused_with_a_usage_error(value: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_assignment(f"key={value}").path == ("key",)
