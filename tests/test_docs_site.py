"""The site of docs, built once as `make docs` builds it, and opened in a real browser."""

import functools
import http.server
import json
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest
import yaml
from docs_site import sections, seen_from_docs
from playwright.sync_api import Browser, Page

from browsing import PHONE, SCREEN, require_no_wider, serious

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS = PROJECT["urls"]["Documentation"]
EXAMINED = ("results/speed", "how-to/your-own-images", "search")  # tables and code; axe takes seconds for a long page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site with the command of the Makefile. Return its folder."""
    out = tmp_path_factory.mktemp("site")
    command = re.search(r"^\t\$\(BIN\)/sphinx-build (.+) build/site$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert command
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *shlex.split(command[1]), out], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.fixture(scope="module", params=["http", "file"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Yield the address of the site on the loopback, then that of its folder."""
    if request.param == "file":
        yield site.as_uri()
        return

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def opened(browser: Browser, width: int = SCREEN, scheme: str = "light") -> tuple[Page, set[str]]:
    """Return an empty page, and a set that grows with each address that it requests."""
    page, requested = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme), set[str]()  # type: ignore[arg-type]
    page.on("request", lambda request: requested.add(request.url))
    return page, requested


@pytest.mark.parametrize(
    ("words", "found"), [("green view", "measure"), ("resume", "stop-and-resume"), ("ONNX", "export")]
)
def test_the_search_finds(browser: Browser, address: str, words: str, found: str) -> None:
    page, requested = opened(browser)
    page.goto(f"{address}/index.html")
    page.get_by_placeholder("Search").fill(words)
    page.keyboard.press("Enter")

    page.locator(f"#search-results a[href^='how-to/{found}.html']").first.wait_for()
    assert [url for url in requested if not url.startswith(address)] == []
    page.close()


def test_the_button_copies_commands_without_prompt_and_output(browser: Browser, site: Path) -> None:
    page, _ = opened(browser)
    page.goto((site / "how-to" / "serve.html").as_uri())
    page.locator(".highlight-console").first.hover()
    page.locator(".highlight-console button.copybtn").first.click()
    page.get_by_placeholder("Search").click()
    page.keyboard.press("ControlOrMeta+V")

    assert page.get_by_placeholder("Search").input_value() == "streetseg serve street.onnx"
    page.close()


def test_the_skip_link_is_not_printed(browser: Browser, site: Path) -> None:
    page, _ = opened(browser)
    page.goto((site / "gallery.html").as_uri())
    page.emulate_media(media="print")

    assert not page.locator(".skip-to-content").is_visible()
    page.close()


def test_nothing_is_wider_than_a_phone_and_no_other_host_is_asked(browser: Browser, site: Path) -> None:
    page, requested = opened(browser, PHONE)
    for file in sorted(site.rglob("*.html")):
        page.goto(file.as_uri())
        require_no_wider(page, PHONE)

    assert [url for url in requested if not url.startswith((site.as_uri(), "data:"))] == []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (SCREEN, "dark")])
def test_nothing_serious(browser: Browser, site: Path, width: int, scheme: str) -> None:
    page, _ = opened(browser, width, scheme)
    for name in EXAMINED:
        page.goto((site / f"{name}.html").as_uri())
        assert serious(page) == [], name
    page.close()


class Addresses(HTMLParser):
    """Collects what a page links to and loads, and the names of its places."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.targets, self.places = set[str](), {""}
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets |= {value for name, value in attrs if name in ("href", "src") and value}
        self.places |= {value for name, value in attrs if name == "id" and value}


def test_every_link_inside_the_site_leads_somewhere(site: Path) -> None:
    pages = {file.relative_to(site).as_posix(): Addresses(file) for file in site.rglob("*.html")}
    home = "https://x/streetseg/"
    lost = []
    for name, page in pages.items():
        for target in page.targets:
            if name == "gallery/study.html" and target.startswith("runs/"):  # files of the study, which the page names
                continue
            path, _, place = unquote(urljoin(home + name, target)).partition("#")
            inside = path.removeprefix(home).partition("?")[0] or "index.html"
            if path.startswith(home) and not (
                place in pages[inside].places if inside in pages else (site / inside).is_file()
            ):
                lost.append(f"{name}: {target}")

    assert lost == []


def test_links_out_of_docs_lead_into_the_repository(site: Path) -> None:
    repository = re.escape(PROJECT["urls"]["Homepage"])
    texts = [file.read_text(encoding="utf-8") for file in site.rglob("*.html")]
    paths = {path for text in texts for path in re.findall(rf'"{repository}/(?:blob|tree)/main/([^"?]+)"', text)}

    assert {"notebooks", "notebooks/use.ipynb", "docs/results/by-video", "tests/cli/test_resume.py"} <= paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_llms_txt_has_its_form_and_names_files_of_the_site(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    items = re.findall(rf"^- \[[^]]+\]\({ADDRESS}/.+?\): \S", text, re.MULTILINE)
    links = re.findall(rf"\]\({ADDRESS}/(.+?)\)", text)

    assert text.startswith("# streetseg\n\n> ")
    assert len(items) == text.count("\n- ") >= 40
    assert [link for link in links if not (site / link).is_file()] == []
    assert "## Limits" in (site / "llms-full.txt").read_text(encoding="utf-8")
    assert f"{ADDRESS}/how-to/measure.html" in (site / "sitemap.txt").read_text(encoding="utf-8").split()


def test_a_schema_is_where_its_id_says(site: Path) -> None:
    schemas = sorted(site.rglob("*.schema.json"))

    assert len(schemas) >= 25
    for file in schemas:
        assert json.loads(file.read_text("utf-8"))["$id"] == f"{ADDRESS}/{file.relative_to(site).as_posix()}"


def test_each_page_has_a_description_of_its_own(site: Path) -> None:
    pages = (site / "sitemap.txt").read_text("utf-8").replace(f"{ADDRESS}/", "").split()
    texts = [(site / page).read_text("utf-8") for page in pages]
    said = [re.findall(r'<meta name="description" content="(.+?)">', text) for text in texts]

    assert {page for page, description in zip(pages, said, strict=True) if len(description) != 1} == set()
    assert len({description for (description,) in said}) == len(pages)


def test_flags_keep_their_hyphens(site: Path) -> None:
    assert "in place of --epochs" in (site / "reference" / "commands.html").read_text("utf-8")


def test_the_workflow_for_pages_builds_by_make_and_may_do_no_more_than_it_must() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8"))
    build, deploy = workflow["jobs"].values()

    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in build
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["run"] for step in build["steps"] if "run" in step] == ["make docs PYTHON=python"]
    uses = [step["uses"] for job in (build, deploy) for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in uses)


def test_each_page_says_the_version(site: Path) -> None:
    for name in ("index", "how-to/measure"):
        assert f"streetseg {PROJECT['version']}" in (site / f"{name}.html").read_text(encoding="utf-8")


def test_the_lists_of_the_index_are_its_contents() -> None:
    assert sections("# T\n\n- [no](no.md)\n\n## A\n\n- [b](c/b.md): d\n- [e](https://e.org/e.md)\n\n## F\n") == {
        "A": ["c/b"],
        "F": [],
    }


def test_links_of_the_root_are_seen_from_docs() -> None:
    text = "[a](docs/a.md#b), [c](c/d.ipynb), [e](https://e.org), [f](#f)"

    assert seen_from_docs(text) == "[a](a.md#b), [c](../c/d.ipynb), [e](https://e.org), [f](#f)"
