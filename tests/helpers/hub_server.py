"""A small Hugging Face Hub on the loopback of this machine: repositories in memory, and faults on request.

It speaks the part of the Hub's HTTP interface that huggingface_hub needs to push and to download a model.
"""

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from huggingface_hub import constants

TOKEN = "hf_the-token-of-the-tests"
LARGE = 10_000  # bytes, from which files are uploaded by themselves, as Git LFS does
READER = "hf_a-token-that-only-reads"


@dataclass
class Repository:
    """A repository: commits and branches. A commit is name -> content of its files."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, changes: dict[str, bytes], branch: str = "main", message: str = "") -> str:
        """Add files to a branch. Return the commit."""
        files = self.commits.get(self.branches.get(branch, ""), {}) | changes
        known = "".join(f"{name} {hashlib.sha256(content).hexdigest()}\n" for name, content in sorted(files.items()))
        sha = hashlib.sha1(f"{known}{len(self.commits)}".encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        self.messages.append(message)
        return sha

    def at(self, revision: str) -> str | None:
        """Return the commit of a branch or commit; None where there is none."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)


@dataclass
class Hub:
    """The server.

    Args:
        url: its address.
        repositories: OWNER/NAME -> its content.
        requests: method and path of each request.
        cuts: how many requests for a large file end in its middle.
        cut_upload: cut the connection in the middle of uploads to paths that hold this word.
        objects: SHA-256 -> content of the large files that were uploaded.
        announced: name of a file -> the size that the server claims for it.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    cuts: int = 0
    cut_upload: str | None = None
    objects: dict[str, bytes] = field(default_factory=dict)
    announced: dict[str, int] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self) -> None:
        address = urlsplit(self.path)
        path = unquote(address.path)
        self.hub.requests.append(f"{self.command} {path}")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in ("", TOKEN, READER):
            return self._fail(401, message="Invalid credentials in Authorization header")
        if self.hub.cut_upload and self.command in ("POST", "PUT") and self.hub.cut_upload in path:
            self.rfile.read(500)
            return self._cut()
        if path == "/api/repos/create":
            return self._create(token)
        if path == "/api/validate-yaml":
            return self._validate()
        if self.command == "PUT":
            content = self._body()
            self.hub.objects[hashlib.sha256(content).hexdigest()] = content
            return self._json({})
        for pattern, answer in (
            (r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", self._batch),
            (r"/api/models/([^/]+/[^/]+)/(preupload|commit|branch)/(.+)", self._write),
            (r"/api/models/([^/]+/[^/]+?)(?:/revision/(.+))?", self._info),
            (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._file),
        ):
            if match := re.fullmatch(pattern, address.path):  # not decoded: a branch may hold a slash
                repository = self.hub.repositories.get(match[1])
                if repository is None or (repository.private and not token):
                    return self._fail(404, "RepoNotFound")
                return answer(repository, token, *(group and unquote(group) for group in match.groups()))
        return self._fail(404)

    def _create(self, token: str) -> None:
        requested = json.loads(self._body())
        name = f"{requested.get('organization') or 'me'}/{requested['name']}"
        if token != TOKEN:
            return self._fail(403, message="You don't have the rights to create a model under this namespace")
        there = name in self.hub.repositories
        if not there:
            self.hub.repositories[name] = repository = Repository(private=requested.get("visibility") == "private")
            repository.commit({".gitattributes": b""})
        return self._json({"url": f"{self.hub.url}/{name}", "error": "exists" if there else ""}, 409 if there else 200)

    def _validate(self) -> None:
        """Check the head of a card as the Hub does: a mapping, whose scores name task, data set and metrics."""
        head = yaml.safe_load(json.loads(self._body())["content"].split("---\n")[1])
        errors = [] if isinstance(head, dict) else [{"message": "the head is no mapping"}]
        for model in head.get("model-index", ()):
            for result in model["results"]:
                if not {"task", "dataset", "metrics"} <= result.keys() or not result["dataset"].get("type"):
                    errors.append({"message": f"a result of {model['name']} is incomplete"})
        return self._json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def _write(self, repository: Repository, token: str, name: str, what: str, revision: str) -> None:
        if token != TOKEN:
            self._body()
            return self._fail(403, message="You are not authorized to write to this repository")
        body = self._body()
        if what == "branch":
            there = revision in repository.branches
            repository.branches.setdefault(revision, repository.branches["main"])
            return self._json({}, 409 if there else 200)
        if repository.at(revision) is None:
            return self._fail(404, "RevisionNotFound")
        if what == "preupload":
            files = [{"path": file["path"], "uploadMode": "lfs" if file["size"] > LARGE else "regular",
                      "shouldIgnore": False, "oid": None} for file in json.loads(body)["files"]]  # fmt: skip
            return self._json({"files": files})
        lines = [json.loads(line) for line in body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        changes = {line["value"]["path"]: base64.b64decode(line["value"]["content"])
                   for line in lines if line["key"] == "file"}  # fmt: skip
        changes |= {line["value"]["path"]: self.hub.objects[line["value"]["oid"]]
                    for line in lines if line["key"] == "lfsFile"}  # fmt: skip
        sha = repository.commit(changes, revision, header["summary"])
        return self._json({"commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha, "success": True})

    def _batch(self, repository: Repository, token: str, name: str) -> None:
        """Say where large files are to be uploaded."""
        objects = [{**file, "actions": {"upload": {"href": f"{self.hub.url}/large/{file['oid']}"}}}
                   for file in json.loads(self._body())["objects"]]  # fmt: skip
        return self._json({"transfer": "basic", "objects": objects})

    def _info(self, repository: Repository, token: str, name: str, revision: str | None) -> None:
        sha = repository.at(revision or "main")
        if sha is None:
            return self._fail(404, "RevisionNotFound")
        siblings = [{"rfilename": file, "size": self.hub.announced.get(file, len(content))}
                    for file, content in repository.commits[sha].items()]  # fmt: skip
        return self._json({"id": name, "sha": sha, "private": repository.private, "siblings": siblings})

    def _file(self, repository: Repository, token: str, name: str, revision: str, file: str) -> None:
        if repository.gated:
            return self._fail(403, "GatedRepo")
        sha = repository.at(revision)
        content = None if sha is None else repository.commits[sha].get(file)
        if sha is None or content is None:
            return self._fail(404, "EntryNotFound")
        first = int(match[1]) if (match := re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))) else 0
        self.send_response(206 if first else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", sha)
        self.send_header("Content-Length", str(len(content) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return None
        if len(content) > LARGE and self.hub.cuts:
            self.hub.cuts -= 1
            self.wfile.write(content[first : len(content) // 2])
            return self._cut()
        self.wfile.write(content[first:])
        return None

    def _body(self) -> bytes:
        """Return the body of a request, sent with its length or in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def _fail(self, status: int, code: str = "", message: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        self._json({"error": message}, status, {name: value for name, value in headers.items() if value})

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def loopback_hub() -> Iterator[Hub]:
    """Run a Hub in a thread."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def used_by_client(hub: Hub, cache: Path) -> Iterator[pytest.MonkeyPatch]:
    """Let the client of this process use a Hub, with a cache folder and a token that may write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # a protocol of the Hub's own for large files
        patch.setattr("time.sleep", lambda seconds: None)  # before the client's further tries
        patch.setenv("HF_TOKEN", TOKEN)
        yield patch
