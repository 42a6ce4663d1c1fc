"""A fleet of EC2 instances behind the load balancer. Failed instances are replaced."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from pulumi_django.data.admission import group_for_clients
from pulumi_django.ec2 import machine
from pulumi_django.ecs.roles import Statement
from pulumi_django.ecs.web_routing import HealthCheck
from pulumi_django.rules import aws_rules, host_names, naming, priorities

# https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-instance-refresh-default-values.html: the new instance
# is healthy before the old one is removed.
MIN_HEALTHY_PERCENT, MAX_HEALTHY_PERCENT = 100, 110


@dataclass(frozen=True, kw_only=True)
class Ec2WebFleetArgs:
    vpc_id: pulumi.Input[str]
    """VPC of the load balancer."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets. AWS distributes the instances over their zones."""

    alb_sg_id: pulumi.Input[str]
    """Security group of the load balancer, the only group that the instances admit."""

    app_sg_id: pulumi.Input[str]
    """Security group that the base's database and endpoints admit. Instances have it besides their own."""

    listener_arn: pulumi.Input[str]
    """ARN of the load balancer's listener."""

    user_data: pulumi.Input[str]
    """Script or cloud-config that an instance runs at its first start, at most 16 KiB. A change replaces the instances one
    after another."""

    host: pulumi.Input[str] | None = None
    """Host name of the requests for the fleet; None accepts every host."""

    paths: Sequence[str] = ("/*",)
    """Path patterns of the requests for the fleet, at most 3."""

    listener_priority: int = 1
    """Priority of the listener rule, 1 to 50000."""

    port: int = 80
    """TCP port on which instances listen, 1 to 65535."""

    health_check: HealthCheck = field(default_factory=lambda: HealthCheck(grace_period_seconds=300))
    """Health check of the load balancer. Instances that fail it are replaced."""

    instance_type: str = "t4g.micro"
    """EC2 instance type."""

    ami_id: str | None = None
    """Id of an image for the type's processor. None uses the newest Amazon Linux 2023 at the creation of the fleet and keeps
    it. Set this to use a newer image."""

    min_size: int = 1
    """Minimum number of instances, 0 or more."""

    desired_size: int = 2
    """Number of instances. With `cpu_target_percent` it is the initial number, and AWS changes it afterwards."""

    max_size: int = 3
    """Maximum number of instances."""

    cpu_target_percent: int | None = None
    """Average CPU use in percent that AWS maintains by adding and removing instances, 10 to 90; None keeps
    `desired_size`."""

    root_volume_gib: int = 8
    """Size of the encrypted root disk of an instance in GiB, 8 to 16384."""

    deregistration_delay_seconds: int = 30
    """Seconds within which a removed instance finishes its requests, 0 to 3600."""

    statements: Sequence[Statement] = ()
    """Further IAM statements of the instances' role, besides access for Session Manager."""

    def __post_init__(self) -> None:
        machine.processor(self.instance_type)
        if self.ami_id is not None:
            machine.check_ami_id(self.ami_id)
        if isinstance(self.user_data, str):
            machine.check_user_data(self.user_data)
        aws_rules.check_statements("statements", self.statements)
        if isinstance(self.host, str):
            host_names.check("host", self.host, wildcard=True)
        if not 0 <= self.min_size <= self.desired_size <= self.max_size:
            raise ValueError(
                f"min_size, desired_size, max_size are {self.min_size}, {self.desired_size}, {self.max_size}: "
                "each must be 0 or more and not above the next"
            )
        for name, low, high in (
            ("listener_priority", 1, priorities.PRIORITY_LIMIT),
            ("port", 1, 65535),
            ("root_volume_gib", 8, 16384),
            ("deregistration_delay_seconds", 0, 3600),
        ):
            value: int = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}: it must be {low} to {high}")
        if self.cpu_target_percent is not None and not 10 <= self.cpu_target_percent <= 90:
            raise ValueError(f"cpu_target_percent is {self.cpu_target_percent}: it must be 10 to 90")
        if len(priorities.rule_patterns(self.paths)) > 1:
            raise ValueError(f"paths has {len(self.paths)} patterns: a listener rule allows 3")


