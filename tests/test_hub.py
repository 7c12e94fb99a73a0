"""`streetseg push` and `hub:OWNER/NAME`, against a Hub on the loopback."""

import hashlib
import json
import pickle
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, constants

import streetseg
import tiny
from color_model import color_model
from hub_server import READER, TOKEN, Hub, Repository, loopback_hub, used_by_client
from streetseg.errors import ModelError, RequestError, StreetsegError
from streetseg.models.hub import HubError, located, named_path, origin_of
from streetseg.recipe.resolved import read_resolved
from streetseg.sharing import push

Command = Callable[..., Any]
WEIGHTS = "weights.safetensors"
PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "share.md"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Yield a Hub without repositories."""
    with loopback_hub() as served, used_by_client(served, tmp_path / "hub-cache"):
        yield served


@pytest.fixture(scope="module")
def run(real_runs: list[Path]) -> Path:
    """Return a finished run with a bundle."""
    return real_runs[0]


@pytest.fixture(scope="module")
def published(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files that a push of the run writes."""
    with loopback_hub() as served, used_by_client(served, tmp_path_factory.mktemp("cache")):
        push(run, "me/street")
        return files_of(served.repositories["me/street"])


@pytest.fixture
def pushed(hub: Hub, published: dict[str, bytes]) -> Repository:
    """Return the repository me/street, which holds the bundle of the run."""
    hub.repositories["me/street"] = repository = Repository()
    repository.commit(published)
    return repository


def files_of(repository: Repository) -> dict[str, bytes]:
    return repository.commits[repository.branches["main"]]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def change(repository: Repository, **values: object) -> None:
    """Commit another model.json."""
    description = json.loads(files_of(repository)["model.json"]) | values
    repository.commit({"model.json": json.dumps(description).encode()})


def test_what_is_pushed_is_what_is_downloaded(hub: Hub, run: Path, streetseg: Command) -> None:
    ended = streetseg("push", run, "me/street", "--license", "apache-2.0", "--message", "better poles", "--json")

    said, repository = json.loads(ended.out), hub.repositories["me/street"]
    files = {name: content for name, content in files_of(repository).items() if name != ".gitattributes"}
    assert said["files"] == {name: sha256(content) for name, content in files.items()}
    assert set(files) == {"model.json", WEIGHTS, "README.md"}  # nothing else of the run
    assert (said["commit"], said["license"], said["private"]) == (repository.branches["main"], "apache-2.0", False)
    assert repository.messages[-1] == "better poles"
    bundle = located("hub:me/street")
    for name in ("model.json", WEIGHTS):
        assert sha256((bundle / name).read_bytes()) == sha256((run / "best" / name).read_bytes())
    assert origin_of(bundle) == said["model"] == f"hub:me/street@{said['commit']}"


def test_the_card_holds_the_scores_with_protocol_and_interval(pushed: Repository, run: Path) -> None:
    text = files_of(pushed)["README.md"].decode()
    scores = json.loads((run / "evaluation" / "scores.json").read_text())

    card = ModelCard(text)
    card.validate()

    results = {result.metric_type: result for result in card.data.eval_results}
    assert {name: results[f"mean_{name}"].metric_value for name in scores["mean"]} == scores["mean"]
    assert results["pixel_accuracy"].metric_value == scores["pixel_accuracy"]
    iou = results["mean_iou"]
    low, high = iou.metric_args["interval_95"]
    assert low <= iou.metric_value <= high
    assert f"95 % interval {100 * low:.1f}–{100 * high:.1f} %" in iou.metric_name
    assert iou.dataset_args == {key: value for key, value in scores["protocol"].items() if value is not None}
    assert (card.data.library_name, card.data.pipeline_tag) == ("streetseg", "image-segmentation")
    assert {"semantic-segmentation", "test_efficientnet"} <= set(card.data.tags)
    assert card.data.datasets == ["camvid"]
    assert card.data.license is None
    assert "none is stated" in text and "non-commercial research" in text
    assert "streetseg predict hub:me/street IMAGES" in text


