"""Checks of a compose file: errors that compose would report on the host, and mounts whose data would be lost with it. Pure.

Each error names the service and the key. A service with `profiles` does not start by itself, so its files are not checked.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any

from pulumi_django.ec2.compose_document import UNKNOWN, listed, section

DATA_FOLDER = "/data"
# Folders of every Ubuntu host, with files such as docker's socket and the time zone.
_HOST_FOLDERS = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/snap", "/sys", "/tmp", "/usr"),
    *("/var/cache", "/var/log", "/var/run", "/var/tmp"),
)
_HOST_NETWORKS = ("bridge", "host", "none")
# In a short volume the source ends at the first colon.
_PATH = re.compile(r"[./~\0]")

Service = Mapping[str, Any]


def check(document: Mapping[str, Any], services: Mapping[str, Service], *, host_has_variables: bool) -> None:
    """Raise ValueError for the first part of the file that cannot work on a host."""
    active = {name: service for name, service in services.items() if not service.get("profiles")}
    if not active and not host_has_variables:
        raise ValueError("all its services have profiles, so none would start")
    for name, service in services.items():
        _check_image(name, service, starts=name in active)
    for name, service in active.items():
        for problem in _PROBLEMS:
            found = problem(document, service)
            if found:
                raise ValueError(f"its service {name!r} has {found}")
        _check_dependencies(name, service, services, active)


def _check_image(name: str, service: Service, *, starts: bool) -> None:
    image = service.get("image")
    if "provider" in service:
        raise ValueError(f"its service {name!r} has a provider, which is a program that is not on the host")
    if image is None and not starts:
        return
    if image is None:
        raise ValueError(f"its service {name!r} has no image, and there are no sources on the host")
    if not isinstance(image, str) or not image.strip():
        raise ValueError(f"its service {name!r} has the image {image!r}: an image is text that is not empty")
    if starts and service.get("build") and service.get("pull_policy") == "build":
        raise ValueError(f"its service {name!r} has pull_policy 'build', and there are no sources on the host")


def _check_dependencies(
    name: str, service: Service, services: Mapping[str, Service], active: Mapping[str, Service]
) -> None:
    needs: Any = service.get("depends_on") or []
    for other in needs:
        is_needed = not isinstance(needs, dict) or (needs[other] or {}).get("required", True)
        if is_needed and other not in active:
            why = "starts only with a profile" if other in services else "does not exist"
            raise ValueError(f"its service {name!r} depends on {other!r}, which {why}")


def _env_files(_document: Mapping[str, Any], service: Service) -> str | None:
    for key in ("env_file", "label_file"):
        for entry in listed(service.get(key)):
            path, required = (entry.get("path"), entry.get("required")) if isinstance(entry, dict) else (entry, True)
            # Compose also reads the text "false" as the value.
            if str(required).lower() != "false" and not _is_on_data_disk(path):
                return (
                    f"{key} {_shown(path)}, which is not on the host: keep its variables in the secret of "
                    f"environment_secret_arn and write NAME: ${{NAME}} under environment, or name a file below "
                    f"{DATA_FOLDER}, or write required: false"
                )
    return None


def _mounts(document: Mapping[str, Any], service: Service) -> str | None:
    volumes = section(document, "volumes")
    for entry in listed(service.get("volumes")):
        source = _source(entry)
        if source is not None and not _may_be_mounted(source):
            return f"the volume {_shown(source)}: {_MOUNT_RULE}"
        # Compose creates a volume of this name. It can refer to a declared volume.
        name = entry.get("source") if isinstance(entry, dict) else str(entry).partition(":")[0]
        found = volumes.get(name) if source is None and isinstance(name, str) else None
        problem = _volume(found) if isinstance(found, dict) else None
        if problem:
            return f"the volume {name!r}{problem}"
    return None


_MOUNT_RULE = (
    f"a mounted path must be below {DATA_FOLDER}, because other files are not on the host and each change replaces its "
    "root disk"
)


def _volume(declared: Mapping[str, Any]) -> str | None:
    if declared.get("external"):
        return ", which is external and not on a new host: declare it without external"
    options: Any = declared.get("driver_opts") or {}
    device = options.get("device") if isinstance(options, dict) else None
    if device is not None and "bind" in str(options.get("o", "")).split(",") and not _may_be_mounted(str(device)):
        return f" of the folder {_shown(device)}: {_MOUNT_RULE}"
    return None


def _source(entry: Any) -> str | None:
    """Return the path on the host that a volume mounts; None without one."""
    if isinstance(entry, dict):
        return str(entry.get("source", "")) if entry.get("type") == "bind" else None
    source, colon, _ = str(entry).partition(":")
    return source if colon and _PATH.match(source) else None


def _files_of(kind: str) -> Callable[[Mapping[str, Any], Service], str | None]:
    def problem(document: Mapping[str, Any], service: Service) -> str | None:
        declared = section(document, kind)
        for entry in listed(service.get(kind)):
            name = entry.get("source") if isinstance(entry, dict) else entry
            it = declared.get(str(name))
            if not isinstance(it, dict):
                return f"{kind} {name!r}, which the file does not declare"
            if it.get("external"):
                return f"{kind} {name!r}, which is external: compose supports that only on a swarm"
            if "file" in it and not _is_on_data_disk(it["file"]):
                return f"{kind} {name!r} of {_shown(it['file'])}: {_MOUNT_RULE}"
        return None

    return problem


def _networks(document: Mapping[str, Any], service: Service) -> str | None:
    declared, used = section(document, "networks"), service.get("networks")
    names = list(used) if isinstance(used, (dict, list)) else []
    for name in (*names, "default"):
        it: Any = declared.get(name)
        if name not in declared and name != "default":
            return f"the network {name!r}, which the file does not declare"
        if isinstance(it, dict) and it.get("external") and it.get("name", name) not in _HOST_NETWORKS:
            return f"the network {name!r}, which is external and not on a new host: declare it without external"
    return None


def _security_profile(_document: Mapping[str, Any], service: Service) -> str | None:
    for entry in listed(service.get("security_opt")):
        found = re.match(r"seccomp[:=](.*)", str(entry), re.DOTALL)
        if found and found[1] not in ("unconfined", "builtin") and not _is_on_data_disk(found[1]):
            return f"security_opt with the file {_shown(found[1])}: {_MOUNT_RULE}"
    return None


_PROBLEMS: tuple[Callable[[Mapping[str, Any], Service], str | None], ...] = (
    _env_files,
    _mounts,
    _files_of("secrets"),
    _files_of("configs"),
    _networks,
    _security_profile,
)


def _is_on_data_disk(path: Any) -> bool:
    return isinstance(path, str) and _is_below(path, DATA_FOLDER)


def _may_be_mounted(path: str) -> bool:
    return path == "/" or any(_is_below(path, folder) for folder in (DATA_FOLDER, *_HOST_FOLDERS))


def _is_below(path: str, folder: str) -> bool:
    normal = posixpath.normpath(path)
    return normal == folder or normal.startswith(f"{folder}/")


def _shown(path: Any) -> str:
    return repr(path.replace(UNKNOWN, "${...}") if isinstance(path, str) else path)
