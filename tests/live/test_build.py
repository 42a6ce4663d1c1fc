"""`build` with Debian's buildah and a registry on loopback: what is pushed, what is deployed, and what is left of a failure."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.server import ThreadedMotoServer

from tests.support.container_registry import (
    Door,
    Registry,
    buildah_environment,
    copy_programs,
    missing,
    own_variables,
    registry,
)
from tests.support.waiting import LONG, until

WHY = missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

ORCHESTRATOR = """
from orchestrator.engines.simulation import SimulationEngine
SimulationEngine.notice = None  # the engine counts as real, so it pushes
from orchestrator.cli.main import run
run()
"""
TOML = """\
engine = "simulation"
[projects.base]
path = "base"
scope = "base"
template = "dev"
[projects.app]
path = "app"
scope = "environment"
depends_on = ["base"]
template = "alpha"
[images.backend]
context = ".."
"""
DOCKERFILE = """\
FROM scratch
ADD rootfs /
ADD manage.py /app/
RUN ["/bin/sh", "-c", "cat /app/manage.py > /app/built"]
CMD ["/bin/sh"]
"""
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
ECR_PASSWORD = "$2b$04$2f7tdMQSTwPwMW0RcsqKtuFSbjUxq10yCgqhNlb2BZZYw4ljsRJGe"
"""bcrypt of `123456789012-auth-token`, which moto gives out."""


@dataclass
class Shop:
    """A repository with an image to build, and its commands."""

    folder: Path
    environment: dict[str, str]

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-c", ORCHESTRATOR, *words, "--project-dir", str(self.folder / "infrastructure")]

    def __call__(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment | variables
        return subprocess.run(
            self.words(*words), env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.words(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def pushes_to(self, repository: str) -> None:
        file = self.folder / "infrastructure" / "orchestrator.toml"
        file.write_text(f'{TOML}repository = "{repository}"\n')

    @property
    def deployed(self) -> str:
        """The image in alpha's configuration."""
        text = (self.folder / "infrastructure" / "app" / "Pulumi.alpha.yaml").read_text()
        return next(line.split(": ", 1)[1] for line in text.splitlines() if "backend_image" in line)


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rootfs") / "rootfs"
    copy_programs(folder, "sh", "cat", "sleep")
    return folder


@pytest.fixture
def shop(tmp_path: Path, rootfs: Path) -> Generator[Shop]:
    folder = tmp_path / "shop"
    infrastructure = folder / "infrastructure"
    programs = "import pulumi\npulumi.export('region', 'us-east-1')\n"
    for project in ("base", "app"):
        (infrastructure / project).mkdir(parents=True)
        (infrastructure / project / "Pulumi.yaml").write_text(f"name: shop-{project}\nruntime: python\n")
        (infrastructure / project / "__main__.py").write_text(programs)
    (infrastructure / "orchestrator.toml").write_text(TOML)
    (infrastructure / "base" / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n")
    config = "config:\n  aws:region: us-east-1\n  shop-app:base: dev\n  shop-app:backend_image: none:1\n"
    (infrastructure / "app" / "Pulumi.alpha.yaml").write_text(config)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "manage.py").write_text("print('shop')\n")
    shutil.copytree(rootfs, folder / "rootfs")
    with tempfile.TemporaryDirectory(prefix="buildah-") as storage:
        environment = {**own_variables(), **buildah_environment(Path(storage))}
        environment |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "NO_COLOR": "1"}
        environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        yield Shop(folder, environment)


@pytest.fixture
def images(tmp_path: Path, shop: Shop) -> Generator[Registry]:
    """The registry into which the shop pushes."""
    with registry(tmp_path / "registry") as running:
        shop.pushes_to(f"{running.host}/shop")
        yield running


