"""Hand-written migrations of both databases, run by `store.migrate`. Policies and grants have no autogeneration."""

from collections.abc import Awaitable
from typing import Any

from alembic import op


def script(statements: str) -> None:
    """Run several statements, without parameters, inside the migration's transaction."""
    connection = op.get_bind()
    # asyncpg prepares one statement at a time; its plain execute takes a script. The first statement makes
    # SQLAlchemy's adapter open the transaction the script must be part of.
    connection.exec_driver_sql("SELECT 1")

    def execute(driver: Any) -> Awaitable[str]:
        sent: Awaitable[str] = driver.execute(statements)
        return sent

    connection.connection.dbapi_connection.run_async(execute)  # type: ignore[union-attr]
