"""`motlan` for a shell, without waiting seconds for its imports each time.

`python -m tests.flows.typed SOCKET` reads the product in once, then each command runs in a fork of its own with the
shell's streams, folder and environment.

Typed in a shell, `motlan` is the small program `shim` writes; it hands all that over and exits as the command did.
"""

import array
import json
import os
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path

from api.__main__ import main

_CLIENT = """#!{python} -SE
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    streams = array.array("i", (0, 1, 2)).tobytes()
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    line.sendmsg([len(said).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    line.sendall(said)
    answer = line.recv(1)
sys.exit(answer[0] if answer else 137)
"""


def shim(folder: Path, address: Path) -> None:
    """Put `motlan` into a folder for PATH."""
    program = folder / "motlan"
    program.write_text(_CLIENT.format(python=sys.executable, address=str(address)), "utf-8")
    program.chmod(0o755)


def serve(address: str) -> None:
    """Answer until whoever started this is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            line, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                os._exit(_run(line))
            line.close()


def _run(line: socket.socket) -> int:
    code = 1
    try:
        head, rights, _, _ = line.recvmsg(4, socket.CMSG_SPACE(3 * 4))
        streams = array.array("i", rights[0][2])
        said = b""
        while len(said) < int.from_bytes(head, "big"):
            said += line.recv(65536)
        arguments, folder, environment = json.loads(said)
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        threading.Thread(target=_die_with, args=(line,), daemon=True).start()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(bytes([code]))
    return code


def _die_with(line: socket.socket) -> None:
    """Whoever kills the program typed kills what it runs."""
    line.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve(sys.argv[1])
