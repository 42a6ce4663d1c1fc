"""`tunnel`: the environment's database on a port of this machine, through the base's bastion and Session Manager."""

from __future__ import annotations

import shlex
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws import session_plugin
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.session_plugin import Attach, PluginCall
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Observer, ignore

DEFAULT_PORT = 15432
BASTION_PORT = 5432
"""The port that the bastion forwards to the database (`pulumi_django.ec2.bastion`)."""

DOCUMENT = "AWS-StartPortForwardingSession"
SECRET_VARIABLE = "DB_SECRET_NAME"


@dataclass(frozen=True, kw_only=True)
class OpenTunnel:
    """The local port."""

    port: int = DEFAULT_PORT
    """TCP port on this machine."""

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise UsageError(f"port {self.port} is not valid: a port is 1 to 65535", "choose another port with --port")


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    """A tunnel to the database."""

    bastion: str
    """Id of the EC2 instance."""

    port: int
    url: str
    """Connection string of the environment's own role, without its password."""

    password_command: str | None
    """A command that prints the password; None without a secret with only the password."""

    aws_command: str
    """The command of the AWS CLI that opens it."""


@dataclass(frozen=True, kw_only=True)
class TunnelResult:
    """A closed tunnel."""

    tunnel: Tunnel
    code: int
    """Exit code of the plugin."""


def locate(request: OpenTunnel, target: Target, clients: Clients) -> Tunnel:
    """Return the tunnel. Raises RefusedError without a bastion, OperationFailedError when it is not reachable."""
    bastion = target.base_outputs.get("bastion_instance_id")
    base = target.outputs.base_stack_name
    if not bastion:
        raise RefusedError(
            f"the database of {target.environment} is not reachable: its base {base} has no bastion",
            f"create one: `orchestrator update-base {base} --set bastion=true`",
        )
    with explained(target.aws):
        _check_bastion(str(bastion), base, clients)
        secret = _password_secret(target, clients)
    name = quote(target.outputs.database_name, safe="")
    return Tunnel(
        bastion=str(bastion),
        port=request.port,
        url=f"postgresql://{name}@localhost:{request.port}/{name}?sslmode=require",
        password_command=None if secret is None else _aws(target, _password_words(secret)),
        aws_command=_aws(target, _session_words(str(bastion), request.port)),
    )


def run(
    tunnel: Tunnel,
    target: Target,
    clients: Clients,
    _observer: Observer = ignore,
    *,
    attach: Attach = session_plugin.attach,
) -> TunnelResult:
    """Open the tunnel and keep it open until an interrupt.

    Raises UsageError when the port is in use, EngineUnavailableError without the session-manager-plugin.
    """
    rehearsing = clients.simulated
    if not rehearsing:
        session_plugin.check()
        _check_port(tunnel.port)
    ssm = clients.client("ssm")
    parameters = {"portNumber": [str(BASTION_PORT)], "localPortNumber": [str(tunnel.port)]}
    with explained(target.aws):
        answer = ssm.start_session(Target=tunnel.bastion, DocumentName=DOCUMENT, Parameters=parameters)
    meta: Any = ssm.meta
    call = PluginCall(
        session={key: answer.get(key) for key in ("SessionId", "TokenValue", "StreamUrl")},
        region=meta.region_name,
        parameters={"Target": tunnel.bastion, "DocumentName": DOCUMENT, "Parameters": parameters},
        endpoint=meta.endpoint_url,
        profile=target.aws.profile,
    )
    return TunnelResult(tunnel=tunnel, code=0 if rehearsing else attach(call))


def _check_bastion(instance: str, base: str, clients: Clients) -> None:
    """Check that the bastion's agent is online. Raises OperationFailedError."""
    ssm = clients.client("ssm")
    filters = [{"Key": "InstanceIds", "Values": [instance]}]
    known = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
    if any(item.get("PingStatus") == "Online" for item in known):
        return
    ec2 = clients.client("ec2")
    try:
        found = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        state = str(found[0]["Instances"][0]["State"]["Name"])
    except ec2.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") != "InvalidInstanceID.NotFound":
            raise
        state = "gone"
    hint = {
        "stopped": f"start it: `aws ec2 start-instances --instance-ids {instance}`",
        "gone": f"replace it: `orchestrator refresh base/{base}`, then `orchestrator update-base {base}`",
        "terminated": f"replace it: `orchestrator refresh base/{base}`, then `orchestrator update-base {base}`",
    }.get(state, "its agent takes a minute after the start; then check that its subnet can reach ssm and ssmmessages")
    raise OperationFailedError(f"the bastion {instance} of {base} cannot be reached: it is {state}", hint)


def _password_secret(target: Target, clients: Clients) -> str | None:
    """Return the name of the secret with the database password, from the web service's variables."""
    web = services.the_service(clients, target, target.service())
    definition = clients.client("ecs").describe_task_definition(taskDefinition=web.get("taskDefinition", ""))
    for container in definition["taskDefinition"]["containerDefinitions"]:
        for variable in container.get("environment", []):
            if variable["name"] == SECRET_VARIABLE:
                return str(variable["value"])
    return None


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(
                f"port {port} of this machine cannot be used: {error.strerror}", "choose another port with --port"
            ) from None


def _session_words(instance: str, port: int) -> list[str]:
    parameters = f"portNumber={BASTION_PORT},localPortNumber={port}"
    return ["ssm", "start-session", "--target", instance, "--document-name", DOCUMENT, "--parameters", parameters]


def _password_words(secret: str) -> list[str]:
    words = ["secretsmanager", "get-secret-value", "--secret-id", secret]
    return [*words, "--query", "SecretString", "--output", "text"]


def _aws(target: Target, words: list[str]) -> str:
    where = ["--region", target.aws.region] if target.aws.region else []
    where += ["--profile", target.aws.profile] if target.aws.profile else []
    return shlex.join(["aws", *words, *where])
