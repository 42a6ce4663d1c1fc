"""Compose files: files that compose runs are accepted, and parts that cannot work on a host are refused by name.

The texts that are taken were loaded by compose-go 2.4.9 and 2.9.1, too.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulumi_django.ec2 import compose_file
from pulumi_django.ec2.compose_file import ComposeFile

WEB = "services:\n  web:\n    image: registry.example.com/shop:1\n"
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"
ARN = "arn:aws:ecr:us-east-1:123456789012:repository/shop"

TAKEN = {
    "extends a service of the file": "services:\n  a: {image: x}\n  b:\n    extends: {service: a}\n    command: b\n",
    "extends by name": "services:\n  a: {image: x}\n  b: {extends: a}\n  c: {extends: b}\n",
    "extends the file itself": "services:\n  a: {image: x}\n  b: {extends: {file: ./compose.yaml, service: a}}\n",
    "extends and takes mounts away": (
        "services:\n  a: {image: x, profiles: [dev], volumes: ['./src:/src']}\n"
        "  b: {extends: a, profiles: !reset null, volumes: !override ['/data/src:/src']}\n"
    ),
    "extends and replaces a mount": (
        "services:\n  a: {image: x, profiles: [dev], volumes: ['./src:/src']}\n"
        "  b: {extends: a, profiles: !reset null, volumes: ['/data/src:/src']}\n"
    ),
    "the tag override": f"{WEB}    ports: !override ['80:8000']\n",
    "the tag reset": f"{WEB}    env_file: !reset [app.env]\n",
    "a reset service": f"{WEB}  dev: !reset {{build: .}}\n",
    "an application's own tag": f"{WEB}    command: !custom run\n",
    "an env_file that need not be there": f"{WEB}    env_file: [{{path: app.env, required: false}}]\n",
    "an env_file on the data disk": f"{WEB}    env_file: /data/app.env\n",
    "no env_file": f"{WEB}    env_file: []\n",
    "named volumes and the data disk": f"{WEB}    volumes: [/data/media:/media, cache:/cache, /anonymous]\nvolumes: {{cache: }}\n",
    "docker's socket and the clock": (
        f"{WEB}    volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro', '/etc/localtime:/etc/localtime:ro']\n"
    ),
    "a volume of a folder on the data disk": (
        f"{WEB}    volumes: [m:/m]\nvolumes: {{m: {{driver_opts: {{type: none, o: bind, device: /data/m}}}}}}\n"
    ),
    "a tmpfs and a long volume": (
        f"{WEB}    volumes: [{{type: tmpfs, target: /t}}, {{type: volume, source: c, target: /c}}]\nvolumes: {{c: {{}}}}\n"
    ),
    "a service with a profile that is built": f"{WEB}  dev: {{build: ., profiles: [dev], volumes: ['.:/src'], env_file: a}}\n",
    "an image beside its sources": f"{WEB}    build: .\n    develop: {{watch: [{{path: ., action: rebuild}}]}}\n",
    "anchors and merge keys": (
        "x-a: &a {restart: always}\nx-b: &b {image: x}\nservices:\n  web:\n    <<: [*a, *b]\n  worker:\n    <<: *b\n"
    ),
    "a name, a version and extensions": f"name: shop\nversion: '3'\nx-any: {{day: 2020-01-01}}\n{WEB}    x-own: [1]\n",
    "networks": f"{WEB}    networks: {{front: {{aliases: [a]}}, default: }}\nnetworks: {{front: {{internal: true}}}}\n",
    "the host's network": f"{WEB}    networks: [h]\nnetworks: {{h: {{external: true, name: host}}}}\n",
    "deploy": f"{WEB}    deploy: {{replicas: 2, resources: {{limits: {{cpus: '0.5', memory: 50M}}}}}}\n",
    "secrets and configs of text": (
        f"{WEB}    secrets: [s]\n    configs: [{{source: c, target: /c, mode: 0440}}]\n"
        "secrets: {s: {environment: S}}\nconfigs: {c: {content: 'x $$y'}}\n"
    ),
    "a secret on the data disk": f"{WEB}    secrets: [s]\nsecrets: {{s: {{file: /data/s}}}}\n",
    "an unused secret": f"{WEB}secrets: {{s: {{file: ./s}}}}\n",
    "dependencies": f"{WEB}    depends_on: {{db: {{condition: service_started}}, dev: {{condition: service_started, required: false}}}}\n"
    "  db: {image: y}\n  dev: {image: z, profiles: [dev]}\n",
    "YAML's own traps": f"{WEB}    environment: {{A: yes, B: on, C: 1e3, D: 0123, E: 1_000, G: ~, H: 12:30:45}}\n",
    "dollar signs": f"{WEB}    command: 'echo $$HOME $(date) $1'\n",
    "a byte order mark": f"\ufeff{WEB}",
    "security options": f"{WEB}    security_opt: ['seccomp:unconfined', 'no-new-privileges:true']\n",
}

REFUSED = {
    "env_file: app.env": "env_file 'app.env', which is not on the host: keep its variables in the secret",
    "env_file: [./.envs/.production/.django]": "env_file './.envs/.production/.django', which is not on the host",
    "env_file: [{path: app.env}]": "env_file 'app.env', which is not on the host",
    "env_file: /data/../app.env": "env_file '/data/../app.env', which is not on the host",
    "env_file: ~/app.env": "env_file '~/app.env', which is not on the host",
    "env_file: ${ENV_FILE}": "env_file '${...}', which is not on the host",
    "label_file: labels.txt": "label_file 'labels.txt', which is not on the host",
    "volumes: [./consume:/consume]": "the volume './consume': a mounted path must be below /data",
    "volumes: [.:/app]": "the volume '.': a mounted path must be below /data",
    "volumes: ['~/x:/x']": "the volume '~/x': a mounted path must be below /data",
    "volumes: ['/srv/x:/x']": "the volume '/srv/x': a mounted path must be below /data",
    "volumes: ['/data/../srv:/x']": "the volume '/data/../srv': a mounted path must be below /data",
    "volumes: ['${MEDIA}:/x']": "the volume '${...}': a mounted path must be below /data",
    "volumes: ['${MEDIA:-./media}:/x']": "the volume './media': a mounted path must be below /data",
    "volumes: [{type: bind, source: ./docker/extra, target: /x}]": "the volume './docker/extra': a mounted path must be",
    "volumes: [m:/m]\nvolumes: {m: {driver_opts: {o: 'bind,rw', device: /srv}}}": "the volume 'm' of the folder '/srv'",
    "volumes: [m:/m]\nvolumes: {m: {external: true}}": "the volume 'm', which is external and not on a new host",
    "secrets: [p]\nsecrets: {p: {file: ./p.txt}}": "secrets 'p' of './p.txt': a mounted path must be below /data",
    "secrets: [{source: p}]\nsecrets: {p: {external: true}}": "secrets 'p', which is external: compose supports that only",
    "secrets: [p]": "secrets 'p', which the file does not declare",
    "configs: [c]\nconfigs: {c: {file: ./c.conf}}": "configs 'c' of './c.conf': a mounted path must be below /data",
    "networks: [n]": "the network 'n', which the file does not declare",
    "networks: [n]\nnetworks: {n: {external: true}}": "the network 'n', which is external and not on a new host",
    "networks: {}\nnetworks: {default: {external: true, name: proxy}}": "the network 'default', which is external",
    "security_opt: ['seccomp:./profile.json']": "security_opt with the file './profile.json'",
}

REFUSED_WHOLE = {
    "include: [base.yml]\nservices: {}\n": "it includes 'base.yml': only this file is on the host",
    f"include: [{{path: [a.yml, b.yml]}}]\n{WEB}": "it includes 'a.yml': only this file is on the host",
    f"include: base.yml\n{WEB}": "it includes 'base.yml': only this file is on the host",
    "services:\n  db: {extends: {file: base.yml, service: db}}\n": "its service 'db' extends a service of 'base.yml'",
    "services:\n  a: {extends: b}\n  b: {extends: a}\n": "its services 'a', 'b' extend each other",
    "services:\n  a: {extends: b}\n": "its service 'a' extends 'b', which does not exist",
    "services:\n  a: {image: !reset x}\n": "its service 'a' has no image",
    "services:\n  a: {image: ''}\n": "its service 'a' has the image ''",
    "services:\n  a: {image: 1.10}\n": "its service 'a' has the image 1.1: an image is text",
    "services:\n  a: {provider: {type: model}}\n": "its service 'a' has a provider, which is a program that is not on the host",
    "services:\n  1: {image: x}\n": "its service 1 has a name that is not text",
    "services:\n  a: {image: x, build: ., pull_policy: build}\n": "its service 'a' has pull_policy 'build'",
    "services:\n  a: {image: x, depends_on: [b]}\n": "its service 'a' depends on 'b', which does not exist",
    "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: y, profiles: [p]}\n": "which starts only with a profile",
    f"{WEB}---\n{WEB}": "it has several YAML documents: keep one",
    f"{WEB}    environment: {{DAY: 2020-01-01}}\n": "services.web.environment.DAY is a date: compose accepts only text here",
    f"{WEB}    command: 'echo ${{A'\n": "services.web.command: 'echo ${A' has a variable without a closing brace",
    f"{WEB}    command: 'echo ${{1}}'\n": "services.web.command: '${1}' is not a variable: write a dollar sign as $$",
    f"x-a: &a [*a]\n{WEB}": "it is nested too deeply, or an alias contains itself",
    "services:\n  a: {image: 123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/shop:1}\n": "the host cannot log in",
    "services:\n  a: {image: 123456789012.dkr-ecr.us-east-1.on.aws/shop:1}\n": "the host cannot log in: it supports registries such as "
    "123456789012.dkr.ecr.us-east-1.amazonaws.com",
}


@pytest.fixture
def read(tmp_path: Path):
    def reading(text: str, **options: object) -> ComposeFile:
        file = tmp_path / "compose.yaml"
        file.write_text(text, encoding="utf-8")
        return compose_file.read(str(file), **options)  # type: ignore[arg-type]

    return reading


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN.keys())
def test_a_file_that_compose_runs_is_accepted(read, text: str) -> None:
    assert read(text).text == text.removeprefix("\ufeff")


@pytest.mark.parametrize(("entry", "why"), REFUSED.items(), ids=REFUSED.keys())
def test_files_that_will_not_be_on_the_host_are_refused_with_service_and_key(read, entry: str, why: str) -> None:
    key, _, rest = entry.partition("\n")
    with pytest.raises(ValueError, match="compose_file is ") as refused:
        read(f"{WEB}    {key}\n{rest}\n")
    assert f"its service 'web' has {why}" in str(refused.value)


@pytest.mark.parametrize(("text", "why"), REFUSED_WHOLE.items(), ids=REFUSED_WHOLE.values())
def test_a_file_that_compose_refuses_is_refused(read, text: str, why: str) -> None:
    with pytest.raises(ValueError, match="compose_file is ") as refused:
        read(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("image", "arn"),
    [
        (f"{ECR}:v1", ARN),
        (f"{ECR}@sha256:{'0' * 64}", ARN),
        (ECR, ARN),
        (f"{ECR}:${{TAG}}", ARN),
        (f"${{IMAGE:-{ECR}:v1}}", ARN),
        (f"${{REGISTRY-{ECR.removesuffix('/shop')}}}/shop:${{TAG:-${{OTHER:-v1}}}}", ARN),
        (f"{ECR}/team/web:1", f"{ARN}/team/web"),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop:1",
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop",
        ),
        (
            "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/shop:1",
            "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/shop",
        ),
        (
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/shop:1",
            "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/shop",
        ),
        (
            "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov/shop:1",
            "arn:aws-iso:ecr:us-iso-east-1:123456789012:repository/shop",
        ),
    ],
)
def test_a_repository_in_ecr_is_found_in_every_spelling(read, image: str, arn: str) -> None:
    found = read(f"services:\n  web:\n    image: '{image}'\n")
    assert found.ecr_repository_arns == (arn,)
    assert found.ecr_registries[0].startswith("123456789012.dkr.ecr")


@pytest.mark.parametrize("image", ["nginx:1", "public.ecr.aws/docker/library/redis:7", f"mirror.example.com/{ECR}:1"])
def test_an_image_of_another_registry_needs_no_permissions(read, image: str) -> None:
    assert read(f"services: {{web: {{image: '{image}'}}}}").ecr_repository_arns == ()


@pytest.mark.parametrize("image", ["${IMAGE}", "$IMAGE", "${REGISTRY}/shop:1", "registry.example.com/${NAME}:1"])
def test_an_image_by_variable_needs_its_repository(read, image: str) -> None:
    text = f"services:\n  web:\n    image: '{image}'\n"
    with pytest.raises(ValueError, match=r"its service 'web' has the image '.*\$\{\.\.\.\}.*ecr_repository_arns"):
        read(text)
    assert read(text, ecr_repository_arns=[]).ecr_registries == ()
    declared = read(text, ecr_repository_arns=[ARN])
    assert declared.ecr_registries == ("123456789012.dkr.ecr.us-east-1.amazonaws.com",)
    assert declared.ecr_repository_arns == (ARN,)


def test_a_declared_repository_is_an_arn(read) -> None:
    with pytest.raises(ValueError, match="ecr_repository_arns has 'shop': it must be written like 'arn:aws:ecr:"):
        read(WEB, ecr_repository_arns=["shop"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("services:\n  a: {image: '${IMAGE}'}\n", "its service 'a' has the image ''"),
        (f"{WEB}    environment: ['A=${{A:?say A}}']\n", "A is a required variable, and the host has no variables"),
        (
            f"x-a: '${{A?}}'\n{WEB}",
            "x-a: A is a required variable, and the host has no variables: set environment_secret_arn",
        ),
        ("services:\n  a: {image: x, profiles: [p]}\n", "all its services have profiles, so none would start"),
    ],
)
def test_without_a_secret_every_variable_is_unset(read, text: str, why: str) -> None:
    assert read(text, ecr_repository_arns=[])
    with pytest.raises(ValueError, match="compose_file is ") as refused:
        read(text, host_has_variables=False)
    assert why in str(refused.value)


def test_a_device_a_pipe_and_a_large_file_are_refused_without_reading_them(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large.yaml"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * (compose_file.MOST_BYTES + 1))
    for path, why in (
        ("/dev/zero", "not a regular file"),
        (str(pipe), "not a regular file"),
        (str(large), "has more than"),
    ):
        with pytest.raises(ValueError, match=why):
            compose_file.read(path)
