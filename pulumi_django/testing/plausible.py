"""Plausible outputs of AWS and random resources: what a provider would add to the inputs.

Everything follows from the resource's identity and inputs, so that a second run gives the same values.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_django.rules.partitions import Partition, partition
from pulumi_django.rules.whole_numbers import whole_number

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource to be answered for."""

    type: str
    name: str
    inputs: Mapping[str, Any] = field(repr=False)
    seed: str
    """Identity of the physical resource: its URN and how often it was replaced."""

    revision: int = 1
    """1 for the first physical resource, one more after each replacement."""

    region: str = REGION
    account_id: str = ACCOUNT_ID

    def hex(self, length: int, salt: str = "") -> str:
        """Hexadecimal digits that belong to this resource."""
        return hashlib.sha256(f"{self.seed}{salt}".encode()).hexdigest()[:length]

    def letters(self, length: int, alphabet: str = string.ascii_letters + string.digits, salt: str = "") -> str:
        """Characters of `alphabet` that belong to this resource."""
        digits = hashlib.shake_256(f"{self.seed}{salt}".encode()).digest(length)
        return "".join(alphabet[digit % len(alphabet)] for digit in digits)

    def id(self, prefix: str) -> str:
        """An EC2-style id, `vpc-0123456789abcdef0`."""
        return f"{prefix}-0{self.hex(16)}"

    def named(self, key: str = "name", lower: bool = False) -> str:
        """The physical name: the input `key`, else Pulumi's autoname of the logical name."""
        given = self.inputs.get(key)
        if isinstance(given, str) and given:
            return given
        prefix = self.inputs.get(f"{key}Prefix")
        auto = f"{prefix}{self.hex(26)}" if isinstance(prefix, str) and prefix else f"{self.name}-{self.hex(7)}"
        return auto.lower() if lower else auto

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        """An ARN of this account and region."""
        where = self.region if region else ""
        return f"arn:{self.partition.id}:{service}:{where}:{self.account_id if account else ''}:{resource}"

    @property
    def partition(self) -> Partition:
        """Where the region belongs."""
        return partition(self.region)

    @property
    def suffix(self) -> str:
        """End of AWS's host names in the region."""
        return self.partition.dns_suffix


Answer = tuple[str, dict[str, Any]]
"""Id and the outputs to be added to the inputs."""


def answer(resource: Resource) -> Answer:
    """Id and all outputs of a resource: its inputs and what its provider would add."""
    build = _BUILDERS.get(resource.type, _generic)
    id_, added = build(resource)
    return id_, {**resource.inputs, **added, "id": id_}


def _generic(r: Resource) -> Answer:
    kind = r.type.rpartition(":")[2].lower()
    service = r.type.partition(":")[2].partition("/")[0] or "aws"
    name = r.named()
    return name, {"name": name, "arn": r.arn(service, f"{kind}/{name}")}


def _ec2(prefix: str, kind: str) -> Callable[[Resource], Answer]:
    def build(r: Resource) -> Answer:
        id_ = r.id(prefix)
        return id_, {"arn": r.arn("ec2", f"{kind}/{id_}"), "ownerId": r.account_id}

    return build


def _by_arn(service: str, path: str, *, region: bool = True, account: bool = True) -> Callable[[Resource], Answer]:
    """Resources whose id is their ARN; `{name}` and `{hex}` in `path` are filled in."""

    def build(r: Resource) -> Answer:
        arn = r.arn(service, path.format(name=r.named(), hex=r.hex(16)), region=region, account=account)
        return arn, {"arn": arn, "name": r.named()}

    return build


def _by_name(service: str, path: str, *, region: bool = True, key: str = "name") -> Callable[[Resource], Answer]:
    """Resources whose id is their name."""

    def build(r: Resource) -> Answer:
        name = r.named(key)
        return name, {key: name, "arn": r.arn(service, path.format(name=name), region=region)}

    return build


def _vpc(r: Resource) -> Answer:
    id_ = r.id("vpc")
    return id_, {
        "arn": r.arn("ec2", f"vpc/{id_}"),
        "mainRouteTableId": f"rtb-0{r.hex(16, 'main')}",
        "defaultSecurityGroupId": f"sg-0{r.hex(16, 'default')}",
        "ownerId": r.account_id,
    }


