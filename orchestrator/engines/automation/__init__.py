"""The engine for AWS, which uses the Pulumi CLI and its Automation API."""

from orchestrator.engines.automation.engine import AutomationEngine

__all__ = ["AutomationEngine"]