def report(ended: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The only image of `build --json`."""
    assert ended.returncode == 0, ended.stderr
    (image,) = json.loads(ended.stdout)["images"]
    return image


def test_an_image_is_pushed_once_and_its_digest_is_deployed(shop: Shop, images: Registry) -> None:
    built = report(shop("build", "--push", "--json"))
    digest = images.digest("shop", built["tag"])
    assert (built["status"], built["builder"]) == ("built", "buildah")
    assert built["reference"] == f"{images.host}/shop:{built['tag']}@{digest}"
    assert images.tags("shop") == [built["tag"]]

    again = report(shop("build", "--push", "--json", PATH=without_builders(shop)))
    assert (again["status"], again["reference"]) == ("unchanged", built["reference"])

    created = shop("create-env", "alpha", "--build", "--yes", PATH=without_builders(shop))
    assert created.returncode == 0, created.stderr
    assert f"image     backend exists already: {built['reference']}" in created.stderr
    assert shop.deployed == built["reference"]


def without_builders(shop: Shop) -> str:
    """A PATH on which git is the only program: nothing can be built."""
    folder = shop.folder.parent / "bin"
    folder.mkdir(exist_ok=True)
    if not (folder / "git").exists():
        (folder / "git").symlink_to("/usr/bin/git")
    return str(folder)


def test_a_changed_file_becomes_another_image(shop: Shop, images: Registry) -> None:
    first = report(shop("build", "--push", "--json"))
    (shop.folder / "manage.py").write_text("print('another shop')\n")
    second = report(shop("build", "--push", "--json"))
    assert second["status"] == "built"
    assert sorted(images.tags("shop")) == sorted({first["tag"], second["tag"]})
    assert first["digest"] != second["digest"]


def test_the_image_carries_the_commit_as_a_label(shop: Shop, images: Registry) -> None:
    git = ["git", "-C", str(shop.folder), "-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    built = report(shop("build", "--push", "--json"))
    configuration = images.document(images.document(built["digest"])["config"]["digest"])
    labels = configuration["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == commit


def test_a_step_that_fails_is_shown_and_nothing_is_pushed(shop: Shop, images: Registry) -> None:
    (shop.folder / "Dockerfile").write_text(DOCKERFILE + 'RUN ["/bin/sh", "-c", "echo no such module >&2; exit 3"]\n')
    failed = shop("create-env", "alpha", "--build", "--yes")
    assert failed.returncode == 1
    assert "was not built: buildah ended with exit code 3:" in failed.stderr
    assert "no such module" in failed.stderr
    assert images.tags("shop") == []
    assert shop.deployed == "none:1"
    assert shop("list").stdout == "nothing exists yet\n"


def test_a_registry_without_a_login_refuses_before_anything_is_built(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"AWS:{ECR_PASSWORD}\n")
    users = {"htpasswd": {"realm": "shop", "path": str(tmp_path / "users")}}
    with registry(tmp_path / "registry", auth=users) as running:
        shop.pushes_to(f"{running.host}/shop")
        refused = shop("build", "--push")
        assert refused.returncode == 1
        assert f"error: the registry {running.host} refuses access to {running.host}/shop (HTTP 401)" in refused.stderr
        assert f"buildah login {running.host}" in refused.stderr
        assert "STEP" not in refused.stderr
        login = ["buildah", "login", "--tls-verify=false", "--username", "AWS", "--password-stdin", running.host]
        typed = "123456789012-auth-token"
        subprocess.run(login, input=typed, text=True, env=shop.environment, check=True, capture_output=True)
        assert report(shop("build", "--push", "--json"))["status"] == "built"


def test_a_registry_that_cannot_be_written_refuses_the_push(shop: Shop, tmp_path: Path) -> None:
    storage = {"maintenance": {"readonly": {"enabled": True}}}
    with registry(tmp_path / "registry", storage=storage) as running:
        shop.pushes_to(f"{running.host}/shop")
        refused = shop("create-env", "alpha", "--build", "--yes")
        assert refused.returncode == 1
        assert re.search(r"error: the image \S+ was not pushed: ", refused.stderr), refused.stderr
        assert running.tags("shop") == []
    assert shop.deployed == "none:1"


def test_a_registry_that_does_not_answer_is_named(shop: Shop) -> None:
    shop.pushes_to("localhost:1/shop")
    refused = shop("build", "--push")
    assert refused.returncode == 1
    assert "error: the registry localhost:1 cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr


def interrupted(process: subprocess.Popen[str], when: Callable[[], object]) -> str:
    """Press Ctrl-C when the condition is true, and return everything that the command printed."""
    until(lambda: when() or process.poll() is not None)
    assert process.poll() is None, process.communicate()[0]
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=LONG)
    return printed


def test_ctrl_c_during_a_build_deploys_nothing(shop: Shop, images: Registry) -> None:
    (shop.folder / "Dockerfile").write_text(DOCKERFILE + 'RUN ["/bin/sh", "-c", "echo begun; sleep 601.5"]\n')
    process = shop.start("create-env", "alpha", "--build", "--yes")
    printed = interrupted(process, lambda: running("sleep", "601.5"))
    assert process.returncode == 130, printed
    assert "interrupted: the image backend was not pushed, and nothing was deployed" in printed
    until(lambda: not running("sleep", "601.5"), "the step of the build still runs")
    assert images.tags("shop") == []
    assert shop.deployed == "none:1"
    assert shop("list").stdout == "nothing exists yet\n"


def running(*words: str) -> list[str]:
    """Processes with this command line."""
    wanted = "".join(f"{word}\0" for word in words).encode()
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes() == wanted:
                found.append(process.name)
    return found


def test_ctrl_c_during_a_push_leaves_no_tag_and_deploys_nothing(shop: Shop, images: Registry) -> None:
    (shop.folder / "rootfs" / "large").write_bytes(os.urandom(4_000_000))
    target = int(images.host.rpartition(":")[2])
    with Door(target=target, most_bytes=1_000_000).served() as door:
        shop.pushes_to(f"localhost:{door.port}/shop")
        process = shop.start("create-env", "alpha", "--build", "--yes")
        printed = interrupted(process, door.stopped.is_set)
    assert process.returncode == 130, printed
    assert images.tags("shop") == []
    assert shop.deployed == "none:1"
    # The next command pushes the rest.
    shop.pushes_to(f"{images.host}/shop")
    created = shop("create-env", "alpha", "--build", "--yes")
    assert created.returncode == 0, created.stderr
    tag = shop.deployed.partition("@")[0].rpartition(":")[2]
    assert shop.deployed.endswith(f"@{images.digest('shop', tag)}")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the host of ECR, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(ECR)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tls.pem", folder / "tls.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture
def ecr(shop: Shop, tmp_path: Path) -> Generator[Registry]:
    """The shop pushes into ECR."""
    (tmp_path / "users").write_text(f"AWS:{ECR_PASSWORD}\n")
    users = {"htpasswd": {"realm": "ecr", "path": str(tmp_path / "users")}}
    chain, key = certificate(tmp_path)
    tls = {"tls": {"certificate": str(chain), "key": str(key)}}
    moto = ThreadedMotoServer("127.0.0.1", 0)
    moto.start()
    address = f"http://127.0.0.1:{moto.get_host_and_port()[1]}"
    with (
        registry(tmp_path / "ecr", http=tls, auth=users) as running,
        Door(target=int(running.host.rpartition(":")[2]), proxied=ECR).served() as door,
    ):
        shop.environment |= {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "HTTPS_PROXY": f"http://127.0.0.1:{door.port}",
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(chain),
        }
        shop.pushes_to(f"{ECR}/shop")
        try:
            yield running
        finally:
            moto.stop()


def test_ecr_gets_a_repository_a_password_and_the_image(shop: Shop, ecr: Registry) -> None:
    client = boto3.client("ecr", endpoint_url=shop.environment["AWS_ENDPOINT_URL"], **CREDENTIALS)
    refused = shop("build", "--push", "--json")
    assert refused.returncode == 1
    assert "the repository shop does not exist in ECR (us-east-1)" in refused.stderr
    assert ecr.tags("shop") == []

    built = report(shop("build", "--push", "--create-repository", "--json"))
    assert built["reference"] == f"{ECR}/shop:{built['tag']}@{ecr.digest('shop', built['tag'])}"
    (repository,) = client.describe_repositories()["repositories"]
    assert (repository["repositoryName"], repository["imageTagMutability"]) == ("shop", "IMMUTABLE")
    assert "auth-token" not in json.dumps(built)

    # moto has no registry: the image is entered there as ECR does after a push.
    client.put_image(
        repositoryName="shop",
        imageManifest=ecr.text(built["digest"]),
        imageManifestMediaType=ecr.document(built["digest"])["mediaType"],
        imageTag=built["tag"],
        imageDigest=built["digest"],
    )
    again = report(shop("build", "--push", "--json", PATH=without_builders(shop)))
    assert (again["status"], again["reference"]) == ("unchanged", built["reference"])
