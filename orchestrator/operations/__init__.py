"""Day-to-day work on environments: one module per operation, all of one shape.

A module has a frozen request and a result, and `run(request, target, clients, observer) -> Result`: `target.find` tells
what the environment is, `clients.for_target` how AWS is asked, `observer` hears what happens. An operation raises the
errors of `orchestrator.errors` (`aws_errors.explained` makes them of botocore's) and never prints, prompts or exits. For
an environment of the simulation it works on `clients.RecordingClients`, whose `calls` are what it would have called.
"""
