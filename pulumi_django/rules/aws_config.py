"""The configuration of the AWS provider (`aws:*`): its keys and the types of their values. Pure.

Programs, hooks, operations, recovery and prices all read it with this module.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

PREFIX = "aws:"

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ACCOUNT = re.compile(r"\d{12}")
_SHORTEST_SESSION, _LONGEST_SESSION = 900, 12 * 3600  # the limits of STS


class AwsConfigError(ValueError):
    """The `aws:*` configuration is invalid. `problems` has a sentence for each key."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


Reader = Callable[[Any], Any]
"""Function that returns the typed value of a key. It raises ValueError with the end of the sentence `aws:key ...`."""


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be text")
    return str(value)


def _boolean(value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError("must be true or false")


def _count(value: Any) -> int:
    if not isinstance(value, bool) and re.fullmatch(r"\d{1,9}", str(value)):
        return int(value)
    raise ValueError("must be a whole number")


def _duration(value: Any) -> str:
    """Return a duration in the form of Go. AWS allows 15 minutes to 12 hours."""
    seconds = seconds_of(_text(value))
    if seconds is None or not _SHORTEST_SESSION <= seconds <= _LONGEST_SESSION:
        raise ValueError("must be a duration from 15m to 12h, for example `1h`")
    return str(value)


def seconds_of(duration: str) -> int | None:
    """Return the seconds of a duration such as `1h30m`; None for other text."""
    parts = _DURATION.fullmatch(duration)
    if parts is None or not duration:
        return None
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds


def _accounts(value: Any) -> list[str]:
    found = _list_of(_text)(value)
    if not all(_ACCOUNT.fullmatch(account) for account in found):
        raise ValueError("must be a list of account ids: 12 digits each, in quotes")
    return found


def _list_of(item: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        value = _unpacked(value)
        if not isinstance(value, list):
            raise ValueError("must be a list")
        return [item(each) for each in cast(list[Any], value)]

    return read


def _map_of_text(value: Any) -> dict[str, str]:
    value = _unpacked(value)
    if not isinstance(value, Mapping):
        raise ValueError("must be an object of names and texts")
    return {str(key): _text(item) for key, item in cast(Mapping[str, Any], value).items()}


def _object(name: str, fields: Mapping[str, Reader], required: Sequence[str] = ()) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        value = _unpacked(value)
        if not isinstance(value, Mapping):
            raise ValueError(f"must be an object with keys such as `{next(iter(fields))}`")
        found: dict[str, Any] = {}
        for key, item in cast(Mapping[str, Any], value).items():
            if key not in fields:
                raise ValueError(f"has the key {key!r}, which {name} does not have{nearest(key, fields)}")
            if item is None or item == "":
                continue
            try:
                found[key] = fields[key](item)
            except ValueError as error:
                raise ValueError(f"has a wrong {key}: it {error}") from None
        for key in required:
            if key not in found:
                raise ValueError(f"has no {key}")
        return found

    return read


def _endpoints(value: Any) -> list[dict[str, str]]:
    """Return a list of objects of service and URL. A single object is accepted too."""
    value = _unpacked(value)
    entries: list[Any] = value if isinstance(value, list) else [value]
    found: list[dict[str, str]] = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise ValueError("must be a list of objects of service and URL")
        urls = {str(service): url for service, url in cast(Mapping[str, Any], entry).items() if url}
        for service, url in urls.items():
            if not isinstance(url, str) or not re.match(r"https?://[^/\s]+", url):
                raise ValueError(f"has no URL for {service}: it must begin with https:// or http://")
        found.append(urls)
    return found


def _unpacked(value: Any) -> Any:
    """Return a list or object, which Pulumi passes as JSON text, or else the value."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


_ROLE: Mapping[str, Reader] = {
    "roleArn": _text,
    "sessionName": _text,
    "externalId": _text,
    "duration": _duration,
    "policy": _text,
    "policyArns": _list_of(_text),
    "sourceIdentity": _text,
    "tags": _map_of_text,
    "transitiveTagKeys": _list_of(_text),
}
_WEB_IDENTITY: Mapping[str, Reader] = {
    "roleArn": _text,
    "sessionName": _text,
    "webIdentityToken": _text,
    "webIdentityTokenFile": _text,
    "duration": _duration,
    "policy": _text,
    "policyArns": _list_of(_text),
}
_TEXTS = _list_of(_text)

KEYS: Mapping[str, Reader] = {
    "accessKey": _text,
    "allowedAccountIds": _accounts,
    "assumeRoleWithWebIdentity": _object("assumeRoleWithWebIdentity", _WEB_IDENTITY, required=["roleArn"]),
    "assumeRoles": _list_of(_object("a role", _ROLE, required=["roleArn"])),
    "customCaBundle": _text,
    "defaultTags": _object("defaultTags", {"tags": _map_of_text}),
    "ec2MetadataServiceEndpoint": _text,
    "ec2MetadataServiceEndpointMode": _text,
    "endpoints": _endpoints,
    "forbiddenAccountIds": _accounts,
    "httpProxy": _text,
    "httpsProxy": _text,
    "ignoreTags": _object("ignoreTags", {"keys": _TEXTS, "keyPrefixes": _TEXTS}),
    "insecure": _boolean,
    "maxRetries": _count,
    "noProxy": _text,
    "profile": _text,
    "region": _text,
    "retryMode": _text,
    "s3UsEast1RegionalEndpoint": _text,
    "s3UsePathStyle": _boolean,
    "secretKey": _text,
    "sharedConfigFiles": _TEXTS,
    "sharedCredentialsFiles": _TEXTS,
    "skipCredentialsValidation": _boolean,
    "skipMetadataApiCheck": _boolean,
    "skipRegionValidation": _boolean,
    "skipRequestingAccountId": _boolean,
    "stsRegion": _text,
    "tagPolicyCompliance": _text,
    "token": _text,
    "tokenBucketRateLimiterCapacity": _count,
    "useDualstackEndpoint": _boolean,
    "useFipsEndpoint": _boolean,
    "userAgents": _TEXTS,
}
"""Reader by key, for every key of the provider."""

WITHOUT_ACCESS = frozenset(
    {
        "defaultTags",
        "ignoreTags",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "tagPolicyCompliance",
        "tokenBucketRateLimiterCapacity",
        "userAgents",
    }
)
"""Keys that affect neither the account nor the access to it."""

_GONE = {
    "assumeRole": "assumeRoles",
    "sharedCredentialsFile": "sharedCredentialsFiles",
    "s3ForcePathStyle": "s3UsePathStyle",
}
_NEEDLESS = {
    "skipGetEc2Platforms": "the provider no longer reads EC2 platforms: remove it",
    "version": "the Python package pulumi-aws sets the version of the provider: remove it",
    "pluginDownloadURL": "the Python package pulumi-aws contains the provider: remove it",
}


def of_stack(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `aws:*` part of a stack's configuration (full keys, values as text), typed and without the prefix.

    Raises AwsConfigError as `read` does.
    """
    return read({key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)})


def read(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provider's configuration with typed values. `config` has text or decoded values, without the prefix.

    Empty values are ignored. `assumeRole` of older providers becomes `assumeRoles`. Raises AwsConfigError that names every
    unknown key, with the nearest valid key, and every value of a wrong type.
    """
    problems: list[str] = []
    found: dict[str, Any] = {}
    for key, value in _modern(config, problems).items():
        if value is None or value in ("", "null"):
            continue
        reader = KEYS.get(key)
        if reader is None:
            problems.append(f"{PREFIX}{key} {_unknown(key)}")
            continue
        try:
            found[key] = reader(value)
        except ValueError as error:
            problems.append(f"{PREFIX}{key} {error}")
    if problems:
        raise AwsConfigError(problems)
    return found


def _modern(config: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return the configuration with `assumeRole` as a list of one role."""
    modern = dict(config)
    old = _unpacked(modern.pop("assumeRole", None))
    if not old:
        return modern
    if modern.get("assumeRoles"):
        problems.append(f"{PREFIX}assumeRole is the older name of {PREFIX}assumeRoles, and both are set: keep the list")
        return modern
    return {**modern, "assumeRoles": old if isinstance(old, list) else [old]}


def _unknown(key: str) -> str:
    if key in _NEEDLESS:
        return f"is not a key of the AWS provider: {_NEEDLESS[key]}"
    if key in _GONE:
        return f"is not a key of the AWS provider: its name is now {PREFIX}{_GONE[key]}"
    return f"is not a key of the AWS provider{nearest(key, KEYS)}"


def nearest(key: str, known: Mapping[str, Any]) -> str:
    """Return the end of a sentence that suggests the nearest valid key."""
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
    return f": did you mean {close[0]}?" if close else f": the keys are {', '.join(known)}"
