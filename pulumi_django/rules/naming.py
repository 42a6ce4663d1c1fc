"""Names of environments, bases, images and AWS resources, and the limits that AWS sets. Pure."""

from __future__ import annotations

import hashlib
import re

STACK_NAME_PATTERN = r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$"
STACK_NAME_RULE = (
    "2 to 20 lower-case letters, digits and single hyphens, beginning with a letter and not ending with a hyphen"
)
SERVICE_NAME_RULE = "1 to 32 lower-case letters, digits, hyphens and underscores, beginning with a letter and ending with a letter or digit"

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
TARGET_GROUP_NAME_LIMIT = 32
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
LOAD_BALANCER_NAME_LIMIT = 32
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
RDS_IDENTIFIER_LIMIT = 63
# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
REPLICATION_GROUP_ID_LIMIT = 40
# https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
POSTGRES_IDENTIFIER_LIMIT = 63
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
ECS_NAME_LIMIT = 255
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
IAM_ROLE_NAME_LIMIT = 64
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
LOG_GROUP_NAME_LIMIT = 512
# https://docs.aws.amazon.com/cloud-map/latest/api/API_CreatePrivateDnsNamespace.html
NAMESPACE_NAME_LIMIT = 253

_SERVICE_NAME = re.compile(r"[a-z](?:[a-z0-9_-]{0,30}[a-z0-9])?")


def check_environment_name(name: str) -> str:
    """Return the name. Raises ValueError with the rule when it is not valid for an environment."""
    return _check_stack_name("environment", name)


def check_base_name(name: str) -> str:
    """Return the name. Raises ValueError with the rule when it is not valid for a base."""
    return _check_stack_name("base", name)


def _check_stack_name(what: str, name: str) -> str:
    if not re.fullmatch(STACK_NAME_PATTERN[1:-1], name) or "--" in name:
        raise ValueError(
            f"{name!r} cannot name {'an' if what[0] in 'aeiou' else 'a'} {what}: a name has {STACK_NAME_RULE}"
        )
    return name


def check_service_name(name: str, argument: str | None = None, what: str = "service") -> str:
    """Return the name. Raises ValueError with the argument and the rule when it is not valid for a service, a queue or a
    container."""
    if not _SERVICE_NAME.fullmatch(name):
        where = f"{argument}: " if argument else ""
        raise ValueError(f"{where}{name!r} cannot name a {what}: a name has {SERVICE_NAME_RULE}")
    return name


def check_length(what: str, value: str, limit: int) -> str:
    """Return the value. Raises ValueError when it is longer than AWS allows."""
    if len(value) > limit:
        raise ValueError(f"the {what} {value!r} has {len(value)} characters: AWS allows {limit}")
    return value


def cluster_name(environment: str) -> str:
    """Return the name of an environment's ECS cluster."""
    return check_length("ECS cluster name", f"{environment}-cluster", ECS_NAME_LIMIT)


def service_name(environment: str, service: str) -> str:
    """Return the name of an ECS service and of its task definition family."""
    return check_length("ECS service name", f"{environment}-{service}", ECS_NAME_LIMIT)


def log_group_name(environment: str, service: str) -> str:
    """Return the name of a service's CloudWatch log group."""
    return check_length("log group name", f"/ecs/{environment}/{service}", LOG_GROUP_NAME_LIMIT)


def database_name(environment: str) -> str:
    """Return the name of an environment's database on its base's server, and of the role that owns it."""
    return check_length("database name", f"{environment}-db", POSTGRES_IDENTIFIER_LIMIT)


def namespace_name(base: str) -> str:
    """Return the name of a base's Cloud Map namespace."""
    return check_length("namespace name", f"{base}-sd-ns", NAMESPACE_NAME_LIMIT)


def rds_identifier(base: str) -> str:
    """Return the identifier of a base's RDS instance."""
    return check_length("RDS identifier", f"{base}-rds", RDS_IDENTIFIER_LIMIT)


def replication_group_id(base: str) -> str:
    """Return the id of a base's ElastiCache replication group."""
    return check_length("replication group id", f"{base}-redis", REPLICATION_GROUP_ID_LIMIT)


def shortened(name: str, limit: int) -> str:
    """Return `name` when it fits into `limit` characters, or else its beginning and six digits of its hash."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: limit - 7].rstrip('-')}-{digest}"


def target_group_name(environment: str, service: str) -> str:
    """Return the name of a web service's target group, shortened when it is too long."""
    return shortened(f"{environment}-{service.replace('_', '-')}", TARGET_GROUP_NAME_LIMIT)


def load_balancer_name(base: str) -> str:
    """Return the name of a base's load balancer."""
    return check_length("load balancer name", f"{base}-alb", LOAD_BALANCER_NAME_LIMIT)
