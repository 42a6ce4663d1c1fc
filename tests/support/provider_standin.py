"""A provider plugin for tests of the real engine: serves any package, keeps its cloud in a JSON file, obeys tags.

Put on PATH as `pulumi-resource-aws` (or `-random`). `STANDIN_CLOUD` names the cloud's file. Tags of a resource steer it:
`slow` waits that many seconds before it is made, `fail` refuses to be made, `faildelete` to be deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Generator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from pulumi_django.testing.plausible import Resource, answer

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
VERSIONS = {"aws": "7.51.1", "random": "4.21.4"}


def plain(struct: Any) -> dict[str, Any]:
    return json_format.MessageToDict(struct)


def wire(values: dict[str, Any]) -> Any:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def outputs(urn: str, inputs: dict[str, Any], attempt: str) -> tuple[str, dict[str, Any]]:
    resource = Resource(type=type_of(urn), name=urn.split("::")[3], inputs=inputs, seed=f"{urn}{attempt}")
    return answer(resource)


@contextlib.contextmanager
def cloud() -> Generator[dict[str, Any]]:
    """The cloud's resources by id, read and written under a lock."""
    with open(os.environ["STANDIN_CLOUD"], "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        resources: dict[str, Any] = json.loads(text) if text else {}
        yield resources
        file.seek(0)
        file.truncate()
        file.write(json.dumps(resources))


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """As little of a provider as the engine asks for."""

    def __init__(self, package: str) -> None:
        self._version = VERSIONS.get(package, "1.0.0")

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        before, after = plain(request.old_inputs or request.olds), plain(request.news)
        changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
        replaces = [key for key in changed if key in ("name", "keepers")]
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    def Create(self, request: Any, context: Any) -> Any:
        inputs = plain(request.properties)
        tags = inputs.get("tags") or {}
        if request.preview:
            _, state = outputs(request.urn, inputs, "")
            unknown = {key: value if key in inputs else UNKNOWN for key, value in state.items()}
            return provider_pb2.CreateResponse(id="", properties=wire(unknown))
        if tags.get("fail"):
            context.abort(grpc.StatusCode.UNKNOWN, f"AccessDenied: {tags['fail']}")
        time.sleep(float(tags.get("slow", 0)))
        id_, state = outputs(request.urn, inputs, str(time.time_ns()))
        with cloud() as resources:
            resources[id_] = {"urn": request.urn, "state": state}
        return provider_pb2.CreateResponse(id=id_, properties=wire(state))

    def Read(self, request: Any, context: Any) -> Any:
        with cloud() as resources:
            found = resources.get(request.id)
        if found is None:
            return provider_pb2.ReadResponse()
        inputs = {key: found["state"].get(key) for key in plain(request.inputs)}
        return provider_pb2.ReadResponse(id=request.id, properties=wire(found["state"]), inputs=wire(inputs))

    def Update(self, request: Any, context: Any) -> Any:
        before, inputs = plain(request.olds), plain(request.news)
        state = {**before, **inputs}
        if not request.preview:
            with cloud() as resources:
                resources[request.id]["state"] = state
        return provider_pb2.UpdateResponse(properties=wire(state))

    def Delete(self, request: Any, context: Any) -> Any:
        tags = plain(request.properties).get("tags") or {}
        if tags.get("faildelete"):
            context.abort(grpc.StatusCode.UNKNOWN, f"DependencyViolation: {tags['faildelete']}")
        with cloud() as resources:
            resources.pop(request.id, None)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(16))
    provider = Provider(os.path.basename(sys.argv[0]).removeprefix("pulumi-resource-"))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
