"""The effect of changed inputs on a resource: none, an update in place, or a replacement.

The properties that force a replacement are those of pulumi-aws 7 and pulumi-random 4, for the types that this package uses.
For other types every change counts as an update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

ChangeKind = Literal["create", "same", "update", "replace"]


class Registered(Protocol):
    """The part of a resource that a comparison needs."""

    @property
    def type(self) -> str: ...
    @property
    def inputs(self) -> Mapping[str, Any]: ...


class Registration(Registered, Protocol):
    """The additional part of a new registration."""

    @property
    def ignore_changes(self) -> Sequence[str]: ...
    @property
    def replace_on_changes(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Change:
    """The change of one resource, with the top-level inputs that differ."""

    kind: ChangeKind
    properties: tuple[str, ...] = ()


_ALL = "*"
_ALL_TAGS = "tagsAll"
REPLACES_ON: Mapping[str, frozenset[str]] = {
    type_: frozenset(properties.split())
    for type_, properties in {
        "aws:acm/certificate:Certificate": "domainName subjectAlternativeNames validationMethod keyAlgorithm",
        "aws:acm/certificateValidation:CertificateValidation": "certificateArn validationRecordFqdns",
        "aws:appautoscaling/policy:Policy": "name resourceId scalableDimension serviceNamespace",
        "aws:appautoscaling/scheduledAction:ScheduledAction": ("name resourceId scalableDimension serviceNamespace"),
        "aws:appautoscaling/target:Target": "resourceId scalableDimension serviceNamespace",
        "aws:cloudwatch/logGroup:LogGroup": "name namePrefix logGroupClass",
        "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "vpcId",
        "aws:ec2/eip:Eip": "domain networkBorderGroup publicIpv4Pool",
        "aws:ec2/flowLog:FlowLog": (
            "vpcId subnetId eniId trafficType logDestination logDestinationType logFormat iamRoleArn maxAggregationInterval"
        ),
        "aws:ec2/instance:Instance": (
            "ami availabilityZone subnetId keyName associatePublicIpAddress privateIp placementGroup tenancy hibernation"
        ),
        "aws:ec2/natGateway:NatGateway": "allocationId subnetId connectivityType privateIp",
        "aws:ec2/route:Route": "routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId",
        "aws:ec2/routeTable:RouteTable": "vpcId",
        "aws:ec2/routeTableAssociation:RouteTableAssociation": "subnetId gatewayId",
        "aws:ec2/securityGroup:SecurityGroup": "name namePrefix description vpcId",
        "aws:ec2/subnet:Subnet": "vpcId availabilityZone availabilityZoneId cidrBlock",
        "aws:ec2/vpc:Vpc": "cidrBlock instanceTenancy",
        "aws:ec2/vpcEndpoint:VpcEndpoint": "serviceName vpcId vpcEndpointType",
        "aws:ecr/repository:Repository": "name encryptionConfigurations",
        "aws:ecs/cluster:Cluster": "name",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "clusterName",
        "aws:ecs/service:Service": "name cluster launchType schedulingStrategy serviceRegistries.registryArn",
        "aws:ecs/taskDefinition:TaskDefinition": (
            "family containerDefinitions cpu memory executionRoleArn taskRoleArn networkMode requiresCompatibilities "
            "runtimePlatform volumes ephemeralStorage placementConstraints pidMode ipcMode proxyConfiguration"
        ),
        "aws:efs/accessPoint:AccessPoint": "fileSystemId posixUser rootDirectory",
        "aws:efs/backupPolicy:BackupPolicy": "fileSystemId",
        "aws:efs/fileSystem:FileSystem": "availabilityZoneName creationToken encrypted kmsKeyId performanceMode",
        "aws:efs/fileSystemPolicy:FileSystemPolicy": "fileSystemId",
        "aws:efs/mountTarget:MountTarget": "fileSystemId ipAddress subnetId",
        "aws:elasticache/parameterGroup:ParameterGroup": "name family description",
        "aws:elasticache/replicationGroup:ReplicationGroup": (
            "replicationGroupId atRestEncryptionEnabled kmsKeyId port subnetGroupName parameterGroupFamily"
        ),
        "aws:elasticache/subnetGroup:SubnetGroup": "name",
        "aws:iam/instanceProfile:InstanceProfile": "name namePrefix path",
        "aws:iam/policy:Policy": "name namePrefix path description",
        "aws:iam/role:Role": "name namePrefix path",
        "aws:iam/rolePolicy:RolePolicy": "name namePrefix role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role policyArn",
        "aws:kms/key:Key": "keyUsage customerMasterKeySpec multiRegion",
        "aws:lb/listener:Listener": "loadBalancerArn",
        "aws:lb/listenerCertificate:ListenerCertificate": "certificateArn listenerArn",
        "aws:lb/listenerRule:ListenerRule": "listenerArn",
        "aws:lb/loadBalancer:LoadBalancer": "name namePrefix internal loadBalancerType customerOwnedIpv4Pool",
        "aws:lb/targetGroup:TargetGroup": "name namePrefix port protocol protocolVersion targetType vpcId ipAddressType",
        "aws:rds/cluster:Cluster": "clusterIdentifier databaseName engine engineMode masterUsername storageEncrypted kmsKeyId",
        "aws:rds/clusterInstance:ClusterInstance": "identifier clusterIdentifier engine availabilityZone",
        "aws:rds/clusterParameterGroup:ClusterParameterGroup": "name namePrefix family description",
        "aws:rds/instance:Instance": (
            "identifierPrefix availabilityZone dbName engine username storageEncrypted kmsKeyId snapshotIdentifier "
            "characterSetName timezone"
        ),
        "aws:rds/parameterGroup:ParameterGroup": "name namePrefix family description",
        "aws:rds/subnetGroup:SubnetGroup": "name namePrefix",
        "aws:route53/record:Record": "zoneId name type setIdentifier",
        "aws:route53/zone:Zone": "name delegationSetId",
        "aws:s3/bucket:Bucket": "bucket bucketPrefix objectLockEnabled",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "bucket",
        "aws:s3/bucketLogging:BucketLogging": "bucket",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "bucket",
        "aws:s3/bucketPolicy:BucketPolicy": "bucket",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "bucket",
        "aws:s3/bucketVersioning:BucketVersioning": "bucket",
        "aws:secretsmanager/secret:Secret": "name namePrefix",
        "aws:secretsmanager/secretVersion:SecretVersion": "secretId secretString secretBinary",
        "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": "name vpc",
        "aws:servicediscovery/service:Service": "name namespaceId healthCheckCustomConfig type",
        "aws:sns/topic:Topic": "name namePrefix fifoTopic",
        "aws:sns/topicPolicy:TopicPolicy": "arn",
        "aws:sns/topicSubscription:TopicSubscription": "topic protocol endpoint",
        "aws:scheduler/schedule:Schedule": "name namePrefix groupName",
        "aws:sqs/queue:Queue": "name namePrefix fifoQueue",
        "aws:sqs/queuePolicy:QueuePolicy": "queueUrl",
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "queueUrl",
        "aws:ssm/parameter:Parameter": "name",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "securityGroupId",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "securityGroupId",
        "random:index/randomId:RandomId": "byteLength prefix keepers",
        "random:index/randomPassword:RandomPassword": (
            "length lower upper numeric special overrideSpecial minLower minUpper minNumeric minSpecial keepers"
        ),
        "random:index/randomString:RandomString": (
            "length lower upper numeric special overrideSpecial minLower minUpper minNumeric minSpecial keepers"
        ),
    }.items()
}


def diff_resource(prior: Registered | None, new: Registration) -> Change:
    """Return the effect of registering `new` on `prior`, the same resource in the previous state; None without one."""
    if prior is None:
        return Change("create")
    ignored = set(new.ignore_changes)
    changed = sorted(
        key
        for key in {*prior.inputs, *new.inputs}
        if key not in ignored and _ALL not in ignored and prior.inputs.get(key) != new.inputs.get(key)
    )
    if not changed:
        return _retagged(prior, new)
    forcing = REPLACES_ON.get(new.type, frozenset()) | frozenset(new.replace_on_changes)
    replaces = _ALL in forcing or any(_forces(key, prior, new, forcing) for key in changed)
    return Change("replace" if replaces else "update", tuple(changed))


def _retagged(prior: Registered, new: Registered) -> Change:
    """Return the change when only the provider's default tags differ, which update every resource that supports
    tags."""
    before, after = (getattr(resource, "outputs", {}).get(_ALL_TAGS) for resource in (prior, new))
    return Change("same") if before is None or after is None or before == after else Change("update", (_ALL_TAGS,))


def _forces(key: str, prior: Registered, new: Registered, forcing: frozenset[str]) -> bool:
    if key in forcing:
        return True
    inner = [path.partition(".")[2] for path in forcing if path.startswith(f"{key}.")]
    before, after = prior.inputs.get(key), new.inputs.get(key)
    return any(_at(before, name) != _at(after, name) for name in inner)


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else value
