"""The Dockerfile, its `.dockerignore` and the health view that `init` writes on request."""

from __future__ import annotations

from orchestrator.onboarding.survey import Survey

PYTHON = "3.13"
"""Python of the image: the newest that Django 5.2 supports. https://docs.djangoproject.com/en/5.2/faq/install/"""

_IGNORED = """# What the image does not need. `COPY . .` copies everything else.
**/__pycache__
.git
.github
.venv
venv
node_modules
.env
*.sqlite3
{folder}
Dockerfile
"""

_HEALTH = '''"""The view that the load balancer asks. It must not ask the database, whose restart would otherwise end every task."""

from django.http import HttpRequest, JsonResponse


def health(request: HttpRequest) -> JsonResponse:
    """Answer that this process can answer."""
    return JsonResponse({{"status": "ok"}})
'''


def dockerfile(survey: Survey) -> str:
    """A Dockerfile in two stages: packages with compilers, then a small image with a user without rights."""
    install, copied = _installation(survey)
    module = str(survey.wsgi.value if survey.wsgi else f"{survey.project.package}.wsgi")
    command = f'["gunicorn", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--threads", "8", "{module}"]'
    if survey.is_async and survey.asgi and survey.server:
        target = str(survey.asgi.value)
        target = target if ":" in target else f"{target}:application"
        command = {
            "uvicorn": f'["uvicorn", "--host", "0.0.0.0", "--port", "8000", "{target}"]',
            "hypercorn": f'["hypercorn", "--bind", "0.0.0.0:8000", "{target}"]',
        }.get(str(survey.server.value), f'["daphne", "-b", "0.0.0.0", "-p", "8000", "{target}"]')
    static = ""
    if survey.settings.has("STATIC_ROOT"):
        names = sorted({name for name, (_, variable) in survey.settings.variables.items() if variable.required})
        values = " ".join(f"{name}={_build_value(name)}" for name in names)
        static = f"""# collectstatic needs the settings, which need values. These reach no layer and no running container.
RUN {values + " " if values else ""}python manage.py collectstatic --no-input
"""
    return f"""FROM python:{PYTHON}-slim-bookworm AS packages
RUN apt-get update && apt-get install --yes --no-install-recommends build-essential libpq-dev \\
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
{copied}
RUN python -m venv /venv && {install}

FROM python:{PYTHON}-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE={survey.project.settings.value}
RUN apt-get update && apt-get install --yes --no-install-recommends libpq5 \\
    && rm -rf /var/lib/apt/lists/* \\
    && useradd --create-home --uid 1000 django
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
{static}USER django
EXPOSE 8000
CMD {command}
"""


def dockerignore(folder: str) -> str:
    """The files that do not belong into the image. `folder` is the folder of the stacks."""
    return _IGNORED.format(folder=folder)


def health_view(survey: Survey) -> tuple[str, str, str]:
    """The path and text of a health view, and the lines that a person adds to the project's addresses."""
    package = survey.project.package
    lines = f'from {package}.health import health\n\npath("health/", health, name="health"),'
    return f"{package}/health.py", _HEALTH.replace("{{", "{").replace("}}", "}"), lines


def _installation(survey: Survey) -> tuple[str, str]:
    """The command that installs the requirements, and the COPY that it needs."""
    files = survey.project.tree.files
    if "uv.lock" in files and "pyproject.toml" in files:
        install = "/venv/bin/pip install --no-cache-dir uv && VIRTUAL_ENV=/venv /venv/bin/uv sync --active --frozen --no-dev --no-install-project"
        return install, "COPY pyproject.toml uv.lock ./"
    if "poetry.lock" in files and "pyproject.toml" in files:
        install = (
            "/venv/bin/pip install --no-cache-dir poetry poetry-plugin-export \\\n"
            "    && /venv/bin/poetry export --only main --output requirements.txt \\\n"
            "    && /venv/bin/pip install --no-cache-dir --requirement requirements.txt"
        )
        return install, "COPY pyproject.toml poetry.lock ./"
    for name in ("requirements/production.txt", "requirements/prod.txt", "requirements.txt", "requirements/base.txt"):
        if name in files:
            source = "COPY requirements requirements" if "/" in name else "COPY requirements.txt ."
            return f"/venv/bin/pip install --no-cache-dir --requirement {name}", source
    return "/venv/bin/pip install --no-cache-dir .", "COPY . ."


def _build_value(name: str) -> str:
    """A value with which the settings load while the image is built."""
    if name.endswith("URL"):
        return {"DATABASE_URL": "postgres://build/build", "FRONTEND_URL": "http://build"}.get(name, "redis://build")
    return "us-east-1" if "REGION" in name else "build"
