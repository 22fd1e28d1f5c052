"""Why the store refuses to open, to replay or to sign. Typed fields, stable codes, no data of a person."""

from pathlib import Path


class StoreRefusal(Exception):
    """A refusal of this room."""

    code = "STORE_REFUSED"


class DataFolderRefused(StoreRefusal):
    """The data folder cannot be served as it stands, and was left as it was.

    `reason`: in_use (another process holds it), other_version (`found` and `expected` major versions),
    not_a_cluster, foreign_owner, unreachable (no folder the unprivileged account could reach).
    """

    code = "DATA_FOLDER_REFUSED"

    def __init__(self, folder: Path, reason: str, found: str = "", expected: str = "") -> None:
        versions = f" (found {found}, expected {expected})" if found else ""
        super().__init__(f"{folder}: {reason}{versions}")
        self.folder = folder
        self.reason = reason
        self.found = found
        self.expected = expected


class ServerFailed(StoreRefusal):
    """PostgreSQL did not come up, or a step of its set-up failed. `log` holds what it said."""

    code = "SERVER_FAILED"

    def __init__(self, step: str, log: Path) -> None:
        super().__init__(f"{step}: see {log}")
        self.step = step
        self.log = log


class SchemaUnknown(StoreRefusal):
    """The database was migrated by another version of the platform, one this version knows nothing of."""

    code = "SCHEMA_UNKNOWN"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is at {revision}, which this version does not know: run the one that made it"
        )
        self.revision = revision


class RolesMissing(StoreRefusal):
    """The server lacks roles the walls are built on and this account may not create them.

    `statements` are what its administrator has to run.
    """

    code = "ROLES_MISSING"

    def __init__(self, statements: tuple[str, ...]) -> None:
        super().__init__("\n".join(statements))
        self.statements = statements


class WallsBroken(StoreRefusal):
    """The boot self-test found a gap in row-level security. `findings` name tables and roles, never rows."""

    code = "WALLS_BROKEN"

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


class TemporarilyUnavailable(StoreRefusal):
    """A database did not answer, had no room, or broke a conflict: try again.

    Nothing was changed, unless only the answer to a COMMIT was lost.
    """

    code = "TEMPORARILY_UNAVAILABLE"
    retry_after_seconds = 1


class IdempotencyConflict(StoreRefusal):
    """The idempotency key was already used by this caller, for this operation, with another request."""

    code = "IDEMPOTENCY_CONFLICT"


class CheckpointRefused(StoreRefusal):
    """A signed tree head does not say what it must. `reason`: form, origin, key, signature, file."""

    code = "CHECKPOINT_REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LogBroken(StoreRefusal):
    """The stored tree no longer has the root its last checkpoint signed: nothing is sealed on top of it."""

    code = "LOG_BROKEN"

    def __init__(self, size: int) -> None:
        super().__init__(f"at {size} leaves")
        self.size = size


class NotSealed(StoreRefusal):
    """The log holds no such leaf, or no such size, yet."""

    code = "NOT_SEALED"


class LogUnwritable(StoreRefusal):
    """The access log takes no line now: it is locked, or closed to us. What it would record does not happen."""

    code = "LOG_UNWRITABLE"


class LogSilent(StoreRefusal):
    """Nobody outside has vouched for the log for hours, or nothing sealed it: no third party is shown anything until
    it is heard of again. `source`: log, or witness."""

    code = "LOG_SILENT"

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.source = source


class BackupRefused(StoreRefusal):
    """A backup may not be made or restored like this; nothing is there that was not there before.

    `reason`: absent, exists, busy, form, version, kind, signature, missing, altered, extra, instance, occupied,
    tables, rows, keys, unopened, log. `detail`: a file, a table or a number; never a person.
    """

    code = "BACKUP_REFUSED"

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class RestoreUnfinished(StoreRefusal):
    """A restore into this database was begun and not finished: nobody is served over it."""

    code = "RESTORE_UNFINISHED"

    def __init__(self) -> None:
        super().__init__("a restore into this database was not finished: type it again")
