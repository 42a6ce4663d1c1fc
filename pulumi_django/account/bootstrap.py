"""All resources that an account needs once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from pulumi_django.account.budget import BudgetAlarm, BudgetAlarmArgs, BudgetOptions
from pulumi_django.account.mail_domain import MailDomain, MailDomainArgs
from pulumi_django.account.pipeline_roles import DeployRights, DeployRole, DeployRoleArgs, PlanRole, PlanRoleArgs
from pulumi_django.account.repository import (
    ImageRepository,
    ImageRepositoryArgs,
    RepositoryOptions,
    check_repository_name,
)
from pulumi_django.account.role_parts import check_subject
from pulumi_django.account.state import StateBackend, StateBackendArgs
from pulumi_django.rules.fields import passed


@dataclass(frozen=True, kw_only=True)
class DeployOptions(DeployRights):
    subjects: Sequence[str] = ()
    """Workflows that can assume the role, such as `repo:shop/infrastructure:environment:production`, without
    wildcards. The role needs one of `subjects` and `trusted_roles`."""

    plan_subjects: Sequence[str] = ()
    """Workflows that can assume a second role, which only previews, such as `repo:shop/infrastructure:pull_request`. It decrypts
    the stacks' secrets. Without `plan_subjects` and `plan_trusted_roles` there is no such role."""

    plan_trusted_roles: Sequence[str] = ()
    """Names of roles of this account that can assume the second role, such as `shop-plan` of a `DeliveryPipeline`."""

    plan_role_name: str = "pulumi-django-plan"
    """Name of the second role in IAM."""

    regions: Sequence[str] | None = None
    """AWS regions in which the pipeline deploys; None is the region of the bootstrap."""

    oidc_provider_arn: str | None = None
    """ARN of the account's existing identity provider of GitHub; None creates it."""

    def __post_init__(self) -> None:
        for subject in (*self.subjects, *self.plan_subjects):
            check_subject(subject)
        if self.plan_subjects and not self.subjects and self.oidc_provider_arn is None:
            raise ValueError("plan_subjects need GitHub's identity provider: add subjects, or set oidc_provider_arn")


@dataclass(frozen=True, kw_only=True)
class MailOptions:
    domain_name: str
    """Domain of the sender addresses."""

    hosted_zone_id: str
    """Route 53 zone of the domain."""


@dataclass(frozen=True, kw_only=True)
class AccountBootstrapArgs:
    region: str
    """AWS region of state and images."""

    repositories: Mapping[str, RepositoryOptions] = field(default_factory=dict[str, RepositoryOptions])
    """Image repositories by their name in ECR."""

    deploy: DeployOptions | None = None
    """Role of the pipeline; None creates none."""

    mail: MailOptions | None = None
    """Mail domain; None creates none."""

    budget: BudgetOptions | None = None
    """Budget alarm; None creates none."""

    retain_state: bool = True
    """Whether state bucket and key stay when the stack is destroyed."""

    old_version_days: int = 90
    """Days within which overwritten state can be restored, 1 to 3650."""

    def __post_init__(self) -> None:
        for repository in self.repositories:
            check_repository_name(repository)


