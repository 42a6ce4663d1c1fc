"""The files of a DIY backend, on a disk or in an S3 bucket."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import filelock

from orchestrator.config import documents
from orchestrator.config.atomic_files import write_atomically
from orchestrator.engines import processes
from orchestrator.engines.processes import Process
from orchestrator.errors import EngineUnavailableError, StackLockedError, StateError, UnreadableStateError

PATIENCE_SECONDS = 30
"""Longest wait for a lock that is held only briefly."""

LEASE_SECONDS = 60
"""Age after which a lock in a bucket is the leftover of a dead process."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A file in the listing of its folder."""

    stamp: str
    """A text that changes whenever the file changes."""

    changed: float
    """Time of the last change, in seconds since 1970."""


class Files(Protocol):
    """The file operations of a backend."""

    @property
    def own_disk(self) -> bool:
        """Whether only this machine writes to the backend."""
        ...

    def names(self, prefix: str) -> list[str]:
        """Names of all files below a folder, relative to the backend."""
        ...

    def stamps(self, prefix: str) -> Mapping[str, str]:
        """The names of all files below a folder, each with a text that changes whenever the file changes."""
        ...

    def variants(self, name: str) -> Mapping[str, Seen]:
        """The files whose names begin with that name, such as `alpha.json.gz`."""
        ...

    def closed(self, folder: str) -> UnreadableStateError | None:
        """The reason why this user cannot list a folder, or None."""
        ...

    def read(self, name: str) -> bytes | None:
        """The content of a file; None when it does not exist."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one step."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file if it exists."""
        ...

    def reserve(self, size: int) -> None:
        """Check that so many bytes can be written. Raises StateError."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold a named lock. Raises StackLockedError when another process holds it for long."""
        ...


