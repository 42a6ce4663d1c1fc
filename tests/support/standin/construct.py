"""`awsx.ec2.Vpc` as a remote component: the same children as the simulation's, registered with the engine's monitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from pulumi_django.rules.wire import RESOURCE, SIGNATURE, UNKNOWN
from pulumi_django.testing import vpc
from tests.support.standin.wire import plain, revealed, wire


def construct(request: Any) -> Any:
    """Register the component and its children; raises for any other component."""
    if request.type != vpc.TYPE:
        raise NotImplementedError(f"the stand-in has no component {request.type}")
    with grpc.insecure_channel(request.monitorEndpoint) as channel:
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        component = monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=False,
                acceptSecrets=True,
                acceptResources=True,
                providers=dict(request.providers),
                dependencies=list(request.dependencies),
                aliases=list(request.aliases),
            )
        )
        outputs = _children(monitor, request, component.urn)
        monitor.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=component.urn))
        return provider_pb2.ConstructResponse(urn=component.urn, state=wire(outputs))


def _children(monitor: Any, request: Any, urn: str) -> dict[str, Any]:
    provider = dict(request.providers).get("aws", "")

    def register(type_: str, name: str, parent: str, inputs: Mapping[str, Any]) -> vpc.Child:
        answer = monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=type_,
                name=name,
                parent=parent,
                custom=True,
                object=wire(inputs),
                provider=provider,
                acceptSecrets=True,
                acceptResources=True,
            )
        )
        return vpc.Child(answer.urn, answer.id or UNKNOWN)

    inputs = revealed(plain(request.inputs))
    region = dict(request.config).get("aws:config:region") or dict(request.config).get("aws:region") or "us-east-1"
    made = vpc.register_children(request.name, urn, inputs, register, region)
    return {key: _references(value) for key, value in made.items()}


def _references(value: Any) -> Any:
    if isinstance(value, vpc.Child):
        return {SIGNATURE: RESOURCE, "urn": value.urn, "id": value.id}
    return [_references(item) for item in value] if isinstance(value, list) else value
