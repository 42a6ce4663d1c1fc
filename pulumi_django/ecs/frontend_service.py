"""The service of a frontend that renders on the server: a web service without Django's variables and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pulumi

from pulumi_django.ecs.web_service import WebComponent, WebService, WebServiceArgs


@dataclass(frozen=True, kw_only=True)
class FrontendServiceArgs:
    web: WebServiceArgs
    """Arguments of the web service. The variables and secrets of its container are replaced."""

    api_url: pulumi.Input[str]
    """URL at which browsers and the server reach Django; the container receives it as NUXT_PUBLIC_API_BASE."""

    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """More environment variables; they replace NUXT_PUBLIC_API_BASE and PORT."""


class FrontendService(WebComponent):
    """A frontend beside Django, on the same host name."""

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