def test_a_bundle_without_its_run(hub: Hub, run: Path, tmp_path: Path) -> None:
    """It has the scores of model.json, without intervals. One of an earlier version may name a folder."""
    scores = json.loads((run / "evaluation" / "scores.json").read_text())
    bundle = shutil.copytree(run / "best", tmp_path / "bundle")
    description = json.loads((bundle / "model.json").read_text())
    description |= {"protocol": scores["protocol"], "scores": {"mean": scores["mean"]}}
    description["initial_weights"]["text"] = "random weights, because /home/ann/weights.bin is damaged"
    (bundle / "model.json").write_text(json.dumps(description))

    push(bundle, "me/bundle")

    files = files_of(hub.repositories["me/bundle"])
    assert not any(b"/home" in content for content in files.values())
    text = json.loads(files["model.json"])["initial_weights"]["text"]
    assert text == "random weights, because weights.bin is damaged"
    card = ModelCard(files["README.md"].decode())
    card.validate()
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == {
        f"mean_{name}": value for name, value in scores["mean"].items()
    }
    assert not any(result.metric_args for result in card.data.eval_results)


def test_nothing_pushed_names_a_folder_of_this_machine(published: dict[str, bytes], tmp_path: Path) -> None:
    for content in published.values():
        assert not any(place in content for place in (str(tmp_path.parents[1]).encode(), b"/home", b"/nowhere"))


def test_predict_labels_as_the_local_run_does(
    pushed: Repository, run: Path, tmp_path: Path, hub: Hub, streetseg
) -> None:
    tiny.save(tmp_path / "a.png", tiny.street(0)[0])

    streetseg("predict", run, tmp_path / "a.png", "--out", tmp_path / "local")
    first = streetseg("predict", "hub:me/street", tmp_path / "a.png", "--out", tmp_path / "first")
    hub.requests.clear()
    again = streetseg("predict", "hub:me/street@main", tmp_path / "a.png", "--out", tmp_path / "again")

    masks = [(tmp_path / out / "a_ids.png").read_bytes() for out in ("local", "first", "again")]
    assert masks[0] == masks[1] == masks[2]
    commit = pushed.branches["main"]
    assert f"hub:me/street: commit {commit}, " in first.err and " to download\n" in first.err
    assert f"hub:me/street@main: commit {commit}, in the cache already" in again.err
    assert not [request for request in hub.requests if request.startswith("GET /me/street")]


def test_evaluate_notes_the_commit(pushed: Repository, run: Path, tmp_path: Path) -> None:
    scores = streetseg.evaluate(
        "hub:me/street", read_resolved(run / "recipe.yaml").data.source, out=tmp_path / "scores"
    )

    origin = f"hub:me/street@{pushed.branches['main']}"
    assert json.loads((tmp_path / "scores" / "scores.json").read_text())["origin"] == origin
    assert scores.as_dict["origin"] == origin


@pytest.mark.parametrize(
    "command",
    [
        "predict MODEL image.png --out out",
        "measure MODEL image.png --out out",
        "evaluate MODEL scenes",
        "audit MODEL scenes --out out",
        "export MODEL --format onnx",
        "export MODEL --format web",
        "bench MODEL",
        "calibrate MODEL scenes --out out",
        "serve MODEL",
        "push MODEL me/copy",
    ],
)
def test_every_command_takes_a_model_of_the_hub(command: str, hub: Hub, streetseg: Command) -> None:
    ended = streetseg(*command.replace("MODEL", "hub:me/missing").split())

    assert ended.code == 2
    assert "error: there is no such repository, or it is private" in ended.err
    assert "where: hub:me/missing\nhint:  is the name correct?" in ended.err


def test_a_model_of_the_hub_is_no_run(hub: Hub) -> None:
    with pytest.raises(RequestError, match="comes without its run"):
        streetseg.compare(["hub:me/street", "hub:me/other"])


