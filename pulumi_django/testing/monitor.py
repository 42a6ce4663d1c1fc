# pyright: basic
# Strict typing ends here: the SDK publishes no types for its runtime internals and protocol messages.
"""A resource monitor that records a program's registrations and responds as the engine does.

The SDK's own mock monitor differs from the engine: it drops parents, options and the stack's outputs, lets two resources share
a URN, and never runs transforms. This one follows the engine (pkg/resource/deploy/source_eval.go).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks as sdk_mocks
from pulumi.runtime import rpc, settings
from pulumi.runtime._callbacks import _CallbackServicer  # the only access to the function of a callback token
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.sync_await import _sync_await

from pulumi_django.rules import wire
from pulumi_django.testing import vpc
from pulumi_django.testing.invokes import READ_RESOURCES
from pulumi_django.testing.mocks import STACK_REFERENCE, Mocks, StackOutputs
from pulumi_django.testing.model import Invoke, SimulatedResource
from pulumi_django.testing.replacement import diff_resource

STACK_TYPE = "pulumi:pulumi:Stack"
DEFAULT_TAGS = "aws:index/getDefaultTags:getDefaultTags"
HOOK_MOMENTS = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete")


class DuplicateUrnError(Exception):
    """Two resources of a program have the same URN, which the engine refuses."""


def plain(value: Any, secrets: set[str], path: str = "") -> Any:
    """Return a wire value as plain Python, and add the paths of its secrets to `secrets`.

    Whole floats become ints, because the wire has only floats. Resource references become `{"urn": ..., "id": ...}`.
    """
    if isinstance(value, dict):
        if value.get(wire.SIGNATURE) == wire.SECRET:
            secrets.add(path)
            return plain(value.get("value"), secrets, path)
        if wire.SIGNATURE in value and "urn" in value:
            return {"urn": value["urn"], "id": value.get("id", "")}
        return {key: plain(item, secrets, f"{path}.{key}" if path else key) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, secrets, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class RecordingMonitor(sdk_mocks.MockMonitor):
    """Records every registration, for `simulate`.

    With `preview`, ids and computed outputs of resources that are not in `prior` are unknown. `prior` is the previous
    state by URN, `stacks` the outputs that StackReferences read.
    """

    def __init__(
        self,
        mocks: Mocks,
        *,
        preview: bool = False,
        prior: Mapping[str, SimulatedResource] | None = None,
        stacks: Mapping[str, StackOutputs] | None = None,
    ) -> None:
        super().__init__(mocks)
        self._answers = mocks
        self._preview = preview
        self._prior = prior or {}
        self._stacks = stacks or {}
        self.resources_by_urn: dict[str, SimulatedResource] = {}
        self.invokes: list[Invoke] = []
        self.hook_names: list[str] = []
        self.stack_outputs: dict[str, Any] = {}
        self.secret_outputs: frozenset[str] = frozenset()
        self._stack_callbacks: list[Any] = []
        self._own_callbacks: dict[str, list[Any]] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the engine's URN, with all parent types except the stack's."""
        parent_type = parent.split("::")[2] if parent else ""
        if parent_type and parent_type != STACK_TYPE:
            type_ = f"{parent_type}${type_}"
        return f"urn:pulumi:{settings.get_stack()}::{settings.get_project()}::{type_}::{name}"

    # registrations

    def RegisterResource(self, request: Any) -> Any:
        urn = self._new_urn(request)
        self._apply_transforms(urn, request)
        inputs, secret_inputs = _wire(request.object)
        recorded = _recorded(urn, request, inputs, secret_inputs)
        self.resources_by_urn[urn] = recorded
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        _ensure_event_loop()
        id_, state, revision = self._answer(recorded, request)
        # The engine marks these as secret, not the provider.
        for key in set(request.additionalSecretOutputs) & set(state):
            state[key] = {wire.SIGNATURE: wire.SECRET, "value": state[key]}
        wire_state = _sync_await(rpc.serialize_properties(state, {}))
        outputs, secret_outputs = _wire(wire_state)
        self.resources_by_urn[urn] = replace(
            recorded,
            id=id_,
            revision=revision,
            outputs=outputs,
            secret_outputs=secret_outputs,
        )
        self.resources[urn] = sdk_mocks.MockMonitor.ResourceRegistration(urn, id_, state)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=wire_state)

    def _new_urn(self, request: Any) -> str:
        urn = self.make_urn(request.parent, request.type, request.name)
        if urn in self.resources_by_urn:
            raise DuplicateUrnError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        return urn

    def _answer(self, new: SimulatedResource, request: Any) -> tuple[str, dict[str, Any], int]:
        """Return id, outputs (with wrapped secrets) and revision of a registered resource."""
        if new.remote and new.type == vpc.TYPE:
            return "", self._vpc(new, request), 1
        if not new.custom:
            return "", {}, 1
        prior = self._prior.get(new.urn)
        change = diff_resource(prior, new)
        revision = 1 if prior is None else prior.revision + (change.kind == "replace")
        region, default_tags = self._provider(new.provider)
        id_, state = self._answers.answer(
            new.type,
            new.name,
            rpc.deserialize_properties(request.object, keep_unknowns=True),
            seed=new.urn,
            revision=revision,
            region=region,
            default_tags=default_tags,
        )
        if self._preview and change.kind in ("create", "replace"):
            computed = {key: wire.UNKNOWN for key in state if key not in new.inputs}
            return "", {**state, **computed}, revision
        return id_, state, revision

    def _provider(self, reference: str) -> tuple[str | None, dict[str, str]]:
        """Return region and default tags of an explicit provider, whose inputs are JSON text on the wire."""
        known = self.resources_by_urn.get(reference.rpartition("::")[0])
        if known is None:
            return None, {}
        region = known.inputs.get("region")
        tags = json.loads(known.inputs.get("defaultTags") or "{}").get("tags") or {}
        return (region if isinstance(region, str) else None), tags

    def _vpc(self, component: SimulatedResource, request: Any) -> dict[str, Any]:
        region, _tags = self._provider(request.providers.get("aws", ""))

        def register(type_: str, name: str, parent: str, inputs: Mapping[str, Any]) -> vpc.Child:
            properties = _sync_await(rpc.serialize_properties(dict(inputs), {}))
            answer = self.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=type_,
                    name=name,
                    parent=parent,
                    custom=True,
                    object=properties,
                    provider=request.providers.get("aws", ""),
                )
            )
            return vpc.Child(answer.urn, answer.id or wire.UNKNOWN)

        outputs = vpc.register_children(
            component.name, component.urn, component.inputs, register, region or self._answers.region
        )
        return {key: _references(value) for key, value in outputs.items()}

    def ReadResource(self, request: Any) -> Any:
        urn = self._new_urn(request)
        if request.type == STACK_REFERENCE and request.id in self._stacks:
            outputs, secrets = self._stacks[request.id]
            state = {"name": request.id, "outputs": dict(outputs), "secretOutputNames": sorted(secrets)}
            response = resource_pb2.ReadResourceResponse(urn=urn, properties=_struct(state))
        else:
            response = super().ReadResource(request)
        self.resources_by_urn[urn] = SimulatedResource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            inputs=_wire(request.properties)[0],
            outputs=_wire(response.properties)[0],
            id=request.id,
            read=True,
            provider=request.provider,
            dependencies=sorted(request.dependencies),
        )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        outputs, secrets = _wire(request.outputs)
        known = self.resources_by_urn.get(request.urn)
        if known is not None:
            self.resources_by_urn[request.urn] = replace(known, outputs=outputs, secret_outputs=secrets)
            if known.type == STACK_TYPE:
                self.stack_outputs = dict(outputs)
                self.secret_outputs = frozenset(path.partition(".")[0].partition("[")[0] for path in secrets)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:
        if request.tok != "pulumi:pulumi:getResource":
            self.invokes.append(Invoke(token=request.tok, args=_wire(request.args)[0], provider=request.provider))
        if request.tok == DEFAULT_TAGS and request.provider:
            _region, tags = self._provider(request.provider)
            return resource_pb2.ResourceInvokeResponse(**{"return": _struct({"id": "tags", "tags": tags})})
        if request.tok == READ_RESOURCES:
            return resource_pb2.ResourceInvokeResponse(**{"return": _struct(self._own_resources(request))})
        return super().Invoke(request)

    def _own_resources(self, request: Any) -> dict[str, Any]:
        """Return the previous state of the running stack, as the engine reads it."""
        own = f"{settings.get_organization()}/{settings.get_project()}/{settings.get_stack()}"
        name = _wire(request.args)[0].get("stackName")
        if name != own:
            raise LookupError(f"unknown stack {name!r}: the simulation reads only the running stack's own resources")
        return {
            "name": name,
            "outputs": {urn: {"type": r.type, "outputs": dict(r.outputs)} for urn, r in self._prior.items()},
        }

    def Call(self, request: Any) -> Any:
        raise NotImplementedError(f"component methods cannot be simulated: {request.tok}")

    def RegisterResourceHook(self, request: Any) -> Any:
        self.hook_names.append(request.name)
        return empty_pb2.Empty()

    # transforms

    def RegisterStackTransform(self, request: Any) -> Any:
        self._stack_callbacks.append(request)
        return super().RegisterStackTransform(request)

    def _apply_transforms(self, urn: str, request: Any) -> None:
        """Run the transforms in the order of the engine: own, then ancestors from the nearest on, then the stack's."""
        if request.type == STACK_TYPE:
            return
        callbacks, ancestor = list(request.transforms), request.parent
        self._own_callbacks[urn] = list(request.transforms)
        while ancestor in self._own_callbacks:
            callbacks += self._own_callbacks[ancestor]
            ancestor = self.resources_by_urn[ancestor].parent
        for callback in callbacks + self._stack_callbacks:
            self._apply_transform(callback, request)

    def _apply_transform(self, callback: Any, request: Any) -> None:
        function = next(
            servicer._callbacks[callback.token]
            for servicer in list(_CallbackServicer._servicers)
            if callback.token in servicer._callbacks
        )
        asked = resource_pb2.TransformRequest(
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            properties=request.object,
            options=resource_pb2.TransformResourceOptions(
                depends_on=request.dependencies,
                protect=request.protect,
                ignore_changes=request.ignoreChanges,
                additional_secret_outputs=request.additionalSecretOutputs,
                version=request.version,
                provider=request.provider,
            ),
        )
        answer: Any = _sync_await(function(asked.SerializeToString()))
        request.object.CopyFrom(answer.properties)
        if answer.HasField("options"):
            request.protect = answer.options.protect
            _replace_all(request.ignoreChanges, answer.options.ignore_changes)
            _replace_all(request.additionalSecretOutputs, answer.options.additional_secret_outputs)


