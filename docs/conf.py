"""Sphinx's configuration of the site: `make docs` builds it from the Markdown pages, without network."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
sys.path.insert(0, str(ROOT / "tools"))

project = PROJECT["name"]
release = version = PROJECT["version"]
copyright = PROJECT["authors"][0]["name"]
extensions = ["myst_parser", "sphinx_copybutton", "docs_site"]
nitpicky = True

myst_heading_anchors = 4  # the anchors of GitHub, so that a link to a heading works there and here

smartquotes = False  # they would show --out with one long dash
copybutton_prompt_text = "$ "  # of a block with prompts, the button copies the commands alone

html_theme = "furo"
pygments_dark_style = "a11y-high-contrast-dark"  # the sister of what furo takes for light
html_title = f"{project} {release}"
html_baseurl = PROJECT["urls"]["Documentation"]
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False  # docs_site puts the Markdown of each page beside it
html_theme_options = {
    "source_repository": PROJECT["urls"]["Homepage"],
    "source_branch": "main",
    "source_directory": "docs/",
}
