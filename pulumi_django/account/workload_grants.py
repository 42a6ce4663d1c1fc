"""Grants of the deploy role for tasks, databases, storage, services and roles. Pure data, see `deploy_grants`."""

from __future__ import annotations

from pulumi_django.account.grants import ROLE_PATH, Grant, new, own, tagging

# AWS's policies that components attach to roles. The role can attach no others.
ATTACHABLE_POLICIES = (
    "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
)
# Services to which a role can be passed.
PASS_TO = (
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "ecs.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "scheduler.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
# AWS creates these when an account uses a service for the first time.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
LINKED_SERVICES = (
    "autoscaling",
    "backup",
    "ecs",
    "ecs.application-autoscaling",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "rds",
)

# Names from the components and Pulumi. Pulumi appends seven hexadecimal digits.
BUCKETS = tuple(f"arn:aws:s3:::{{prefix}}*-{kind}-???????" for kind in ("assets", "exec", "logs", "media", "site"))
SECRETS = tuple(
    f"arn:aws:secretsmanager:{{region}}:*:secret:{{prefix}}*-{kind}-???????-??????"
    for kind in ("auth", "secrets", "secrets-password")
)
MASTER_SECRETS = tuple(f"arn:aws:secretsmanager:{{region}}:*:secret:rds!{kind}-*" for kind in ("db", "cluster"))
LOG_GROUPS = tuple(
    f"arn:aws:logs:{{region}}:*:log-group:{name}"
    for name in (
        "/ecs/{prefix}*",
        "/aws/rds/instance/{prefix}*-rds/*",
        "/aws/rds/cluster/{prefix}*-rds/*",
        "{prefix}*-flow-logs-???????*",
    )
)
_TASKS = "arn:aws:ecs:{region}:*:task/{prefix}*-cluster/*"
_ECS = "arn:aws:ecs:{region}:*:*"

_RDS = "arn:aws:rds:{region}:*:"
_RDS_NAMES = tuple(
    f"{_RDS}{name}"
    for name in (
        "cluster:{prefix}*-rds",
        "cluster-pg:{prefix}*-database-*-???????",
        "cluster-snapshot:{prefix}*-rds-final-*",
        "db:{prefix}*-rds",
        "db:{prefix}*-rds-*",
        "pg:{prefix}*-database-*-???????",
        "snapshot:{prefix}*-rds-final-*",
        "subgrp:{prefix}*-database-subnets-???????",
    )
)

COMPUTE = (
    # These support no resources.
    Grant("ecs", "DeregisterTaskDefinition DescribeTaskDefinition ListClusters ListTaskDefinitions ListTasks"),
    Grant("ecs", "DescribeClusters DescribeServices DescribeTasks ListTagsForResource", (_ECS,)),
    # Deployments that move traffic; they have no tags.
    Grant(
        "ecs",
        "ContinueServiceDeployment DescribeServiceDeployments DescribeServiceRevisions ListServiceDeployments "
        "StopServiceDeployment",
        tuple(
            f"arn:aws:ecs:{{region}}:*:{kind}/{{prefix}}*-cluster/*"
            for kind in ("service", "service-deployment", "service-revision")
        ),
    ),
    new(
        "ecs",
        "CreateCluster CreateService RegisterTaskDefinition",
        *(f"arn:aws:ecs:{{region}}:*:{kind}/{{prefix}}*" for kind in ("cluster", "service", "task-definition")),
    ),
    tagging("ecs", "TagResource", "CreateCluster CreateService RegisterTaskDefinition RunTask", _ECS),
    # Copies of a task definition for one task, such as those of `db clone` and `rollback`, are deleted after it.
    own(
        "ecs",
        "DeleteCluster DeleteService DeleteTaskDefinitions ExecuteCommand PutClusterCapacityProviders RunTask TagResource UntagResource "
        "UpdateCluster UpdateService",
        _ECS,
    ),
    # Tasks of services have no tags. `ExecuteCommand` also checks the tags of their cluster.
    Grant("ecs", "ExecuteCommand StopTask", (_TASKS,)),
    Grant(
        "application-autoscaling",
        "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget PutScalingPolicy PutScheduledAction "
        "RegisterScalableTarget",
        condition={"StringEquals": {"application-autoscaling:service-namespace": "ecs"}},
    ),
    Grant("application-autoscaling", "DescribeScalableTargets DescribeScalingPolicies DescribeScheduledActions"),
    new("application-autoscaling", "TagResource"),
    Grant("application-autoscaling", "ListTagsForResource UntagResource"),
    Grant("logs", "DescribeLogGroups"),
    Grant("logs", "FilterLogEvents GetLogEvents ListTagsForResource", LOG_GROUPS),
    new("logs", "CreateLogGroup TagResource", *LOG_GROUPS),
    # The provider sets the retention and the key in separate calls.
    own("logs", "AssociateKmsKey DeleteLogGroup DeleteRetentionPolicy PutRetentionPolicy UntagResource", *LOG_GROUPS),
    Grant("ssm", "GetParameter GetParameters", ("arn:aws:ssm:{region}::parameter/aws/service/*",)),
)

DATA = (
    Grant(
        "rds",
        "DescribeDBClusterParameterGroups DescribeDBClusterParameters DescribeDBClusters DescribeDBInstances "
        "DescribeDBParameterGroups DescribeDBParameters DescribeDBSubnetGroups DescribeGlobalClusters ListTagsForResource",
        (f"{_RDS}*", "arn:aws:rds::*:global-cluster:*"),
    ),
    new(
        "rds",
        "AddTagsToResource CreateDBCluster CreateDBClusterParameterGroup CreateDBClusterSnapshot CreateDBInstance "
        "CreateDBInstanceReadReplica CreateDBParameterGroup CreateDBSnapshot CreateDBSubnetGroup",
        *_RDS_NAMES,
    ),
    # AWS's default groups of a server.
    Grant(
        "rds",
        "CreateDBCluster CreateDBInstance CreateDBInstanceReadReplica ModifyDBCluster ModifyDBInstance",
        tuple(f"{_RDS}{kind}:default*" for kind in ("cluster-pg", "og", "pg")),
    ),
    own(
        "rds",
        "AddTagsToResource CreateDBCluster CreateDBClusterSnapshot CreateDBInstance CreateDBInstanceReadReplica "
        "CreateDBSnapshot DeleteDBCluster DeleteDBClusterParameterGroup DeleteDBInstance DeleteDBParameterGroup "
        "DeleteDBSubnetGroup DisableHttpEndpoint EnableHttpEndpoint ModifyDBCluster ModifyDBClusterParameterGroup "
        "ModifyDBInstance ModifyDBParameterGroup ModifyDBSubnetGroup RebootDBInstance RemoveTagsFromResource",
        f"{_RDS}*",
    ),
    # The last snapshot has no tags.
    Grant(
        "rds",
        "CreateDBClusterSnapshot CreateDBSnapshot",
        tuple(f"{_RDS}{kind}:{{prefix}}*-rds-final-*" for kind in ("snapshot", "cluster-snapshot")),
    ),
)

_ROLE = f"arn:aws:iam::*:role{ROLE_PATH}*"
_PROFILE = f"arn:aws:iam::*:instance-profile{ROLE_PATH}*"
_BOUNDED = {"iam:PermissionsBoundary": "{boundary}"}

ROLES = (
    # The provider requests its own identity.
    Grant("iam", "GetUser", ("arn:aws:iam::*:user/*",), regional=False),
    Grant(
        "iam",
        "GetInstanceProfile GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies",
        (_ROLE, _PROFILE),
        regional=False,
    ),
    # The boundary limits such a role, whatever its policies and its trust policy allow.
    Grant(
        "iam",
        "CreateRole DeleteRolePolicy PutRolePermissionsBoundary PutRolePolicy UpdateAssumeRolePolicy",
        (_ROLE,),
        regional=False,
        condition={"StringEquals": _BOUNDED},
    ),
    Grant(
        "iam",
        "AttachRolePolicy DetachRolePolicy",
        (_ROLE,),
        regional=False,
        condition={"ArnEquals": {"iam:PolicyARN": list(ATTACHABLE_POLICIES)}, "StringEquals": _BOUNDED},
    ),
    Grant("iam", "DeleteRole TagRole UntagRole", (_ROLE,), regional=False),
    Grant(
        "iam",
        "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile RemoveRoleFromInstanceProfile "
        "TagInstanceProfile UntagInstanceProfile",
        (_PROFILE,),
        regional=False,
    ),
    Grant(
        "iam",
        "PassRole",
        (_ROLE,),
        regional=False,
        condition={"StringEquals": {"iam:PassedToService": list(PASS_TO)}},
    ),
    Grant(
        "iam",
        "CreateServiceLinkedRole",
        ("arn:aws:iam::*:role/aws-service-role/*",),
        regional=False,
        condition={"StringEquals": {"iam:AWSServiceName": [f"{service}.amazonaws.com" for service in LINKED_SERVICES]}},
    ),
)