class LocalFiles:
    """A backend at a `file://` URL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own_disk: bool | None = None

    @property
    def own_disk(self) -> bool:
        if self._own_disk is None:
            self._own_disk = processes.on_own_disk(self._folder)
        return self._own_disk

    def names(self, prefix: str) -> list[str]:
        return sorted(self.stamps(prefix))

    def stamps(self, prefix: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        folders = [prefix]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._folder / folder) as entries:
                    for entry in entries:
                        if entry.is_dir():
                            folders.append(f"{folder}/{entry.name}")
                        else:
                            found[f"{folder}/{entry.name}"] = _stamp(entry.stat())
            except FileNotFoundError:  # it was removed during the listing
                continue
            except OSError as error:
                raise _unreadable(error, self._folder / folder) from error
        return found

    def closed(self, folder: str) -> UnreadableStateError | None:
        try:
            with os.scandir(self._folder / folder) as entries:
                for entry in entries:
                    entry.stat()
                    break
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unreadable(error, self._folder / folder)
        return None

    def variants(self, name: str) -> Mapping[str, Seen]:
        folder, _, file = name.rpartition("/")
        found: dict[str, Seen] = {}
        with _reading(self._folder / folder), os.scandir(self._folder / folder) as entries:
            for entry in entries:
                if entry.name.startswith(file):
                    with contextlib.suppress(FileNotFoundError):  # it was removed during the listing
                        status = entry.stat()
                        found[f"{folder}/{entry.name}"] = Seen(stamp=_stamp(status), changed=status.st_mtime_ns / 1e9)
        return found

    def read(self, name: str) -> bytes | None:
        try:
            return documents.read(self._folder / name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(error, self._folder / name) from error

    def write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Other users of a shared folder need the permissions that Pulumi's files beside it have.
            write_atomically(path, content)
        except OSError as error:
            raise StateError(
                f"the state cannot be written: {error.strerror} ({path})", "free disk space, or check its permissions"
            ) from error

    def delete(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"the state cannot be written: {error.strerror} ({self._folder / name})", "check its permissions"
            ) from error

    def reserve(self, size: int) -> None:
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                return
            raise StateError(
                f"the state cannot be written: {error.strerror} ({self._folder})",
                "free disk space, or check its permissions, then run the command again",
            ) from error

    @contextmanager
    def exclusive(self, name: str) -> Generator[None]:
        path = self._folder / f"{name}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(path, timeout=PATIENCE_SECONDS)
            lock.acquire()
        except filelock.Timeout:
            raise _kept_locked(name) from None
        except OSError as error:
            raise StateError(
                f"the state cannot be written: {error.strerror} ({path})", "free disk space, or check its permissions"
            ) from error
        try:
            yield
        finally:
            lock.release()


class S3Files:
    """A backend at `s3://bucket/prefix?region=..&endpoint=..`, with the parameters that Pulumi supports."""

    own_disk = False

    def __init__(self, url: str) -> None:
        import boto3
        from botocore.config import Config

        parts = urlsplit(url)
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        plain_http = "true" in (options.get("disableSSL"), options.get("disable_https"))
        endpoint = options.get("endpoint")
        if endpoint and "://" not in endpoint:
            endpoint = f"{'http' if plain_http else 'https'}://{endpoint}"
        style = "path" if "true" in (options.get("s3ForcePathStyle"), options.get("use_path_style")) else "auto"
        config = Config(
            s3={"addressing_style": style, "use_accelerate_endpoint": options.get("accelerate") == "true"},
            use_fips_endpoint=options.get("fips") == "true" or None,
            use_dualstack_endpoint=options.get("dualstack") == "true" or None,
        )
        # The CLI reads AWS_REGION, which boto3 does not.
        region = options.get("region") or os.environ.get("AWS_REGION") or None
        session: Any = boto3.Session(profile_name=options.get("profile"), region_name=region)
        self._client = session.client("s3", endpoint_url=endpoint, config=config)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        encryption = {"ServerSideEncryption": options.get("ssetype"), "SSEKMSKeyId": options.get("kmskeyid")}
        self._encryption = {name: value for name, value in encryption.items() if value}

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def names(self, prefix: str) -> list[str]:
        return sorted(self.stamps(prefix))

    def stamps(self, prefix: str) -> Mapping[str, str]:
        skip = len(self._key("")) if self._prefix else 0
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._key(prefix)}/"
        )
        return self._guarded(
            lambda: {item["Key"][skip:]: item["ETag"] for page in pages for item in page.get("Contents", [])}
        )

    def closed(self, folder: str) -> UnreadableStateError | None:
        """None: a bucket has no folders of its own, and a refused listing ends the command."""
        del folder
        return None

    def variants(self, name: str) -> Mapping[str, Seen]:
        skip = len(self._key("")) if self._prefix else 0
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(name))
        return self._guarded(
            lambda: {
                item["Key"][skip:]: Seen(stamp=item["ETag"], changed=item["LastModified"].timestamp())
                for page in pages
                for item in page.get("Contents", [])
            }
        )

    def read(self, name: str) -> bytes | None:
        def get() -> bytes | None:
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"]
                content: bytes = body.read(documents.MOST_BYTES + 1)
            except self._client.exceptions.NoSuchKey:
                return None
            if len(content) > documents.MOST_BYTES:
                raise UnreadableStateError(
                    f"the state cannot be read: it has more than {documents.size(documents.MOST_BYTES)} "
                    f"(s3://{self._bucket}/{self._key(name)})"
                )
            return content

        return self._guarded(get)

    def write(self, name: str, content: bytes) -> None:
        self._guarded(
            lambda: self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=content, **self._encryption)
        )

    def delete(self, name: str) -> None:
        self._guarded(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._key(name)))

    def reserve(self, size: int) -> None:
        """Do nothing: a bucket has no size limit."""

    @contextmanager
    def exclusive(self, name: str) -> Generator[None]:
        """A lease: an object that only one writer can create, and that expires."""
        key, mine = self._key(f"{name}.json"), _lease()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._guarded(lambda: self._take(key, mine)):
            if time.monotonic() > deadline:
                raise _kept_locked(name)
            time.sleep(0.2)
        try:
            yield
        finally:
            self._guarded(lambda: self._give_back(key, mine))

    def _give_back(self, key: str, mine: bytes) -> None:
        """Delete the lease, unless it expired and another process took it."""
        try:
            if self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read() == mine:
                self._client.delete_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return

    def _take(self, key: str, mine: bytes) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=mine, IfNoneMatch="*", **self._encryption)
            return True
        except ClientError as error:
            if _code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
        try:
            held = self._client.get_object(Bucket=self._bucket, Key=key)
            if (datetime.now(UTC) - held["LastModified"]).total_seconds() < LEASE_SECONDS and not _left(
                held["Body"].read()
            ):
                return False
            # Only one of several processes that see an expired lease gets it: the condition of the others fails.
            self._client.put_object(Bucket=self._bucket, Key=key, Body=mine, IfMatch=held["ETag"], **self._encryption)
            return True
        except ClientError as error:
            if _code(error) in ("NoSuchKey", "PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise

    def _guarded(self, call: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            raise EngineUnavailableError(
                f"the state in s3://{self._bucket} cannot be reached: {error}",
                "check the address, the AWS credentials and their rights on the bucket",
            ) from error


@contextmanager
def _reading(folder: Path) -> Generator[None]:
    """Treat an absent folder as empty. Raises UnreadableStateError when a folder cannot be read."""
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(error, folder) from error


def _unreadable(error: OSError, path: Path) -> UnreadableStateError:
    return UnreadableStateError(f"the state cannot be read: {error.strerror} ({path})", "check its permissions")


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def _lease() -> bytes:
    """The content of a lease: this process and a unique id, as a process may ask for the same lease twice."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({**processes.this_process().document(), "timestamp": now, "id": uuid.uuid4().hex}).encode()


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code"))


def _left(content: bytes) -> bool:
    """Whether the holder of a lease is a process of this machine that has certainly ended."""
    try:
        return processes.runs(documents.decoded(Process, content)) is False
    except documents.DamagedError:
        return False


def _kept_locked(name: str) -> StackLockedError:
    return StackLockedError(
        f"{name.rpartition('/')[2]} is locked by another orchestrator for more than {PATIENCE_SECONDS} seconds",
        "run the command again",
    )
