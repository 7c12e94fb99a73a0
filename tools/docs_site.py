"""What the site needs beyond plain Sphinx, as an extension of it.

The pages are plain Markdown that reads well on GitHub. docs/index.md has the form of https://llmstxt.org: its lists of
links are also the table of contents and, with whole addresses, llms.txt. A page that no list names is a warning.
"""

import re
import shutil
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
    return {
        heading: [link.removesuffix(".md") for link in re.findall(r"^- \[.+?\]\((?!\w+:)(.+?\.md)\)", text, re.MULTILINE)]
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


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


def read(_: Sphinx, page: str, source: list[str]) -> None:
    """Give the index its tables of contents, and the changelog its text."""
    if page == "index":
        source[0] = toctrees(source[0])
    if page == "changelog":
        text = seen_from_docs((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
        source[0] = f"---\nno-search: true\n---\n{text}"  # a search must find the pages that say how


class LinksToFiles(SphinxTransform):
    """Let links to files that are no pages lead into the site if the file is there, else to the repository."""

    default_priority = 100  # before Sphinx copies the targets

    def apply(self, **_: Any) -> None:
        folder = (DOCS / self.env.docname).parent
        for link in [*self.document.findall(addnodes.download_reference), *self.document.findall(addnodes.pending_xref)]:
            path = (folder / link["reftarget"]).resolve()
            if link.get("refdomain") or not path.exists():
                continue
            if path.is_relative_to(DOCS / "gallery"):
                address = link["reftarget"]
            else:
                kind = "tree" if path.is_dir() else "blob"
                address = f"{repository(self.app)}/{kind}/main/{path.relative_to(ROOT).as_posix()}"
            link.replace_self(nodes.reference("", "", *link.children, refuri=address))


def accessible(_: Sphinx, page: str, template: str, context: dict[str, Any], __: Any) -> None:
    """Give the headings of furo's sidebar a level, and let the keyboard reach tables and code that scroll."""
    if tree := context.get("furo_navigation_tree"):
        context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    if body := context.get("body"):
        context["body"] = re.sub(r'<(pre(?=>)|div(?= class="table-wrapper))', r'<\1 tabindex="0"', body)


def repository(app: Sphinx) -> str:
    return str(app.config.html_theme_options["source_repository"])


def finish(app: Sphinx, failure: Exception | None) -> None:
    """Put the Markdown of each page beside it, the pages of the gallery, and what search engines and language models
    read first."""
    if failure or app.builder.name != "html":
        return
    out, site = Path(app.outdir), app.config.html_baseurl
    for path in [*DOCS.rglob("*.md"), *DOCS.glob("gallery/*.html")]:
        shutil.copyfile(path, out / path.relative_to(DOCS))
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    pages = [page for names in sections(index).values() for page in names]
    (out / "llms.txt").write_text(LINK.sub(rf"]({site}/\1)", index), encoding="utf-8")
    texts = [(DOCS / f"{page}.md").read_text(encoding="utf-8") for page in pages]
    (out / "llms-full.txt").write_text("\n\n".join([index, *texts]), encoding="utf-8")
    (out / "sitemap.txt").write_text("".join(f"{site}/{page}.html\n" for page in ["index", *pages]), encoding="utf-8")
    (out / ".nojekyll").touch()


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the steps above to Sphinx."""
    app.add_transform(LinksToFiles)
    app.connect("source-read", read)
    app.connect("html-page-context", accessible, priority=900)  # after furo's own
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True}