class Ec2WebFleet(pulumi.ComponentResource):
    """An auto scaling group behind a load balancer, without keys or public addresses.

    Only the load balancer reaches its port, Session Manager opens shells, and instance metadata needs a token.
    """

    group_name: pulumi.Output[str]
    """Name of the auto scaling group."""

    role_name: pulumi.Output[str]
    """Name of the IAM role of the instances."""

    security_group_id: pulumi.Output[str]
    """Id of the instances' own security group."""

    target_group_arn_suffix: pulumi.Output[str]
    """Suffix of the target group's ARN: its dimension in CloudWatch."""

    def __init__(self, name: str, args: Ec2WebFleetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ec2:Ec2WebFleet", name, None, opts)
        own_group = self._security_group(name, args)
        role, profile = machine.instance_profile(name, self, args.statements)
        tags = machine.default_tags(name, self)
        template = self._launch_template(name, args, own_group, profile, tags)
        targets = self._target_group(name, args)
        rule = self._listener_rule(name, args, targets)
        group = self._auto_scaling_group(name, args, template, targets, rule, tags)
        self._scaling(name, args, group)
        self.group_name, self.role_name = group.name, role.name
        self.security_group_id, self.target_group_arn_suffix = own_group.id, targets.arn_suffix
        self.register_outputs(
            {
                "group_name": self.group_name,
                "role_name": self.role_name,
                "security_group_id": self.security_group_id,
                "target_group_arn_suffix": self.target_group_arn_suffix,
            }
        )

    def _security_group(self, name: str, args: Ec2WebFleetArgs) -> aws.ec2.SecurityGroup:
        return group_for_clients(
            name,
            vpc_id=args.vpc_id,
            purpose="instances, from the load balancer only",
            clients=args.alb_sg_id,
            port=args.port,
            rule="from-alb",
            description="From the load balancer",
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _launch_template(
        self,
        name: str,
        args: Ec2WebFleetArgs,
        group: aws.ec2.SecurityGroup,
        profile: aws.iam.InstanceProfile,
        tags: pulumi.Output[Mapping[str, str]],
    ) -> aws.ec2.LaunchTemplate:
        parameter = machine.AMAZON_LINUX_PARAMETER.format(processor=machine.processor(args.instance_type))
        image = machine.image(args.ami_id, args.instance_type, parameter, self)
        return aws.ec2.LaunchTemplate(
            f"{name}-template",
            image_id=image.id,
            instance_type=args.instance_type,
            user_data=pulumi.Output.from_input(args.user_data).apply(_encoded),
            vpc_security_group_ids=[group.id, args.app_sg_id],
            iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile.arn),
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=image.root_device_name,
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3",
                        volume_size=args.root_volume_gib,
                        encrypted="true",
                        delete_on_termination="true",
                    ),
                )
            ],
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags)
                for kind in ("instance", "volume")
            ],
            update_default_version=True,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["imageId"] if args.ami_id is None else None),
        )

    def _target_group(self, name: str, args: Ec2WebFleetArgs) -> aws.lb.TargetGroup:
        check = args.health_check
        return aws.lb.TargetGroup(
            f"{name}-targets",
            # AWS deletes no target group that a rule uses, so one with another port has another name and is created first.
            name=naming.shortened(
                name if args.port == Ec2WebFleetArgs.port else f"{name}-{args.port}", naming.TARGET_GROUP_NAME_LIMIT
            ),
            vpc_id=args.vpc_id,
            target_type="instance",
            protocol="HTTP",
            port=args.port,
            deregistration_delay=args.deregistration_delay_seconds,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=check.path,
                interval=check.interval_seconds,
                timeout=check.timeout_seconds,
                healthy_threshold=check.healthy_threshold,
                unhealthy_threshold=check.unhealthy_threshold,
                matcher="200-399",
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _listener_rule(self, name: str, args: Ec2WebFleetArgs, targets: aws.lb.TargetGroup) -> aws.lb.ListenerRule:
        paths = priorities.rule_patterns(args.paths)[0]
        conditions = [
            aws.lb.ListenerRuleConditionArgs(
                path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(paths))
            )
        ]
        if args.host is not None:
            conditions.append(
                aws.lb.ListenerRuleConditionArgs(
                    host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=[args.host])
                )
            )
        return aws.lb.ListenerRule(
            f"{name}-rule",
            listener_arn=args.listener_arn,
            priority=args.listener_priority,
            conditions=conditions,
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _auto_scaling_group(
        self,
        name: str,
        args: Ec2WebFleetArgs,
        template: aws.ec2.LaunchTemplate,
        targets: aws.lb.TargetGroup,
        rule: aws.lb.ListenerRule,
        tags: pulumi.Output[Mapping[str, str]],
    ) -> aws.autoscaling.Group:
        return aws.autoscaling.Group(
            name,
            vpc_zone_identifiers=args.subnet_ids,
            min_size=args.min_size,
            desired_capacity=args.desired_size,
            max_size=args.max_size,
            target_group_arns=[targets.arn],
            health_check_type="ELB",
            health_check_grace_period=args.health_check.grace_period_seconds,
            launch_template=aws.autoscaling.GroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            instance_refresh=aws.autoscaling.GroupInstanceRefreshArgs(
                strategy="Rolling",
                preferences=aws.autoscaling.GroupInstanceRefreshPreferencesArgs(
                    min_healthy_percentage=MIN_HEALTHY_PERCENT,
                    max_healthy_percentage=MAX_HEALTHY_PERCENT,
                    auto_rollback=True,
                ),
            ),
            # The group does not support the provider's default tags. Its instances get them from the template.
            tags=tags.apply(_group_tags),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[rule],
                ignore_changes=["desiredCapacity"] if args.cpu_target_percent is not None else None,
            ),
        )

    def _scaling(self, name: str, args: Ec2WebFleetArgs, group: aws.autoscaling.Group) -> None:
        if args.cpu_target_percent is None:
            return
        aws.autoscaling.Policy(
            f"{name}-cpu",
            autoscaling_group_name=group.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=aws.autoscaling.PolicyTargetTrackingConfigurationArgs(
                predefined_metric_specification=aws.autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs(
                    predefined_metric_type="ASGAverageCPUUtilization"
                ),
                target_value=args.cpu_target_percent,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _encoded(user_data: str) -> str:
    try:
        return base64.b64encode(machine.check_user_data(user_data).encode()).decode()
    except ValueError as error:
        raise pulumi.RunError(str(error)) from None


def _group_tags(tags: Mapping[str, str]) -> list[aws.autoscaling.GroupTagArgs]:
    return [
        aws.autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=False)
        for key, value in sorted(tags.items())
    ]
