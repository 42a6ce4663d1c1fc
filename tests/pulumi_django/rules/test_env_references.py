"""References to values of the stack in the text of variables."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_django.rules.env_references import StackValues, whole_reference

VALUES = StackValues(
    plain={"S3_BUCKET_NAME": "assets", "FRONTEND_URL": "https://alpha.example.com", "SENTRY_DSN": None},
    secret={"DB_PASSWORD"},
    join=lambda parts: "".join(map(str, parts)),
)


def filled(text: str) -> str:
    return VALUES.filled(text, "extra_env.X")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{S3_BUCKET_NAME}", "assets"),
        ("s3://{S3_BUCKET_NAME}/media", "s3://assets/media"),
        ("{FRONTEND_URL},{FRONTEND_URL}/x", "https://alpha.example.com,https://alpha.example.com/x"),
        ("", ""),
        ("plain", "plain"),
        ("{{S3_BUCKET_NAME}}", "{S3_BUCKET_NAME}"),
        ("{{{S3_BUCKET_NAME}}}", "{assets}"),
        ("{{", "{"),
        ("}}", "}"),
        ("{{ a b }}", "{ a b }"),
        ("${{HOME}}", "${HOME}"),
        ("{}", "{}"),
        ("^[0-9]{4}-[a-z]{2,}$", "^[0-9]{4}-[a-z]{2,}$"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": {"b": {"c": {}}}}', '{"a": {"b": {"c": {}}}}'),
        ('[{"a": {"b": "{S3_BUCKET_NAME}"}}]', '[{"a": {"b": "assets"}}]'),
        ('{"a": {"b": "{{literal}}"}}', '{"a": {"b": "{literal}"}}'),
        ("{'a': {'b': 1}}", "{'a': {'b': 1}}"),
        ('{"bucket":"{S3_BUCKET_NAME}"}', '{"bucket":"assets"}'),
    ],
)
def test_a_reference_is_the_value_and_a_doubled_brace_a_brace(text: str, value: str) -> None:
    assert filled(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{S3_BUCKET_NAM}", r"extra_env.X refers to {S3_BUCKET_NAM}: .*did you mean {S3_BUCKET_NAME}\?; .* write {{S3_BUCKET_NAM}}"),
        ("{s3_bucket_name}", r"did you mean {S3_BUCKET_NAME}\?"),
        ("{ZZZ}", r"it has FRONTEND_URL, S3_BUCKET_NAME, SENTRY_DSN"),
        ("{DB_PASSWORD}", r"refers to {DB_PASSWORD}, which is a secret: .*extra_secrets"),
        ("{SENTRY_DSN}", r"refers to {SENTRY_DSN}: this environment has no such value"),
        ("${S3_BUCKET_NAME}", r"write {S3_BUCKET_NAME} without the dollar sign .* or \${{S3_BUCKET_NAME}}"),
        ("{ S3_BUCKET_NAME }", r"contains { S3_BUCKET_NAME }, which is not a reference"),
        ("{S3-BUCKET-NAME}", r"contains {S3-BUCKET-NAME}, which is not a reference"),
    ],
)  # fmt: skip
def test_an_invalid_reference_is_refused_with_the_valid_form(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        filled(text)


@given(st.text())
def test_every_text_can_be_written_with_doubled_braces(text: str) -> None:
    assert filled(text.replace("{", "{{").replace("}", "}}")) == text


@given(st.recursive(st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner)))
def test_json_stays_as_it_is(document: object) -> None:
    assert filled(json.dumps(document)) == json.dumps(document)
    assert filled(json.dumps(document, separators=(",", ":"))) == json.dumps(document, separators=(",", ":"))


def test_a_reference_that_is_the_whole_text_is_recognized() -> None:
    assert whole_reference("{DB_PASSWORD}") == "DB_PASSWORD"
    assert whole_reference("x{DB_PASSWORD}") is None