def test_results_are_named_by_the_repository(
    pushed: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert named_path(located("hub:me/street")) == tmp_path / "street"


def test_a_download_that_is_cut_goes_on_where_it_ended(pushed: Repository, hub: Hub, run: Path) -> None:
    hub.cuts = 1

    bundle = located("hub:me/street")

    assert (bundle / WEIGHTS).read_bytes() == (run / "best" / WEIGHTS).read_bytes()
    assert hub.cuts == 0


def test_a_download_that_stays_cut_leaves_nothing_half(pushed: Repository, hub: Hub, run: Path) -> None:
    hub.cuts = 1000
    with pytest.raises(HubError, match="the connection to the Hub failed") as failed:
        located("hub:me/street")
    assert failed.value.exit_code == 1

    hub.cuts = 0
    assert (located("hub:me/street") / WEIGHTS).read_bytes() == (run / "best" / WEIGHTS).read_bytes()


@pytest.mark.parametrize("part", ["/large/", "/commit/"])
def test_an_upload_that_is_cut_changes_nothing(part: str, hub: Hub, run: Path, pushed: Repository) -> None:
    """A large file is uploaded by itself; then the commit names all files."""
    commits, hub.cut_upload = dict(pushed.commits), part
    with pytest.raises(HubError, match="the connection to the Hub failed"):
        push(run, "me/street", license="mit")
    assert pushed.commits == commits

    hub.cut_upload = None
    assert push(run, "me/street", license="mit").commit == pushed.branches["main"]


def test_errors_have_a_cure_and_no_token(
    pushed: Repository, hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch, streetseg: Command
) -> None:
    def refused(token: str, *argv: object) -> str:
        monkeypatch.setenv("HF_TOKEN", token)
        ended = streetseg(*argv)
        assert ended.code == 2
        assert not any(known in ended.err + ended.out for known in (TOKEN, READER, "hf_wrong"))
        assert "HF_TOKEN" in ended.err
        return str(ended.err)

    hub.repositories["me/gated"] = Repository(gated=True, commits=pushed.commits, branches=pushed.branches)
    assert "the Hub does not accept the token" in refused("hf_wrong", "bench", "hub:me/street")
    assert "the Hub does not accept the token" in refused("hf_wrong", "push", run, "me/street")
    assert "You are not authorized to write" in refused(READER, "push", run, "me/street")
    assert "the Hub needs to know who you are" in refused("", "push", run, "me/street")
    assert "the repository is gated" in refused(TOKEN, "bench", "hub:me/gated")


def test_names_that_are_wrong(pushed: Repository, hub: Hub, run: Path) -> None:
    for model, problem in {
        "hub:me/street@nowhere": "has no such revision",
        "hub:street": "this is no address",
        "hub:me/../street": "this is no address",
        "hub:me/street/weights.bin": "no exported model weights.bin",
    }.items():
        with pytest.raises(StreetsegError, match=problem):
            located(model)
    with pytest.raises(RequestError, match="no name of a repository"):
        push(run, "street")


def test_a_private_repository(hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert push(run, "me/own", private=True).private
    assert push(run, "me/own").private  # as it was
    located("hub:me/own")
    monkeypatch.setenv("HF_TOKEN", "")
    with pytest.raises(RequestError, match="it is private and this account may not see it"):
        located("hub:me/own")


def test_private_is_not_silently_public(pushed: Repository, run: Path) -> None:
    commits, branches = dict(pushed.commits), dict(pushed.branches)

    with pytest.raises(RequestError, match="the repository is there, and public"):
        push(run, "me/street", private=True, revision="trial")
    assert (pushed.commits, pushed.branches) == (commits, branches)


def test_a_branch(pushed: Repository, run: Path) -> None:
    main = pushed.branches["main"]

    commit = push(run, "me/street", revision="trials/first", license="mit").commit

    assert pushed.branches == {"main": main, "trials/first": commit}
    assert origin_of(located("hub:me/street@trials/first")) == f"hub:me/street@{commit}"


def test_without_a_network_the_cache_serves(
    pushed: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = located("hub:me/street")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    assert located("hub:me/street") == bundle
    assert f"HF_HUB_OFFLINE is set); hub:me/street is commit {pushed.branches['main']} of the cache" in caplog.text
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert located("hub:me/street") == bundle
    with pytest.raises(HubError, match="the cache does not hold the model"):
        located("hub:me/other")


def test_a_cache_that_cannot_be_written(pushed: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))

    with pytest.raises(RequestError, match="the cache cannot be written") as refused:
        located("hub:me/street")
    assert "HF_HOME" in str(refused.value.hint)


def test_an_exported_model(hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = color_model(tmp_path / "model.onnx")

    alone = push(file, "me/street", license="mit")
    assert alone.model == f"hub:me/street/model.onnx@{alone.commit}"
    assert located("hub:me/street").read_bytes() == file.read_bytes()
    card = files_of(hub.repositories["me/street"])["README.md"]
    ModelCard(card.decode()).validate()
    assert b"streetseg predict hub:me/street/model.onnx IMAGES" in card

    push(run, "me/street")
    card = files_of(hub.repositories["me/street"])["README.md"]
    assert set(push(file, "me/street").files) == {"model.onnx"}
    assert files_of(hub.repositories["me/street"])["README.md"] == card  # that of the bundle
    assert located("hub:me/street/model.onnx").name == "model.onnx"
    assert (located("hub:me/street") / WEIGHTS).is_file()

    hub.repositories["me/two"] = two = Repository()
    two.commit({"a.onnx": b"", "b.onnx": b""})
    with pytest.raises(ModelError, match="and has 2 exported models") as several:
        located("hub:me/two")
    assert several.value.hint == "name one: hub:me/two/a.onnx"

    # The cache alone does not tell whether the repository has a bundle, too.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert located("hub:me/street/model.onnx").is_file()


def test_an_unfinished_run_is_not_pushed(hub: Hub, run: Path, tmp_path: Path) -> None:
    begun = shutil.copytree(run, tmp_path / "begun")
    (begun / "cost.json").unlink()

    with pytest.raises(RequestError, match="the run is not finished"):
        push(begun, "me/begun")
    assert not hub.repositories


def test_the_page_runs(
    hub: Hub, run: Path, tmp_path: Path, streetseg: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "runs/mobile")
    data = read_resolved(run / "recipe.yaml").data.source.partition(":")[2]
    shutil.copytree(data, "camvid")
    color_model(tmp_path / "street.onnx")
    tiny.save(tmp_path / "street.jpg", tiny.street(0)[0])
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)

    for language, code in blocks:
        if language == "python":
            exec(code, {})
        for line in code.splitlines() if language == "sh" else ():
            if line.startswith("streetseg "):
                assert streetseg(*shlex.split(line)[1:]).code == 0, line
    assert (tmp_path / "scores" / "scores.json").is_file()


class TestRepositoriesFromStrangers:
    def test_only_the_files_of_a_model_are_read(self, pushed: Repository, hub: Hub, tmp_path: Path) -> None:
        mark = tmp_path / "sprung"
        names = ("pytorch_model.bin", "extra.pkl", "hubconf.py", "../../evil.onnx", "sub/model.json")
        pushed.commit(dict.fromkeys(names, pickle.dumps((open, (str(mark), "w")))))

        bundle = located("hub:me/street")

        assert {path.name for path in bundle.iterdir()} == {"model.json", WEIGHTS}
        read = {request.rpartition("/")[2] for request in hub.requests if "/resolve/" in request}
        assert read == {"model.json", WEIGHTS}
        assert not mark.exists()

    def test_no_bundle_in_it(self, hub: Hub) -> None:
        hub.repositories["me/other"] = other = Repository()
        other.commit({"config.json": b"{}", "model.safetensors": b"", "../up.onnx": b"", "a/b.onnx": b""})

        with pytest.raises(ModelError, match="no bundle of streetseg in the repository") as refused:
            located("hub:me/other")
        assert "streetseg push" in str(refused.value.hint)

    def test_weights_that_are_not_those_of_model_json(self, pushed: Repository) -> None:
        change(pushed, sha256="0" * 64)

        for _ in range(2):  # again from the cache
            with pytest.raises(ModelError, match="SHA-256 differs"):
                located("hub:me/street")

    def test_a_description_of_another_program(self, pushed: Repository, hub: Hub) -> None:
        change(pushed, format="other")

        with pytest.raises(ModelError, match="not of the format"):
            located("hub:me/street")
        assert not [request for request in hub.requests if request.endswith(WEIGHTS)]

    @pytest.mark.parametrize("name", ["model.json", WEIGHTS])
    def test_a_file_that_is_announced_as_huge(self, name: str, pushed: Repository, hub: Hub) -> None:
        hub.announced[name] = 10**13

        with pytest.raises(ModelError, match=f"{name} is announced with 10,000,000,000,000 bytes"):
            located("hub:me/street")
        assert not [request for request in hub.requests if "/resolve/" in request]

    def test_weights_that_are_a_pickle(self, pushed: Repository, tmp_path: Path) -> None:
        content = pickle.dumps((open, (str(tmp_path / "sprung"), "w")))
        pushed.commit({WEIGHTS: content})
        change(pushed, sha256=sha256(content))

        with pytest.raises(ModelError, match="not a readable safetensors file"):
            streetseg.load("hub:me/street")
        assert not (tmp_path / "sprung").exists()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)

    with pytest.raises(RequestError, match="needs huggingface_hub") as missing:
        streetseg.load("hub:me/street")
    assert missing.value.hint == "pip install 'streetseg[hub]'"
