"""`orchestrator mcp`: the tools of the orchestrator for agents, over the Model Context Protocol. Needs the extra `mcp`."""
