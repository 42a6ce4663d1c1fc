"""The plugin: it makes components for the engine of Pulumi."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pulumi
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.resource import DependencyResource
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2_grpc

from pulumi_django.contract import BaseContract, ContractError
from pulumi_django.provider import completion
from pulumi_django.provider.completion import Call
from pulumi_django.provider.components import APPS, BASES, MODULES, NAMES, PACKAGE, Component
from pulumi_django.provider.inputs import InputsError, field_names, read, respelled, settled

SCHEMA = Path(__file__).with_name("schema.json")


class DjangoProvider(Provider):
    """Makes each component as a program in Python makes it."""

    def __init__(self) -> None:
        super().__init__(metadata.version("pulumi-django"), SCHEMA.read_text(encoding="utf-8"))
        self.bases: dict[str, BaseContract] = {}

    @property
    def _release(self) -> str:
        """The version, with the advice for a program whose SDK is newer."""
        return f"version {self.version}: an SDK of a newer version needs that version of the plugin"

    def construct(
        self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        state: dict[str, Any] = {}
        call = self._constructed(name, resource_type, inputs, options or pulumi.ResourceOptions(), state)
        # The SDK reads the state after the URN is known, and the URN is known when the component has been made.
        return ConstructResult(urn=pulumi.Output.from_input(call), state=state)

    async def _constructed(
        self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions, state: dict[str, Any]
    ) -> str:
        if resource_type not in NAMES:
            raise pulumi.RunError(f"{resource_type} is not a component of this plugin, {self._release}")
        component = Component(resource_type)
        try:
            made = await self._made(component, Call(name=name, inputs=await settled(inputs), options=options))
        except InputsError as error:
            newer = f" (the plugin is {self._release})" if error.unknown else ""
            raise pulumi.RunError(f"{component.name} {name}:{error}{newer}") from None
        except (ValueError, ContractError) as error:
            text = respelled(str(error), field_names(component.args))
            raise pulumi.RunError(f"{component.name} {name}: {text}") from None
        state.update(component.outputs(made))
        urn = await made.urn.future()
        assert urn is not None, "the engine gives every component its URN"
        if component.name in BASES:
            self.bases[urn] = made.contract  # pyright: ignore[reportAttributeAccessIssue]
        return urn

    async def _made(self, component: Component, call: Call) -> pulumi.ComponentResource:
        inputs, given = dict(call.inputs), dict[str, Any]()
        if component.name in BASES:
            inputs, given = await completion.of_base(call)
        elif component.name in APPS:
            inputs, given = await completion.of_app(call, self.bases)
        args = read(component.args, inputs, given)
        make: Any = component.cls
        return make(call.name, args, call.options)


class _References(rpc.ResourceModule):
    """Reads references to components as resources of which only the URN counts. Otherwise the SDK takes the id, which a
    component never has, and programs in YAML send one that is unknown."""

    def version(self) -> None:
        return None

    def construct(self, name: str, typ: str, urn: str) -> pulumi.Resource:  # noqa: ARG002
        return DependencyResource(urn)


class Servicer(ProviderServicer):
    """Answers with errors of one sentence."""

    async def Construct(self, request: Any, context: Any) -> Any:
        try:
            return await super().Construct(request, context)
        except pulumi.RunError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))


async def serve(provider: Provider, arguments: Sequence[str]) -> None:
    """Serve until the engine ends the process. The port is the first line of the output."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 1024 * 1024 * 400)])
    servicer = Servicer(provider, list(arguments), engine_address=arguments[0] if arguments else "")
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    for end in (signal.SIGINT, signal.SIGTERM):
        # The engine gives all plugins of a program five seconds together to end, and calls an update failed when one takes longer.
        signal.signal(end, lambda *_: os._exit(0))
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def main() -> None:
    """The plugin's entry point; the engine passes its address."""
    for module in MODULES:
        rpc.register_resource_module(PACKAGE, module, _References())
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    asyncio.run(serve(DjangoProvider(), words))
