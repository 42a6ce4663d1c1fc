"""One Django container behind a load balancer, with a PostgreSQL server; migrations run before each deployment."""

import pulumi

from pulumi_django import (
    AdHocApp,
    AdHocAppArgs,
    AdHocBase,
    AdHocBaseArgs,
    DatabaseOptions,
    HealthCheck,
    Kind,
    WebOptions,
    contract,
)
from pulumi_django.program import project


def main() -> None:
    name, config = pulumi.get_stack(), pulumi.Config()
    provider = project.aws_provider(environment=name, base=name, kind=Kind.AD_HOC)
    options = pulumi.ResourceOptions(providers=[provider])
    base = AdHocBase(
        name,
        AdHocBaseArgs(
            region=project.region(),
            domain_name=config.get("domain_name"),
            database=DatabaseOptions(instance_class="db.t4g.micro", storage_gib=20, max_storage_gib=50),
        ),
        options,
    )
    app = AdHocApp(
        name,
        AdHocAppArgs(
            base=base.contract,
            backend_image=config.require("image"),
            settings_module="first_project.settings",
            web=WebOptions(port=80, cpu_units=256, memory_mib=512, health_check=HealthCheck(path="/admin/login/")),
            workers={},
            beat=None,
            redis=None,
            aws=project.aws_access(),
        ),
        options,
    )
    contract.export(app.outputs)
    pulumi.export("database_host", base.contract.database_host)


main()
