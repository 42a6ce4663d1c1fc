"""The service of a frontend that renders on the server: a web service without Django's variables and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pulumi

from pulumi_django.ecs.web_service import WebService, WebServiceArgs


@dataclass(frozen=True, kw_only=True)
class FrontendServiceArgs:
    web: WebServiceArgs
    """The service as such. Of its container only image, roles, region and log settings count."""

    api_url: pulumi.Input[str]
    """URL at which browsers and the server reach Django, given as NUXT_PUBLIC_API_BASE."""

    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """More environment variables; they win over ours."""


class FrontendService(pulumi.ComponentResource):
    """A frontend beside Django, on the same host name."""

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Its log group."""

    target_group_arn_suffix: pulumi.Output[str]
    """The target group's dimension in CloudWatch; the first one's where there are several."""

    target_group_arn_suffixes: list[pulumi.Output[str]]
    """Every target group's."""

    def __init__(self, name: str, args: FrontendServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:FrontendService", name, None, opts)
        env: dict[str, pulumi.Input[str]] = {
            "NUXT_PUBLIC_API_BASE": args.api_url,
            "PORT": str(args.web.size.port),
            **args.env,
        }
        container = replace(args.web.container, env=env, secrets={})
        web = WebService(name, replace(args.web, container=container), pulumi.ResourceOptions(parent=self))
        self.service_name, self.task_family, self.log_group_name = web.service_name, web.task_family, web.log_group_name
        self.target_group_arn_suffix = web.target_group_arn_suffix
        self.target_group_arn_suffixes = web.target_group_arn_suffixes
        self.register_outputs(
            {
                "service_name": self.service_name,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
                "target_group_arn_suffix": self.target_group_arn_suffix,
            }
        )
