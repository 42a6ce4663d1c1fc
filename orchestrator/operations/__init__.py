"""Daily work on environments. `facade.Operations` offers all of it by names and plain values.

Every operation is a module of one shape: a frozen request, a result, and `run(request, target, clients, observer)`.
`aws.targets.find` returns the target, `aws.reach.for_target` its clients. Errors are those of `orchestrator.errors`. No
operation prints, prompts or exits. In the simulation `clients.simulated` is true, and `clients.calls` are the calls that
the operation would make.
"""
