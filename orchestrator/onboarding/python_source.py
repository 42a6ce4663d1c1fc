"""Facts of Python source that are read without running it: constants, environment variables, calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.onboarding.source_tree import SourceTree

_READER = re.compile(r"(^|_)(env|environ|environment|getenv|config|getvar)($|_)", re.IGNORECASE)
"""Names of functions and objects that read a variable: os, django-environ, python-decouple, environs, and usual own ones."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An environment variable that source reads."""

    name: str
    line: int
    required: bool
    """Whether the source has no default for it, so that the program ends without it."""


@dataclass(frozen=True)
class Module:
    """One parsed file."""

    path: str
    tree: ast.Module

    def assignments(self, name: str) -> list[ast.expr]:
        """The values that are assigned to a name at module level, also below `if` and `try`, in order."""
        return [value for target, value in self._assigned() if isinstance(target, ast.Name) and target.id == name]

    def subscripts(self, name: str) -> list[tuple[str, ast.expr]]:
        """The key and value of each `NAME["key"] = value`."""
        return [
            (key, value)
            for target, value in self._assigned()
            if isinstance(target, ast.Subscript) and _name_of(target.value) == name
            if isinstance(key := constant(target.slice), str)
        ]

    def imports_all(self) -> list[tuple[str, int]]:
        """The modules of `from x import *`, each with its level of dots."""
        return [
            (node.module or "", node.level)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        ]

    def strings(self) -> set[str]:
        """Every text in the file."""
        return {text for text, _line in self.strings_with_lines()}

    def strings_with_lines(self) -> list[tuple[str, int]]:
        """Every text in the file with its line, in the order of the lines."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.Constant)]
        return sorted(((n.value, n.lineno) for n in nodes if isinstance(n.value, str)), key=lambda found: found[1])

    def calls(self, *names: str) -> list[ast.Call]:
        """The calls of functions or classes with one of these names, whatever precedes the last dot."""
        return [n for n in ast.walk(self.tree) if isinstance(n, ast.Call) and _name_of(n.func).split(".")[-1] in names]

    def imports(self) -> set[str]:
        """The first parts of the names of the imported modules."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
        return names

    def variables(self, *, in_functions: bool = False, only_os: bool = False) -> list[Variable]:
        """The environment variables that the file reads. One below a condition is not required, and neither is one in a
        function, except `in_functions`. `only_os` leaves out readers other than `os.environ` and `os.getenv`."""
        conditional = {id(inner) for node in _conditional(self.tree, in_functions) for inner in ast.walk(node)}
        nodes = [node for node in ast.walk(self.tree) if not only_os or _is_of_os(node)]
        found = [(node, v) for node in nodes if (v := _variable(node)) is not None]
        lenient = self._with_defaults()
        return [
            replace(v, required=v.required and id(node) not in conditional and v.name not in lenient)
            for node, v in found
        ]

    def variables_set(self) -> set[str]:
        """The environment variables that the file sets itself."""
        given = {key for key, _value in self.subscripts("os.environ")}
        calls = self.calls("setdefault")
        return given | {
            str(constant(c.args[0])) for c in calls if c.args and _name_of(c.func).endswith("environ.setdefault")
        }

    def _with_defaults(self) -> set[str]:
        """The variables that `environ.Env(NAME=(type, default))` gives a default."""
        calls = self.calls("Env", "FileAwareEnv")
        return {each.arg for call in calls for each in call.keywords if each.arg and isinstance(each.value, ast.Tuple)}

    def _assigned(self) -> Iterator[tuple[ast.expr, ast.expr]]:
        for node in _module_level(self.tree.body):
            if isinstance(node, ast.Assign):
                yield from ((target, node.value) for target in node.targets)
            elif isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value is not None:
                yield node.target, node.value


def parse(tree: SourceTree, path: str) -> Module | None:
    """Parse a file; None when it does not exist or is not Python of today. `tree.unread` keeps the reason."""
    text = tree.text(path)
    if text is None:
        return None
    try:
        return Module(path, ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        tree.unread.append(f"{path}{f':{line}' if line else ''}: it is not valid Python")
        return None


def constant(node: ast.expr | None) -> Any:
    """The value of a literal, or the default of a call that reads a variable; None for everything else."""
    if node is None:
        return None
    if isinstance(node, ast.Call) and _is_reader(node):
        return constant(_default(node))
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def texts(node: ast.expr | None) -> list[str]:
    """The texts in a list or tuple, also of several that are added."""
    if isinstance(node, ast.BinOp):
        return [*texts(node.left), *texts(node.right)]
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def argument(call: ast.Call, name: str) -> Any:
    """The literal value of a keyword argument; None without it."""
    return next((constant(keyword.value) for keyword in call.keywords if keyword.arg == name), None)


def _module_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _module_level(getattr(node, part, []))


def _conditional(tree: ast.Module, in_functions: bool) -> Iterator[ast.AST]:
    """The parts of a file that may not run: branches, and unless `in_functions` the bodies of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.Try):
            yield from (*node.body, *node.orelse)
        elif isinstance(node, ast.IfExp):
            yield from (node.body, node.orelse)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not in_functions:
            yield node


def _is_of_os(node: ast.AST) -> bool:
    """Whether an expression reads `os.environ`, or calls `getenv` or a method of `environ`."""
    if isinstance(node, ast.Subscript):
        return _name_of(node.value).split(".")[-1] == "environ" and isinstance(node.ctx, ast.Load)
    if not isinstance(node, ast.Call):
        return False
    words = _name_of(node.func).split(".")
    return words[-1] == "getenv" or (words[-2:-1] == ["environ"] and words[-1] in ("get", "pop"))


def _variable(node: ast.AST) -> Variable | None:
    if isinstance(node, ast.Subscript) and _name_of(node.value).split(".")[-1] in ("environ", "env"):
        name = constant(node.slice)
        required = isinstance(node.ctx, ast.Load)
    elif isinstance(node, ast.Call) and _is_reader(node):
        name = constant(node.args[0]) if node.args else None
        lenient = _name_of(node.func).split(".")[-1] in ("get", "getenv", "setdefault", "pop")
        required = not lenient and _default(node) is None
    else:
        return None
    if not isinstance(name, str) or not name.isidentifier() or name != name.upper():
        return None
    return Variable(name=name, line=node.lineno, required=required)


def _is_reader(call: ast.Call) -> bool:
    """Whether a call reads a variable: `getenv`, `env`, `env.bool`, `os.environ.get`, `get_env_variable`."""
    return any(_READER.search(part) for part in _name_of(call.func).split(".")[-2:])


def _default(call: ast.Call) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)
    return named or (call.args[1] if len(call.args) > 1 else None)


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name_of(node.value)}.{node.attr}"
    return ""
