"""What the site needs beyond plain Sphinx, as an extension of it.

The pages are plain Markdown that reads well on GitHub. docs/index.md has the form of https://llmstxt.org: its lists of
links are also the table of contents and, with whole addresses, llms.txt. A page that no list names is a warning.
"""

import re
import shutil
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!\w+:|#)([^)]+)\)")  # one that is relative


def sections(index: str) -> dict[str, list[str]]:
    """Return the pages, as Sphinx names them, that the list under each heading of the index links to."""
    parts = re.split(r"^## (.+)\n", index, flags=re.MULTILINE)[1:]
    lists = zip(parts[::2], parts[1::2], strict=True)
    return {heading: re.findall(r"^- \[.+?\]\((?!\w+:)(.+?)\.md\)", text, re.MULTILINE) for heading, text in lists}


def description(page: str) -> str:
    """Return what the index says of a page; of the index itself, the line below its title."""
    index = text_of("index")
    said = re.search(r"^> (.+)" if page == "index" else rf"^- \[.+?\]\({page}\.md\): (.+)", index, re.MULTILINE)
    return said[1] if said else ""


def toctrees(index: str) -> str:
    """Return the index, followed by a hidden table of contents for each heading."""
    tables = (
        f"```{{toctree}}\n:hidden:\n:caption: {heading}\n\n" + "\n".join(pages) + "\n```"
        for heading, pages in sections(index).items()
    )
    return "\n\n".join([index, *tables])


def seen_from_docs(text: str) -> str:
    """Return a text of the project's root with its links as they must be in docs."""
    return LINK.sub(lambda link: f"]({Path('..', link[1]).as_posix()})".replace("](../docs/", "]("), text)


def text_of(page: str) -> str:
    """Return the Markdown of a page; in the site, the page of the changelog is the changelog."""
    if page == "changelog":
        return seen_from_docs((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    return (DOCS / f"{page}.md").read_text(encoding="utf-8")


def read(_: Sphinx, page: str, source: list[str]) -> None:
    """Give the index its tables of contents, and the changelog its text."""
    if page == "index":
        source[0] = toctrees(source[0])
    if page == "changelog":
        source[0] = f"---\nno-search: true\n---\n{text_of(page)}"  # a search must find the pages that say how


class LinksToFiles(SphinxTransform):
    """Let links to files that are no pages lead into the site if the file is there, else to the repository."""

    default_priority = 100  # before Sphinx copies the targets

    def apply(self, **_: Any) -> None:
        folder = (DOCS / self.env.docname).parent
        for kind in (addnodes.download_reference, addnodes.pending_xref):
            for link in list(self.document.findall(kind)):
                path = (folder / link["reftarget"]).resolve()
                if not link.get("refdomain") and path.exists():
                    link.replace_self(nodes.reference("", "", *link.children, refuri=self.address(link, path)))

    def address(self, link: nodes.Element, path: Path) -> str:
        """Return where a link to an existing file or folder leads."""
        if path.is_file() and path.is_relative_to(DOCS):
            return str(link["reftarget"])
        repository, kind = self.app.config.html_theme_options["source_repository"], "tree" if path.is_dir() else "blob"
        return f"{repository}/{kind}/main/{path.relative_to(ROOT).as_posix()}"


def described(_: Sphinx, page: str, template: str, context: dict[str, Any], __: Any) -> None:
    """Give a page its description, which search engines show."""
    if said := description(page):
        context["metatags"] += f'<meta name="description" content="{escape(said)}">'


def accessible(_: Sphinx, page: str, template: str, context: dict[str, Any], __: Any) -> None:
    """Give the headings of furo's sidebar a level, and let the keyboard reach tables and code that scroll."""
    if tree := context.get("furo_navigation_tree"):
        context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    if body := context.get("body"):
        context["body"] = re.sub(r'<(pre(?=>)|div(?= class="table-wrapper))', r'<\1 tabindex="0"', body)


def finish(app: Sphinx, failure: Exception | None) -> None:
    """Put all of docs beside the pages, in Markdown, too, and what language models and search engines read first."""
    if failure or app.builder.name != "html":
        return
    out, site, index = Path(app.outdir), app.config.html_baseurl, text_of("index")
    pages = ["index", *(page for names in sections(index).values() for page in names)]
    shutil.copytree(DOCS, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("conf.py", "__pycache__", "site.css"))
    files = {
        "changelog.md": text_of("changelog"),
        "llms.txt": LINK.sub(rf"]({site}/\1)", index),
        "llms-full.txt": "\n\n".join(map(text_of, pages)),
        "sitemap.txt": "".join(f"{site}/{page}.html\n" for page in pages),
        ".nojekyll": "",  # GitHub then serves every file as it is
    }
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the steps above to Sphinx."""
    app.add_transform(LinksToFiles)
    app.connect("source-read", read)
    app.connect("html-page-context", described)
    app.connect("html-page-context", accessible, priority=900)  # after furo's own
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True}
