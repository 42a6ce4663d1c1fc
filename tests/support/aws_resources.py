"""Resources as our components make them, made in an emulated AWS, each with its id in the state and its inputs."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from tests.support.aws import client, pairs

TRUST = '{"Version": "2012-10-17", "Statement": []}'
DENY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}'

Made = tuple[str, dict[str, Any]]
"""Id in the state, and the inputs of the create."""

Maker = Callable[[dict[str, str]], Made]
"""Makes the resource with these tags."""


def network(tags: dict[str, str]) -> dict[str, str]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=spec("vpc", tags))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a", TagSpecifications=spec("subnet", tags)
    )
    second = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZone="us-east-1b", TagSpecifications=spec("subnet", tags)
    )
    group = ec2.create_security_group(
        GroupName="sg-1", Description="x", VpcId=vpc, TagSpecifications=spec("security-group", tags)
    )
    return {
        "vpc": vpc,
        "subnet": subnet["Subnet"]["SubnetId"],
        "second": second["Subnet"]["SubnetId"],
        "group": group["GroupId"],
    }


def spec(kind: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": pairs(tags)}]


def cluster(tags: dict[str, str]) -> Made:
    answer = client("ecs").create_cluster(clusterName="alpha-cluster", tags=pairs(tags, "key", "value"))
    return answer["cluster"]["clusterArn"], {"name": "alpha-cluster"}


def service(tags: dict[str, str]) -> Made:
    ecs = client("ecs")
    arn, _ = cluster(tags)
    ecs.register_task_definition(family="alpha-web", containerDefinitions=[{"name": "web", "image": "x", "memory": 64}])
    made = ecs.create_service(
        cluster=arn,
        serviceName="alpha-web",
        taskDefinition="alpha-web",
        desiredCount=0,
        tags=pairs(tags, "key", "value"),
    )
    return made["service"]["serviceArn"], {"name": "alpha-web", "cluster": arn}


def load_balancer(tags: dict[str, str]) -> Made:
    net = network(tags)
    made = client("elbv2").create_load_balancer(
        Name="dev-alb", Subnets=[net["subnet"], net["second"]], Tags=pairs(tags)
    )
    return made["LoadBalancers"][0]["LoadBalancerArn"], {"name": "dev-alb"}


def target_group(tags: dict[str, str]) -> Made:
    made = client("elbv2").create_target_group(
        Name="alpha-web", Protocol="HTTP", Port=80, VpcId=network(tags)["vpc"], Tags=pairs(tags)
    )
    return made["TargetGroups"][0]["TargetGroupArn"], {"name": "alpha-web"}


def listener(tags: dict[str, str]) -> Made:
    balancer, _ = load_balancer(tags)
    for port in (80, 8080):
        made = client("elbv2").create_listener(
            LoadBalancerArn=balancer,
            Port=port,
            Protocol="HTTP",
            Tags=pairs(tags),
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        )
    return made["Listeners"][0]["ListenerArn"], {"loadBalancerArn": balancer, "port": 8080}


def listener_rule(tags: dict[str, str]) -> Made:
    arn, _ = listener(tags)
    for priority in (50, 51):
        made = client("elbv2").create_rule(
            ListenerArn=arn,
            Priority=priority,
            Tags=pairs(tags),
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}/*"]}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
        )
    return made["Rules"][0]["RuleArn"], {"listenerArn": arn, "priority": 51}


def namespace(tags: dict[str, str]) -> Made:
    cloud_map = client("servicediscovery")
    cloud_map.create_private_dns_namespace(Name="dev-sd-ns", Vpc=network(tags)["vpc"], Tags=pairs(tags))
    return cloud_map.list_namespaces()["Namespaces"][0]["Id"], {"name": "dev-sd-ns"}


def registry(tags: dict[str, str]) -> Made:
    id_, _ = namespace(tags)
    made = client("servicediscovery").create_service(
        Name="alpha-redis",
        NamespaceId=id_,
        Tags=pairs(tags),
        DnsConfig={"NamespaceId": id_, "DnsRecords": [{"Type": "A", "TTL": 10}]},
    )
    return made["Service"]["Id"], {"name": "alpha-redis", "dnsConfig": {"namespaceId": id_}}


def vpc(tags: dict[str, str]) -> Made:
    return network(tags)["vpc"], {"cidrBlock": "10.0.0.0/16"}


def subnet(tags: dict[str, str]) -> Made:
    net = network(tags)
    return net["subnet"], {"vpcId": net["vpc"], "cidrBlock": "10.0.1.0/24"}


def security_group(tags: dict[str, str]) -> Made:
    net = network(tags)
    return net["group"], {"vpcId": net["vpc"], "name": "sg-1"}


def _rule(tags: dict[str, str], direction: str, inputs: dict[str, Any], **permission: Any) -> Made:
    group = network(tags)["group"]
    made = getattr(client("ec2"), f"authorize_security_group_{direction}")(
        GroupId=group, IpPermissions=[permission], TagSpecifications=spec("security-group-rule", tags)
    )
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"], {"securityGroupId": group, **inputs}


def ingress_from_group(tags: dict[str, str]) -> Made:
    other = client("ec2").create_security_group(GroupName="alb", Description="x")["GroupId"]
    inputs = {"ipProtocol": "tcp", "fromPort": 8000, "toPort": 8000, "referencedSecurityGroupId": other}
    return _rule(
        tags,
        "ingress",
        inputs,
        IpProtocol="tcp",
        FromPort=8000,
        ToPort=8000,
        UserIdGroupPairs=[{"GroupId": other}],
    )


def egress_to_everywhere(tags: dict[str, str]) -> Made:
    inputs = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "0.0.0.0/0"}
    ranges = [{"CidrIp": "0.0.0.0/0"}]
    return _rule(tags, "egress", inputs, IpProtocol="tcp", FromPort=443, ToPort=443, IpRanges=ranges)


def internet_gateway(tags: dict[str, str]) -> Made:
    ec2, net = client("ec2"), network(tags)
    made = ec2.create_internet_gateway(TagSpecifications=spec("internet-gateway", tags))
    id_ = made["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=id_, VpcId=net["vpc"])
    return id_, {"vpcId": net["vpc"]}


def internet_gateway_not_attached_yet(tags: dict[str, str]) -> Made:
    made = client("ec2").create_internet_gateway(TagSpecifications=spec("internet-gateway", tags))
    return made["InternetGateway"]["InternetGatewayId"], {"vpcId": "vpc-1"}


def route_table(tags: dict[str, str]) -> Made:
    net = network(tags)
    made = client("ec2").create_route_table(VpcId=net["vpc"], TagSpecifications=spec("route-table", tags))
    return made["RouteTable"]["RouteTableId"], {"vpcId": net["vpc"]}


def route(tags: dict[str, str]) -> Made:
    ec2 = client("ec2")
    table, inputs = route_table(tags)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=inputs["vpcId"])
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert zlib.crc32(b"0.0.0.0/0") == 1080289494
    return f"r-{table}1080289494", {"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway}


def route_table_association(tags: dict[str, str]) -> Made:
    ec2 = client("ec2")
    table, inputs = route_table(tags)
    subnet_id = ec2.create_subnet(VpcId=inputs["vpcId"], CidrBlock="10.0.3.0/24")["Subnet"]["SubnetId"]
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet_id)
    return made["AssociationId"], {"routeTableId": table, "subnetId": subnet_id}


def elastic_ip(tags: dict[str, str]) -> Made:
    made = client("ec2").allocate_address(Domain="vpc", TagSpecifications=spec("elastic-ip", tags))
    return made["AllocationId"], {}


def nat_gateway(tags: dict[str, str]) -> Made:
    net = network(tags)
    address, _ = elastic_ip({})
    made = client("ec2").create_nat_gateway(
        SubnetId=net["subnet"], AllocationId=address, TagSpecifications=spec("natgateway", tags)
    )
    return made["NatGateway"]["NatGatewayId"], {"subnetId": net["subnet"], "allocationId": address}


def vpc_endpoint(tags: dict[str, str]) -> Made:
    net, name = network(tags), "com.amazonaws.us-east-1.s3"
    made = client("ec2").create_vpc_endpoint(
        VpcId=net["vpc"], ServiceName=name, VpcEndpointType="Gateway", TagSpecifications=spec("vpc-endpoint", tags)
    )
    return made["VpcEndpoint"]["VpcEndpointId"], {"vpcId": net["vpc"], "serviceName": name}


def instance(tags: dict[str, str]) -> Made:
    ec2, net = client("ec2"), network(tags)
    image = "ami-0123456789abcdef0"
    made = ec2.run_instances(
        ImageId=image,
        InstanceType="t4g.nano",
        SubnetId=net["subnet"],
        MinCount=1,
        MaxCount=1,
        TagSpecifications=spec("instance", tags),
    )
    inputs = {"ami": image, "instanceType": "t4g.nano", "subnetId": net["subnet"]}
    return made["Instances"][0]["InstanceId"], inputs


def launch_template(tags: dict[str, str]) -> Made:
    made = client("ec2").create_launch_template(
        LaunchTemplateName="lt-1",
        LaunchTemplateData={"InstanceType": "t4g.nano"},
        TagSpecifications=spec("launch-template", tags),
    )
    return made["LaunchTemplate"]["LaunchTemplateId"], {"name": "lt-1"}


def flow_log(tags: dict[str, str]) -> Made:
    net = network(tags)
    client("s3").create_bucket(Bucket="flows")
    made = client("ec2").create_flow_logs(
        ResourceIds=[net["vpc"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::flows",
        TagSpecifications=spec("vpc-flow-log", tags),
    )
    return made["FlowLogIds"][0], {"vpcId": net["vpc"]}


def database(tags: dict[str, str]) -> Made:
    made = client("rds").create_db_instance(
        DBInstanceIdentifier="dev-rds",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="x",
        MasterUserPassword="xxxxxxxx",
        AllocatedStorage=20,
        Tags=pairs(tags),
    )
    return made["DBInstance"]["DbiResourceId"], {"identifier": "dev-rds"}


def aurora(tags: dict[str, str]) -> Made:
    client("rds").create_db_cluster(
        DBClusterIdentifier="dev-aurora",
        Engine="aurora-postgresql",
        MasterUsername="x",
        MasterUserPassword="xxxxxxxx",
        Tags=pairs(tags),
    )
    return "dev-aurora", {"clusterIdentifier": "dev-aurora"}


def subnet_group(tags: dict[str, str]) -> Made:
    net = network(tags)
    client("rds").create_db_subnet_group(
        DBSubnetGroupName="dev-subnets",
        DBSubnetGroupDescription="x",
        SubnetIds=[net["subnet"], net["second"]],
        Tags=pairs(tags),
    )
    return "dev-subnets", {"name": "dev-subnets"}


def parameter_group(tags: dict[str, str]) -> Made:
    client("rds").create_db_parameter_group(
        DBParameterGroupName="dev-pg", DBParameterGroupFamily="postgres17", Description="x", Tags=pairs(tags)
    )
    return "dev-pg", {"name": "dev-pg"}


def cache(tags: dict[str, str]) -> Made:
    client("elasticache").create_replication_group(
        ReplicationGroupId="dev-cache", ReplicationGroupDescription="x", Tags=pairs(tags)
    )
    return "dev-cache", {"replicationGroupId": "dev-cache"}


def secret(tags: dict[str, str]) -> Made:
    client("secretsmanager").create_secret(Name="alpha/django-1-more", SecretString="x", Tags=pairs(tags))
    made = client("secretsmanager").create_secret(Name="alpha/django-1", SecretString="x", Tags=pairs(tags))
    return made["ARN"], {"name": "alpha/django-1"}


def bucket(tags: dict[str, str]) -> Made:
    s3 = client("s3")
    s3.create_bucket(Bucket="alpha-assets-1")
    s3.put_bucket_tagging(Bucket="alpha-assets-1", Tagging={"TagSet": pairs(tags)})
    return "alpha-assets-1", {"bucket": "alpha-assets-1"}


def file_system(tags: dict[str, str]) -> Made:
    made = client("efs").create_file_system(CreationToken="alpha-media", Tags=pairs(tags))
    return made["FileSystemId"], {"encrypted": True}


def access_point(tags: dict[str, str]) -> Made:
    efs, (files, _) = client("efs"), file_system(tags)
    made = efs.create_access_point(ClientToken="alpha-media", FileSystemId=files, Tags=pairs(tags))
    return made["AccessPointId"], {"fileSystemId": files}


def mount_target(tags: dict[str, str]) -> Made:
    (files, _), (where, _) = file_system(tags), subnet(tags)
    made = client("efs").create_mount_target(FileSystemId=files, SubnetId=where)
    return made["MountTargetId"], {"fileSystemId": files, "subnetId": where}


def topic(tags: dict[str, str]) -> Made:
    return client("sns").create_topic(Name="dev-alarms", Tags=pairs(tags))["TopicArn"], {"name": "dev-alarms"}


def queue(tags: dict[str, str]) -> Made:
    sqs = client("sqs")
    sqs.create_queue(QueueName="alpha-default-dead", tags=tags)
    return sqs.create_queue(QueueName="alpha-default", tags=tags)["QueueUrl"], {"name": "alpha-default"}


def key(tags: dict[str, str]) -> Made:
    made = client("kms").create_key(Tags=pairs(tags, "TagKey", "TagValue"))
    return made["KeyMetadata"]["KeyId"], {"description": "x"}


def parameter(tags: dict[str, str]) -> Made:
    client("ssm").put_parameter(Name="/alpha/url", Value="x", Type="String", Tags=pairs(tags))
    return "/alpha/url", {"name": "/alpha/url"}


def log_group(tags: dict[str, str]) -> Made:
    client("logs").create_log_group(logGroupName="/ecs/alpha/web-ui", tags=tags)
    client("logs").create_log_group(logGroupName="/ecs/alpha/web", tags=tags)
    return "/ecs/alpha/web", {"name": "/ecs/alpha/web"}


def role(tags: dict[str, str]) -> Made:
    client("iam").create_role(RoleName="alpha-task-1", AssumeRolePolicyDocument=TRUST, Tags=pairs(tags))
    return "alpha-task-1", {"name": "alpha-task-1"}


def policy(tags: dict[str, str]) -> Made:
    made = client("iam").create_policy(PolicyName="alpha-policy", PolicyDocument=DENY, Tags=pairs(tags))
    return made["Policy"]["Arn"], {"name": "alpha-policy"}


def instance_profile(tags: dict[str, str]) -> Made:
    client("iam").create_instance_profile(InstanceProfileName="dev-bastion", Tags=pairs(tags))
    return "dev-bastion", {"name": "dev-bastion"}


def zone(tags: dict[str, str]) -> Made:
    route53 = client("route53")
    id_ = route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    id_ = id_.rpartition("/")[2]
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=id_, AddTags=pairs(tags))
    return id_, {"name": "example.com"}


def certificate(tags: dict[str, str]) -> Made:
    made = client("acm").request_certificate(DomainName="*.example.com", Tags=pairs(tags))
    return made["CertificateArn"], {"domainName": "*.example.com"}


def schedule_group(tags: dict[str, str]) -> Made:
    client("scheduler").create_schedule_group(Name="alpha", Tags=pairs(tags))
    return "alpha", {"name": "alpha"}
