"""Root keys in a PKCS#11 token: what the file's ring does, by keys that never leave the token; and a token that is
away, slow, or not the one that was meant."""

import asyncio
import json
import os
import random
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.exceptions import AttributeSensitive, PKCS11Error
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import Database
from store.embedded import Servers
from store.errors import TemporarilyUnavailable
from store.identifiers import new_id
from tests.rooms.households import Household, Life, quiet
from tests.rooms.test_rotation import key_rows, run_rotation
from tests.size import seed, sized
from tests.tokens import Cupboard, needs_softhsm, open_cupboard, wrong_pin
from tests.vaults import make_safe, make_world
from vault.errors import KeyMissing, KeyRingRefused, RotationRefused, TamperedContent
from vault.safe import Safe
from vault.sealing import envelope, ring_files
from vault.sealing.envelope import Context
from vault.sealing.keyrings import KeptRing, LocalKeyRing, MovingRing
from vault.sealing.keys import Keys, root_context
from vault.sealing.rotation import rotating
from vault.sealing.token_ring import TokenRing, found_ring
from vault.sealing.token_sessions import ANSWER_SECONDS, MOST_WAITING, Place, TokenSession

pytestmark = [
    needs_softhsm,
    # The library has something to say of a search that ended with its session.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cupboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cupboard]:
    opened = open_cupboard(tmp_path_factory.mktemp("tokens"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(opened.configuration))
        yield opened


@pytest.fixture
def place(cupboard: Cupboard) -> Place:
    made = cupboard.token()
    assert found_ring(made)
    return made


def context(ring: KeptRing, **changed: Any) -> Context:
    given: dict[str, Any] = {"instance": ring.instance, "subject": new_id(), "purpose": "subject-key:1"}
    return Context(document=None, version=None, key_id="", **(given | changed))


class TestWrapping:
    async def test_what_the_token_wraps_it_unwraps_in_the_same_place_alone(self, place: Place) -> None:
        ring, key = TokenRing(place), os.urandom(32)
        where = context(ring)
        wrapped = await ring.wrapped(key, where)
        assert envelope.wrapping_key_id(wrapped) == ring.key_id
        assert await TokenRing(place).unwrapped(wrapped, where) == key
        assert await ring.wrapped(key, where) != wrapped
        elsewhere = [
            context(ring),
            context(ring, subject=where.subject, purpose="subject-key:2"),
            context(ring, subject=where.subject, instance="another"),
        ]
        for other in elsewhere:
            with pytest.raises(TamperedContent):
                await ring.unwrapped(wrapped, other)
        for number in range(2 + len(ring.key_id), len(wrapped)):
            spoilt = bytearray(wrapped)
            spoilt[number] ^= 1
            with pytest.raises(TamperedContent):
                await ring.unwrapped(bytes(spoilt), where)
        assert await ring.unwrapped(wrapped, where) == key

    async def test_a_wrap_of_the_token_has_the_form_of_the_files(self, place: Place, tmp_path: Path) -> None:
        ring = TokenRing(place)
        ring_files.create(tmp_path / "root.json")
        file = LocalKeyRing(tmp_path / "root.json")
        where = context(ring)
        by_token, by_file = await ring.wrapped(bytes(32), where), file.wrap(bytes(32), where)
        assert len(by_token) == len(by_file)
        assert by_token[:2] == by_file[:2]
        with pytest.raises(KeyMissing):
            await ring.unwrapped(by_file, where)

    def test_no_key_can_be_read_out_of_the_token(self, place: Place) -> None:
        TokenRing(place)
        session = pkcs11.lib(str(place.module)).get_token(token_label=place.token).open()
        keys = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
        assert sorted(one[Attribute.LABEL].partition(":")[0] for one in keys) == [
            "motlan-index",
            "motlan-root",
        ]
        wrapper: Any = session.generate_key(KeyType.AES, 256, template={Attribute.WRAP: True})
        for one in keys:
            assert not one[Attribute.EXTRACTABLE]
            assert one[Attribute.NEVER_EXTRACTABLE]
            assert one[Attribute.ALWAYS_SENSITIVE]
            with pytest.raises(AttributeSensitive):
                _ = one[Attribute.VALUE]
            with pytest.raises(PKCS11Error):
                wrapper.wrap_key(one)
        session.close()

    def test_a_key_does_its_own_work_and_no_other(self, place: Place) -> None:
        TokenRing(place)
        work = {"motlan-root": {"ENCRYPT", "DECRYPT"}, "motlan-index": {"SIGN"}}
        each = ("ENCRYPT", "DECRYPT", "SIGN", "VERIFY", "WRAP", "UNWRAP", "DERIVE")
        token = pkcs11.lib(str(place.module)).get_token(token_label=place.token)
        with token.open() as session:
            found = {
                one[Attribute.LABEL].partition(":")[0]: {name for name in each if one[Attribute[name]]}
                for one in session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
            }
        assert found == work

    def test_a_key_that_could_leave_is_not_taken(self, place: Place) -> None:
        session = pkcs11.lib(str(place.module)).get_token(token_label=place.token)
        with session.open(rw=True, user_pin=place.pin) as opened:
            may = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False}
            opened.generate_key(
                KeyType.AES, 256, id=b"\0\0\0\2", label="motlan-root:root-2", store=True, template=may
            )
        with pytest.raises(KeyRingRefused, match="extractable"):
            TokenRing(place)

    def test_indexes_are_those_of_this_installation(self, place: Place, cupboard: Cupboard) -> None:
        ring, other = TokenRing(place), cupboard.token()
        found_ring(other)
        assert ring.index_key("number") == TokenRing(place).index_key("number")
        assert (
            len({ring.index_key("number"), ring.index_key("sha256"), TokenRing(other).index_key("number")})
            == 3
        )
        assert len(ring.index_key("number")) == 32
        assert TokenRing(other).instance != ring.instance

    def test_a_ring_is_made_once(self, place: Place, cupboard: Cupboard) -> None:
        before = TokenRing(place).key_ids()
        assert not found_ring(place)
        assert TokenRing(place).key_ids() == before
        with pytest.raises(KeyRingRefused, match="missing"):
            TokenRing(cupboard.token())


class TestATokenThatFails:
    async def test_away_it_is_told_so_and_back_it_serves_on(self, place: Place, cupboard: Cupboard) -> None:
        ring, key = TokenRing(place), os.urandom(32)
        where = context(ring)
        wrapped = await ring.wrapped(key, where)
        cupboard.take_away()
        try:
            for _ in range(3):
                with pytest.raises(TemporarilyUnavailable):
                    await ring.unwrapped(wrapped, where)
                with pytest.raises(TemporarilyUnavailable):
                    await ring.wrapped(key, where)
        finally:
            cupboard.bring_back()
        assert await ring.unwrapped(wrapped, where) == key
        assert await ring.unwrapped(await ring.wrapped(key, where), where) == key

    async def test_a_session_lost_is_opened_anew(self, place: Place) -> None:
        ring, key = TokenRing(place), os.urandom(32)
        where = context(ring)
        wrapped = await ring.wrapped(key, where)
        pkcs11.lib(str(place.module)).reinitialize()
        assert await ring.unwrapped(wrapped, where) == key

    async def test_a_key_that_is_not_there_is_missing_and_no_fault_of_the_token(self, place: Place) -> None:
        ring = TokenRing(place)
        where = context(ring)
        wrapped = await ring.wrapped(bytes(32), where)
        foreign = wrapped.replace(ring.key_id.encode(), b"root-" + bytes(16).hex()[:16].encode())
        with pytest.raises(KeyMissing):
            await ring.unwrapped(foreign, where)

    async def test_a_wrong_pin_is_tried_once(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        pkcs11.lib(str(place.module)).reinitialize()
        tried, opening = [], TokenSession._open

        def open_and_count(session: TokenSession) -> Any:
            tried.append(session)
            return opening(session)

        monkeypatch.setattr(TokenSession, "_open", open_and_count)
        session = TokenSession(wrong_pin(place))
        for _ in range(5):
            with pytest.raises(KeyRingRefused, match="pin"):
                await session.ask(lambda opened: None)
        assert len(tried) == 1
        assert "000000" not in repr(wrong_pin(place))

    async def test_one_that_hangs_holds_nobody_up_and_piles_nothing_up(self, place: Place) -> None:
        """The event loop goes on, each request is told after its moment, and beyond a number at once."""
        ring, hanging = TokenRing(place), threading.Event()
        where = context(ring)
        wrapped = await ring.wrapped(bytes(32), where)
        stuck = asyncio.create_task(ring._session.ask(lambda session: hanging.wait(30)))
        await asyncio.sleep(0)
        begun, turns = time.monotonic(), 0
        asked = [asyncio.create_task(ring.unwrapped(wrapped, where)) for _ in range(2 * MOST_WAITING)]
        while not all(one.done() for one in asked):
            await asyncio.sleep(0.01)
            turns += 1
        waited = time.monotonic() - begun
        told = await asyncio.gather(stuck, *asked, return_exceptions=True)
        assert {type(one) for one in told} == {TemporarilyUnavailable}
        assert ANSWER_SECONDS * 0.8 < waited < 10 * ANSWER_SECONDS
        assert turns > 5
        hanging.set()
        await asyncio.to_thread(ring.key_ids)  # after everything that was asked before
        assert await ring.unwrapped(wrapped, where) == bytes(32)

    def test_a_library_that_is_none_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "none.so").write_bytes(b"")
        with pytest.raises(TemporarilyUnavailable):
            TokenRing(Place(tmp_path / "none.so", "x", "y"))


@pytest.fixture
async def household(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, place: Place, now: Any
) -> AsyncIterator[Household]:
    """People whose keys a token wraps."""
    keys = Keys(servers.keys_url, TokenRing(place))
    filed = await make_safe(servers.keys_url, tmp_path)
    await filed.keys.close()
    safe = Safe(keys, filed.blobs, filed.receipts, filed.instance, filed.notary)
    yield Household(await make_world(database, owner, safe, now), servers, tmp_path)
    await keys.close()


class TestRotation:
    async def test_a_new_root_key_wraps_and_the_old_one_is_refused_once_retired(
        self, household: Household, place: Place, keys_owner: AsyncEngine
    ) -> None:
        people = [await household.add() for _ in range(3)]
        serving = household.safe.keys._keyring
        first = serving.key_id
        async with rotating(household.servers.keys_owner_url, TokenRing(place)) as rotation:
            turn = await rotation.turn_root(quiet)
            assert turn.key_id != first
            assert {row.root_key for row in await key_rows(keys_owner)} == {turn.key_id}
            assert [await household.read(one) for one in people] == ["first"] * 3
            # A server that runs since before wraps under the new one.
            people.append(await household.add())
            states = [(one.key_id, one.wraps) for one in await rotation.roots()]
            assert states == [(first, False), (turn.key_id, True)]
            with pytest.raises(RotationRefused, match="backups"):
                await rotation.retire_root(first)
            with pytest.raises(RotationRefused, match="current"):
                await rotation.retire_root(turn.key_id, backups_gone=True)
            await rotation.retire_root(first, backups_gone=True)
            assert [one.key_id for one in await rotation.roots()] == [turn.key_id]
        assert [await household.read(one) for one in people] == ["first"] * 4

    async def test_rotations_killed_beside_readers_and_writers_fail_no_reading(
        self, household: Household, place: Place, keys_owner: AsyncEngine
    ) -> None:
        drawn, kills = random.Random(number := seed()), sized(2, 10)
        for _ in range(4):
            await household.add()
        folder = household.folder
        (folder / "servers.json").write_text(json.dumps(asdict(household.servers)))
        (folder / "token.json").write_text(json.dumps([str(place.module), place.token, place.pin]))
        before = {row.subject_id: row.wrapped for row in await key_rows(keys_owner)}
        life = Life(household, drawn)
        living = [asyncio.create_task(one()) for one in (life.read, life.write)]
        killed = 0
        while killed < kills:
            killed += not await run_rotation(folder, drawn.randint(1, 6), drawn.random() / 100)
        while not await run_rotation(folder):
            pass
        life.over = True
        await asyncio.gather(*living)
        print(f"seed {number}: {killed} kills, {life.readings} readings, {len(life.failures)} failed")
        assert life.failures == []
        assert life.readings > 0
        ring = TokenRing(place)
        async with rotating(household.servers.keys_owner_url, ring) as rotation:
            *earlier, current = [one.key_id for one in await rotation.roots()]
            for one in earlier:
                await rotation.retire_root(one, backups_gone=True)
        assert earlier
        assert {row.root_key for row in await key_rows(keys_owner) if row.wrapped} == {current}
        for subject, wrapped in before.items():
            with pytest.raises(KeyMissing):
                await ring.unwrapped(wrapped, root_context(ring, subject, 1))
        for person in household.people:
            assert await household.read(person) == life.notes.get(person.subject, "first")

    async def test_what_the_retired_key_wrapped_opens_no_more(self, place: Place) -> None:
        ring = TokenRing(place)
        where = context(ring)
        wrapped, first = await ring.wrapped(bytes(32), where), ring.key_id
        operator = TokenRing(place)
        operator.add_key()
        with pytest.raises(ValueError, match="wraps"):
            operator.drop_key(operator.key_id)
        operator.drop_key(first)
        with pytest.raises(KeyMissing):
            await ring.unwrapped(wrapped, where)
        assert await ring.unwrapped(await ring.wrapped(bytes(32), where), where) == bytes(32)


async def test_a_ring_moves_from_its_file_into_a_token_and_the_file_goes(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, cupboard: Cupboard, now: Any
) -> None:
    safe = await make_safe(servers.keys_url, tmp_path)
    household = Household(await make_world(database, owner, safe, now), servers, tmp_path)
    people = [await household.add() for _ in range(2)]
    file, place = tmp_path / "root.json", cupboard.token()
    first, stolen = LocalKeyRing(file).key_id, tmp_path / "stolen.json"
    shutil.copy(file, stolen)
    index = safe.keys.index("number", "001")

    assert found_ring(place, ring_files.read(file))
    assert not found_ring(place, ring_files.read(file))
    moving = MovingRing(TokenRing(place), file)
    keys = Keys(servers.keys_url, moving)
    moved = Safe(keys, safe.blobs, safe.receipts, safe.instance, safe.notary)
    assert keys.index("number", "001") == index
    assert [await household.read(one, moved) for one in people] == ["first"] * 2
    async with rotating(servers.keys_owner_url, moving) as rotation:
        turn = await rotation.turn_root(quiet)
        assert turn.key_id == TokenRing(place).key_id
        assert [one.key_id for one in await rotation.roots()] == [first, turn.key_id]
        await rotation.retire_root(first, backups_gone=True)
    assert not file.exists()
    alone = Keys(servers.keys_url, TokenRing(place))
    assert [
        await household.read(one, Safe(alone, safe.blobs, safe.receipts, safe.instance, safe.notary))
        for one in people
    ] == ["first"] * 2
    thief = Keys(servers.keys_url, LocalKeyRing(stolen))
    with pytest.raises(KeyMissing):
        await household.read(people[0], Safe(thief, safe.blobs, safe.receipts, safe.instance, safe.notary))
    for one in (keys, alone, thief, safe.keys):
        await one.close()


async def test_a_token_does_not_go_on_from_another_installations_file(place: Place, tmp_path: Path) -> None:
    ring_files.create(tmp_path / "root.json")
    with pytest.raises(KeyRingRefused, match="instance"):
        found_ring(place, ring_files.read(tmp_path / "root.json"))
    with pytest.raises(KeyRingRefused, match="instance"):
        MovingRing(TokenRing(place), tmp_path / "root.json")
