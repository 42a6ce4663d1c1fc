"""An emulated AWS for tests that go through real boto3 clients."""

from __future__ import annotations

from typing import Any

REGION = "us-east-1"


def client(service: str) -> Any:
    """A boto3 client as a stack's AWS access would give it; needs `mock_aws` around it."""
    import boto3

    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(service)


def pairs(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{key: name, value: content} for name, content in tags.items()]
