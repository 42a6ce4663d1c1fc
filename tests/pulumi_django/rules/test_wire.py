"""Special values on Pulumi's wire."""

from __future__ import annotations

from typing import Any, cast

from pulumi.runtime import rpc

from pulumi_django.rules import wire


def test_the_constants_are_those_of_the_sdk() -> None:
    sdk = cast(Any, rpc)
    assert sdk._special_sig_key == wire.SIGNATURE
    assert sdk._special_secret_sig == wire.SECRET
    assert sdk._special_resource_sig == wire.RESOURCE
    assert wire.UNKNOWN == sdk.UNKNOWN
