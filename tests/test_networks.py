"""`streetseg networks`: all cards, and a network from a folder, an address and the Hub."""

import json
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import streetseg as package
from hub_server import Repository, loopback_hub, used_by_client
from loopback import loopback_http
from streetseg.data.fetch_network import place_of
from streetseg.pretrained import networks
from streetseg.pretrained.networks import BOX

Command = Callable[..., Any]
NAME, CONDITION = "camvid-tiny", "CamVid is for non-commercial research"
FILES = {"model.json": b'{"format": "x"}', f"{NAME}.onnx": b"graph" * 1000}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Publish a network with a condition of use. Return the folder above its files."""
    folder = tmp_path / "networks"
    (folder / NAME).mkdir(parents=True)
    for name, content in FILES.items():
        (folder / NAME / name).write_bytes(content)
    files = {name: {"bytes": len(content), "sha256": sha256(content).hexdigest()} for name, content in FILES.items()}
    cards = dict(networks.cards())
    card = {**cards[BOX], "name": NAME, "condition": CONDITION, "scored": f"{NAME}.onnx", "files": files}
    monkeypatch.setattr(networks, "cards", lambda: {**cards, NAME: card})
    return folder


def get(streetseg: Command, out: Path, mirror: object, *flags: str) -> Any:
    """Run `streetseg networks get` of the published network."""
    return streetseg("networks", "get", NAME, "--out", out, "--mirror", mirror, *flags)


def test_list_shows_every_network_with_score_and_condition(streetseg: Command, place: Path) -> None:
    listed = streetseg("networks")
    as_json = streetseg("networks", "list", "--json")

    assert listed.code == 0
    names = [line for line in listed.out.splitlines() if not line.startswith(" ")]
    assert names[0] == f"{BOX} (in the box)"
    assert NAME in names
    assert CONDITION in listed.out
    score = networks.cards()[BOX]["scores"][0]
    assert f"{100 * score['iou']:.1f} % on {score['images']} images ({score['data']} {score['split']})" in listed.out
    first, *others = list(networks.cards())
    assert first == BOX and NAME in others and others == sorted(others)
    assert [card["name"] for card in json.loads(as_json.out)["networks"]] == [BOX, *others]
    assert list(package.networks().index) == [BOX, *others]


def test_the_condition_is_shown_and_must_be_accepted(streetseg: Command, place: Path, tmp_path: Path) -> None:
    refused = get(streetseg, tmp_path / "out", place)
    as_json = get(streetseg, tmp_path / "out", place, "--json")

    assert refused.code == as_json.code == 2
    assert refused.err.splitlines() == [
        CONDITION,
        "error: the network has a condition of use",
        f"where: {NAME}: {CONDITION}",
        "hint:  --accept accepts the condition",
    ]
    assert CONDITION in json.loads(as_json.out)["where"][0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("typed", "code"), [("yes", 0), ("no", 2), ("y", 2)])
def test_a_person_at_a_terminal_types_yes(
    streetseg: Command, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda text, err: typed)

    assert get(streetseg, tmp_path / "out", place).code == code
    assert (tmp_path / "out").exists() == (code == 0)


@pytest.fixture(params=["folder", "address", "hub"])
def mirror(request: pytest.FixtureRequest, place: Path, tmp_path: Path) -> Iterator[object]:
    """Yield the place of the network, of each kind."""
    match request.param:
        case "folder":
            yield place
        case "address":
            with loopback_http(place, []) as address:
                yield address
        case _:
            with loopback_hub() as hub, used_by_client(hub, tmp_path / "cache"):
                repository = hub.repositories["me/street"] = Repository()
                repository.commit(dict(FILES))
                yield "hub:me/street"


def test_get_writes_the_checked_files_and_the_card(
    streetseg: Command, place: Path, mirror: object, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = get(streetseg, out, mirror, "--accept", "--json")

    assert done.code == 0, done.out + done.err
    assert json.loads(done.out) == {
        "out": str(out), "model": str(out / f"{NAME}.onnx"), "files": 2, "condition": CONDITION
    }  # fmt: skip
    assert {path.name for path in out.iterdir()} == {*FILES, "README.md"}
    assert all((out / name).read_bytes() == content for name, content in FILES.items())
    assert CONDITION in (out / "README.md").read_text(encoding="utf-8")
    again = get(streetseg, out, "nowhere", "--accept")
    assert again.code == 0
    assert again.err.splitlines() == [CONDITION, f"the network is in {out} already"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"Graph" * 1000, "has the SHA-256"),
        (b"graph" * 999, "has 4,995 bytes, expected 5,000"),
        (b"graph" * 1001, "has 5,005 bytes, expected 5,000"),
        (None, "no such file of the network"),
    ],
)
def test_a_damaged_network_leaves_nothing_behind(
    streetseg: Command, place: Path, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = place / NAME / f"{NAME}.onnx"
    file.unlink() if content is None else file.write_bytes(content)
    done = get(streetseg, tmp_path / "out", place, "--accept")

    assert done.code == (2 if content is None else 1)
    assert problem in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"networks"}


def test_more_than_the_card_says_is_not_downloaded(streetseg: Command, place: Path, tmp_path: Path) -> None:
    (place / NAME / "model.json").write_bytes(b"x" * 10_000_000)
    with loopback_http(place, []) as address:
        done = get(streetseg, tmp_path / "out", address, "--accept")
        missing = get(streetseg, tmp_path / "out", f"{address}/elsewhere", "--accept")

    assert (done.code, missing.code) == (1, 1)
    assert f"more than {len(FILES['model.json'])} bytes arrive" in done.err
    assert "404" in missing.err
    assert "nothing was written" in missing.err
    assert not (tmp_path / "out").exists()


def test_wrong_requests(streetseg: Command, place: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    unknown = streetseg("networks", "get", "camvid-tin", "--out", tmp_path / "out")
    full = get(streetseg, tmp_path / "full", place, "--accept")

    assert unknown.code == full.code == 2
    assert f"did you mean {NAME}?" in unknown.err
    assert "the folder is not empty" in full.err


def test_the_network_in_the_box_needs_no_connection(streetseg: Command, tmp_path: Path) -> None:
    assert streetseg("networks", "get", BOX, "--out", tmp_path / "box").code == 0
    assert (tmp_path / "box" / f"{BOX}.onnx").is_file()


def test_the_usual_place_is_the_repository_at_this_version() -> None:
    version = package.__version__
    assert place_of(NAME) == f"https://github.com/streetseg/streetseg/raw/v{version}/networks"


def test_the_networks_of_a_checkout_that_is_not_installed_lie_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streetseg.data.fetch_network.installed_version", lambda package: None)
    assert place_of("camvid-mobilenetv2") == str(Path(__file__).parents[1] / "networks")