def _recorded(urn: str, request: Any, inputs: Mapping[str, Any], secret_inputs: frozenset[str]) -> SimulatedResource:
    return SimulatedResource(
        urn=urn,
        type=request.type,
        name=request.name,
        parent=request.parent,
        inputs=inputs,
        secret_inputs=secret_inputs,
        custom=request.custom,
        remote=request.remote,
        provider=request.provider,
        dependencies=sorted(request.dependencies),
        property_dependencies={key: sorted(item.urns) for key, item in request.propertyDependencies.items()},
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        delete_before_replace=request.deleteBeforeReplace,
        ignore_changes=list(request.ignoreChanges),
        replace_on_changes=list(request.replaceOnChanges),
        additional_secret_outputs=list(request.additionalSecretOutputs),
        aliases=[json_format.MessageToDict(alias) for alias in request.aliases],
        custom_timeouts=json_format.MessageToDict(request.customTimeouts),
        import_id=request.importId,
        version=request.version,
        hooks=_hooks(request.hooks),
    )


def _references(value: Any) -> Any:
    """Return children as resource references, which the SDK converts to resources."""
    if isinstance(value, vpc.Child):
        return {wire.SIGNATURE: wire.RESOURCE, "urn": value.urn, "id": value.id}
    if isinstance(value, list):
        return [_references(item) for item in value]
    return value


def _ensure_event_loop() -> None:
    sdk_mocks._ensure_event_loop()  # pyright: ignore[reportPrivateImportUsage]  # the worker's own loop resolves resource references


def _struct(value: Mapping[str, Any]) -> Any:
    struct = struct_pb2.Struct()
    struct.update(value)
    return struct


def _hooks(binding: Any) -> Mapping[str, list[str]]:
    return {moment: list(getattr(binding, moment)) for moment in HOOK_MOMENTS if list(getattr(binding, moment))}


def _wire(struct: Any) -> tuple[dict[str, Any], frozenset[str]]:
    secrets: set[str] = set()
    return plain(json_format.MessageToDict(struct), secrets), frozenset(secrets)


def _replace_all(target: Any, values: Any) -> None:
    del target[:]
    target.extend(values)
