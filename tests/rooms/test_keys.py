"""Subject keys: made once, open only inside their block, gone for good when destroyed; and the ring above them."""

import asyncio
import base64
import json
import os
import stat
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.identifiers import new_id
from vault.errors import KeyMissing, KeyRingRefused, SubjectShredded, TamperedContent
from vault.safe import Safe
from vault.sealing import ring_files
from vault.sealing.envelope import Context
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys, root_context


@pytest.fixture
def keys(safe: Safe, clean: None) -> Keys:
    return safe.keys


@pytest.fixture
def ring_file(tmp_path: Path) -> Path:
    ring_files.create(tmp_path / "keys" / "root.json")
    return tmp_path / "keys" / "root.json"


async def rows(engine: AsyncEngine) -> list[tuple[object, ...]]:
    async with engine.begin() as connection:
        return [tuple(row) for row in await connection.execute(text("SELECT * FROM subject_keys ORDER BY 1"))]


async def test_a_value_sealed_under_a_subject_key_opens_under_it_again(keys: Keys) -> None:
    subject = new_id()
    await keys.create(subject)
    async with keys.opened(subject) as key:
        sealed = key.seal(b"value", "note:x")
        version = key.new_version_key(new_id())
        document = new_id()
        wrapped = key.wrap(version, document, 3)
    async with keys.opened(subject) as key:
        assert key.open(sealed, "note:x") == b"value"
        assert key.unwrap(wrapped, document, version.version, 3) == version
        assert key.generation == 1


async def test_creating_again_keeps_the_first_key(keys: Keys, keys_owner: AsyncEngine) -> None:
    subject = new_id()
    await asyncio.gather(*(keys.create(subject) for _ in range(5)))
    before = await rows(keys_owner)
    await keys.create(subject)
    assert await rows(keys_owner) == before
    assert len(before) == 1


async def test_the_database_holds_no_key_in_clear(keys: Keys, keys_owner: AsyncEngine) -> None:
    subject = new_id()
    await keys.create(subject)
    async with keys.opened(subject) as key:
        (secret,) = key._generations.values()
    ((_, _, wrapped, *_),) = await rows(keys_owner)
    assert isinstance(wrapped, bytes)
    assert secret not in wrapped


async def test_a_key_is_useless_once_its_block_is_left(keys: Keys) -> None:
    subject = new_id()
    await keys.create(subject)
    async with keys.opened(subject) as key:
        sealed = key.seal(b"value", "p")
    with pytest.raises(TamperedContent):
        key.open(sealed, "p")
    with pytest.raises(KeyError):
        key.seal(b"value", "p")


async def test_a_subject_without_a_key_is_refused(keys: Keys) -> None:
    with pytest.raises(KeyMissing):
        async with keys.opened(new_id()):
            pytest.fail("opened")


async def test_a_destroyed_key_stays_destroyed(keys: Keys, keys_owner: AsyncEngine) -> None:
    subject, other = new_id(), new_id()
    for one in (subject, other):
        await keys.create(one)
    await keys.destroy(subject)
    gone = await rows(keys_owner)
    await keys.create(subject)
    await keys.destroy(subject)
    assert await rows(keys_owner) == gone
    with pytest.raises(SubjectShredded):
        async with keys.opened(subject):
            pytest.fail("opened")
    async with keys.opened(other) as key:
        assert key.subject == other


async def test_keys_opened_together_leave_out_the_missing_and_the_shredded(keys: Keys) -> None:
    living, shredded = new_id(), new_id()
    for one in (living, shredded):
        await keys.create(one)
    await keys.destroy(shredded)
    async with keys.opened_together([living, shredded, new_id()]) as opened:
        assert set(opened) == {living}
    async with keys.opened_together([]) as opened:
        assert opened == {}


async def test_a_version_key_of_another_subject_is_not_wrapped(keys: Keys) -> None:
    one, other = new_id(), new_id()
    await keys.create(one)
    await keys.create(other)
    async with keys.opened(one) as mine, keys.opened(other) as theirs:
        with pytest.raises(ValueError, match="another subject"):
            mine.wrap(theirs.new_version_key(new_id()), new_id(), 1)