class AccountBootstrap(pulumi.ComponentResource):
    """Image repositories, state, the roles of a pipeline, a mail domain and a budget."""

    backend_url: pulumi.Output[str]
    """Argument of `pulumi login`."""

    secrets_provider: pulumi.Output[str]
    """Argument of `pulumi stack init --secrets-provider`."""

    repository_urls: Mapping[str, pulumi.Output[str]]
    """Name of images without the tag, by repository."""

    repository_arns: Mapping[str, pulumi.Output[str]]
    """ARN by repository, for a `DeliveryPipeline`."""

    deploy_role_arn: pulumi.Output[str] | None
    """ARN of the role that deploys; None without one."""

    plan_role_arn: pulumi.Output[str] | None
    """ARN of the role that previews; None without one."""

    permissions_boundary_arn: pulumi.Output[str] | None
    """ARN of the boundary of every role that the pipeline creates: `permissions_boundary` of the projects."""

    mail_identity_arn: pulumi.Output[str] | None
    """ARN of the mail domain, for an application's `email_identity_arns`; None without one."""

    def __init__(self, name: str, args: AccountBootstrapArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:AccountBootstrap", name, None, opts)
        state = StateBackend(
            f"{name}-state",
            StateBackendArgs(region=args.region, old_version_days=args.old_version_days, retain=args.retain_state),
            pulumi.ResourceOptions(parent=self),
        )
        repositories = self._repositories(name, args)
        deploy = self._deploy_role(name, args, args.deploy, state, repositories) if args.deploy else None
        mail = self._mail(name, args.mail) if args.mail else None
        if args.budget:
            budget = BudgetAlarmArgs(**passed(BudgetOptions, args.budget))
            BudgetAlarm(f"{name}-budget", budget, pulumi.ResourceOptions(parent=self))
        self.backend_url, self.secrets_provider = state.backend_url, state.secrets_provider
        self.repository_urls = {key: repository.repository_url for key, repository in repositories.items()}
        self.repository_arns = {key: repository.repository_arn for key, repository in repositories.items()}
        self.deploy_role_arn = deploy.role_arn if deploy else None
        self.permissions_boundary_arn = deploy.permissions_boundary_arn if deploy else None
        plan = self._plan_role(name, args, args.deploy, state, deploy) if args.deploy and deploy else None
        self.plan_role_arn = plan.role_arn if plan else None
        self.mail_identity_arn = mail.identity_arn if mail else None
        self.register_outputs({"backend_url": self.backend_url, "secrets_provider": self.secrets_provider})

    def outputs(self) -> dict[str, pulumi.Input[object]]:
        """Return the outputs of a program: the values for pipelines and people that exist."""
        values: Mapping[str, pulumi.Input[object] | None] = {
            "backend_url": self.backend_url,
            "secrets_provider": self.secrets_provider,
            "repository_urls": self.repository_urls,
            "deploy_role_arn": self.deploy_role_arn,
            "plan_role_arn": self.plan_role_arn,
            "permissions_boundary_arn": self.permissions_boundary_arn,
            "mail_identity_arn": self.mail_identity_arn,
        }
        return {key: value for key, value in values.items() if value is not None}

    def _repositories(self, name: str, args: AccountBootstrapArgs) -> dict[str, ImageRepository]:
        return {
            repository: ImageRepository(
                f"{name}-{repository.replace('/', '-')}",
                ImageRepositoryArgs(
                    repository_name=repository,
                    **passed(RepositoryOptions, options),
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for repository, options in args.repositories.items()
        }

    def _deploy_role(
        self,
        name: str,
        args: AccountBootstrapArgs,
        options: DeployOptions,
        state: StateBackend,
        repositories: Mapping[str, ImageRepository],
    ) -> DeployRole:
        return DeployRole(
            f"{name}-deploy",
            DeployRoleArgs(
                subjects=options.subjects,
                regions=options.regions or [args.region],
                protected_role_names=[options.plan_role_name],
                repository_arns=[repository.repository_arn for repository in repositories.values()],
                state_bucket_arn=state.bucket_arn,
                state_key_arn=state.key_arn,
                oidc_provider_arn=options.oidc_provider_arn,
                **passed(DeployRights, options),
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _plan_role(
        self,
        name: str,
        args: AccountBootstrapArgs,
        options: DeployOptions,
        state: StateBackend,
        deploy: DeployRole,
    ) -> PlanRole | None:
        if not options.plan_subjects and not options.plan_trusted_roles:
            return None
        return PlanRole(
            f"{name}-plan",
            PlanRoleArgs(
                subjects=options.plan_subjects,
                trusted_roles=options.plan_trusted_roles,
                regions=options.regions or [args.region],
                role_name=options.plan_role_name,
                name_prefix=options.name_prefix,
                state_bucket_arn=state.bucket_arn,
                state_key_arn=state.key_arn,
                oidc_provider_arn=deploy.oidc_provider_arn,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _mail(self, name: str, options: MailOptions) -> MailDomain:
        return MailDomain(
            f"{name}-mail",
            MailDomainArgs(domain_name=options.domain_name, hosted_zone_id=options.hosted_zone_id),
            pulumi.ResourceOptions(parent=self),
        )
