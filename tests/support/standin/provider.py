"""The plugin: answers as `pulumi_django.testing` says AWS would, so that the real engine and the simulation agree.

Put on PATH as `pulumi-resource-aws`, `-awsx` or `-random`. Tags of a resource steer it: `slow` waits that many seconds
before it is made, `fail` refuses to make it, `faildelete` to delete it. `Rules` of the cloud steer everything.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from concurrent import futures
from types import SimpleNamespace
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from pulumi_django.rules.wire import UNKNOWN
from pulumi_django.testing import Mocks, diff_resource
from pulumi_django.testing.invokes import INVOKES
from pulumi_django.testing.mocks import taggable
from tests.support.standin import construct
from tests.support.standin.cloud import Cloud
from tests.support.standin.wire import inputs, plain, revealed, wire

_NO_OPTIONS: Mapping[str, Any] = {"ignore_changes": (), "replace_on_changes": ()}
VERSIONS = {"aws": "7.51.1", "awsx": "3.11.0", "random": "4.21.4"}


def type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    return urn.split("::", 3)[3]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """As little of a provider as the engine asks for."""

    def __init__(self, package: str) -> None:
        self._version = VERSIONS.get(package, "1.0.0")
        self._cloud = Cloud.of_environment()
        self._mocks = Mocks()
        self._region: str | None = None
        self._default_tags: dict[str, str] = {}

    # the plugin

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=self._changed(request)[0])

    def Configure(self, request: Any, context: Any) -> Any:
        given = revealed(plain(request.args))
        region = given.get("region")
        self._region = region if isinstance(region, str) and region != UNKNOWN else None
        tags = given.get("defaultTags") or "{}"
        self._default_tags = (json.loads(tags) if isinstance(tags, str) else tags).get("tags") or {}
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    # resources

    def Check(self, request: Any, context: Any) -> Any:
        reason = self._cloud.rules().refuse.get(f"check:{name_of(request.urn)}")
        failures = [provider_pb2.CheckFailure(property="name", reason=reason)] if reason else []
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        changes, changed, replaces = self._changed(request)
        return provider_pb2.DiffResponse(changes=changes, diffs=changed, replaces=replaces)

    def _changed(self, request: Any) -> tuple[Any, list[str], list[str]]:
        """Verdict, changed inputs and those that force a replacement."""
        type_ = type_of(request.urn)
        before = SimpleNamespace(type=type_, inputs=plain(request.old_inputs), outputs=plain(request.olds))
        after = SimpleNamespace(type=type_, inputs=plain(request.news), outputs={}, **_NO_OPTIONS)
        tags = after.inputs.get("tags") or {}
        if taggable(type_) and UNKNOWN not in (tags, *tags.values()):
            after.outputs = {"tagsAll": {**self._default_tags, **tags}}
        change = diff_resource(before, after)
        changed = list(change.properties)
        one = [key for key in changed if self._forces(before, after, key)]
        verdict = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return verdict, changed, one

    def _forces(self, before: Any, after: Any, key: str) -> bool:
        mixed = {name: value for name, value in before.inputs.items() if name != key}
        if key in after.inputs:
            mixed[key] = after.inputs[key]
        new = SimpleNamespace(type=after.type, inputs=mixed, outputs={}, **_NO_OPTIONS)
        return diff_resource(before, new).kind == "replace"

    def Create(self, request: Any, context: Any) -> Any:
        urn, given = request.urn, inputs(request.properties)
        if request.preview:
            _, state = self._answer(urn, given, self._cloud.revision(urn) + 1)
            unknown = {key: value if key in given else UNKNOWN for key, value in state.items()}
            return provider_pb2.CreateResponse(id="", properties=wire(unknown))
        self._refused("create", urn, revealed(given), context)
        self._wait(revealed(given))
        revision = self._cloud.next_revision(urn)
        id_, state = self._answer(urn, given, revision)
        known = {"inputs": plain(request.properties), "state": plain(wire(state))}
        with self._cloud.changed() as resources:
            resources[f"{urn}#{revision}"] = {"urn": urn, "id": id_, "revision": revision, **known}
            self._cloud.tell("create", urn, id_)
        self._wait()
        return provider_pb2.CreateResponse(id=id_, properties=wire(state))

    def Update(self, request: Any, context: Any) -> Any:
        urn, given = request.urn, inputs(request.news)
        resources = self._cloud.resources()
        key = self._cloud.key(resources, urn, request.id, plain(request.olds))
        # Everything follows from identity and inputs, so an update computes what a new one would have.
        _, state = self._answer(urn, given, resources[key]["revision"] if key else self._cloud.revision(urn))
        state["id"] = request.id
        if not request.preview:
            self._refused("update", urn, {}, context)
            self._wait()
            if key is None:
                context.abort(grpc.StatusCode.NOT_FOUND, f"NotFound: {request.id} does not exist")
            with self._cloud.changed() as resources:
                resources[key] |= {"inputs": plain(request.news), "state": plain(wire(state))}
                self._cloud.tell("update", urn, request.id)
            self._wait()
        return provider_pb2.UpdateResponse(properties=wire(state))

    def Read(self, request: Any, context: Any) -> Any:
        resources = self._cloud.resources()
        key = self._cloud.key(resources, request.urn, request.id, plain(request.properties))
        self._cloud.tell("read", request.urn, request.id)
        if key is None:
            return provider_pb2.ReadResponse()
        state, known = resources[key]["state"], plain(request.inputs) or resources[key]["inputs"]
        fresh = {name: state[name] for name in known if name in state}
        return provider_pb2.ReadResponse(id=request.id, properties=wire(state), inputs=wire(fresh))

    def Delete(self, request: Any, context: Any) -> Any:
        state = plain(request.properties)
        self._refused("delete", request.urn, revealed(state), context)
        self._wait()
        with self._cloud.changed() as resources:
            key = self._cloud.key(resources, request.urn, request.id, state)
            if key is not None:
                del resources[key]
            self._cloud.tell("delete", request.urn, request.id)
        self._wait()
        return empty_pb2.Empty()

    def _answer(self, urn: str, given: Mapping[str, Any], revision: int) -> tuple[str, dict[str, Any]]:
        return self._mocks.answer(
            type_of(urn),
            name_of(urn),
            given,
            seed=urn,
            revision=revision,
            region=self._region,
            default_tags=self._default_tags,
        )

    def _refused(self, op: str, urn: str, given: Mapping[str, Any], context: Any) -> None:
        said = self._cloud.rules().refuse.get(f"{op}:{name_of(urn)}")
        tags = given.get("tags")
        tag = {"create": "fail", "delete": "faildelete"}.get(op, "")
        if isinstance(tags, dict) and tags.get(tag):
            said = f"{'AccessDenied' if op == 'create' else 'DependencyViolation'}: {tags[tag]}"
        if said:
            self._cloud.tell(f"refused {op}", urn, "")
            context.abort(grpc.StatusCode.UNKNOWN, said)

    def _wait(self, given: Mapping[str, Any] | None = None) -> None:
        tags = (given or {}).get("tags")
        own = float(tags.get("slow", 0)) if isinstance(tags, dict) else 0
        time.sleep(own + self._cloud.rules().seconds / 2)

    # functions and components

    def Invoke(self, request: Any, context: Any) -> Any:
        answer = INVOKES.get(request.tok)
        if answer is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no answer for the function {request.tok}")
        else:
            given = revealed(plain(request.args))
            region = str(given.get("region") or self._region or self._mocks.region)
            return provider_pb2.InvokeResponse(**{"return": wire(answer(given, region, self._mocks.account_id))})

    def Construct(self, request: Any, context: Any) -> Any:
        self._cloud.tell("construct", request.name, "", type=request.type, inputs=plain(request.inputs))
        return construct.construct(request)


def main() -> None:
    # The engine gives all its plugins five seconds together to end, and calls an update failed when one takes longer.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    server = grpc.server(futures.ThreadPoolExecutor(32))
    provider = Provider(os.path.basename(sys.argv[0]).removeprefix("pulumi-resource-"))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()
