"""What a program writes to its standard error, line by line as the engine reports it. Pure."""

from __future__ import annotations

_BEGINS = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_INTERRUPTED = "KeyboardInterrupt"


class Stderr:
    """Leaves out the tracebacks of an interrupt: the engine interrupts the program when a resource fails or when it is
    told to stop itself, and the program complains of it. Any other traceback is told, once it is whole."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._left_out = False

    def told(self, line: str) -> str:
        """What to tell after this line: itself, a traceback that it ends, or nothing."""
        text = line.strip()
        if not text:
            return ""
        if text.startswith(_BEGINS) or (text.startswith(_CHAINED) and (self._held or self._left_out)):
            self._held.append(text)
            return ""
        if not self._held:
            self._left_out = False
            return text
        self._held.append(line.rstrip())
        if line[0].isspace():
            return ""
        held, self._held = self._held, []
        self._left_out = text.startswith(_INTERRUPTED)
        return "" if self._left_out else "\n".join(held)
