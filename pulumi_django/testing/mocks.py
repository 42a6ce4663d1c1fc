"""Plausible results of AWS for every resource and function, for `pulumi.runtime.set_mocks`."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pulumi.runtime import mocks as sdk_mocks

from pulumi_django.testing import plausible
from pulumi_django.testing.invokes import INVOKES
from pulumi_django.testing.resource import ACCOUNT_ID, REGION, Resource

STACK_REFERENCE = "pulumi:pulumi:StackReference"

StackOutputs = tuple[Mapping[str, Any], "frozenset[str] | set[str] | list[str] | tuple[str, ...]"]
"""Outputs of another stack, and the names of its secret outputs."""


_importing = threading.Lock()


@functools.cache
def taggable(type_: str) -> bool:
    """Return whether resources of the type support tags: `aws:ec2/vpc:Vpc` does, `aws:ec2/route:Route` does not."""
    package, _, rest = type_.partition(":")
    module, _, name = rest.partition(":")
    if package != "aws" or not name:
        return False
    module = module.partition("/")[0]
    with _importing:  # concurrent imports of one of the SDK's lazy modules fail
        home = importlib.import_module("pulumi_aws" if module == "index" else f"pulumi_aws.{module}")
        return hasattr(getattr(home, name, None), "tags_all")


class Mocks(sdk_mocks.Mocks):
    """Plausible results of AWS for tests: ids, ARNs, endpoints, zones, generated passwords.

    Use it with the SDK's own test support. `simulate` creates one by default::

        pulumi.runtime.set_mocks(Mocks(region="eu-west-1"))

    Args:
        account_id: AWS account in ARNs, 12 digits.
        region: AWS region of resources whose provider sets no other region.
        outputs: by type token (`aws:s3/bucket:Bucket`), a function that returns outputs for a resource's inputs. They are
            added to the plausible outputs or replace them. Keys are camelCase. An `id` becomes the resource's id.
        invokes: by function token (`aws:ec2/getAmi:getAmi`), a function that returns the result for the arguments.
        stacks: by full stack name (`organization/django-base/dev`), the outputs that a StackReference reads.
    """

    def __init__(
        self,
        *,
        account_id: str = ACCOUNT_ID,
        region: str = REGION,
        outputs: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] | None = None,
        invokes: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] | None = None,
        stacks: Mapping[str, StackOutputs] | None = None,
    ) -> None:
        self.account_id = account_id
        self.region = region
        self._outputs = dict(outputs or {})
        self._invokes = dict(invokes or {})
        self._stacks = dict(stacks or {})

    def new_resource(self, args: sdk_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Return id and outputs of a resource."""
        if args.typ == STACK_REFERENCE:
            return self._stack_reference(str(args.inputs["name"]))
        if args.resource_id:
            return args.resource_id, {**args.inputs, "id": args.resource_id}
        if args.custom is False:
            return "", {}
        return self.answer(args.typ, args.name, args.inputs, seed=f"{args.typ}::{args.name}")

    def answer(
        self,
        type_: str,
        name: str,
        inputs: Mapping[str, Any],
        *,
        seed: str,
        revision: int = 1,
        region: str | None = None,
        default_tags: Mapping[str, str] | None = None,
    ) -> tuple[str, dict[str, Any]]:
        """Return id and outputs of a managed resource. Equal arguments give equal results.

        `seed` identifies the physical resource. `revision` starts at 1 and increases with each replacement. `default_tags`
        are the provider's default tags, which `tagsAll` includes.
        """
        resource = Resource(
            type=type_,
            name=name,
            inputs=inputs,
            seed=f"{seed}#{revision}",
            revision=revision,
            region=region or self.region,
            account_id=self.account_id,
        )
        id_, outputs = plausible.answer(resource)
        if taggable(type_):
            tags = inputs.get("tags")
            outputs["tagsAll"] = {**(default_tags or {}), **(tags if isinstance(tags, dict) else {})}
        if type_ in self._outputs:
            outputs.update(self._outputs[type_](inputs))
            id_ = str(outputs.get("id", id_))
        return id_, outputs

    def call(self, args: sdk_mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Return the result of a provider function. The KeyError for an unknown function shows how to provide the
        result."""
        if args.token in self._invokes:
            return dict(self._invokes[args.token](args.args)), []
        if args.token in INVOKES:
            region = str(args.args.get("region") or self.region)
            return INVOKES[args.token](args.args, region, self.account_id), []
        raise KeyError(
            f"no result for the function {args.token}: pass Mocks(invokes={{{args.token!r}: lambda args: {{...}}}})"
        )

    def _stack_reference(self, name: str) -> tuple[str, dict[str, Any]]:
        try:
            outputs, secrets = self._stacks[name]
        except KeyError:
            known = ", ".join(sorted(self._stacks)) or "none"
            raise LookupError(f'unknown stack "{name}" (known here: {known})') from None
        return name, {"name": name, "outputs": dict(outputs), "secretOutputNames": sorted(secrets)}
