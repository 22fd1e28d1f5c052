"""Whatever a room puts into the outbox somebody takes out, and no topic is waited for in vain."""

import ast
from pathlib import Path

from api.work import TOPICS
from tests.house.tree import ROOMS, ROOT, at, modules, plant, spelled


def put_topics(root: Path) -> tuple[set[str], list[str]]:
    """Topics of every `outbox.put`, and where the topic does not stand in the call."""
    found, unread = set(), []
    for module in modules(root, ROOMS):
        for call in module.calls():
            if not spelled(call.func).endswith("outbox.put"):
                continue
            match call.args[1:2]:
                case [ast.Constant(value=str(topic))]:
                    found.add(topic)
                case _:
                    unread.append(at(module, call))
    return found, unread


def test_every_topic_put_is_delivered_and_every_delivered_one_put() -> None:
    assert put_topics(ROOT) == (set(TOPICS), [])


def test_topics_are_read_from_the_calls(tmp_path: Path) -> None:
    planted = plant(
        tmp_path,
        {
            "dossiers/x.py": "async def f(tx):\n    await outbox.put(tx, 'lost', {}, now)\n",
            "vault/x.py": "async def f(tx, topic):\n    await store.outbox.put(tx, topic, {}, now)\n",
            "store/x.py": "async def f(tx):\n    await tx.put('another')\n",
        },
    )
    assert put_topics(planted) == ({"lost"}, ["vault/x.py:2"])
