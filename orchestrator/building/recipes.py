"""From `[images.NAME]` and the configuration of environments to everything that a build needs."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.building import registries, source_tree
from orchestrator.building.builders import SecretSource, host_of
from orchestrator.building.requests import BuildImages
from orchestrator.building.source_tree import SourceTree
from orchestrator.config.aws_settings import access_of
from orchestrator.config.image_settings import ImageSettings
from orchestrator.config.projects import Project
from orchestrator.config.settings import Settings
from orchestrator.config.stack_config import StackConfig, config_path
from orchestrator.errors import SettingsError, UsageError
from orchestrator.model import Scope
from orchestrator.operations.aws.clients import Clients
from pulumi_django.deploying.aws_access import AwsAccess

PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
"""Platforms by the `architecture` of environments."""

PLACEHOLDER = "123456789012.dkr.ecr."
"""The repositories that `init` writes when none is known: the account of AWS's own examples."""

TAG_DIGITS = 16
_CREDENTIAL = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_SHORTEST_LINE = 8
"""A shorter line of a file with a secret is not masked: it may be ordinary text."""

MakeClients = Callable[[AwsAccess], Clients]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An image that can be built."""

    name: str
    settings: ImageSettings
    tree: SourceTree
    repository: str | None
    """Repository of the image; None when none is known and none is needed."""

    platforms: tuple[str, ...]
    content: str
    """Hash of the files."""

    secrets: tuple[SecretSource, ...] = ()
    masked: tuple[str, ...] = field(default=(), repr=False)
    """Values of the secrets."""

    access: AwsAccess
    notes: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """The hash of everything that goes into the image."""
        parts = [self.content, self.settings.target, sorted(self.settings.args.items()), list(self.platforms)]
        return f"c-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:TAG_DIGITS]}"

    @property
    def reference(self) -> str:
        """Name of the image with its tag."""
        return f"{self.repository or self.name}:{self.tag}"

    @property
    def cache(self) -> str | None:
        """The image that keeps layers, with its tag; None when nothing is kept."""
        if self.repository is None or self.settings.cache is False:
            return None
        if self.settings.cache is True:
            return f"{self.repository}:cache"
        named = host_of(self.settings.cache) != "docker.io" or self.settings.cache.startswith("docker.io/")
        place = self.settings.cache if named else f"{host_of(self.repository)}/{self.settings.cache}"
        return f"{place}:cache-{self.name}"


def read(settings: Settings, request: BuildImages, *, simulated: bool, make_clients: MakeClients) -> tuple[Recipe, ...]:
    """The recipes of the images that are asked for. Nothing is built. Raises OrchestratorError."""
    if not settings.images:
        raise SettingsError(
            f"{settings.file} has no [images]: no image can be built",
            'add a table, for example:\n\n[images.backend]\ncontext = ".."',
        )
    for name in request.images:
        if name not in settings.images:
            close = difflib.get_close_matches(name, settings.images, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]}?" if close else f"images are {', '.join(settings.images)}"
            raise UsageError(f"there is no [images.{name}] in {settings.file}", hint)
    reader = _Reader(settings, request, simulated, make_clients)
    return tuple(reader.recipe(name) for name in dict.fromkeys(request.images or settings.images))


@dataclass(frozen=True)
class _Reader:
    settings: Settings
    request: BuildImages
    simulated: bool
    make_clients: MakeClients

    def recipe(self, name: str) -> Recipe:
        image = self.settings.images[name]
        configs = [self._config(name, each) for each in self.request.environments or (None,)]
        root = Path(os.path.realpath(self.settings.root / os.path.expanduser(image.context)))
        tree = source_tree.read(root, image.dockerfile, image.include, _stack_files(self.settings, root))
        access = _access(next((config for config in configs if config), None))
        secrets, masked = ((), ()) if self._only_names else self._secrets(name, image)
        return Recipe(
            name=name,
            settings=image,
            tree=tree,
            repository=self._repository(name, image, configs, access),
            platforms=self._platforms(name, image, configs),
            content=tree.hash(),
            secrets=secrets,
            masked=masked,
            access=access,
            notes=tuple(_notes(name, image, tree)),
        )

    @property
    def _only_names(self) -> bool:
        return self.request.only_names or (self.simulated and self.request.push)

    def _config(self, name: str, environment: str | None) -> StackConfig | None:
        """The configuration of the stack that runs the image: of an environment, or of the template."""
        found: list[StackConfig] = []
        for project in self.settings.in_scope(Scope.ENVIRONMENT):
            stack = _stack(project, environment)
            if stack is not None:
                found.append(StackConfig.load(project, stack, ()))
        return next((each for each in found if each.get(f"{name}_image") is not None), found[0] if found else None)

    def _platforms(self, name: str, image: ImageSettings, configs: Sequence[StackConfig | None]) -> tuple[str, ...]:
        needed = {
            self.request.architecture or (config and config.get("architecture")) or "X86_64" for config in configs
        }
        wrong = next((each for each in needed if each not in PLATFORMS), None)
        if wrong is not None:
            raise UsageError(f"there is no architecture {wrong}", f"architectures are {' and '.join(PLATFORMS)}")
        platforms = {PLATFORMS[str(each)] for each in needed}
        missing = sorted(platforms - {*image.platforms})
        if image.platforms and missing:
            raise SettingsError(
                f"{self.settings.file}: images.{name}.platforms has no {missing[0]}, and the environment runs on it",
                f"add {missing[0]}, or remove the key: the default is the platform of the environment",
            )
        return image.platforms or tuple(sorted(platforms))

    def _repository(
        self, name: str, image: ImageSettings, configs: Sequence[StackConfig | None], access: AwsAccess
    ) -> str | None:
        given = image.repository
        if given and (host_of(given) != "docker.io" or given.startswith("docker.io/")):
            return given
        asks_aws = self.request.push and not self.simulated
        if given:
            return self._in_ecr(given, access) if asks_aws else given
        configured = next((found for config in configs if config and (found := _configured(config, name))), None)
        if configured and not (asks_aws and configured.startswith(PLACEHOLDER)):
            return configured
        return self._discovered(name, access) if asks_aws else None

    def _in_ecr(self, repository: str, access: AwsAccess) -> str:
        clients = self.make_clients(access)
        return registries.named(repository, clients) or registries.address(repository, clients)

    def _discovered(self, name: str, access: AwsAccess) -> str:
        found = registries.discovered(name, self.make_clients(access))
        if len(found) == 1:
            return found[0]
        have = f"{' and '.join(found)} match" if found else "ECR has no repository whose name ends with it"
        raise SettingsError(
            f"the repository of the image {name} is not known: {have}",
            f'set `repository` in [images.{name}], for example repository = "shop-{name}"',
        )

    def _secrets(self, name: str, image: ImageSettings) -> tuple[tuple[SecretSource, ...], tuple[str, ...]]:
        sources: list[SecretSource] = []
        masked: list[str] = []
        for key, reference in image.secrets.items():
            kind, _, rest = reference.partition(":")
            if kind == "env":
                if not os.environ.get(rest):
                    raise SettingsError(
                        f"the secret {key} of the image {name} is missing: the variable {rest} is not set",
                        f"export {rest}",
                    )
                sources.append(SecretSource(id=key, variable=rest))
                masked.append(os.environ[rest])
                continue
            file = Path(os.path.abspath(self.settings.root / os.path.expanduser(rest)))
            try:
                text = file.read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                raise SettingsError(
                    f"the secret {key} of the image {name} is missing: {file}: {error.strerror or error}",
                    f"write the file, or correct images.{name}.secrets.{key}",
                ) from None
            sources.append(SecretSource(id=key, file=file))
            masked += [line.strip() for line in text.splitlines() if len(line.strip()) >= _SHORTEST_LINE]
        return tuple(sources), tuple(masked)


def _stack_files(settings: Settings, context: Path) -> list[Path]:
    """The files of the stacks, which are not part of an image: each deploy writes the image into one of them."""
    root = Path(os.path.realpath(settings.root))
    if root != context and root.is_relative_to(context):
        return [root]
    found = [root / settings.file.name, root / settings.state_dir.name]
    for project in settings.projects:
        folder = Path(os.path.realpath(project.path))
        found += folder.glob("Pulumi*.yaml") if context.is_relative_to(folder) else [folder]
    return found


def _stack(project: Project, environment: str | None) -> str | None:
    """The environment's stack if it has a file, else the template; None when neither exists."""
    for stack in (environment, project.template):
        if stack is not None and config_path(project, stack).is_file():
            return stack
    return None


def _access(config: StackConfig | None) -> AwsAccess:
    return access_of(config.project, config.stack) if config else AwsAccess()


def in_region(access: AwsAccess, region: str) -> AwsAccess:
    """The same access in another region."""
    return replace(access, region=region)


def _configured(config: StackConfig, name: str) -> str | None:
    """The repository of the image in an environment's configuration, without tag and digest."""
    value = config.get(f"{name}_image")
    if not isinstance(value, str):
        return None
    plain = value.partition("@")[0]
    head, slash, last = plain.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _notes(name: str, image: ImageSettings, tree: SourceTree) -> list[str]:
    notes: list[str] = []
    if not tree.in_git:
        notes.append(f"{tree.root} is not in a git repository: the image gets every file that .dockerignore leaves")
    elif tree.uncommitted:
        many = f"{tree.uncommitted} files are not committed: the image gets them as they are"
        notes.append("1 file is not committed: the image gets it as it is" if tree.uncommitted == 1 else many)
    for key in image.args:
        if _CREDENTIAL.search(key):
            notes.append(f"the argument {key} stays readable in the image's history: pass it in images.{name}.secrets")
    return notes
