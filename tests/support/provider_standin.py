"""The provider plugin for tests of the real engine: see `tests.support.standin`."""

from __future__ import annotations

from tests.support.standin.provider import main

if __name__ == "__main__":
    main()
