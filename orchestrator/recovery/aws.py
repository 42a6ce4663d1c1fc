"""Helpers for boto3: cached clients, all pages of a list, error codes, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

ClientFactory = Callable[[str], Any]
"""Returns a boto3 client by service name; `pulumi_django.deploying.aws_access.AwsAccess.client` is one."""

Tags = Mapping[str, str]

ABSENT_WORDS = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "NotExist")
"""Parts of the error codes for resources that do not exist."""


class Aws:
    """Access to AWS with cached clients. Not thread-safe."""

    def __init__(self, client: ClientFactory) -> None:
        self._make = client
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service, created once."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def all(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """The items below `key` (dots separate levels) of every page of a list operation; none when the resource does not exist."""
        from botocore.exceptions import ClientError

        client = self.client(service)
        try:
            if client.can_paginate(operation):
                pages: Iterator[Any] = iter(client.get_paginator(operation).paginate(**parameters))
            else:
                pages = iter((getattr(client, operation)(**parameters),))
            for page in pages:
                items: Any = page
                for part in key.split("."):
                    items = items.get(part) or {}
                yield from items
        except ClientError as error:
            if not is_absent(error):
                raise


def error_code(error: Exception) -> str:
    """The error code of the service, or the class name of any other exception."""
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return str((response.get("Error") or {}).get("Code") or type(error).__name__)


def is_absent(error: Exception) -> bool:
    """Whether the error means that the resource does not exist."""
    code = error_code(error)
    return code == "404" or any(word in code for word in ABSENT_WORDS)


def reason(error: Exception) -> str:
    """An error of boto3 in one line."""
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    said = (response.get("Error") or {}).get("Message") or str(error)
    return " ".join(f"{error_code(error)}: {said}".split())


def tags_of(items: Sequence[Mapping[str, Any]] | Mapping[str, str] | None) -> dict[str, str]:
    """Tags in any form that the services use: a map, or items of `Key` and `Value` in several spellings."""
    if isinstance(items, Mapping):
        return {str(key): str(value) for key, value in items.items()}
    found: dict[str, str] = {}
    for item in items or ():
        lower = {key.lower().removeprefix("tag"): value for key, value in item.items()}
        found[str(lower.get("key"))] = str(lower.get("value", ""))
    return found


def filters(**values: Any) -> list[dict[str, Any]]:
    """EC2 filters. Underscores become dashes, and None is left out."""
    return [
        {
            "Name": name.replace("_", "-"),
            "Values": [str(value) for value in (many if isinstance(many, list) else [many])],
        }  # pyright: ignore[reportUnknownVariableType]
        for name, many in values.items()
        if many is not None
    ]
