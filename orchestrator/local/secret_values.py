"""The secrets of an environment on this machine: made once, kept in a private file, and found by their references."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Mapping
from typing import Any

from orchestrator.local.addresses import Changes
from orchestrator.local.declaration import Declaration
from orchestrator.local.folder import StateFolder

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 32


class MadeSecrets:
    """Values that are made at the first use and stay the same afterwards."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._known: dict[str, str] = {str(k): str(v) for k, v in (folder.read(folder.secrets) or {}).items()}
        self._saved = dict(self._known)

    def value(self, name: str, length: int = _LENGTH) -> str:
        """The value of that name: letters and digits."""
        if name not in self._known:
            self._known[name] = "".join(secrets.choice(_LETTERS) for _ in range(length))
        return self._known[name]

    def save(self) -> None:
        """Write new values to the private file. Raises StateError."""
        if self._known != self._saved:
            self._folder.create()
            self._folder.write(self._folder.secrets, self._known)
            self._saved = dict(self._known)


def replace_generated(declaration: Declaration, made: MadeSecrets, changes: Changes) -> None:
    """Replace the passwords of the simulation, which anyone can compute, by secret ones of this machine."""
    for resource in declaration.of_type("random:index/randomPassword:RandomPassword"):
        simulated = str(resource.outputs.get("result", ""))
        if simulated:
            length = int(resource.inputs.get("length") or _LENGTH)
            changes.value(simulated, made.value(f"password/{resource.name}", length))


def cache_token(declaration: Declaration, made: MadeSecrets) -> str | None:
    """The auth token of the base's cache on this machine; None without one."""
    passwords = declaration.of_type("random:index/randomPassword:RandomPassword")
    for group in declaration.of_type("aws:elasticache/replicationGroup:ReplicationGroup"):
        for password in passwords:
            if group.inputs.get("authToken") and password.outputs.get("result") == group.inputs["authToken"]:
                return made.value(f"password/{password.name}", int(password.inputs.get("length") or _LENGTH))
    return None


def master_name(declaration: Declaration) -> str:
    """The name of the role that creates databases on the base's server."""
    servers: list[Mapping[str, Any]] = [each.inputs for each in declaration.of_type("aws:rds/instance:Instance")]
    servers += [each.inputs for each in declaration.of_type("aws:rds/cluster:Cluster")]
    names = [str(name) for each in servers if (name := each.get("username") or each.get("masterUsername"))]
    return names[0] if names else "dbmaster"


class SecretValues:
    """The values of references (`valueFrom`) in task definitions."""

    def __init__(
        self, declaration: Declaration, made: MadeSecrets, changes: Changes, master: Mapping[str, str]
    ) -> None:
        self._made, self._changes = made, changes
        self.stored: dict[str, str] = {}
        """Secret text by ARN."""

        for resource in declaration.of_type("aws:secretsmanager/secretVersion:SecretVersion"):
            text = resource.inputs.get("secretString")
            if text is not None:
                self.stored[str(resource.inputs.get("secretId"))] = changes.applied(_text(text))
        arn = declaration.base_outputs.get("database_master_secret_arn")
        if arn:
            self.stored[str(arn)] = json.dumps(dict(master))
        self.names: dict[str, str] = {
            str(resource.outputs.get("arn")): str(resource.outputs.get("name"))
            for resource in declaration.of_type("aws:secretsmanager/secret:Secret")
        }
        """Name of a declared secret by ARN."""

    def value(self, reference: str) -> str | None:
        """The value of a reference; None when neither the environment nor its base declares the secret."""
        for arn, text in self.stored.items():
            if reference == arn:
                return text
            if reference.startswith(f"{arn}:"):
                key = reference.removeprefix(f"{arn}:").split(":")[0]
                if not key:
                    return text
                found = json.loads(text).get(key)
                return None if found is None else str(found)
        return None

    def made_up(self, variable: str) -> str:
        """A value for a secret that only AWS has."""
        return self._made.value(f"unknown/{variable}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
