"""The places at which a project writes files that a container with a read-only root cannot have.

Only `/tmp` can be written there. The search errs on the side of caution: a place that may write counts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from orchestrator.onboarding import application_source
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.python_source import Module, constant, parse
from orchestrator.onboarding.survey import Survey

_WITHOUT_CHMOD = re.compile(
    r"^FROM\s+(?:--\S+\s+)*(scratch|\S*distroless\S*|cgr\.dev/\S+)", re.MULTILINE | re.IGNORECASE
)
"""Base images without `chmod`, which opens `/tmp` for the user of the image."""

_INIT_PROGRAMS = frozenset({"tini", "dumb-init", "env", "exec", "python", "python3", "gunicorn", "uv", "poetry"})
"""Entrypoints that only start the command."""

_SHELL_WRITES = re.compile(
    r"(?:^|[;&|(]|\b(?:then|do|else)\b)\s*(?:sudo\s+)?(mkdir|touch|cp|mv|tee|chown|chmod|install|ln|sed\s+-i|envsubst|pip|npm|yarn|curl\s.*-o)\b"
    r"|\b(collectstatic|compilemessages|compress)\b"
    r"|(?<![0-9&<=-])>{1,2}\s*(?!&|/dev/|/tmp|[0-9=])\S"
)

_SETTINGS_WRITE = re.compile(
    r"FileBasedCache|backends\.file$|filebased\.EmailBackend|^logging\.(FileHandler|handlers\.(\w*Rotating|Watched)\w*)$"
    r"|[Ww]hoosh\w*Engine$"
)
"""Texts of settings that name a cache, sessions, mails, logs or an index in files."""

_APPS = frozenset({"compressor", "pipeline", "sass_processor", "django_libsass"})
"""Applications that write static files while requests run."""

_DOWNLOADERS = frozenset(
    {"easyocr", "huggingface-hub", "nltk", "playwright", "pyppeteer", "sentence-transformers", "spacy", "transformers"}
)
"""Packages that load models or browsers into the home folder."""

_FILE_FIELDS = ("FileField", "ImageField", "FilePathField")
_WRITERS = frozenset({"write_text", "write_bytes", "makedirs", "mkdir", "FileSystemStorage", "urlretrieve", "copytree"})
_MODE = re.compile(r"[rwaxbt+]{1,4}")
_TEMPORARY = re.compile(r"\b(tempfile|gettempdir|mkdtemp|TemporaryDirectory|tmp|temp)\b|^['\"]/tmp/", re.IGNORECASE)
_STORAGE = re.compile(r"storage|zip|tar|archive|s3|self\.file|\.file$", re.IGNORECASE)


def first(survey: Survey) -> Finding | None:
    """Return the first place that writes, or that hides whether it does; None when everything was read and writes nowhere."""
    return next(iter(_places(survey)), None)


def _places(survey: Survey) -> Iterator[Finding]:
    yield from _of_the_image(survey)
    yield from _of_the_settings(survey)
    yield from _of_the_requirements(survey)
    yield from _of_the_code(survey)


def _place(what: str, file: str, line: int | None = None) -> Finding:
    return Finding(what="file", value=what, file=file, line=line)


def _of_the_image(survey: Survey) -> Iterator[Finding]:
    docker = survey.containers.dockerfile
    if docker is None:
        yield Finding(what="file", value="an image without a Dockerfile is not known", guess="there is no Dockerfile")
        return
    text = survey.repository.text(docker.path) or ""
    if found := _WITHOUT_CHMOD.search(text):
        yield _place(f"{found[1]} has no chmod", docker.path, text[: found.start()].count("\n") + 1)
    if docker.script is not None:
        yield from _of_a_script(survey.repository.text(docker.script) or "", docker.script)
    elif docker.entrypoint and docker.entrypoint.split()[0].rsplit("/", 1)[-1] not in _INIT_PROGRAMS:
        yield _place(f"the entrypoint {docker.entrypoint} was not found", docker.path)
    if survey.own_server and survey.own_server[0].endswith(".sh"):
        yield _place(f"{survey.own_server[0]} starts the web service", docker.path)


def _of_a_script(text: str, path: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split(" #")[0].strip()
        if not code.startswith("#") and "/tmp" not in code and _SHELL_WRITES.search(code):
            yield _place(code, path, number)


def _of_the_settings(survey: Survey) -> Iterator[Finding]:
    for module in survey.settings.modules:
        for text, line in module.strings_with_lines():
            if _SETTINGS_WRITE.search(text):
                yield _place(text, module.path, line)
    for app in sorted(_APPS & {*survey.settings.list("INSTALLED_APPS")}):
        found = survey.settings.finding("file", app, "INSTALLED_APPS")
        yield _place(f"{app} writes static files", found.file or "", found.line)
    if not survey.settings.uploads_to_bucket and survey.settings.has("MEDIA_ROOT"):
        found = survey.settings.finding("file", "uploads", "MEDIA_ROOT")
        yield _place("uploads go to MEDIA_ROOT", found.file or "", found.line)


def _of_the_requirements(survey: Survey) -> Iterator[Finding]:
    for name in sorted(_DOWNLOADERS & survey.requirements.keys()):
        found = survey.requirements[name]
        yield _place(f"{name} loads files", found.file or "", found.line)


def _of_the_code(survey: Survey) -> Iterator[Finding]:
    tree = survey.project.tree
    of_settings = {module.path for module in survey.settings.modules}
    for path in application_source.files(tree, of_settings):
        module = parse(tree, path)
        if module is None:
            yield _place("it was not read", path)
            continue
        yield from _calls(module, stores_files=not survey.settings.uploads_to_bucket)


def _calls(module: Module, *, stores_files: bool) -> Iterable[Finding]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        source = ast.unparse(node)
        name = ast.unparse(node.func).rsplit(".", 1)[-1]
        writes = name in _WRITERS or (name == "open" and _opens_for_writing(node))
        if (writes and not _TEMPORARY.search(source)) or (stores_files and name in _FILE_FIELDS):
            yield _place(source.splitlines()[0][:80], module.path, node.lineno)


def _opens_for_writing(call: ast.Call) -> bool:
    """Whether a file is opened to be written. The file of a storage, or in an archive, is not one of the container."""
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if owner and _STORAGE.search(owner):
        return False
    given = [constant(each) for each in (*call.args, *(each.value for each in call.keywords if each.arg == "mode"))]
    modes = [each for each in given if isinstance(each, str) and _MODE.fullmatch(each)]
    return any(set("wax+") & {*mode} for mode in modes)
