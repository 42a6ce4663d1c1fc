"""`orchestrator serve`: the dashboard as a live page, with actions for those who may. Needs the extra `web`."""
