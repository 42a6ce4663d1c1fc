"""The backends that the settings name: database engine, storages, layer of Channels."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.settings_source import Settings

_BACKENDS = (
    ("database engine", re.compile(r"(?:^|\.)db\.backends\.(\w+)$")),
    ("static files", re.compile(r"^([\w.]*(?:Static|Manifest)\w*Storage|whitenoise\.middleware\.\w+)$")),
    ("uploads", re.compile(r"^((?!.*(?:Static|Manifest)\w*Storage$)\w+(?:\.\w+)+Storage)$")),
    ("channel layer", re.compile(r"^(channels\w*(?:\.\w+)+Layer)$")),
)
"""Dotted names of Django, django-storages, WhiteNoise and Channels, also those of subclasses in the repository."""


def findings(settings: Settings) -> Iterable[Finding]:
    """The backends of each kind, each at its last place. Settings can choose between several."""
    for what, pattern in _BACKENDS:
        places = {
            found[1]: (module.path, line)
            for module in settings.modules
            for text, line in module.strings_with_lines()
            if (found := pattern.search(text))
        }
        for value, (file, line) in places.items():
            yield Finding(what=what, value=value, file=file, line=line)
