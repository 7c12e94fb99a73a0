"""Let other programs run `streetseg` in forks of the test's process, without the seconds that importing torch takes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from forked import be_child, command, need_fork

# The program `streetseg` that the others find: hand arguments, folder, environment and streams to the test's process.
# A shell runs it first, because the first line of a script cannot name a Python whose path has a space.
STUB = """#!/bin/sh
'''exec' "{python}" -S "$0" "$@"
' '''
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [b"%9d" % len(request)], [0, 1, 2])
server.sendall(request)
sys.exit(int(server.recv(9)))
"""


@dataclass(frozen=True)
class Ended:
    """A program that has ended.

    Args:
        code: its exit code.
        out: stdout.
        err: stderr.
        commands: the arguments of each `streetseg` that it ran.
    """

    code: int
    out: str
    err: str
    commands: list[list[str]]


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ended:
    """Run a program in a folder, and each `streetseg` that it starts, one at a time, in a fork of this process."""
    need_fork()
    for heavy in ("onnx", "onnxruntime", "timm", "torch", "torchvision", "streetseg.api.training"):
        import_module(heavy)  # here, once, and not in each fork
    files = folder.parent / "served"
    files.mkdir(exist_ok=True)
    address, stub = files / "socket", files / "streetseg"
    address.unlink(missing_ok=True)
    stub.write_text(STUB.format(python=sys.executable, address=str(address)))
    stub.chmod(0o755)
    path = os.pathsep.join([str(files), str(Path(sys.executable).parent), os.environ["PATH"]])
    commands = []
    with socket.socket(socket.AF_UNIX) as server, (files / "out").open("w+") as out, (files / "err").open("w+") as err:
        server.bind(str(address))
        server.listen()
        server.settimeout(0.05)
        process = subprocess.Popen(
            argv, cwd=folder, env=os.environ | environment | {"PATH": path}, stdout=out, stderr=err
        )
        while process.poll() is None:
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            with client:
                commands.append(_serve(client))
        out.seek(0)
        err.seek(0)
        return Ended(process.returncode, out.read(), err.read(), commands)


def _serve(client: socket.socket) -> list[str]:
    """Run one command for a client; return its arguments."""
    size, streams, _, _ = socket.recv_fds(client, 9, 3)
    with client.makefile("rb") as stream:
        argv, folder, environment = json.loads(stream.read(int(size)))

    def work() -> None:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        # Those of pytest lead elsewhere.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        command(*argv)()

    pid = os.fork()
    if pid == 0:
        be_child(work)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(pid, 0)
    client.sendall(b"%d" % os.waitstatus_to_exitcode(status))
    return argv
