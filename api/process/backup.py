"""`motlan backup DIR --keys DIR2`: both databases as of one moment each, and the files they name, beside whoever
writes.

Database first, files after: a file is there before its row, and stays a day after. What a row names is still there
when its turn comes. Keys into a folder of their own, which is kept apart, and not for long.
"""

import argparse
import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from api.process.commands import show, tell, telling
from api.process.serving import reach_servers
from api.rings import open_ring
from api.settings import VERSION, Settings
from store.backup import folder
from store.backup.folder import Draft, Manifest
from store.backup.tables import Copied, snapshot
from store.checkpoints import LogSigner
from store.embedded import Servers
from store.identifiers import new_id
from vault.backup.files import OF_PAPERS, OF_UPLOADS, copy_files
from vault.sealing.blobs import LocalBlobs

MAIN = "database"
KEYS = "keys"

_HEAD = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"


def add_backup_command(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """`backup DIR --keys DIR2`, or `--without-keys`."""
    backing = verbs.add_parser(
        "backup", parents=[common], help="databases and files, beside a running platform"
    )
    backing.add_argument("folder", type=Path, help="a new folder for the main database and the sealed files")
    keys = backing.add_mutually_exclusive_group(required=True)
    keys.add_argument("--keys", type=Path, help="a new folder elsewhere for the keys database")
    keys.add_argument("--without-keys", action="store_true", help="the keys database is backed up otherwise")
    backing.set_defaults(
        run=lambda given, settings: asyncio.run(
            back_up(settings, given.folder.absolute(), given.keys.absolute() if given.keys else None)
        )
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """What every manifest of this backup says alike."""

    backup: str
    at: str
    instance: str
    signer: LogSigner

    def manifest(
        self, kind: str, copied: Copied, checkpoint: str | None = None, missing: int = 0
    ) -> Manifest:
        return Manifest(
            kind=kind,
            backup=self.backup,
            platform=VERSION,
            taken_at=self.at,
            instance=self.instance,
            origin=self.signer.key.origin,
            revision=copied.revision,
            tables=copied.tables,
            sequences=copied.sequences,
            checkpoint=checkpoint,
            missing=missing,
        )


async def back_up(settings: Settings, target: Path, keys_target: Path | None) -> int:
    """Take a backup; 1 when files of papers are missing, which is an incident. Raises BackupRefused, OSError."""
    signer = LogSigner.from_file(settings.keys / "log.key", settings.log_origin)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    taken = _Taken(str(new_id()), at, open_ring(settings).instance, signer)
    if keys_target is not None:
        folder.drop_twin(keys_target, target)
    with ExitStack() as stack:
        draft = stack.enter_context(Draft(target, taken.backup))
        keys_draft = stack.enter_context(Draft(keys_target, taken.backup)) if keys_target else None
        async with reach_servers(settings) as servers:
            manifest = await _main(servers, settings, draft, keys_draft, taken)
        # The keys first: a main backup under its name has its keys, or was told to have none.
        if keys_draft is not None:
            keys_draft.keep()
        draft.keep()
    show(f"{draft.files} files, {draft.size_bytes} bytes in {target}")
    if manifest.missing:
        tell(f"{manifest.missing} files of papers are not there: an incident, see the operations page")
    return 1 if manifest.missing else 0


async def _main(
    servers: Servers, settings: Settings, draft: Draft, keys_draft: Draft | None, taken: _Taken
) -> Manifest:
    async with snapshot(servers.owner_url) as main:
        copied = await main.copy_to(draft, MAIN, tell)
        papers, uploads = await main.values(OF_PAPERS), await main.values(OF_UPLOADS)
        head = await main.values(_HEAD)
    # After the main database: whoever's papers are in that has a key in this.
    if keys_draft is not None:
        async with snapshot(servers.keys_owner_url) as keys:
            sealed = await keys.copy_to(keys_draft, KEYS, tell)
        await asyncio.to_thread(keys_draft.finish, taken.manifest(KEYS, sealed), taken.signer)
    blobs = LocalBlobs(settings.data / "blobs")
    missing = await copy_files(blobs, papers, uploads, draft, telling("files"))
    manifest = taken.manifest("platform", copied, head[0] if head else None, missing)
    await asyncio.to_thread(draft.finish, manifest, taken.signer)
    return manifest
