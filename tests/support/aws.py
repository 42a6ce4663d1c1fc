"""An emulated AWS for tests that go through real boto3 clients."""

from __future__ import annotations

import functools
from typing import Any

import boto3
import moto

REGION = "us-east-1"


@functools.cache
def client(service: str) -> Any:
    """A boto3 client as a stack's AWS access would give it; needs `mock_aws` around every call.

    Made once: reading a service's model takes longer than most tests.
    """
    assert moto.mock_aws, "moto hooks into the clients that are made after its import"
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(service)


def pairs(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{key: name, value: content} for name, content in tags.items()]
