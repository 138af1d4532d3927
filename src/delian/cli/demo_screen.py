"""What a person sees of the demonstration: a chapter heading, a line per step, a moving clock."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

from rich.console import Console
from rich.status import Status


class Screen(AbstractContextManager["Screen"]):
    """Talks on stderr; the result alone goes to stdout."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._status: Status | None = None
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rest()

    def chapter(self, title: str, about: str = "") -> None:
        """A new part begins."""
        self._rest()
        self._console.print()
        self._console.print(f"[bold]{title}[/bold]")
        if about:
            self._console.print(f"  [dim]{about}[/dim]")

    def start_clock(self) -> None:
        """Set-up is over: seconds count from here."""
        self._started = time.monotonic()

    def waiting(self, text: str) -> None:
        """Something runs; shown until the next step."""
        if not self._console.is_terminal:
            return
        if self._status is None:
            self._status = self._console.status(text, spinner="dots")
            self._status.start()
        else:
            self._status.update(text)

    def step(self, text: str) -> None:
        """Something is done."""
        self._rest()
        seconds = time.monotonic() - self._started
        self._console.print(f"  [green]✓[/green] {text} [dim]{seconds:5.1f} s[/dim]")

    def note(self, text: str) -> None:
        """Something to know."""
        self._rest()
        self._console.print(f"    [dim]{text}[/dim]")

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def summary(self, result: Mapping[str, Any]) -> Iterator[str]:
        """The last lines, on stdout."""
        attack = result["attack"]
        yield ""
        yield f"Two editions for industry: {result['blocks']} blocks in the first,"
        yield f"  {result['withheld']} of its leaf cells withheld; the second carried"
        yield f"  {result['carried_forward']} blocks forward and reopened {result['reopened']}."
        yield f"Verified offline: {'yes' if result['verified'] else 'NO'}."
        yield (
            f"Attacked by every insider: nobody comes closer than {attack['worst_margin_percent']}"
            f" % from released totals (the rule asks {attack['rule_percent']} %),"
        )
        yield (
            f"  {attack['worst_margin_with_rule_percent']} % when the attacker also uses that"
            " a chosen block passed the rule."
        )
        yield f"{result['seconds']} s after set-up."
        yield ""
        yield "Read:    " + str(result["release"]) + "/index.html"
        yield "Verify:  ./start verify " + f"{result['release']} --root {result['root']}"
        yield "Guide:   " + str(result["guide"])
