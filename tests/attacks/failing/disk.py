"""A disk that forgets what it was not told to keep: our calls replayed on it, and what a crash could leave.

A file's bytes are kept by an fsync of the file; a name (a file's, or a folder's) by an fsync of the folder it stands
in. A real disk may have kept more: names before bytes, or bytes before names. `states` gives the four extremes.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.attacks.failing.calls import Call


@dataclass(eq=False, slots=True)
class _Inode:
    """`kept`: the bytes of the last fsync."""

    live: bytes = b""
    kept: bytes = b""


Names = dict[Path, _Inode | None]
"""None is a folder."""
Survivors = dict[Path, bytes]
"""What is found after a crash: files by path."""


@dataclass
class Disk:
    """Everything below `root`, whose own name is kept. What lies there already counts as kept."""

    root: Path
    _live: Names = field(default_factory=dict)
    _kept: Names = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        for path in self.root.rglob("*"):
            self._live[path] = None
            if path.is_file():
                content = path.read_bytes()
                self._live[path] = _Inode(content, content)
        self._kept = dict(self._live)

    def __call__(self, call: Call, do: Callable[[], Any]) -> Any:
        """Carry the call out, and note it once it has succeeded."""
        with self._lock:
            done = do()
            if call.path.is_relative_to(self.root):
                self._note(call, done)
            return done

    def states(self) -> Iterator[tuple[str, Survivors]]:
        """What a crash at this moment could leave: names and bytes each as synced, or as they last were."""
        with self._lock:
            for names, entries in (("kept", self._kept), ("latest", self._live)):
                for bytes_ in ("kept", "latest"):
                    yield f"{names} names, {bytes_} bytes", self._found(entries, latest=bytes_ == "latest")

    def _found(self, entries: Names, *, latest: bool) -> Survivors:
        found = {}
        for path, inode in entries.items():
            above = path.parents[: len(path.relative_to(self.root).parts) - 1]
            if inode is not None and all(one in entries for one in above):
                found[path] = inode.live if latest else inode.kept
        return found

    def _note(self, call: Call, done: Any) -> None:
        match call.act:
            case "open" if call.creates and call.path not in self._live:
                self._live[call.path] = _Inode()
            case "mkdir":
                self._live[call.path] = None
            case "write":
                inode = self._file(call.path)
                inode.live += call.data[: done if isinstance(done, int) else None]
            case "ftruncate":
                inode = self._file(call.path)
                inode.live = inode.live[: int(call.data)]
            case "fsync":
                self._sync(call.path)
            case "rename" | "replace" if call.target is not None:
                self._live[call.target] = self._live.pop(call.path)
            case "link" if call.target is not None:
                self._live[call.target] = self._live[call.path]
            case "unlink":
                self._live.pop(call.path, None)

    def _file(self, path: Path) -> _Inode:
        inode = self._live[path]
        assert inode is not None, path
        return inode

    def _sync(self, path: Path) -> None:
        if path != self.root and (inode := self._live.get(path)) is not None:
            inode.kept = inode.live
            return
        for gone in [one for one in self._kept if one.parent == path and one not in self._live]:
            del self._kept[gone]
        for name, inode in self._live.items():
            if name.parent == path:
                self._kept[name] = inode
