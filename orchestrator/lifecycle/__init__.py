"""The use cases: a request (`requests`) is checked before any work (`prepare`) and carried out (`run`).

`__init__.pyi` lists the names. A name loads its module on first use, so that `list` does not load what creates and destroys.
"""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
