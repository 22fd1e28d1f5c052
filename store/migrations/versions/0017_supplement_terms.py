"""A supplement's lines keep the day by which their answer is expected."""

from store.migrations import script

revision = "0017_supplement_terms"
down_revision = "0016_revocations"


def upgrade() -> None:
    script("ALTER TABLE dossier_asks ADD COLUMN due_on date;")
