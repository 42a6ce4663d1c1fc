"""The PostgreSQL server of the base with the same name."""

import pulumi

from pulumi_django import Kind, PostgresInstance, PostgresInstanceArgs
from pulumi_django.program import project
from pulumi_django.rules import naming


async def main() -> None:
    name = pulumi.get_stack()
    base = await project.base_outputs(name, project="example-split-base")
    provider = project.aws_provider(base=name, kind=Kind.AD_HOC)
    server = PostgresInstance(
        f"{name}-database",
        PostgresInstanceArgs(
            identifier=naming.rds_identifier(name),
            vpc_id=base["vpc_id"],
            subnet_ids=base["private_subnet_ids"],
            client_security_group_id=base["app_sg_id"],
        ),
        pulumi.ResourceOptions(providers=[provider]),
    )
    pulumi.export("database_host", server.host)
    pulumi.export("database_port", server.port)
    pulumi.export("database_master_secret_arn", server.master_secret_arn)


pulumi.run(main)
