"""Values of a stack as SSM parameters, for tools that do not use Pulumi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class PublishedParametersArgs:
    stack: str
    """First part of the parameter names: the name of the base or the environment."""

    values: Mapping[str, pulumi.Input[Any]]
    """Value by last part of the parameter name: text, a number, a boolean or a list of texts. No secrets."""


class PublishedParameters(pulumi.ComponentResource):
    """SSM parameters `/{stack}/{name}`: StringList for lists, String for other values."""

    names: list[str]
    """Names of the parameters."""

    def __init__(self, name: str, args: PublishedParametersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:published_parameters:PublishedParameters", name, None, opts)
        self.names = []
        for key, value in sorted(args.values.items()):
            self.names.append(f"/{args.stack}/{key}")
            known = pulumi.Output.from_input(value)
            aws.ssm.Parameter(
                f"{name}-{key.replace('/', '-').replace('_', '-')}",
                name=self.names[-1],
                type=known.apply(lambda value: "StringList" if _is_list(value) else "String"),
                value=known.apply(_text),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"names": self.names})


def published(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return stack outputs as parameters. A mapping becomes one parameter for each key, `<output>/<key>`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}/{key}": item for key, item in value.items()})
        else:
            flat[name] = value
    return flat


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(str(item) for item in value) if _is_list(value) else str(value)
