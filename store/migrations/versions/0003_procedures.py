"""The rows of procedures: the catalogue by editions, and agencies."""

from store.migrations import script

revision = "0003_procedures"
down_revision = "0002_auth"


def upgrade() -> None:
    script(TABLES)


TABLES = """
CREATE TABLE agencies (
    id uuid PRIMARY KEY,
    type_id text NOT NULL,
    code text NOT NULL UNIQUE,
    name_vi text NOT NULL,
    name_en text,
    province text NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE catalogue_items (
    id bigserial PRIMARY KEY,
    kind text NOT NULL,
    item_id text NOT NULL,
    edition integer NOT NULL,
    "position" integer NOT NULL,
    body jsonb NOT NULL,
    digest text NOT NULL,
    effective_from date,
    effective_to date,
    imported_at timestamptz NOT NULL,
    replaced_at timestamptz,
    CONSTRAINT catalogue_items_kind_item_id_edition_key
        UNIQUE (kind, item_id, edition)
);
"""
