"""`orchestrator dashboard`: everything that exists, as a page that needs no server."""
