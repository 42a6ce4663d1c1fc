"""Runs local Python programs for the Pulumi CLI in place of `pulumi-language-python`, with the packages already imported.

`hosts` is the orchestrator's side. `starter` is a process for each orchestrator that imports Pulumi's SDK and forks a `host`
for each run, whose `program` runs as `pulumi-language-python-exec` would run it. `suitable` decides for which projects.
"""
