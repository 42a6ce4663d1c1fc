"""Wire values as the provider protocol and the monitor's carry them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.output import Unknown
from pulumi.runtime import rpc

from pulumi_django.rules.wire import SECRET, SIGNATURE, UNKNOWN


def plain(struct: Any) -> dict[str, Any]:
    """A struct as it is, secrets in their envelopes."""
    return json_format.MessageToDict(struct)


def wire(values: Mapping[str, Any]) -> Any:
    """The struct of plain values; what is not known becomes the sentinel."""
    struct = struct_pb2.Struct()
    struct.update(_known(values))
    return struct


def inputs(struct: Any) -> dict[str, Any]:
    """Inputs as the simulation gives them to its mocks: read by the SDK, which lifts secrets to the top."""
    return rpc.deserialize_properties(struct, keep_unknowns=True)


def revealed(value: Any) -> Any:
    """A value without the envelopes of its secrets."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return revealed(value.get("value"))
        return {key: revealed(item) for key, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


def _known(value: Any) -> Any:
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items()}
    return [_known(item) for item in value] if isinstance(value, list | tuple) else value