async def test_an_earlier_generation_still_opens_what_it_sealed(keys: Keys, keys_owner: AsyncEngine) -> None:
    subject, document, version = new_id(), new_id(), new_id()
    await keys.create(subject)
    async with keys.opened(subject) as key:
        sealed, wrapped = key.seal(b"old", "p"), key.wrap(key.new_version_key(version), document, 1)
    ring = keys._keyring
    context = root_context(ring, subject, 2)
    async with keys_owner.begin() as connection:
        await connection.execute(
            text("INSERT INTO subject_keys VALUES (:subject, 2, :wrapped, :root, now())"),
            {"subject": subject, "wrapped": await ring.wrapped(os.urandom(32), context), "root": ring.key_id},
        )
    async with keys.opened(subject) as key:
        assert key.generation == 2
        assert key.open(sealed, "p") == b"old"
        assert key.unwrap(wrapped, document, version, 1).version == version
        assert key.seal(b"new", "p")[:4] == b"\0\0\0\2"


async def test_an_index_is_equal_only_for_the_same_value_purpose_and_ring(
    keys: Keys, ring_file: Path
) -> None:
    assert keys.index("number", "001") == keys.index("number", "001")
    others = {
        keys.index("number", "002"),
        keys.index("sha256", "001"),
        Keys("postgresql+asyncpg://none", LocalKeyRing(ring_file)).index("number", "001"),
    }
    assert len(others) == 3
    assert keys.index("number", "001") not in others
    assert len(keys.index("number", "001")) == 32


async def test_printing_a_key_shows_no_secret(keys: Keys, ring_file: Path) -> None:
    subject = new_id()
    await keys.create(subject)
    async with keys.opened(subject) as key:
        version = key.new_version_key(new_id())
        shown = f"{key!r} {version!r} {LocalKeyRing(ring_file)!r}"
        for secret in (*key._generations.values(), version.secret):
            assert repr(secret) not in shown
            assert secret.hex() not in shown


def place(subject: UUID) -> Context:
    return Context("instance", subject, None, None, "", "subject-key:1")


