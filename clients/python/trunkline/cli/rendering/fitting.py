"""Screens of any width: the widest form that fits."""

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement


class Fitting:
    """The first of several forms that fits the width; the last where none does."""

    def __init__(self, *forms: RenderableType) -> None:
        """Take the forms, the widest first."""
        self._forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show it; how Rich asks for it."""
        *wider, narrowest = self._forms
        for form in wider:
            if Measurement.get(console, options.update(width=10_000), form).maximum <= options.max_width:
                yield form
                return
        yield narrowest
