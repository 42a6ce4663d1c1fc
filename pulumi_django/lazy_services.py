"""Loads of the services of `pulumi_aws` only the modules that a program uses.

`pulumi_aws.ec2` alone has 250 modules, its `__init__.py` imports all of them, and a program needs about ten. After `install`, a
service imports the module of a name when the name is first used. The result is the same: the same objects, also in star
imports, `dir`, pickles and references to resources. Only `vars(service)` lacks the names that were not used.

`PULUMI_DJANGO_LAZY_SERVICES=0` in the environment switches this off.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

VARIABLE = "PULUMI_DJANGO_LAZY_SERVICES"
PACKAGE = "pulumi_aws"

# The statements of a service's __init__.py, which Pulumi generates. Any other statement makes the service load as usual.
_STAR = re.compile(r"from \.(\w+) import \*")
_FIRST = ("import builtins as _builtins", "from .. import _utilities", "import typing")
_LAST = "from . import outputs"

_INPUTS, _ENUMS, _OUTPUTS = "_inputs", "_enums", "outputs"
_BEGINNING = threading.Lock()
_PARTS_OF_A_NAME = re.compile(r"(?:Awaitable)?(\w+?)(?:_output|ArgsDict|Args|Result)?")


def install() -> None:
    """Load services on demand from now on, except those that are loaded already. A repeated call changes nothing."""
    if os.environ.get(VARIABLE) != "0" and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def begin() -> None:
    """Let all services that load on demand begin, before several threads use them. The lazy modules of Pulumi's SDK, through
    which they begin, are not safe for threads."""
    with _BEGINNING:
        for name, module in tuple(sys.modules.items()):
            if name.startswith(f"{PACKAGE}.") and type(module) is not _Service and _loader_of(module):
                hasattr(module, "_utilities")  # the first use


class _Finder:
    """Finds the services where Python's own finder finds them, with another loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.rpartition(".")[0] != PACKAGE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.submodule_search_locations and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Loads a service without its modules."""

    modules: Sequence[str] = ()
    """The modules from which the service has its names, in the order of their import."""

    def exec_module(self, module: ModuleType) -> None:
        source = self.get_data(self.path).decode()
        statements = [line for line in source.splitlines() if line and not line.startswith("#")]
        modules = [found[1] for line in statements if (found := _STAR.fullmatch(line))]
        usual = [*_FIRST, *(f"from .{name} import *" for name in modules)]
        if statements not in (usual, [*usual, _LAST]):
            super().exec_module(module)
            return
        exec("\n".join(_FIRST), vars(module))
        self.modules = modules
        module.__class__ = _Service

    def complete(self, module: ModuleType) -> None:
        """Import all modules of the service. Names that it has already stay."""
        before = dict(vars(module))
        super().exec_module(module)
        vars(module).update(before)
        module.__class__ = ModuleType

    def homes(self, name: str) -> Iterator[str]:
        """The modules that may define the name, the most probable first: `get_ami` for `AwaitableGetAmiResult`."""
        if name.endswith(("Args", "ArgsDict")):
            yield _INPUTS
        found = _PARTS_OF_A_NAME.fullmatch(name)
        spelled = {module.replace("_", ""): module for module in self.modules}
        for known in (name, found[1] if found else name):
            yield spelled.get(known.replace("_", "").lower(), _ENUMS)


class _Service(ModuleType):
    """A service whose modules load on first use."""

    def __getattr__(self, name: str) -> Any:
        loader = _loader_of(self)
        # A star import reads `__all__`, which services lack. Tools read other names of this form, which services lack too.
        special = name.startswith("__") and name != "__all__"
        imported = f"{self.__name__}.{name}" in sys.modules
        if loader and imported and not special:
            # Another thread may be importing it: wait for its end. A module that imports itself (`from . import outputs`) is
            # there at once, and not yet an attribute.
            import_module(f"{self.__name__}.{name}")
            if name in vars(self):
                return vars(self)[name]
        if loader and not special and not imported:
            for module in (name, *loader.homes(name)):
                if module in loader.modules or module == _OUTPUTS:
                    import_module(f"{self.__name__}.{module}")
                    if name in vars(self):
                        return vars(self)[name]
            loader.complete(self)
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Python sets each module that it has imported. Its names follow, as after a star import, and hide a module of the
        same name: `get_ami` is the function."""
        super().__setattr__(name, value)
        loader = _loader_of(self)
        if loader and name in loader.modules and value is sys.modules.get(f"{self.__name__}.{name}"):
            vars(self).update({each: getattr(value, each) for each in value.__all__})

    def __dir__(self) -> list[str]:
        loader = _loader_of(self)
        if loader:
            loader.complete(self)
        return sorted(vars(self))


def _loader_of(service: ModuleType) -> _Loader | None:
    loader = service.__spec__.loader if service.__spec__ else None
    return loader if isinstance(loader, _Loader) else None