class TestKeyRingFile:
    def test_it_is_private_and_each_is_new(self, ring_file: Path) -> None:
        assert stat.S_IMODE(ring_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(ring_file.parent.stat().st_mode) == 0o700
        other = ring_file.with_name("other.json")
        ring_files.create(other)
        assert LocalKeyRing(other).instance != LocalKeyRing(ring_file).instance
        assert sorted(path.name for path in ring_file.parent.iterdir()) == ["other.json", "root.json"]

    def test_it_is_never_overwritten(self, ring_file: Path) -> None:
        before = ring_file.read_bytes()
        with pytest.raises(KeyRingRefused, match=r"^exists$"):
            ring_files.create(ring_file)
        assert ring_file.read_bytes() == before
        assert len(list(ring_file.parent.iterdir())) == 1

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o777])
    def test_it_is_refused_when_others_may_read_it(self, ring_file: Path, mode: int) -> None:
        ring_file.chmod(mode)
        with pytest.raises(KeyRingRefused, match=r"^permissions$"):
            LocalKeyRing(ring_file)

    def test_it_is_refused_when_missing_a_link_or_a_folder(self, ring_file: Path) -> None:
        with pytest.raises(KeyRingRefused, match=r"^missing$"):
            LocalKeyRing(ring_file.with_name("none"))
        link = ring_file.with_name("link")
        link.symlink_to(ring_file)
        with pytest.raises(KeyRingRefused, match=r"^permissions$"):
            LocalKeyRing(link)

    @pytest.mark.parametrize(
        "change",
        [
            {"version": 2},
            {"instance": ""},
            {"instance": None},
            {"keys": []},
            {"keys": [{"id": "a"}]},
            {"keys": [{"id": "a", "key": base64.b64encode(bytes(16)).decode()}]},
            {"keys": [{"id": "a", "key": base64.b64encode(bytes(32)).decode()}] * 2},
            {"keys": "a"},
            {"index": "%%%"},
            {"index": ""},
        ],
    )
    def test_it_is_refused_when_malformed_without_quoting_it(
        self, ring_file: Path, change: dict[str, object]
    ) -> None:
        content = json.loads(ring_file.read_bytes())
        ring_file.write_text(json.dumps({**content, **change}), "ascii")
        with pytest.raises(KeyRingRefused, match=r"^malformed$") as refused:
            LocalKeyRing(ring_file)
        assert refused.value.__cause__ is None

    def test_half_a_file_is_refused(self, ring_file: Path) -> None:
        ring_file.write_bytes(ring_file.read_bytes()[:100])
        with pytest.raises(KeyRingRefused, match=r"^malformed$"):
            LocalKeyRing(ring_file)

    def test_the_newest_key_wraps_and_the_older_still_unwrap(self, ring_file: Path) -> None:
        subject, old = new_id(), LocalKeyRing(ring_file)
        wrapped = old.wrap(bytes(32), place(subject))
        content = json.loads(ring_file.read_bytes())
        content["keys"].append({"id": "root-new", "key": base64.b64encode(os.urandom(32)).decode()})
        ring_file.write_text(json.dumps(content), "ascii")
        ring = LocalKeyRing(ring_file)
        assert ring.key_id == "root-new"
        assert ring.unwrap(wrapped, place(subject)) == bytes(32)
        assert ring.wrap(bytes(32), place(subject))[2:].startswith(b"root-new")

    def test_a_key_added_beside_a_running_server_counts_there_at_once(self, ring_file: Path) -> None:
        subject, running = new_id(), LocalKeyRing(ring_file)
        first = running.key_id
        wrapped = running.wrap(bytes(32), place(subject))
        added = ring_files.add_key(ring_file)
        assert stat.S_IMODE(ring_file.stat().st_mode) == 0o600
        assert running.key_id == added != first
        assert running.unwrap(wrapped, place(subject)) == bytes(32)
        assert running.unwrap(LocalKeyRing(ring_file).wrap(bytes(32), place(subject)), place(subject))

    def test_a_key_taken_out_beside_a_running_server_opens_nothing_there_any_more(
        self, ring_file: Path
    ) -> None:
        subject, running = new_id(), LocalKeyRing(ring_file)
        wrapped, first = running.wrap(bytes(32), place(subject)), running.key_id
        added = ring_files.add_key(ring_file)
        ring_files.drop_key(ring_file, first)
        ring_files.drop_key(ring_file, first)
        for ring in (running, LocalKeyRing(ring_file)):
            with pytest.raises(KeyMissing):
                ring.unwrap(wrapped, place(subject))
        assert first not in ring_file.read_text("ascii")
        with pytest.raises(ValueError, match="wraps"):
            ring_files.drop_key(ring_file, added)

    def test_a_ring_that_cannot_be_used_leaves_the_last_one_in_force(self, ring_file: Path) -> None:
        subject, running = new_id(), LocalKeyRing(ring_file)
        wrapped, whole = running.wrap(bytes(32), place(subject)), ring_file.read_bytes()
        another = ring_file.with_name("another.json")
        ring_files.create(another)
        for content in (whole[:100], another.read_bytes(), b""):
            ring_file.write_bytes(content)
            assert running.unwrap(wrapped, place(subject)) == bytes(32)
        ring_file.unlink()
        assert running.unwrap(wrapped, place(subject)) == bytes(32)

    @pytest.mark.parametrize("failing", ["fsync", "write", "rename", "open"])
    def test_a_change_the_disk_refuses_leaves_the_ring_and_no_draft(
        self, ring_file: Path, failing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = ring_file.read_bytes()

        def refuse(*given: object, **named: object) -> None:
            raise OSError(28, "no space")

        target = {"rename": "pathlib.Path.rename", "write": "vault.sealing.ring_files._written"}
        with monkeypatch.context() as broken:
            broken.setattr(target.get(failing, f"os.{failing}"), refuse)
            with pytest.raises((OSError, KeyRingRefused)):
                ring_files.add_key(ring_file)
        assert ring_file.read_bytes() == before
        assert [one.name for one in ring_file.parent.iterdir()] == ["root.json"]

    def test_what_a_killed_change_left_behind_goes_with_the_next(self, ring_file: Path) -> None:
        left = ring_file.with_name(".root.json.0123456789abcdef")
        left.write_bytes(ring_file.read_bytes())
        ring_files.add_key(ring_file)
        assert [one.name for one in ring_file.parent.iterdir()] == ["root.json"]

    def test_a_key_wrapped_for_one_subject_does_not_unwrap_for_another(self, ring_file: Path) -> None:
        ring, subject = LocalKeyRing(ring_file), new_id()
        with pytest.raises(TamperedContent):
            ring.unwrap(ring.wrap(bytes(32), place(subject)), place(new_id()))
