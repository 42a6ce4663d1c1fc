"""Plausible outputs of AWS and random resources: the values that a provider adds to the inputs.

They depend only on the resource's identity and inputs, so a second run gives the same values.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any

from pulumi_django.rules.text import whole_number
from pulumi_django.testing import network
from pulumi_django.testing.resource import Answer, Resource, by_arn, by_name, ec2


def _connection(r: Resource) -> Answer:
    digits = r.hex(32)
    id_ = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    arn = r.arn("codeconnections", f"connection/{id_}")
    return arn, {"name": r.named(), "arn": arn, "connectionStatus": "PENDING"}


def answer(resource: Resource) -> Answer:
    """Return id and all outputs of a resource: its inputs, and the values that its provider adds."""
    build = _BUILDERS.get(resource.type, _generic)
    id_, added = build(resource)
    return id_, {**resource.inputs, **added, "id": id_}


def _generic(r: Resource) -> Answer:
    kind = r.type.rpartition(":")[2].lower()
    service = r.type.partition(":")[2].partition("/")[0] or "aws"
    name = r.named()
    return name, {"name": name, "arn": r.arn(service, f"{kind}/{name}")}


def _db_instance(r: Resource) -> Answer:
    identifier = r.named("identifier", lower=True)
    host = f"{identifier}.c{r.hex(11)}.{r.region}.rds.{r.suffix}"
    added: dict[str, Any] = {
        "identifier": identifier,
        "arn": r.arn("rds", f"db:{identifier}"),
        "address": host,
        "port": r.inputs.get("port", 5432),
        "endpoint": f"{host}:{whole_number(r.inputs.get('port', 5432))}",
        "resourceId": f"db-{r.hex(26).upper()}",
        "status": "available",
        "hostedZoneId": "Z2R2ITUGPM61AM",
        "masterUserSecrets": _master_secret(r, "db"),
    }
    return f"db-{r.hex(26).upper()}", added


def _master_secret(r: Resource, kind: str) -> list[dict[str, str]]:
    if not r.inputs.get("manageMasterUserPassword"):
        return []
    arn = r.arn("secretsmanager", f"secret:rds!{kind}-{r.hex(8)}-{r.hex(4, 'm')}-{r.letters(6, salt='m')}")
    return [{"secretArn": arn, "secretStatus": "active", "kmsKeyId": r.arn("kms", f"key/{r.hex(8)}")}]


def _db_cluster(r: Resource) -> Answer:
    identifier = r.named("clusterIdentifier", lower=True)
    host = f"{identifier}.cluster-c{r.hex(11)}.{r.region}.rds.{r.suffix}"
    return identifier, {
        "clusterIdentifier": identifier,
        "arn": r.arn("rds", f"cluster:{identifier}"),
        "endpoint": host,
        "readerEndpoint": host.replace(".cluster-", ".cluster-ro-"),
        "port": r.inputs.get("port", 5432),
        "clusterResourceId": f"cluster-{r.hex(26).upper()}",
        "masterUserSecrets": _master_secret(r, "cluster"),
    }


def _db_cluster_instance(r: Resource) -> Answer:
    identifier = r.named("identifier", lower=True)
    host = f"{identifier}.c{r.hex(11)}.{r.region}.rds.{r.suffix}"
    return identifier, {"identifier": identifier, "arn": r.arn("rds", f"db:{identifier}"), "endpoint": host}


def _rds(kind: str) -> Callable[[Resource], Answer]:
    def build(r: Resource) -> Answer:
        name = r.named(lower=True)
        return name, {"name": name, "arn": r.arn("rds", f"{kind}:{name}")}

    return build


def _cache(kind: str) -> Callable[[Resource], Answer]:
    def build(r: Resource) -> Answer:
        name = r.named(lower=True)
        return name, {"name": name, "arn": r.arn("elasticache", f"{kind}:{name}")}

    return build


def _files(prefix: str, kind: str) -> Callable[[Resource], Answer]:
    def build(r: Resource) -> Answer:
        id_ = r.id(prefix)
        return id_, {"arn": r.arn("elasticfilesystem", f"{kind}/{id_}")}

    return build


def _subscription(r: Resource) -> Answer:
    arn = f"{r.inputs.get('topic')}:{r.hex(8)}-{r.hex(4, 'a')}-{r.hex(4, 'b')}-{r.hex(4, 'c')}-{r.hex(12, 'd')}"
    return arn, {"arn": arn, "pendingConfirmation": r.inputs.get("protocol") == "email"}


def _replication_group(r: Resource) -> Answer:
    name = r.named("replicationGroupId", lower=True)
    host = f"{name}.{r.hex(6)}.use1.cache.{r.suffix}"
    return name, {
        "replicationGroupId": name,
        "arn": r.arn("elasticache", f"replicationgroup:{name}"),
        "primaryEndpointAddress": f"master.{host}",
        "readerEndpointAddress": f"replica.{host}",
        "configurationEndpointAddress": f"clustercfg.{host}",
        "port": r.inputs.get("port", 6379),
        "memberClusters": [f"{name}-{n:03}" for n in range(1, int(r.inputs.get("numCacheClusters") or 1) + 1)],
    }


def _path(r: Resource) -> str:
    """IAM path of a role, a profile or a policy."""
    return str(r.inputs.get("path") or "/")


def _role(r: Resource) -> Answer:
    name = r.named()
    return name, {
        "name": name,
        "arn": r.arn("iam", f"role{_path(r)}{name}", region=False),
        "uniqueId": f"AROA{r.hex(17).upper()}",
    }


def _instance_profile(r: Resource) -> Answer:
    name = r.named()
    return name, {"name": name, "arn": r.arn("iam", f"instance-profile{_path(r)}{name}", region=False)}


def _policy(r: Resource) -> Answer:
    arn = r.arn("iam", f"policy{_path(r)}{r.named()}", region=False)
    return arn, {"name": r.named(), "arn": arn, "policyId": f"ANPA{r.hex(17).upper()}"}


def _role_policy(r: Resource) -> Answer:
    return f"{r.inputs.get('role')}:{r.named()}", {"name": r.named()}


def _attachment(r: Resource) -> Answer:
    return f"{r.inputs.get('role')}-{r.hex(8)}", {}


def _namespace(r: Resource) -> Answer:
    id_ = f"ns-{r.hex(16)}"
    return id_, {"arn": r.arn("servicediscovery", f"namespace/{id_}"), "hostedZone": f"Z{r.hex(13).upper()}"}


def _discovery_service(r: Resource) -> Answer:
    id_ = f"srv-{r.hex(16)}"
    return id_, {"arn": r.arn("servicediscovery", f"service/{id_}"), "name": r.named()}


def _bucket(r: Resource) -> Answer:
    name = r.named("bucket", lower=True)
    return name, {
        "bucket": name,
        "arn": f"arn:{r.partition.id}:s3:::{name}",
        "bucketDomainName": f"{name}.s3.{r.suffix}",
        "bucketRegionalDomainName": f"{name}.s3.{r.region}.{r.suffix}",
        "hostedZoneId": "Z3AQBSTGFYJSTF",
    }


def _of_bucket(r: Resource) -> Answer:
    return str(r.inputs.get("bucket", r.name)), {}


def _cluster(r: Resource) -> Answer:
    arn = r.arn("ecs", f"cluster/{r.named()}")
    return arn, {"arn": arn, "name": r.named()}


def _task_definition(r: Resource) -> Answer:
    family = str(r.inputs.get("family", r.name))
    bare = r.arn("ecs", f"task-definition/{family}")
    added = {"arn": f"{bare}:{r.revision}", "arnWithoutRevision": bare, "revision": r.revision}
    return family, added


def _ecs_service(r: Resource) -> Answer:
    cluster = str(r.inputs.get("cluster", "default")).rpartition("/")[2]
    arn = r.arn("ecs", f"service/{cluster}/{r.named()}")
    return arn, {"arn": arn, "name": r.named()}


def _secret(r: Resource) -> Answer:
    arn = r.arn("secretsmanager", f"secret:{r.named()}-{r.letters(6)}")
    return arn, {"arn": arn, "name": r.named()}


def _secret_version(r: Resource) -> Answer:
    version = f"{r.hex(8)}-{r.hex(4, 'v')}-4{r.hex(3, 'w')}-8{r.hex(3, 'x')}-{r.hex(12, 'y')}"
    return f"{r.inputs.get('secretId')}|{version}", {"arn": r.inputs.get("secretId"), "versionId": version}


def _queue(r: Resource) -> Answer:
    url = f"https://sqs.{r.region}.{r.suffix}/{r.account_id}/{r.named()}"
    return url, {"name": r.named(), "arn": r.arn("sqs", r.named()), "url": url}


def _key(r: Resource) -> Answer:
    id_ = f"{r.hex(8)}-{r.hex(4, 'a')}-{r.hex(4, 'b')}-{r.hex(4, 'c')}-{r.hex(12, 'd')}"
    return id_, {"keyId": id_, "arn": r.arn("kms", f"key/{id_}")}


def _distribution(r: Resource) -> Answer:
    id_ = f"E{r.hex(13).upper()}"
    return id_, {
        "arn": r.arn("cloudfront", f"distribution/{id_}", region=False),
        "domainName": f"d{r.hex(13)}.cloudfront.net",
        "hostedZoneId": "Z2FDTNDATAQYW2",
        "status": "Deployed",
    }


def _repository(r: Resource) -> Answer:
    name = r.named()
    url = f"{r.account_id}.dkr.ecr.{r.region}.{r.suffix}/{name}"
    return name, {"name": name, "arn": r.arn("ecr", f"repository/{name}"), "repositoryUrl": url}


def _email_identity(r: Resource) -> Answer:
    name = str(r.inputs.get("emailIdentity", r.name))
    given: Mapping[str, Any] = r.inputs.get("dkimSigningAttributes") or {}
    tokens = [r.hex(32, salt) for salt in ("dkim1", "dkim2", "dkim3")]
    return name, {
        "arn": r.arn("ses", f"identity/{name}"),
        "identityType": "DOMAIN",
        "dkimSigningAttributes": {**given, "status": "PENDING", "tokens": tokens},
    }


def _oidc_provider(r: Resource) -> Answer:
    arn = r.arn("iam", f"oidc-provider/{str(r.inputs.get('url', '')).removeprefix('https://')}", region=False)
    return arn, {"arn": arn}


def _scalable_target(r: Resource) -> Answer:
    return str(r.inputs.get("resourceId", r.name)), {
        "arn": r.arn("application-autoscaling", f"scalable-target/{r.hex(12)}")
    }


def _scaling_policy(r: Resource) -> Answer:
    return r.named(), {"name": r.named(), "arn": r.arn("autoscaling", f"scalingPolicy:{r.hex(12)}"), "alarmArns": []}


def _random_string(secret: bool) -> Callable[[Resource], Answer]:
    def build(r: Resource) -> Answer:
        pool = "".join(
            characters
            for wanted, characters in (
                (r.inputs.get("upper", True), string.ascii_uppercase),
                (r.inputs.get("lower", True), string.ascii_lowercase),
                (r.inputs.get("numeric", r.inputs.get("number", True)), string.digits),
                (r.inputs.get("special", True), r.inputs.get("overrideSpecial") or "!@#$%&*()-_=+[]{}<>:?"),
            )
            if wanted
        )
        result = r.letters(int(r.inputs.get("length") or 16), pool)
        if secret:
            return "none", {"result": result, "bcryptHash": f"$2a$10${r.letters(53)}"}
        return result, {"result": result}

    return build


def _random_id(r: Resource) -> Answer:
    digits = r.hex(int(r.inputs.get("byteLength") or 4) * 2)
    return digits, {"hex": f"{r.inputs.get('prefix') or ''}{digits}", "dec": str(int(digits, 16))}


def _provider(r: Resource) -> Answer:
    return f"{r.hex(8)}-{r.hex(4, 'a')}-4{r.hex(3, 'b')}-8{r.hex(3, 'c')}-{r.hex(12, 'd')}", {}


_BUILDERS: Mapping[str, Callable[[Resource], Answer]] = {
    "aws:acm/certificate:Certificate": network.certificate,
    "aws:acm/certificateValidation:CertificateValidation": network.certificate_validation,
    "aws:appautoscaling/policy:Policy": _scaling_policy,
    "aws:appautoscaling/target:Target": _scalable_target,
    "aws:autoscaling/group:Group": by_name("autoscaling", "autoScalingGroup:1:autoScalingGroupName/{name}"),
    "aws:autoscaling/policy:Policy": _scaling_policy,
    "aws:budgets/budget:Budget": by_name("budgets", "budget/{name}", region=False),
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:cloudwatch/logGroup:LogGroup": by_name("logs", "log-group:{name}"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": by_name("cloudwatch", "alarm:{name}"),
    "aws:codeconnections/connection:Connection": _connection,
    "aws:codepipeline/pipeline:Pipeline": by_name("codepipeline", "{name}"),
    "aws:ebs/volume:Volume": ec2("vol", "volume"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": network.security_group,
    "aws:ec2/eip:Eip": network.eip,
    "aws:ec2/flowLog:FlowLog": ec2("fl", "vpc-flow-log"),
    "aws:ec2/instance:Instance": network.instance,
    "aws:ec2/internetGateway:InternetGateway": ec2("igw", "internet-gateway"),
    "aws:ec2/launchTemplate:LaunchTemplate": network.launch_template,
    "aws:ec2/natGateway:NatGateway": ec2("nat", "natgateway"),
    "aws:ec2/route:Route": lambda r: (f"r-{r.inputs.get('routeTableId')}{r.hex(10)}", {"state": "active"}),
    "aws:ec2/routeTable:RouteTable": ec2("rtb", "route-table"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ec2("rtbassoc", "route-table-association"),
    "aws:ec2/securityGroup:SecurityGroup": network.security_group,
    "aws:ec2/subnet:Subnet": ec2("subnet", "subnet"),
    "aws:ec2/vpc:Vpc": network.vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": network.vpc_endpoint,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": lambda r: (str(r.inputs.get("repository")), {}),
    "aws:ecr/repository:Repository": _repository,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": lambda r: (str(r.inputs.get("clusterName")), {}),
    "aws:ecs/service:Service": _ecs_service,
    "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
    "aws:efs/accessPoint:AccessPoint": _files("fsap", "access-point"),
    "aws:efs/backupPolicy:BackupPolicy": lambda r: (str(r.inputs.get("fileSystemId")), {}),
    "aws:efs/fileSystem:FileSystem": _files("fs", "file-system"),
    "aws:efs/fileSystemPolicy:FileSystemPolicy": lambda r: (str(r.inputs.get("fileSystemId")), {}),
    "aws:efs/mountTarget:MountTarget": lambda r: (r.id("fsmt"), {"fileSystemId": r.inputs.get("fileSystemId")}),
    "aws:elasticache/parameterGroup:ParameterGroup": _cache("parametergroup"),
    "aws:elasticache/replicationGroup:ReplicationGroup": _replication_group,
    "aws:elasticache/subnetGroup:SubnetGroup": _cache("subnetgroup"),
    "aws:iam/instanceProfile:InstanceProfile": _instance_profile,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _oidc_provider,
    "aws:iam/policy:Policy": _policy,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:kms/alias:Alias": by_name("kms", "{name}"),
    "aws:kms/key:Key": _key,
    "aws:lb/listener:Listener": network.listener,
    "aws:lb/listenerRule:ListenerRule": network.listener_rule,
    "aws:lb/loadBalancer:LoadBalancer": network.load_balancer,
    "aws:lb/targetGroup:TargetGroup": network.target_group,
    "aws:rds/cluster:Cluster": _db_cluster,
    "aws:rds/clusterInstance:ClusterInstance": _db_cluster_instance,
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _rds("cluster-pg"),
    "aws:rds/instance:Instance": _db_instance,
    "aws:rds/parameterGroup:ParameterGroup": _rds("pg"),
    "aws:rds/subnetGroup:SubnetGroup": _rds("subgrp"),
    "aws:route53/record:Record": network.record,
    "aws:route53/zone:Zone": network.zone,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of_bucket,
    "aws:s3/bucketLogging:BucketLogging": _of_bucket,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _of_bucket,
    "aws:s3/bucketPolicy:BucketPolicy": _of_bucket,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of_bucket,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _of_bucket,
    "aws:s3/bucketVersioning:BucketVersioning": _of_bucket,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _namespace,
    "aws:servicediscovery/service:Service": _discovery_service,
    "aws:sesv2/emailIdentity:EmailIdentity": _email_identity,
    "aws:sns/topic:Topic": by_arn("sns", "{name}"),
    "aws:sns/topicPolicy:TopicPolicy": lambda r: (str(r.inputs.get("arn")), {"owner": r.account_id}),
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:sqs/queue:Queue": _queue,
    "aws:ssm/parameter:Parameter": by_name("ssm", "parameter{name}"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": network.security_group_rule,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": network.security_group_rule,
    "pulumi:providers:aws": _provider,
    "pulumi:providers:random": _provider,
    "random:index/randomId:RandomId": _random_id,
    "random:index/randomPassword:RandomPassword": _random_string(secret=True),
    "random:index/randomString:RandomString": _random_string(secret=False),
}
