"""AWS's rules for the values of arguments, each with its source. Pure.

Each check raises ValueError that names the argument, the value and the allowed values. Outputs are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pulumi_django.rules.text import as_written

# `=` or NUL would end a name early. https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
# https://docs.python.org/3/reference/lexical_analysis.html#identifiers
_MODULE_RULE = "names with dots between them, such as 'backend.settings'"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html#path-conditions
_PATH_PATTERN = re.compile(r"""[A-Za-z0-9_\-.$/~"'@:+&*?]*""", re.ASCII)
_PATH_PATTERN_RULE = "letters, digits and _ - . $ / ~ \" ' @ : + & * ?"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html: HealthCheckPath
HEALTH_PATH_LIMIT = 1024
_HEALTH_PATH = re.compile(r"/[!-~]*", re.ASCII)
# https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN
_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(?:key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)")
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html#amazonses-resources-for-iam-policies
_MAIL_IDENTITY = re.compile(r"arn:aws[a-z-]*:ses:[a-z0-9*-]+:(?:[0-9]{12}|\*):identity/[^\s]+")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
_STATEMENT_KEYS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_EFFECTS = ("Allow", "Deny")
_ACTION = re.compile(r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
_SID = re.compile(r"[A-Za-z0-9]*", re.ASCII)

# https://pkg.go.dev/github.com/distribution/reference#pkg-overview, the grammar of a reference
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9.+_-]*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
# https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: certificates that were uploaded to IAM
_CERTIFICATE = re.compile(
    r"arn:aws[a-z-]*:(?:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+|iam::[0-9]{12}:server-certificate/[^\s]+)"
)
# https://docs.aws.amazon.com/waf/latest/APIReference/API_WebACL.html
_WEB_ACL = re.compile(r"arn:aws[a-z-]*:wafv2:[a-z0-9-]+:[0-9]{12}:(?:global|regional)/webacl/[A-Za-z0-9_-]+/[a-f0-9-]+")
# https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html
_OIDC_PROVIDER = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[^\s]+")
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html: Id
_ZONE = re.compile(r"Z[A-Z0-9]{0,31}", re.ASCII)
# https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html; no blanks, and one @ before a domain
_ADDRESS = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", re.ASCII)
# https://docs.aws.amazon.com/AmazonCloudFront/latest/APIReference/API_CacheBehavior.html: PathPattern
_PREFIX = re.compile(r"""[A-Za-z0-9_\-.$~"'@:+&][A-Za-z0-9_\-.$/~"'@:+&]*""", re.ASCII)
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html: a whole number of 32 bits
LONGEST_DAYS = 2**31 - 1
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
MOST_MEMORY_MIB = 120 * 1024


def check_image(argument: str, image: object) -> None:
    """Check a plain reference of a container image."""
    if isinstance(image, str) and not _IMAGE.fullmatch(image):
        raise ValueError(f"{argument} is {image!r}: write an image like `registry/repository:tag`")


def check_command(argument: str, command: object) -> None:
    """Check the words of a command; None is no command."""
    if isinstance(command, str) or (isinstance(command, Sequence) and not command):
        raise ValueError(
            f"{argument} is {as_written(command)}: write a list of words such as `[python, manage.py, seed]`, or null"
        )


def check_certificate_arn(argument: str, arn: object, *, region: str | None = None) -> None:
    """Check the ARN of a certificate of ACM or IAM. ACM's must be in `region` when it is given."""
    _check_arn(argument, arn, _CERTIFICATE, "arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef")
    if region and isinstance(arn, str) and ":acm:" in arn and f":acm:{region}:" not in arn:
        raise ValueError(f"{argument} is {arn!r}: CloudFront uses only certificates of {region}")


def check_web_acl_arn(argument: str, arn: object) -> None:
    """Check the ARN of a web ACL of AWS WAF."""
    _check_arn(argument, arn, _WEB_ACL, "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shop/1234abcd-12ab")


def check_topic_arn(argument: str, arn: object) -> None:
    """Check the ARN of an SNS topic."""
    _check_arn(argument, arn, _TOPIC, "arn:aws:sns:eu-west-1:123456789012:alarms")


def check_key_arn(argument: str, arn: object) -> None:
    """Check the ARN of a KMS key."""
    _check_arn(argument, arn, _KEY, "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")


def check_oidc_provider_arn(argument: str, arn: object) -> None:
    """Check the ARN of an OIDC provider of IAM."""
    example = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    _check_arn(argument, arn, _OIDC_PROVIDER, example)


def check_zone_id(argument: str, zone: object) -> None:
    """Check the id of a hosted zone of Route 53."""
    if isinstance(zone, str) and not _ZONE.fullmatch(zone):
        raise ValueError(f"{argument} is {zone!r}: an id is written like 'Z0123456789ABCDEFGHIJ'")


def check_addresses(argument: str, addresses: Iterable[str]) -> None:
    """Check mail addresses."""
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{argument} has {address!r}: write an address like 'team@example.com'")


def check_prefixes(argument: str, prefixes: Iterable[str]) -> None:
    """Check prefixes of keys in a bucket, which become path patterns of CloudFront."""
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(
                f"{argument} has {prefix!r}: write a prefix like 'static/', with ASCII characters and without blanks"
            )


