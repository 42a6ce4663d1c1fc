"""The program of examples/languages in each language: it compiles with the SDK that Pulumi generates, or runs on the engine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pulumi_django.provider.plugin import SCHEMA

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "languages"
MODULE = "example.com/pulumi-pulumi-django/sdk/go"

pytestmark = pytest.mark.engine


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {' and '.join(missing)} on PATH")


def run(words: Sequence[str], folder: Path, **variables: str) -> str:
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sdk(language: str, folder: Path) -> Path:
    """The SDK that Pulumi generates from the committed schema."""
    words = ["pulumi", "package", "gen-sdk", str(SCHEMA), "--local", "--language", language, "--out", str(folder)]
    run(words, folder, PULUMI_HOME=str(folder / "home"))
    return folder / language


@needs("pulumi-language-nodejs", "node", "npm")
def test_the_program_in_typescript_compiles(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copytree(EXAMPLES / "typescript", program)
    shutil.copytree(sdk("nodejs", tmp_path), program / "sdk")
    run(["npm", "pkg", "set", "dependencies.pulumi-django=file:sdk"], program)
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], program)
    run(["npx", "tsc", "-p", "sdk"], program)
    run(["npx", "tsc", "--noEmit"], program)
    wrong = program / "index.ts"
    wrong.write_text(wrong.read_text(encoding="utf-8").replace("cpuUnits: 512", 'cpuUnits: "a lot"'), encoding="utf-8")
    with pytest.raises(AssertionError, match="Type 'string' is not assignable to type 'number"):
        run(["npx", "tsc", "--noEmit"], program)


@needs("pulumi-language-go", "go")
def test_the_program_in_go_compiles(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copytree(EXAMPLES / "go", program)
    generated = sdk("go", tmp_path)
    home = {"GOFLAGS": "-mod=mod"}
    run(["go", "mod", "edit", f"-replace={MODULE}={generated}", f"-require={MODULE}@v0.0.0"], program)
    run(["go", "mod", "tidy"], program, **home)
    run(["go", "vet", "./..."], program, **home)
    wrong = program / "main.go"
    wrong.write_text(wrong.read_text(encoding="utf-8").replace("alpha.Url", "alpha.Adress"), encoding="utf-8")
    with pytest.raises(AssertionError, match="Adress"):
        run(["go", "vet", "./..."], program, **home)
