"""Reads and writes a DIY backend directly (`file://`, `s3://`): checkpoints, tags, locks, without a CLI call for each.

Layout (pkg/backend/diy): `.pulumi/stacks/<project>/<stack>.json`, `.pulumi/stacks/<project>/<stack>.pulumi-tags`,
`.pulumi/locks/organization/<project>/<stack>/<uuid>.json`.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from orchestrator.errors import EngineUnavailableError, LockOwner, StateError

STACKS, LOCKS, HISTORY = ".pulumi/stacks", ".pulumi/locks/organization", ".pulumi/history"
TAGS_VERSION = 1
CHECKPOINT_VERSIONS = (3, 4)
"""Version 4 is version 3 with a list of features, such as the hooks that this package uses."""


class Files(Protocol):
    """The few file operations that the backend's layout needs."""

    def names(self, prefix: str) -> list[str]:
        """Names of all files below a folder, relative to the backend."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file's content, or None when it is not there."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a file as one step."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file; fine when it is not there."""
        ...


class LocalFiles:
    """`file://`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, prefix: str) -> list[str]:
        root = self._folder / prefix
        return sorted(str(path.relative_to(self._folder)) for path in root.rglob("*") if path.is_file())

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"the state cannot be read: {error.strerror} ({self._folder / name})", "check its permissions"
            ) from error

    def write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except OSError as error:
            raise StateError(
                f"the state cannot be written: {error.strerror} ({path})", "make room, or check its permissions"
            ) from error

    def delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)


class S3Files:
    """`s3://bucket/prefix?region=..&endpoint=..`, as Pulumi's own backend reads the address."""

    def __init__(self, url: str) -> None:
        import boto3
        from botocore.config import Config

        parts = urlsplit(url)
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        endpoint = options.get("endpoint")
        if endpoint and "://" not in endpoint:
            endpoint = f"{'http' if options.get('disableSSL') == 'true' else 'https'}://{endpoint}"
        style = "path" if "true" in (options.get("s3ForcePathStyle"), options.get("use_path_style")) else "auto"
        session: Any = boto3.Session(profile_name=options.get("profile"), region_name=options.get("region"))
        self._client = session.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": style}))
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def names(self, prefix: str) -> list[str]:
        skip = len(self._key("")) if self._prefix else 0
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._key(prefix)}/"
        )
        return self._guarded(lambda: sorted(item["Key"][skip:] for page in pages for item in page.get("Contents", [])))

    def read(self, name: str) -> bytes | None:
        def get() -> bytes | None:
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None

        return self._guarded(get)

    def write(self, name: str, content: bytes) -> None:
        self._guarded(lambda: self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=content))

    def delete(self, name: str) -> None:
        self._guarded(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._key(name)))

    def _guarded(self, call: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            raise EngineUnavailableError(
                f"the state in s3://{self._bucket} cannot be reached: {error}",
                "check the address, the AWS credentials and their rights on the bucket",
            ) from error


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock as the backend keeps it."""

    name: str
    owner: LockOwner


class Backend:
    """One DIY backend."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def stacks(self, project: str) -> list[str]:
        """Names of the project's stacks."""
        folder = f"{STACKS}/{project}"
        names = {
            name.rpartition("/")[2] for name in self._files.names(folder) if name.count("/") == folder.count("/") + 1
        }
        return sorted({_stem(name) for name in names if name.endswith((".json", ".json.gz"))})

    def checkpoint(self, project: str, stack: str) -> Mapping[str, Any] | None:
        """The stack's checkpoint file as JSON, or None when there is none; StateError when it is damaged."""
        content = self._files.read(f"{STACKS}/{project}/{stack}.json")
        if content is None:
            packed = self._files.read(f"{STACKS}/{project}/{stack}.json.gz")
            content = gzip.decompress(packed) if packed is not None else None
        if content is None:
            return None
        try:
            document = json.loads(content)
            if document["version"] not in CHECKPOINT_VERSIONS:
                known = " and ".join(str(version) for version in CHECKPOINT_VERSIONS)
                raise StateError(
                    f"the state of {stack} has version {document['version']}: this program knows {known}",
                    "upgrade pulumi-django",
                )
            return document["checkpoint"].get("latest") or {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"the state of {stack} is damaged: its checkpoint is not what Pulumi writes",
                f"copy the backup beside it ({stack}.json.bak) over it, or a newer one from .pulumi/backups",
            ) from error

    def tags(self, project: str, stack: str) -> dict[str, str]:
        """The stack's tags; none when they cannot be read."""
        content = self._files.read(f"{STACKS}/{project}/{stack}.pulumi-tags")
        try:
            return dict(json.loads(content or b"{}").get("tags") or {})
        except (ValueError, AttributeError):
            return {}

    def write_tags(self, project: str, stack: str, tags: Mapping[str, str]) -> None:
        """Replace the stack's tags."""
        document = json.dumps({"version": TAGS_VERSION, "tags": dict(sorted(tags.items()))})
        self._files.write(f"{STACKS}/{project}/{stack}.pulumi-tags", document.encode())

    def locks(self, project: str, stack: str) -> list[Lock]:
        """Who is at work on the stack."""
        found: list[Lock] = []
        for name in self._files.names(f"{LOCKS}/{project}/{stack}"):
            content = self._files.read(name)
            try:
                said: Mapping[str, Any] = json.loads(content or b"")
                found.append(Lock(name=name, owner=_owner(said)))
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def unlock(self, lock: Lock) -> None:
        """Remove one lock."""
        self._files.delete(lock.name)

    def last_failed(self, project: str, stack: str) -> bool:
        """Whether the stack's last operation failed, as its history tells."""
        entries = [name for name in self._files.names(f"{HISTORY}/{project}/{stack}") if name.endswith(".history.json")]
        content = self._files.read(max(entries)) if entries else None
        try:
            return json.loads(content or b"{}").get("result") == "failed"
        except ValueError:
            return False


def open_backend(url: str) -> Backend | None:
    """The backend at that address, or None when only the CLI can read it (Pulumi Cloud, other clouds)."""
    if url.startswith("file://"):
        folder = Path(os.path.expanduser(url.removeprefix("file://").partition("?")[0]))
        if not folder.is_dir():
            raise EngineUnavailableError(
                f"the state folder {folder} does not exist", f"make it, or set another backend: mkdir -p {folder}"
            )
        return Backend(LocalFiles(folder))
    return Backend(S3Files(url)) if url.startswith("s3://") else None


def _owner(said: Mapping[str, Any]) -> LockOwner:
    host, pid = str(said["hostname"]), int(said["pid"])
    alive = _runs(pid) if host == socket.gethostname() else None
    return LockOwner(
        username=str(said["username"]), hostname=host, pid=pid, since=_moment(said.get("timestamp")), alive=alive
    )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _moment(text: Any) -> datetime | None:
    try:
        return (
            datetime.fromisoformat(str(text)[:19] + "+00:00")
            if str(text).endswith("Z")
            else datetime.fromisoformat(text)
        )
    except (TypeError, ValueError):
        return None


def _stem(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".json")
