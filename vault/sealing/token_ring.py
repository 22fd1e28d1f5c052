"""Root keys in a PKCS#11 token, which never leave it: AES-256 keys that wrap and unwrap there, and the secret of the
blind indexes as a key for HMAC.

Wraps have the very form of the file ring's, with the same context as associated data. On the token a root key has the
label `motlan-root:ID` and the number it came as for its CKA_ID; the index key's label, `motlan-index:INSTANCE`, holds
the installation's name. One token, one installation.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import DeviceRemoved, PKCS11Error

from store.errors import TemporarilyUnavailable
from vault.errors import KeyMissing, KeyRingRefused, TamperedContent
from vault.sealing import envelope
from vault.sealing.envelope import Context
from vault.sealing.ring_files import Ring, index_message
from vault.sealing.token_sessions import ANSWER_SECONDS, Place, TokenSession

_ROOT: Final = "motlan-root:"
_INDEX: Final = "motlan-index:"
_TAG_BITS: Final = 128

_KEPT_IN: Final = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
_ROOT_MAY: Final = {
    Attribute.ENCRYPT: True,
    Attribute.DECRYPT: True,
    Attribute.SIGN: False,
    Attribute.VERIFY: False,
}
_INDEX_MAY: Final = {
    Attribute.SIGN: True,
    Attribute.VERIFY: False,
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
}


class TokenRing:
    """The ring of a token. Raises KeyRingRefused (pin, missing, ambiguous, extractable) or TemporarilyUnavailable."""

    def __init__(self, place: Place) -> None:
        self._session = TokenSession(place)
        self.instance, self._roots = self._session.wait_for(_ring_of)
        self._index_keys: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"TokenRing({self.key_id})"

    @property
    def key_id(self) -> str:
        """As of the last look: `wrapped` looks again."""
        return next(reversed(list(self._roots)))

    async def wrapped(self, key: bytes, context: Context) -> bytes:
        return await self._session.ask(lambda session: self._wrap(session, key, context))

    async def unwrapped(self, wrapped: bytes, context: Context) -> bytes:
        return await self._session.ask(lambda session: self._unwrap(session, wrapped, context))

    def index_key(self, purpose: str) -> bytes:
        """Asked of the token once for each of the few purposes there are."""
        if purpose not in self._index_keys:
            message = index_message(purpose)
            key = self._session.wait_for(
                lambda session: _index_of(session).sign(message, mechanism=Mechanism.SHA256_HMAC),
                ANSWER_SECONDS,
            )
            self._index_keys[purpose] = bytes(key)
        return self._index_keys[purpose]

    def close(self) -> None:
        self._session.close()

    def key_ids(self) -> list[str]:
        self.instance, self._roots = self._session.wait_for(_ring_of)
        return list(self._roots)

    def add_key(self) -> str:
        added: str = self._session.wait_for(_add_root)
        self.key_ids()
        return added

    def drop_key(self, key_id: str) -> None:
        if key_id == self.key_ids()[-1]:
            raise ValueError("the key that wraps stays")
        self._session.wait_for(lambda session: [one.destroy() for one in _found(session, _ROOT + key_id)])
        self.key_ids()

    def _wrap(self, session: Any, key: bytes, context: Context) -> bytes:
        # Looked for each time: a key added beside a running server counts there from the next wrap on.
        self._roots = _roots(session)
        if not self._roots:
            raise DeviceRemoved
        key_id = self.key_id
        root = self._roots[key_id]

        def seal(nonce: bytes, secret: bytes, bound: bytes) -> bytes:
            return bytes(
                root.encrypt(secret, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(nonce, bound))
            )

        return envelope.wrap_with(seal, key, replace(context, key_id=key_id))

    def _unwrap(self, session: Any, wrapped: bytes, context: Context) -> bytes:
        key_id = envelope.wrapping_key_id(wrapped)
        found = _found(session, _ROOT + key_id)
        if not found:
            if not _found(session, _INDEX + self.instance):
                raise DeviceRemoved
            raise KeyMissing
        root = found[0]

        def unseal(nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
            try:
                return bytes(
                    root.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(nonce, bound))
                )
            except PKCS11Error:
                # Libraries tell a false tag in many ways. If the key does its work otherwise, it is the tag.
                _try(root)
                raise TamperedContent from None

        return envelope.unwrap_with(unseal, wrapped, replace(context, key_id=key_id))


def found_ring(place: Place, former: Ring | None = None) -> bool:
    """Make what a new ring needs in a token: again changes nothing. Returns whether anything was made.

    `former`: a file's ring this one goes on from: its name and index secret move in, its root keys do not.
    """
    session = TokenSession(place)
    try:
        return session.wait_for(lambda opened: _founded(opened, former))
    finally:
        session.close()


def _founded(session: Any, former: Ring | None) -> bool:
    made = False
    if not _found(session, _INDEX, whole=False):
        _make_index(session, former)
        made = True
    elif former is not None and not _goes_on(session, former):
        raise KeyRingRefused("instance")
    if not _roots(session):
        _add_root(session)
        made = True
    return made


def _make_index(session: Any, former: Ring | None) -> None:
    label = _INDEX + (former.instance if former is not None else secrets.token_hex(16))
    if former is None:
        session.generate_key(
            KeyType.GENERIC_SECRET, 256, label=label, store=True, template={**_KEPT_IN, **_INDEX_MAY}
        )
        return
    content = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.GENERIC_SECRET}
    named = {Attribute.LABEL: label, Attribute.VALUE: _extracted(former)}
    session.create_object({**content, **named, **_KEPT_IN, **_INDEX_MAY})


def _goes_on(session: Any, former: Ring) -> bool:
    message = index_message("check")
    same = hmac.digest(_extracted(former), message, "sha256")
    ours = bytes(_index_of(session).sign(message, mechanism=Mechanism.SHA256_HMAC))
    return hmac.compare_digest(same, ours)


def _extracted(former: Ring) -> bytes:
    """HKDF's first half (RFC 5869 section 2.2): its second half is one HMAC, which a token can do."""
    return hmac.digest(bytes(hashlib.sha256().digest_size), former.index, "sha256")


