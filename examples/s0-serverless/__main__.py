"""A stage of a Django application: database, web service and workers scale with the load.

Subnets are isolated, CloudFront serves static files, SQS is the broker. Each stage is a stack; `Stage` has its options.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi

import pulumi_django as components
from pulumi_django import contract
from pulumi_django.program import config, project

STATUS = components.HealthCheck(
    path="/status/", interval_seconds=30, timeout_seconds=5, healthy_threshold=3, unhealthy_threshold=2
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    domain_name: str
    host: str
    image: str
    database_client_image: str
    settings_module: str
    min_acu: float = 0
    max_acu: float = 4
    web_tasks: tuple[int, int] = (1, 2)
    workers: Literal["staging", "production"] = "staging"


def main() -> None:
    name, stage = pulumi.get_stack(), config.load(Stage)
    provider = project.aws_provider(environment=name, base=name, kind=components.Kind.AD_HOC)
    options = pulumi.ResourceOptions(providers=[provider])
    base = components.AdHocBase(
        name,
        components.AdHocBaseArgs(
            region=project.region(),
            domain_name=stage.domain_name,
            network=components.NetworkOptions(nat="none", interface_endpoints=["sqs"]),
            aurora=components.AuroraOptions(min_acu=stage.min_acu, max_acu=stage.max_acu, data_api=True),
            bastion=False,
        ),
        options,
    )
    low, high = stage.web_tasks
    app = components.AdHocApp(
        name,
        components.AdHocAppArgs(
            base=base.contract,
            backend_image=stage.image,
            settings_module=stage.settings_module,
            host=stage.host,
            web=components.WebOptions(
                cpu_units=256,
                memory_mib=512,
                desired_count=low,
                scaling=components.Scaling(min_tasks=low, max_tasks=high, cpu_percent=75),
                health_check=STATUS,
            ),
            workers={"default": components.WorkerOptions(scaling=stage.workers)},
            beat=None,
            redis=None,
            sqs=components.SqsOptions(),
            cdn=components.CdnOptions(),
            release=components.ReleaseOptions(database_client_image=stage.database_client_image),
            publish_parameters=True,
            spot=False,
            aws=project.aws_access(),
        ),
        options,
    )
    contract.export(app.outputs)


main()
