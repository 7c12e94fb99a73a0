"""What every page of streetseg is made with: templates that escape, and style sheets that go inside."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from streetseg.text import one_line


def page_environment() -> Environment:
    """Templates of this package; values are escaped and shown as visible text, and a missing one is an error."""
    return Environment(
        loader=PackageLoader("streetseg.report"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_asset(name: str) -> str:
    """A style sheet or script that lies beside the templates."""
    return files("streetseg.report").joinpath("templates", name).read_text("utf-8")


def _visible(value: object) -> object:
    """Text without control characters: a name can neither turn the text beside it nor spoil the file."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value
