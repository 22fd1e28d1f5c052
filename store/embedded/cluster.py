"""The birth of a private cluster (initdb, roles, databases) and the check that it is one we can serve.

Runs PostgreSQL's own programs under the account `store.embedded.premises` settled on. Never a running server.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

from store.disk.files import sync_folder
from store.embedded.premises import Premises
from store.errors import DataFolderRefused, ServerFailed

MAIN, KEYS = "motlan", "motlan_keys"

ROLES = ("motlan_owner", "motlan_app", "motlan_work", "motlan_keys_owner", "motlan_keys")
"""Owners run migrations; the other three can neither own, inherit nor bypass row-level security."""

NOBODY = 65_534
"""initdb insists on an account with a name; the number that will own the cluster has none."""


class Surroundings(TypedDict, total=False):
    """Arguments of subprocess: an account, none of our groups or variables, nothing readable by others."""

    user: int
    group: int
    extra_groups: list[int]
    env: dict[str, str]
    umask: int
    cwd: str


def surroundings(uid: int | None) -> Surroundings:
    plain = Surroundings(env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, umask=0o077, cwd="/")
    return plain if uid is None else Surroundings(**plain, user=uid, group=uid, extra_groups=[])


def give_birth(premises: Premises, durable: bool) -> None:
    """initdb, roles and databases, in a folder that takes its name only when complete: never half-born."""
    nascent = premises.place / "cluster.new"
    shutil.rmtree(nascent, ignore_errors=True)
    nascent.mkdir(mode=0o700)
    account = None if premises.uid is None else NOBODY
    if account is not None:
        os.chown(nascent, account, account)
    passwords = {role: secrets.token_urlsafe(32) for role in ("postgres", *ROLES)}
    _write_secret(premises.place / "passwords", json.dumps(passwords))
    initdb = [str(premises.binaries / "initdb"), "-D", str(nascent), "-U", "postgres", "--encoding=UTF8"]
    initdb += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"]
    initdb += ["--auth=reject", "--no-instructions", *([] if durable else ["--no-sync"])]
    _run(initdb, "", account, premises, "initdb")
    single = [str(premises.binaries / "postgres"), "--single", "-D", str(nascent), "postgres"]
    _run(single, "\n".join(_first_statements(passwords)) + "\n", account, premises, "roles and databases")
    (nascent / "pg_hba.conf").write_text("local all all scram-sha-256\n", "utf-8")
    premises.hand_over_tree(nascent)
    nascent.rename(premises.cluster)
    sync_folder(premises.place)


def _first_statements(passwords: Mapping[str, str]) -> Iterator[str]:
    # Passwords are URL-safe base64 of our own making: nothing to quote.
    yield f"ALTER ROLE postgres PASSWORD '{passwords['postgres']}'"
    for role in ROLES:
        limits = "NOSUPERUSER NOBYPASSRLS NOINHERIT NOCREATEDB NOCREATEROLE NOREPLICATION"
        yield f"CREATE ROLE {role} LOGIN {limits} PASSWORD '{passwords[role]}'"
    for database, owner, users in (
        (MAIN, "motlan_owner", "motlan_app, motlan_work"),
        (KEYS, "motlan_keys_owner", "motlan_keys"),
    ):
        yield f"CREATE DATABASE {database} OWNER {owner}"
        yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"
        yield f"GRANT CONNECT ON DATABASE {database} TO {users}"
    yield "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC"


def refuse_other_version(premises: Premises) -> None:
    try:
        found = (premises.cluster / "PG_VERSION").read_text("utf-8").strip()
    except FileNotFoundError as error:
        raise DataFolderRefused(premises.place, "not_a_cluster") from error
    said = subprocess.run(  # noqa: S603
        [str(premises.binaries / "postgres"), "-V"], capture_output=True, check=True, text=True
    ).stdout
    expected = said.split()[-1].partition(".")[0]
    if found != expected:
        raise DataFolderRefused(premises.place, "other_version", found, expected)


def _run(command: list[str], words: str, uid: int | None, premises: Premises, step: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own binaries, no shell
        command, input=words.encode(), capture_output=True, check=False, **surroundings(uid)
    )
    # A single-user server goes on after an error and still exits with 0.
    if done.returncode != 0 or b"ERROR:" in done.stderr + done.stdout:
        with premises.log.open("ab") as log:
            log.write(done.stderr)
        raise ServerFailed(step, premises.log)


def _write_secret(path: Path, words: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(words)
        file.flush()
        os.fsync(file.fileno())
