"""Type into a real shell on a terminal of its own, and see which arguments a program then gets."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "win32":
    import pty

STARTS = {  # shell -> how it starts without the files of a user, and what lets it complete
    "bash": (["--norc", "--noprofile"], 'eval "$(streetseg completion bash)"'),
    "zsh": (["-f"], "autoload -Uz compinit; compinit -D -u; source <(streetseg completion zsh)"),
    "fish": (["--no-config"], "streetseg completion fish | source"),
}
TIMEOUT = 60  # seconds until a shell has run a line


class Shell:
    """A shell in a folder. The program streetseg in it completes as always; else it writes its arguments to a file."""

    def __init__(self, name: str, folder: Path) -> None:
        program = shutil.which(name)
        if program is None or sys.platform == "win32":
            pytest.skip(f"{name} is not installed")
        self.arguments = folder / "arguments"
        stub = folder / "bin" / "streetseg"
        stub.parent.mkdir()
        stub.write_text(
            "#!/bin/sh\n"
            f'if [ -n "$_STREETSEG_COMPLETE" ] || [ "$1" = completion ]; then\n'
            f'    exec "{sys.executable}" -m streetseg "$@"\n'
            "fi\n"
            f'printf "%s\\n" "$@" > "{self.arguments}.part" && mv "{self.arguments}.part" "{self.arguments}"\n'
        )
        stub.chmod(0o755)
        home = folder / "home"
        (home / "pastures").mkdir(parents=True)
        args, enable = STARTS[name]
        self.terminal, its_end = pty.openpty()
        environment = {"PATH": f"{stub.parent}:{os.environ['PATH']}", "HOME": str(home), "TERM": "dumb"}
        self.process = subprocess.Popen(
            [program, *args],
            cwd=folder,
            env=os.environ | environment,
            preexec_fn=lambda: os.login_tty(its_end),
        )
        os.close(its_end)
        os.set_blocking(self.terminal, False)
        self.run(f"{enable}; streetseg ready")

    def run(self, typed: str) -> list[str]:
        """Type text and Enter; return the arguments that the program streetseg then gets."""
        self.arguments.unlink(missing_ok=True)
        os.write(self.terminal, f"{typed}\r".encode())
        output, end = b"", time.monotonic() + TIMEOUT
        while not self.arguments.exists():
            assert time.monotonic() < end, output.decode(errors="replace")
            try:
                output += os.read(self.terminal, 10_000)
            except BlockingIOError:
                time.sleep(0.01)
        return self.arguments.read_text().splitlines()

    def close(self) -> None:
        """End the shell."""
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
