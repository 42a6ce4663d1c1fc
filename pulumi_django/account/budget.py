"""A monthly budget of the account that sends mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import aws_rules

# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html
MOST_RECIPIENTS = 10
MOST_DOLLARS = 1_000_000_000
"""Largest budget: more than any account spends, and less than the digits that AWS stores."""


@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    monthly_dollars: int
    """Monthly budget of the account in US dollars."""

    emails: Sequence[str]
    """E-mail addresses of the notifications, 1 to 10."""


@dataclass(frozen=True, kw_only=True)
class BudgetAlarmArgs(BudgetOptions):
    actual_percent: int = 80
    """Actual cost in percent of the budget at which the first mail is sent, 1 to 1000."""

    forecast_percent: int = 100
    """Forecast cost of the month in percent of the budget at which the second mail is sent, 1 to 1000."""

    def __post_init__(self) -> None:
        if not 1 <= self.monthly_dollars <= MOST_DOLLARS:
            raise ValueError(
                f"monthly_dollars is {aws_rules.shown(self.monthly_dollars)}: it must be 1 to {MOST_DOLLARS}"
            )
        if not 1 <= len(self.emails) <= MOST_RECIPIENTS:
            raise ValueError(f"emails has {len(self.emails)} addresses: a budget takes 1 to {MOST_RECIPIENTS}")
        aws_rules.check_addresses("emails", self.emails)
        for name in ("actual_percent", "forecast_percent"):
            value: int = getattr(self, name)
            if not 1 <= value <= 1000:
                raise ValueError(f"{name} is {value}: it must be 1 to 1000")


class BudgetAlarm(pulumi.ComponentResource):
    """A monthly budget of the whole account. It sends mail when the actual or the forecast cost reaches a threshold."""

    budget_name: pulumi.Output[str]
    """Name of the budget."""

    def __init__(self, name: str, args: BudgetAlarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:BudgetAlarm", name, None, opts)
        budget = aws.budgets.Budget(
            name,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.monthly_dollars),
            limit_unit="USD",
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=threshold,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=list(args.emails),
                )
                for kind, threshold in (("ACTUAL", args.actual_percent), ("FORECASTED", args.forecast_percent))
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})