def _security_group(r: Resource) -> Answer:
    id_ = r.id("sg")
    return id_, {"arn": r.arn("ec2", f"security-group/{id_}"), "name": r.named(), "ownerId": r.account_id}


def _security_group_rule(r: Resource) -> Answer:
    id_ = r.id("sgr")
    return id_, {"arn": r.arn("ec2", f"security-group-rule/{id_}"), "securityGroupRuleId": id_}


def _launch_template(r: Resource) -> Answer:
    id_ = r.id("lt")
    added = {"arn": r.arn("ec2", f"launch-template/{id_}"), "name": r.named(), "latestVersion": 1, "defaultVersion": 1}
    return id_, added


def _eip(r: Resource) -> Answer:
    id_ = r.id("eipalloc")
    octets = [int(r.hex(2, str(n)), 16) % 254 + 1 for n in range(2)]
    return id_, {"allocationId": id_, "publicIp": f"203.0.{octets[0]}.{octets[1]}", "domain": "vpc"}


def _instance(r: Resource) -> Answer:
    id_ = r.id("i")
    ip = f"10.0.{int(r.hex(2), 16) % 250}.{int(r.hex(2, 'b'), 16) % 250 + 4}"
    return id_, {
        "arn": r.arn("ec2", f"instance/{id_}"),
        "privateIp": ip,
        "privateDns": f"ip-{ip.replace('.', '-')}.ec2.internal",
        "instanceState": "running",
        "primaryNetworkInterfaceId": f"eni-0{r.hex(16)}",
    }


def _vpc_endpoint(r: Resource) -> Answer:
    id_ = r.id("vpce")
    return id_, {"arn": r.arn("ec2", f"vpc-endpoint/{id_}"), "state": "available", "dnsEntries": []}


def _load_balancer(r: Resource) -> Answer:
    name = r.named()
    kind = "net" if r.inputs.get("loadBalancerType") == "network" else "app"
    suffix = f"{kind}/{name}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", f"loadbalancer/{suffix}")
    return arn, {
        "arn": arn,
        "name": name,
        "arnSuffix": suffix,
        "dnsName": f"{name}-{int(r.hex(8), 16)}.{r.region}.elb.{r.suffix}",
        "zoneId": "Z35SXDOTRQ7X7K",
    }


def _target_group(r: Resource) -> Answer:
    suffix = f"targetgroup/{r.named()}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", suffix)
    return arn, {"arn": arn, "name": r.named(), "arnSuffix": suffix}


def _listener(r: Resource) -> Answer:
    balancer = str(r.inputs.get("loadBalancerArn", "")).partition("loadbalancer/")[2] or f"app/{r.name}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", f"listener/{balancer}/{r.hex(16)}")
    return arn, {"arn": arn}


def _listener_rule(r: Resource) -> Answer:
    listener = str(r.inputs.get("listenerArn", "")).partition("listener/")[2] or f"app/{r.name}/{r.hex(16)}"
    arn = r.arn("elasticloadbalancing", f"listener-rule/{listener}/{r.hex(16, 'rule')}")
    return arn, {"arn": arn}


def _certificate(r: Resource) -> Answer:
    arn = r.arn("acm", f"certificate/{r.hex(8)}-{r.hex(4, 'a')}-{r.hex(4, 'b')}-{r.hex(4, 'c')}-{r.hex(12, 'd')}")
    names = [str(r.inputs.get("domainName", "example.com")), *(r.inputs.get("subjectAlternativeNames") or [])]
    options = [
        {
            "domainName": name,
            "resourceRecordName": f"_{r.hex(32, name.removeprefix('*.'))}.{name.removeprefix('*.')}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{r.hex(32, name.removeprefix('*.') + '=')}.acm-validations.aws.",
        }
        for name in dict.fromkeys(names)
    ]
    return arn, {"arn": arn, "status": "PENDING_VALIDATION", "domainValidationOptions": options}


def _certificate_validation(r: Resource) -> Answer:
    return "2026-01-01 00:00:00 +0000 UTC", {"certificateArn": r.inputs.get("certificateArn")}


def _zone(r: Resource) -> Answer:
    id_ = f"Z{r.hex(13).upper()}"
    servers = [f"ns-{n}.awsdns-{n:02}.org" for n in (1, 2, 3, 4)]
    return id_, {"zoneId": id_, "arn": f"arn:{r.partition.id}:route53:::hostedzone/{id_}", "nameServers": servers}


