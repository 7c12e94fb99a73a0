"""The HTTP API of `streetseg serve`, asked over the loopback."""

import base64
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import tiny
from serving import Serving, exported_onnx, serving
from streetseg.labels.tables import STREET_11
from streetseg.serve.model import ServedModel

Command = Callable[..., Any]


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Write a JPEG image that its EXIF orientation turns."""
    image = Image.fromarray(tiny.street(3, (70, 100))[0])
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "street.jpg", exif=exif, quality=95)
    return tmp_path / "street.jpg"


def ids_of(data: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.array(image)


def test_the_labels_are_byte_for_byte_those_of_predict(
    client: httpx.Client, model: Path, street: Path, tmp_path: Path, streetseg: Command
) -> None:
    assert streetseg("predict", model, street, "--out", tmp_path / "out", "--save", "ids,overlay,confidence").code == 0
    written = {
        kind: (tmp_path / "out" / f"street_{kind}.png").read_bytes() for kind in ("ids", "overlay", "confidence")
    }
    raw = client.post("/segment", content=street.read_bytes(), headers={"Content-Type": "image/jpeg"})
    form = client.post("/segment", files={"image": street.open("rb")})
    assert raw.status_code == form.status_code == 200
    assert raw.headers["content-type"] == "image/png"
    assert raw.content == form.content == written["ids"]
    assert ids_of(raw.content).shape == (100, 70)
    overlay = client.post("/segment?output=overlay", content=street.read_bytes())
    assert overlay.content == written["overlay"]
    found = client.post("/segment?output=json&include=labels,confidence", content=street.read_bytes()).json()
    assert base64.b64decode(found["labels"]) == written["ids"]
    assert base64.b64decode(found["confidence"]) == written["confidence"]


def test_shares_are_adjusted_where_the_validation_is_known(model: Path, street: Path) -> None:
    served = ServedModel(model, "auto", max_pixels=10_000)
    assert "adjusted" not in json.loads(served.json(street.read_bytes(), "street.jpg", ()).body)["shares"][0]

    served.facts.adjustment = np.roll(np.eye(11), 1, axis=0).tolist()  # what is called class k is class k + 1
    shares = json.loads(served.json(street.read_bytes(), "street.jpg", ()).body)["shares"]
    assert [share["adjusted"] for share in shares] == [shares[k - 1]["raw"] for k in range(11)]


def test_json_has_the_shares_and_what_is_included(client: httpx.Client, street: Path) -> None:
    plain = client.post("/segment?output=json", content=street.read_bytes()).json()
    assert {"labels", "confidence", "polygons"}.isdisjoint(plain)
    assert (plain["model"], plain["width"], plain["height"]) == ("street", 70, 100)
    assert [share["name"] for share in plain["shares"]] == list(STREET_11.names)
    ids = ids_of(client.post("/segment", content=street.read_bytes()).content)
    assert [share["raw"] for share in plain["shares"]] == (np.bincount(ids.ravel(), minlength=11) / ids.size).tolist()
    polygons = client.post("/segment?output=json&include=polygons", content=street.read_bytes()).json()["polygons"]
    assert {feature["properties"]["id"] for feature in polygons["features"]} == set(np.unique(ids).tolist())


def test_an_overlay_is_jpeg_on_request(client: httpx.Client, street: Path) -> None:
    answer = client.post("/segment?output=overlay", content=street.read_bytes(), headers={"Accept": "image/jpeg"})
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("JPEG", (70, 100))


def test_model_says_what_is_served(client: httpx.Client, model: Path) -> None:
    found = client.get("/model").json()
    (facts,) = found["models"]
    assert found["limits"] == {"bytes": 2_000_000, "pixels": 25_000_000}
    assert facts | {"classes": []} == {
        "name": "street",
        "encoder": "test_efficientnet",
        "dataset": "none",
        "mean_iou": None,
        "size": [48, 64],
        "classes": [],
        "adjustment": None,
        "precision": "fp32",
        "engine": "onnxruntime",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
    }
    assert facts["classes"][0] == {"id": 0, "name": "sky", "color": [128, 128, 128]}


def test_two_models_are_told_apart_by_name(tmp_path: Path, model: Path, street: Path) -> None:
    other = exported_onnx(tmp_path, "other", seed=1)
    with serving(tmp_path, model, other) as running, running.client() as client:
        data = street.read_bytes()
        answers = [
            client.post("/segment", params=chosen, content=data)
            for chosen in ({}, {"model": "street"}, {"model": "other"})
        ]
        default, first, second = (answer.content for answer in answers)
        assert default == first != second
        assert client.get("/readyz").json()["milliseconds"].keys() == {"street", "other"}
        unknown = client.post("/segment?model=third", content=data)
        assert (unknown.status_code, unknown.json()) == (
            422,
            {"error": "there is no model 'third'", "hint": "model=street|other"},
        )


def test_health_readiness_page_and_headers(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["milliseconds"].keys() == {"street"}
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    missing = client.get("/no-such-page")
    assert (missing.status_code, missing.json()["error"]) == (404, "Not Found")


def test_a_request_keeps_its_id_in_the_answer_and_in_the_log(server: Serving, client: httpx.Client) -> None:
    given = client.get("/healthz", headers={"X-Request-ID": "order-66"})
    assert given.headers["x-request-id"] == "order-66"
    unsafe = client.get("/healthz", headers={"X-Request-ID": 'a"b c'})
    assert unsafe.headers["x-request-id"] not in ("", 'a"b c')
    lines = {line.get("request"): line for line in server.log()}
    line = lines["order-66"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/healthz", 200)
    assert line["process"] in [worker.pid for worker in server.workers()]
    assert unsafe.headers["x-request-id"] in lines


def test_metrics_count_over_all_workers(tmp_path: Path, model: Path, street: Path) -> None:
    with serving(tmp_path, model, "--workers", 2) as running:
        answered = set()
        requests = 0
        while len(answered) < 2:  # each client is a new connection, which either worker may take
            with running.client() as client:
                assert client.post("/segment", content=street.read_bytes()).status_code == 200
            requests += 1
            answered = {line["process"] for line in running.log() if line.get("path") == "/segment"}
        with running.client() as client:
            lines = client.get("/metrics").text.splitlines()
    assert f'streetseg_requests_total{{route="/segment",status="200"}} {float(requests)}' in lines
    assert f'streetseg_compute_seconds_count{{model="street"}} {float(requests)}' in lines
    assert "streetseg_places_taken 0.0" in lines


def test_a_token_is_asked_of_everybody_but_for_health_and_the_page(tmp_path: Path, model: Path, street: Path) -> None:
    with serving(tmp_path, model, "--host", "0.0.0.0", "--token", "secret-1") as running, running.client() as client:
        for method, path in (
            ("GET", "/model"),
            ("GET", "/metrics"),
            ("POST", "/segment"),
            ("POST", "/segment/video"),
        ):
            for headers in ({}, {"Authorization": "Bearer secret-2"}, {"Authorization": "Basic secret-1"}):
                refusal = client.request(method, path, headers=headers)
                assert (refusal.status_code, refusal.headers["www-authenticate"]) == (401, "Bearer")
                assert refusal.json()["error"] == "the token is missing or another one"
        headers = {"Authorization": "Bearer secret-1"}
        assert client.get("/model", headers=headers).status_code == 200
        assert client.post("/segment", content=street.read_bytes(), headers=headers).status_code == 200
        assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/")] == [200, 200, 200]
    assert "secret" not in running.errors.read_text()


def test_the_token_may_come_from_the_environment(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREETSEG_TOKEN", "secret-3")
    with serving(tmp_path, model) as running, running.client() as client:
        assert client.get("/model").status_code == 401
        assert client.get("/model", headers={"Authorization": "Bearer secret-3"}).status_code == 200


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not list the libraries of a process")
def test_neither_server_nor_workers_load_torch(server: Serving, client: httpx.Client, street: Path) -> None:
    assert client.post("/segment?output=json&include=confidence", content=street.read_bytes()).status_code == 200
    processes = [server.process.pid, *(worker.pid for worker in server.workers())]
    assert len(processes) == 3
    assert [pid for pid in processes if "libtorch" in Path(f"/proc/{pid}/maps").read_text()] == []


@pytest.mark.parametrize(
    ("words", "problem", "hint"),
    [
        (["{bundle}"], "the server runs exported models", "streetseg export {bundle} --format onnx"),
        (["{model}", "{model}"], "two models of one name", "rename one of the files"),
        (["{folder}/none.onnx"], "cannot be read", None),
        (["{model}", "--host", "0.0.0.0"], "the server needs a token", "--token TOKEN"),
        (["{model}", "--token", ""], "the token is empty", "openssl rand"),
        (["{model}", "--engine", "torch"], "engine torch cannot run this model", None),
        (["{model}", "--port", "{port}"], "the address cannot be used", "--port 0"),
        (["{model}", "--host", "no.such.host.invalid", "--token", "x"], "the address cannot be used", None),
    ],
)
def test_what_cannot_be_served_is_said(
    words: list[str], problem: str, hint: str | None, server: Serving, model: Path, tmp_path: Path, streetseg: Command
) -> None:
    bundle = tmp_path / "bundle"
    names = {"bundle": bundle, "model": model, "folder": tmp_path, "port": server.address[1]}
    done = streetseg("serve", *(word.format(**names) for word in words))
    assert done.code == 2
    assert done.err.startswith("error: ") and problem in done.err
    assert hint is None or hint.format(**names) in done.err
