"""The blocks of the pages of docs/coming-from and docs/tutorial run, in the order of the page."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

import tiny
from test_readme import SHORTER, SMALL

ROOT = Path(__file__).parents[1]
PAGES = sorted(page for folder in ("coming-from", "tutorial") for page in (ROOT / "docs" / folder).glob("*.md"))
BLOCK = re.compile(r"^(?:<!-- (not run): [^\n]* -->\n)?```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs(page: Path, tmp_path: Path, streetseg, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.camvid_segnet(tmp_path / "camvid")
    tiny.save(tmp_path / "street.png", tiny.street(1)[0])
    monkeypatch.chdir(tmp_path)
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    text = page.read_text(encoding="utf-8")
    for long, short in SHORTER.items():
        text = text.replace(long, short)

    names: dict[str, object] = {}
    for not_run, language, block in BLOCK.findall(text):
        if not_run:
            continue
        if language == "python":
            exec(compile(block, str(page), "exec"), names)
            continue
        for line in block.splitlines():
            program, *words = shlex.split(line)
            if program == "streetseg":
                done = streetseg(*words)
                assert done.code == 0, f"{line}\n{done.err}"
            else:
                subprocess.run(line, shell=True, check=True)