def check_page(argument: str, page: str | None) -> None:
    """Check the path of a page in a bucket."""
    if page is not None and not _HEALTH_PATH.fullmatch(page):
        raise ValueError(f"{argument} is {page!r}: it must begin with / and have ASCII characters without spaces")


def check_days(argument: str, days: int | None) -> None:
    """Check a number of days of an S3 lifecycle rule."""
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise ValueError(f"{argument} is {shown(days)}: it must be 1 to {LONGEST_DAYS}")


def check_variables(argument: str, names: Iterable[str]) -> None:
    """Check names of environment variables."""
    for name in names:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(
                f"{argument} has the variable {name!r}: a name must have letters, digits, '_', '-' and '.' and begin with a letter "
                "or '_'"
            )


def check_module(argument: str, value: str | None, *, with_object: bool = False) -> None:
    """Check the full name of a Python module. `with_object` also allows `:` and the name of an object in it."""
    if value is None:
        return
    module, colon, name = value.partition(":") if with_object else (value, "", "")
    parts = [*module.split("."), *([*name.split(".")] if colon else [])]
    if not all(part.isidentifier() for part in parts):
        more = ", optionally with ':' and the name of an object" if with_object else ""
        raise ValueError(f"{argument} is {as_written(value)}: a module name has {_MODULE_RULE}{more}")


def check_path_pattern(pattern: str) -> None:
    """Check the characters of a path pattern of a listener rule."""
    if not _PATH_PATTERN.fullmatch(pattern):
        raise ValueError(
            f"paths: the path pattern {pattern!r} cannot be used: a load balancer allows {_PATH_PATTERN_RULE}"
        )


def check_health_path(argument: str, path: str) -> None:
    """Check the path, optionally with a query, of a load balancer's health check."""
    if not path.startswith("/"):
        raise ValueError(f"{argument} is {path!r}: it must begin with /")
    if not _HEALTH_PATH.fullmatch(path) or "#" in path:
        raise ValueError(
            f"{argument} is {path!r}: it must have ASCII characters without spaces and '#'; write a space as %20"
        )
    if len(path) > HEALTH_PATH_LIMIT:
        raise ValueError(f"{argument} has {len(path)} characters: a load balancer allows {HEALTH_PATH_LIMIT}")


def check_key_arns(argument: str, arns: Sequence[Any]) -> None:
    """Check ARNs of KMS keys."""
    _check_arns(argument, arns, _KEY, "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")


def check_mail_identity_arns(argument: str, arns: Sequence[Any]) -> None:
    """Check ARNs of SES identities."""
    _check_arns(argument, arns, _MAIL_IDENTITY, "arn:aws:ses:eu-west-1:123456789012:identity/example.com")


def check_statements(argument: str, statements: Sequence[Mapping[str, Any]]) -> None:
    """Check statements of a role's IAM policy."""
    for number, statement in enumerate(statements, 1):
        where = f"{argument}: statement {number}"
        unknown = [key for key in statement if key not in _STATEMENT_KEYS]
        if unknown:
            raise ValueError(f"{where} has {as_written(unknown[0])}: allowed keys are {', '.join(_STATEMENT_KEYS)}")
        if statement.get("Effect") not in _EFFECTS:
            raise ValueError(
                f"{where} has the Effect {as_written(statement.get('Effect'))}: it must be {' or '.join(_EFFECTS)}"
            )
        for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
            if (one in statement) == (other in statement):
                raise ValueError(f"{where} needs {one} or {other}, and not both")
            given = statement.get(one, statement.get(other))
            if given is None or given in ("", []):
                raise ValueError(f"{where} has an empty {one if one in statement else other}")
        _check_words(where, statement)


def shown(number: float) -> str:
    """Return a number for a message; for hundreds of digits, its size."""
    try:
        return f"{number:g}"
    except OverflowError:
        return "a number of more than 300 digits"


def _check_words(where: str, statement: Mapping[str, Any]) -> None:
    actions = statement.get("Action", statement.get("NotAction"))
    for action in [actions] if isinstance(actions, str) else actions if isinstance(actions, list | tuple) else []:
        if isinstance(action, str) and not _ACTION.fullmatch(action):
            raise ValueError(f"{where} has the action {as_written(action)}: write an action like 's3:GetObject'")
    sid = statement.get("Sid", "")
    if isinstance(sid, str) and not _SID.fullmatch(sid):
        raise ValueError(f"{where} has the Sid {as_written(sid)}: it must have only letters and digits")


def _check_arn(argument: str, arn: object, rule: re.Pattern[str], example: str) -> None:
    if isinstance(arn, str) and not rule.fullmatch(arn):
        raise ValueError(f"{argument} is {arn!r}: it must be written like {example!r}")


def _check_arns(argument: str, arns: Sequence[Any], rule: re.Pattern[str], example: str) -> None:
    if isinstance(arns, str):
        raise ValueError(f"{argument} is {as_written(arns)}: it must be a list of ARNs")
    for arn in arns:
        if isinstance(arn, str) and not rule.fullmatch(arn):
            raise ValueError(f"{argument} has {arn!r}: it must be written like {example!r}")