def _add_root(session: Any) -> str:
    added = f"root-{secrets.token_hex(8)}"
    numbers = [int.from_bytes(one[Attribute.ID], "big") for one in _roots(session).values()]
    place = (max(numbers, default=0) + 1).to_bytes(4, "big")
    key = session.generate_key(
        KeyType.AES, 256, id=place, label=_ROOT + added, store=True, template={**_KEPT_IN, **_ROOT_MAY}
    )
    _refuse_extractable(key)
    _try(key)
    return added


def _ring_of(session: Any) -> tuple[str, Mapping[str, Any]]:
    """The installation's name, and every root key by id, the oldest first."""
    label: str = _index_of(session)[Attribute.LABEL]
    roots = _roots(session)
    if not roots:
        raise KeyRingRefused("missing")
    return label.removeprefix(_INDEX), roots


def _roots(session: Any) -> dict[str, Any]:
    found = _found(session, _ROOT, whole=False)
    for one in found:
        _refuse_extractable(one)
    found.sort(key=lambda one: one[Attribute.ID])
    return {one[Attribute.LABEL].removeprefix(_ROOT): one for one in found}


def _index_of(session: Any) -> Any:
    found = _found(session, _INDEX, whole=False)
    if len(found) > 1:
        raise KeyRingRefused("ambiguous")
    if not found:
        raise KeyRingRefused("missing")
    return found[0]


def _found(session: Any, label: str, *, whole: bool = True) -> list[Any]:
    """Secret keys with this label, or whose label begins like it."""
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY}
    if whole:
        return list(session.get_objects({**wanted, Attribute.LABEL: label}))
    return [one for one in session.get_objects(wanted) if one[Attribute.LABEL].startswith(label)]


def _refuse_extractable(key: Any) -> None:
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
        raise KeyRingRefused("extractable")


def _try(key: Any) -> None:
    """Raises PKCS11Error unless the key seals and opens."""
    given, nonce = bytes(envelope.KEY_BYTES), secrets.token_bytes(12)
    sealed = key.encrypt(given, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(nonce, b"try"))
    opened = key.decrypt(bytes(sealed), mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(nonce, b"try"))
    if bytes(opened) != given:
        raise TemporarilyUnavailable


def _gcm(nonce: bytes, bound: bytes) -> GCMParams:
    return GCMParams(nonce, bound, _TAG_BITS)
