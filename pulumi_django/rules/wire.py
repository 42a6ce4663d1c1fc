"""Special values of Pulumi's wire format and of its state files, and the way of outputs to a program. Pure.

https://github.com/pulumi/pulumi/blob/v3.272.0/sdk/python/lib/pulumi/runtime/rpc.py
"""

from __future__ import annotations

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of an object that is a special value. The value at this key names the kind."""

SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""Kind of a secret: `{SIGNATURE: SECRET, "value": ...}` on the wire, `{SIGNATURE: SECRET, "ciphertext": ...}` in a
state."""

RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
"""Kind of a reference to a resource: `{SIGNATURE: RESOURCE, "urn": ..., "id": ...}`."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Text in place of a value that is known only after an update."""

BASE_OUTPUTS_VARIABLE = "PULUMI_DJANGO_BASE_OUTPUTS"
"""Environment variable with the path of a JSON file, in which the orchestrator passes outputs of bases that do not exist yet:
`{"<stack reference name>": {"<output>": <wire value>}}`."""
