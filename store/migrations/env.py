"""Alembic's entry point: migrates over the connection `store.migrate` opened. There is no offline mode."""

from alembic import context

progress = context.config.attributes["progress"]
context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=lambda step, **_: progress(step.up_revision_id),
)
context.run_migrations()