def _record(r: Resource) -> Answer:
    zone, name, type_ = (str(r.inputs.get(key, "")) for key in ("zoneId", "name", "type"))
    return f"{zone}_{name}_{type_}", {"fqdn": name}


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
    "aws:acm/certificate:Certificate": _certificate,
    "aws:acm/certificateValidation:CertificateValidation": _certificate_validation,
    "aws:appautoscaling/policy:Policy": _scaling_policy,
    "aws:appautoscaling/target:Target": _scalable_target,
    "aws:autoscaling/group:Group": _by_name("autoscaling", "autoScalingGroup:1:autoScalingGroupName/{name}"),
    "aws:autoscaling/policy:Policy": _scaling_policy,
    "aws:budgets/budget:Budget": _by_name("budgets", "budget/{name}", region=False),
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:cloudwatch/logGroup:LogGroup": _by_name("logs", "log-group:{name}"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _by_name("cloudwatch", "alarm:{name}"),
    "aws:ebs/volume:Volume": _ec2("vol", "volume"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _security_group,
    "aws:ec2/eip:Eip": _eip,
    "aws:ec2/flowLog:FlowLog": _ec2("fl", "vpc-flow-log"),
    "aws:ec2/instance:Instance": _instance,
    "aws:ec2/internetGateway:InternetGateway": _ec2("igw", "internet-gateway"),
    "aws:ec2/launchTemplate:LaunchTemplate": _launch_template,
    "aws:ec2/natGateway:NatGateway": _ec2("nat", "natgateway"),
    "aws:ec2/route:Route": lambda r: (f"r-{r.inputs.get('routeTableId')}{r.hex(10)}", {"state": "active"}),
    "aws:ec2/routeTable:RouteTable": _ec2("rtb", "route-table"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _ec2("rtbassoc", "route-table-association"),
    "aws:ec2/securityGroup:SecurityGroup": _security_group,
    "aws:ec2/subnet:Subnet": _ec2("subnet", "subnet"),
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _vpc_endpoint,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": lambda r: (str(r.inputs.get("repository")), {}),
    "aws:ecr/repository:Repository": _repository,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": lambda r: (str(r.inputs.get("clusterName")), {}),
    "aws:ecs/service:Service": _ecs_service,
    "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
    "aws:elasticache/parameterGroup:ParameterGroup": _cache("parametergroup"),
    "aws:elasticache/replicationGroup:ReplicationGroup": _replication_group,
    "aws:elasticache/subnetGroup:SubnetGroup": _cache("subnetgroup"),
    "aws:iam/instanceProfile:InstanceProfile": _instance_profile,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _oidc_provider,
    "aws:iam/policy:Policy": _policy,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:kms/alias:Alias": _by_name("kms", "{name}"),
    "aws:kms/key:Key": _key,
    "aws:lb/listener:Listener": _listener,
    "aws:lb/listenerRule:ListenerRule": _listener_rule,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:lb/targetGroup:TargetGroup": _target_group,
    "aws:rds/cluster:Cluster": _db_cluster,
    "aws:rds/clusterInstance:ClusterInstance": _db_cluster_instance,
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _rds("cluster-pg"),
    "aws:rds/instance:Instance": _db_instance,
    "aws:rds/parameterGroup:ParameterGroup": _rds("pg"),
    "aws:rds/subnetGroup:SubnetGroup": _rds("subgrp"),
    "aws:route53/record:Record": _record,
    "aws:route53/zone:Zone": _zone,
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
    "aws:sns/topic:Topic": _by_arn("sns", "{name}"),
    "aws:sns/topicPolicy:TopicPolicy": lambda r: (str(r.inputs.get("arn")), {"owner": r.account_id}),
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:sqs/queue:Queue": _queue,
    "aws:ssm/parameter:Parameter": _by_name("ssm", "parameter{name}"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _security_group_rule,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _security_group_rule,
    "pulumi:providers:aws": _provider,
    "pulumi:providers:random": _provider,
    "random:index/randomId:RandomId": _random_id,
    "random:index/randomPassword:RandomPassword": _random_string(secret=True),
    "random:index/randomString:RandomString": _random_string(secret=False),
}
