"""What our own code asks of the kernel about files, seen from outside, before and after each call.

Only calls made by a room of the product are shown, by the place in our code they come from, whatever module of the
standard library lies in between. A watcher is handed each call with what would carry it out, and may carry it out,
refuse it, do half of it, or end the process.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

import pytest

ROOT: Final = Path(__file__).resolve().parents[3]
ROOMS: Final = tuple(
    f"{ROOT}/{room}/"
    for room in ("api", "resolvers", "dossiers", "procedures", "vault", "auth", "connectors", "store")
)
_LIBRARY: Final = f"{Path(os.__file__).parent}/"
_OURSELVES: Final = __file__
_DEEPEST: Final = 8
"""Frames of the standard library between our call and the kernel's: `Path.write_text` has the most."""


@dataclass(frozen=True, slots=True)
class Call:
    """`place`: module, function and act. `target`: the second name of a rename or link. `data`: what is written."""

    place: str
    act: str
    path: Path
    target: Path | None = None
    data: bytes = b""
    descriptor: int = -1
    creates: bool = False
    buffered: bool = False
    """By a file object, which goes on by itself after a short write."""


class Watcher(Protocol):
    """Sees every call; returns what the call is to return."""

    def __call__(self, call: Call, do: Callable[[], Any]) -> Any: ...


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Every call of ours goes by the watcher inside the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name, describe in _DESCRIBED.items():
            patch.setattr(os, name, _seen(watcher, name, getattr(os, name), describe))
        opening = _opening(watcher, io.open)
        patch.setattr(io, "open", opening)
        patch.setattr("builtins.open", opening)
        yield


def _seen(
    watcher: Watcher, act: str, real: Callable[..., Any], describe: Callable[..., dict[str, Any]]
) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        ours = our_place(sys._getframe(1))
        if ours is None:
            return real(*given, **named)
        seen = Call(f"{ours}: {act}", act, **describe(*given, **named))
        return watcher(seen, lambda: real(*given, **named))

    return call


def _opening(watcher: Watcher, real: Callable[..., Any]) -> Callable[..., Any]:
    def opening(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        ours = our_place(sys._getframe(1))
        if ours is None or not set(mode) & set("wax+"):
            return real(file, mode, *given, **named)
        path = _of_descriptor(file) if isinstance(file, int) else Path(file)
        if isinstance(file, int):
            return _File(watcher, ours, real(file, mode, *given, **named), path)
        opened = watcher(
            Call(f"{ours}: open", "open", path, creates=True), lambda: real(file, mode, *given, **named)
        )
        return _File(watcher, ours, opened, path)

    return opening


class _File:
    """A file object whose every `write` reaches the kernel at once, as a call of its own."""

    def __init__(self, watcher: Watcher, ours: str, file: Any, path: Path) -> None:
        self._watcher, self._ours, self._file, self._path = watcher, ours, file, path

    def write(self, data: Any) -> int:
        raw = data.encode() if isinstance(data, str) else bytes(data)
        descriptor = self._file.fileno()
        call = Call(
            f"{self._ours}: write", "write", self._path, data=raw, descriptor=descriptor, buffered=True
        )
        return int(self._watcher(call, lambda: self._put(data)))

    def _put(self, data: Any) -> int:
        written = self._file.write(data)
        self._file.flush()
        return int(written)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def our_place(frame: FrameType | None) -> str | None:
    """The module and function of ours that asked, or None when somebody else did."""
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        file = frame.f_code.co_filename
        if file.startswith(ROOMS):
            return f"{file.removeprefix(f'{ROOT}/')} {frame.f_code.co_name}"
        if not file.startswith((_LIBRARY, _OURSELVES, "<frozen ")) or "site-packages" in file:
            return None
        frame = frame.f_back
    return None


def _of_descriptor(descriptor: int) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)"))


def _at(path: Any, folder: int | None) -> Path:
    given = Path(os.fsdecode(path))
    return given if folder is None else _of_descriptor(folder) / given


def _open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> dict[str, Any]:
    return {"path": _at(path, dir_fd), "creates": bool(flags & os.O_CREAT)}


def _mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> dict[str, Any]:
    return {"path": _at(path, dir_fd)}


def _write(descriptor: int, data: Any) -> dict[str, Any]:
    return {"path": _of_descriptor(descriptor), "data": bytes(data), "descriptor": descriptor}


def _ftruncate(descriptor: int, size: int) -> dict[str, Any]:
    return {"path": _of_descriptor(descriptor), "data": str(size).encode(), "descriptor": descriptor}


def _fsync(descriptor: int) -> dict[str, Any]:
    return {"path": _of_descriptor(descriptor), "descriptor": descriptor}


def _pread(descriptor: int, size: int, position: int) -> dict[str, Any]:
    return {"path": _of_descriptor(descriptor), "descriptor": descriptor}


def _two(
    source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
) -> dict[str, Any]:
    return {"path": _at(source, src_dir_fd), "target": _at(target, dst_dir_fd)}


def _unlink(path: Any, *, dir_fd: int | None = None) -> dict[str, Any]:
    return {"path": _at(path, dir_fd)}


_DESCRIBED: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "open": _open,
    "mkdir": _mkdir,
    "write": _write,
    "ftruncate": _ftruncate,
    "fsync": _fsync,
    "pread": _pread,
    "rename": _two,
    "replace": _two,
    "link": _two,
    "unlink": _unlink,
}
