"""Requests that a server must not do, from clients that are mistaken, slow, many, or gone."""

import io
import socket
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

import tiny
from serving import Serving, answer, half_sent, serving, wait_for_places
from streetseg.png import encode_png
from streetseg.serve.settings import PLACES

STREET = encode_png(tiny.street(1, (48, 64))[0])
MEGABYTE = 1_000_000


def bomb(side: int) -> bytes:
    """Return a PNG file of side x side pixels, all black, of a hundredth of that many bytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def resident(server: Serving) -> int:
    """Return the bytes of main memory of all workers."""
    return sum(worker.memory_info().rss for worker in server.workers())


def stream(size: int) -> Iterator[bytes]:
    for _ in range(size // MEGABYTE):
        yield bytes(MEGABYTE)


@pytest.mark.bad_input(37, "a body over the limit: 413, whether its length is named or not; it is never kept in memory")
@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(100 * MEGABYTE)}], ids=["chunked", "length"])
@pytest.mark.parametrize("path", ["/segment", "/segment?output=json"])
def test_a_large_body(server: Serving, client: httpx.Client, headers: dict[str, str], path: str) -> None:
    before = resident(server)
    refusal = client.post(path, content=stream(100 * MEGABYTE), headers=headers)
    assert (refusal.status_code, refusal.json()["error"]) == (413, "the body is larger than 2 MB")
    assert resident(server) - before < 50 * MEGABYTE
    assert client.get("/healthz").status_code == 200


@pytest.mark.bad_input(37, "a form with a file over the limit: 413")
def test_a_large_form(client: httpx.Client) -> None:
    refusal = client.post("/segment", files={"image": bytes(5 * MEGABYTE)})
    assert (refusal.status_code, refusal.json()["error"]) == (413, "the body is larger than 2 MB")


@pytest.mark.bad_input(37, "an image of 900 megapixels in 100 kB: 413 from its header, nothing is decoded")
def test_a_decompression_bomb(server: Serving, client: httpx.Client) -> None:
    data, before = bomb(30_000), resident(server)
    assert len(data) < 150_000
    refusal = client.post("/segment", content=data)
    assert refusal.status_code == 413
    assert refusal.json()["error"] == "the body: image is larger than 25 megapixels (900 by its header)"
    assert resident(server) - before < 50 * MEGABYTE


@pytest.mark.bad_input(37, "a body that is no image, or of a media type that is none: 415; empty or damaged: 400")
@pytest.mark.parametrize(
    ("body", "media_type", "status", "error"),
    [
        (b"", "image/png", 400, "the body is empty"),
        (b"%PDF-1.7 not an image", "image/png", 415, "the body: file is no image"),
        (b"<html>", "text/html", 415, "the body is 'text/html', expected an image or a form"),
        (STREET, "application/json", 415, "the body is 'application/json', expected an image or a form"),
        (STREET[:200], "image/png", 400, "the body: file is damaged"),
        (b"", "multipart/form-data", 400, "the form cannot be read (Missing boundary"),
        (b"no form", "multipart/form-data; boundary=x", 400, "the form"),
    ],
)
def test_a_body_that_is_no_image(client: httpx.Client, body: bytes, media_type: str, status: int, error: str) -> None:
    refusal = client.post("/segment", content=body, headers={"Content-Type": media_type})
    assert refusal.status_code == status
    assert refusal.headers["content-type"] == "application/json"
    assert refusal.json()["error"].startswith(error)
    assert refusal.json()["hint"]


def test_floating_point_pixels_are_no_image_that_is_read(client: httpx.Client) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.float32)).save(file, format="TIFF")
    refusal = client.post("/segment", content=file.getvalue())
    assert (refusal.status_code, refusal.json()["error"][:45]) == (400, "the body: image has floating-point pixels (ex")


def test_a_form_without_the_field(client: httpx.Client) -> None:
    for form in ({"files": {"photo": STREET}}, {"files": {"photo": STREET}, "data": {"image": "a text"}}):
        refusal = client.post("/segment", **form)  # type: ignore[arg-type]
        assert (refusal.status_code, refusal.json()["hint"]) == (400, "-F image=@FILE")


@pytest.mark.bad_input(37, "a file name of 50 kB: in a form it is cut or refused with 400, in the address 404")
def test_a_long_file_name(server: Serving, client: httpx.Client) -> None:
    name = "n" * 50_000
    in_form = client.post("/segment", files={"image": (f"{name}.png", STREET)})
    assert in_form.status_code in (200, 400)
    damaged = client.post("/segment", files={"image": (f"{name[:2000]}.png", STREET[:200])})
    assert damaged.status_code == 400
    assert len(damaged.content) < 1000
    assert client.get(f"/{name}").status_code == 404
    assert client.post(f"/segment?model={name}", content=STREET).status_code == 422
    assert max(len(line) for line in server.errors.read_text().splitlines()) < 5000


@pytest.mark.bad_input(38, "a file named as HTML in a request: the answer is JSON that no browser sniffs, the log too")
def test_a_file_named_as_html(server: Serving, client: httpx.Client) -> None:
    name = '"><img src=x onerror=alert(1)>.png'
    refusal = client.post("/segment", files={"image": (name, STREET[:200])})
    assert refusal.status_code == 400
    assert "<img" in refusal.json()["error"]
    assert refusal.headers["content-type"] == "application/json"
    assert refusal.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in refusal.headers["content-security-policy"]
    client.get("/%22%3E%3Cimg%20src=x%3E%0A{}")
    assert all(line for line in server.log())


@pytest.mark.bad_input(37, "parameters that are not allowed: 422 with what is")
@pytest.mark.parametrize(
    "query", ["output=mask", "include=everything&output=json", "include=labels,,&output=json", "model="]
)
def test_a_parameter_that_is_not_allowed(client: httpx.Client, query: str) -> None:
    refusal = client.post(f"/segment?{query}", content=STREET)
    assert refusal.status_code == 422
    assert refusal.json()["error"]


def test_polygons_of_noise_are_not_traced(
    tmp_path: Path, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streetseg.serve import model
    from streetseg.serve.answers import RequestFailedError

    noise = np.random.default_rng(0).integers(0, 2, (700, 700), dtype=np.uint8)
    with pytest.raises(RequestFailedError) as refusal:
        model._require_short_borders(noise)
    assert refusal.value.status == 413
    model._require_short_borders(np.repeat(np.repeat(noise[:70, :70], 10, 0), 10, 1))


@pytest.mark.bad_input(37, "a client that sends its body slowly: 408, its place is free again, others are served")
def test_a_slow_client(tmp_path: Path, model: Path) -> None:
    with serving(tmp_path, model, "--timeout", 5) as running, running.client() as client:
        with half_sent(running, STREET) as slow:
            assert client.post("/segment", content=STREET).status_code == 200
            received = answer(slow)
        assert received.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not arrive within 5 s" in received
        wait_for_places(running, 0)
        assert client.post("/segment", content=STREET).status_code == 200


@pytest.mark.bad_input(37, "more requests at once than there are places: 503 with Retry-After, the others are served")
def test_more_requests_than_places(tmp_path: Path, model: Path) -> None:
    with serving(tmp_path, model) as running, running.client() as client:
        waiting = [half_sent(running, STREET) for _ in range(PLACES)]
        wait_for_places(running, PLACES)
        refusal = client.post("/segment", content=STREET)
        assert (refusal.status_code, refusal.headers["retry-after"]) == (503, "2")
        assert refusal.json() == {"error": f"the server is busy with {PLACES} requests", "hint": "ask again"}
        assert client.get("/readyz").status_code == 200
        for connection in waiting:
            connection.sendall(STREET[-1:])
        assert [answer(connection)[:12] for connection in waiting] == [b"HTTP/1.1 200"] * PLACES
        assert client.post("/segment", content=STREET).status_code == 200
        for connection in waiting:
            connection.close()


@pytest.mark.bad_input(37, "twenty clients at once: 200 or 503, nothing else")
def test_twenty_clients(server: Serving) -> None:
    def work(number: int) -> list[int]:
        with server.client() as client:
            return [client.post("/segment?output=json", content=STREET).status_code for _ in range(5)]

    with ThreadPoolExecutor(20) as pool:
        statuses = [status for found in pool.map(work, range(20)) for status in found]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 20


@pytest.mark.bad_input(37, "a client that is gone in the middle of its request: its place is free again")
def test_a_client_that_is_gone(server: Serving, client: httpx.Client) -> None:
    for sent in (1, 0):  # in the middle of the body, and behind it
        connections = [half_sent(server, STREET) for _ in range(5)]
        for connection in connections:
            if not sent:
                connection.sendall(STREET[-1:])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes by a reset
            connection.close()
        wait_for_places(server, 0)
    assert client.post("/segment", content=STREET).status_code == 200


@pytest.mark.bad_input(37, "bytes that are no HTTP: 400; the server goes on")
def test_no_http(server: Serving, client: httpx.Client) -> None:
    with socket.create_connection(server.address) as connection:
        connection.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 400 ")
    assert client.get("/healthz").status_code == 200
