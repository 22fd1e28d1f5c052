"""Rows of signing in and acting for others. Names and numbers of people rest in the vault, not here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.records import Record


class Account(Record):
    """An identity at an identity provider, bound to the vault subject it proved to be."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("issuer", "external_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    external_id: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    created_at: Mapped[datetime]


class Officer(Record):
    """A civil servant (cán bộ): code, unit and roles. `external_id` is the account at the officers' provider.

    `scope` None: a person. Else this is how an agency's system acts, within what it declared.
    """

    __tablename__ = "officers"
    __table_args__ = (UniqueConstraint("issuer", "external_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    external_id: Mapped[str]
    code: Mapped[str] = mapped_column(unique=True)
    agency_id: Mapped[UUID] = mapped_column(index=True)
    roles: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    scope: Mapped[list[str] | None]


class System(Record):
    """An agency's own software, known by its public keys (RFC 7517 set). It acts as the officer of the same id, whose
    `scope` says what it declared it does."""

    __tablename__ = "systems"

    id: Mapped[UUID] = mapped_column(ForeignKey("officers.id"), primary_key=True)
    client_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    keys: Mapped[dict[str, Any]]
    webhook: Mapped[str | None]
    """Where it wants to be called; `webhook_secret` is the number of the newest secret, `webhook_earlier` whether the
    one before counts too."""
    webhook_secret: Mapped[int] = mapped_column(default=1)
    webhook_earlier: Mapped[bool] = mapped_column(default=False)


class LoginState(Record):
    """One sign-in under way: state, nonce and PKCE verifier, each single-use, ten minutes."""

    __tablename__ = "login_states"

    state_hash: Mapped[bytes] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    nonce: Mapped[str]
    verifier: Mapped[str]
    next_path: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Session(Record):
    """A browser's session, known by the SHA-256 of its 256-bit secret, or an app's, by the key of its tokens."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes | None] = mapped_column(unique=True)
    kind: Mapped[str]
    holder_id: Mapped[UUID] = mapped_column(index=True)
    acr: Mapped[str]
    authenticated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    app: Mapped[str | None]
    key_thumbprint: Mapped[str | None]


class AppRequest(Record):
    """What an app asked for, from its pushing to the redemption of its code. Secrets as SHA-256 only."""

    __tablename__ = "app_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    uri_hash: Mapped[bytes] = mapped_column(unique=True)
    app: Mapped[str]
    redirect_uri: Mapped[str]
    challenge: Mapped[str]
    state: Mapped[str]
    acr: Mapped[str]
    max_age: Mapped[int]
    key_thumbprint: Mapped[str | None]
    expires_at: Mapped[datetime]
    kept_until: Mapped[datetime] = mapped_column(index=True)
    login_hash: Mapped[bytes | None] = mapped_column(unique=True)
    code_hash: Mapped[bytes | None] = mapped_column(unique=True)
    code_expires_at: Mapped[datetime | None]
    subject_id: Mapped[UUID | None]
    reached: Mapped[str | None]
    authenticated_at: Mapped[datetime | None]
    redeemed_at: Mapped[datetime | None]
    reused_at: Mapped[datetime | None]
    session_id: Mapped[UUID | None]


class RefreshToken(Record):
    """One refresh token of a session, used once; used ones stay, so that a copy is known when it comes."""

    __tablename__ = "refresh_tokens"

    secret_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    issued_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SeenProof(Record):
    """A DPoP proof that was here: a hash of its key and id, kept as long as the proof could be taken."""

    __tablename__ = "seen_proofs"

    mark: Mapped[bytes] = mapped_column(primary_key=True)
    kept_until: Mapped[datetime] = mapped_column(index=True)


class Passkey(Record):
    """The public half of a key somebody holds. `model`: its AAGUID, zeros where it does not say; `synced`: its maker
    may copy it to other devices, which an officer's never is."""

    __tablename__ = "passkeys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    holder_id: Mapped[UUID] = mapped_column(index=True)
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    model: Mapped[UUID]
    synced: Mapped[bool]
    name: Mapped[str]
    added_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class KeyEnrolment(Record):
    """An officer's leave to add a key without showing one, by a code handed over in person; once, within a day."""

    __tablename__ = "key_enrolments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(ForeignKey("officers.id"), index=True)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ContentPass(Record):
    """Leave to fetch one thing, once, at the origin where there are no sessions. `target` is its path. Spent by
    looking."""

    __tablename__ = "content_passes"

    secret_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    target: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class KeyCeremony(Record):
    """A key asked in one browser, for five minutes; spent by the first answer."""

    __tablename__ = "key_ceremonies"

    secret_hash: Mapped[bytes] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    kind: Mapped[str]
    holder_id: Mapped[UUID]
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("key_enrolments.id", ondelete="CASCADE"))
    acr: Mapped[str]
    authenticated_at: Mapped[datetime]
    challenge: Mapped[bytes]
    next_path: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Mandate(Record):
    """The right of one subject to act for another: `basis` GUARDIAN, PROXY or REPRESENTATIVE, scoped, expiring.

    `evidence` names what proved it (a register answer or a document version), never its contents.
    """

    __tablename__ = "mandates"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[UUID] = mapped_column(index=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    basis: Mapped[str]
    relation: Mapped[str]
    scope: Mapped[list[str]]
    evidence: Mapped[str]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    recorded_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"))


class Proxy(Record):
    """Somebody a person authorised, named by the keyed hash of their number; nobody acts until `actor_id` accepted.

    `scope` are words of `auth.caller.Scope`; `proof_id` is a paper of the grantor's, named and never copied.
    """

    __tablename__ = "proxies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    grantor_id: Mapped[UUID] = mapped_column(index=True)
    to_index: Mapped[bytes] = mapped_column(index=True)
    actor_id: Mapped[UUID | None] = mapped_column(index=True)
    scope: Mapped[list[str]]
    proof_id: Mapped[UUID | None]
    granted_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]


class NumberTry(Record):
    """Somebody asked for by number, by its keyed hash, by whom and what for; forgotten after a day."""

    __tablename__ = "number_tries"

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    asking: Mapped[str] = mapped_column(primary_key=True)
    number_index: Mapped[bytes] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
