"""The state table of a dossier: which move leads where. Pure; the desk and `availableMoves` read the same dict.

Codes 1–10 are the national list of dossier statuses; 0 is our draft, which no agency sees. The moves are our
reading of Decree 118/2025 and Circular 03/2025; the list of codes is sourced (catalogue/dossier_statuses.json).
"""

from enum import IntEnum, StrEnum

from dossiers.errors import MoveNotAllowed


class Status(IntEnum):
    DRAFT = 0
    NEWLY_FILED = 1
    RECEIVED = 2
    NOT_RECEIVED = 3
    PROCESSING = 4
    SUPPLEMENT_REQUESTED = 5
    FINANCIAL_OBLIGATION = 6
    WITHDRAWN = 7
    STOPPED = 8
    PROCESSED = 9
    RESULT_RETURNED = 10


class Move(StrEnum):
    SUBMIT = "submit"
    RECEIVE = "receive"
    REFUSE = "refuse"
    ASSIGN = "assign"
    ASK = "ask"
    ANSWER = "answer"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    RETURN = "return"


MOVES: dict[tuple[Status, Move], Status] = {
    (Status.DRAFT, Move.SUBMIT): Status.NEWLY_FILED,
    (Status.NEWLY_FILED, Move.RECEIVE): Status.RECEIVED,
    (Status.NEWLY_FILED, Move.REFUSE): Status.NOT_RECEIVED,
    (Status.NEWLY_FILED, Move.ASK): Status.SUPPLEMENT_REQUESTED,
    (Status.NEWLY_FILED, Move.WITHDRAW): Status.WITHDRAWN,
    (Status.RECEIVED, Move.ASSIGN): Status.PROCESSING,
    (Status.RECEIVED, Move.ASK): Status.SUPPLEMENT_REQUESTED,
    (Status.RECEIVED, Move.WITHDRAW): Status.WITHDRAWN,
    (Status.PROCESSING, Move.ASSIGN): Status.PROCESSING,
    (Status.PROCESSING, Move.ASK): Status.SUPPLEMENT_REQUESTED,
    (Status.PROCESSING, Move.WITHDRAW): Status.WITHDRAWN,
    (Status.PROCESSING, Move.APPROVE): Status.PROCESSED,
    (Status.SUPPLEMENT_REQUESTED, Move.ASK): Status.SUPPLEMENT_REQUESTED,
    (Status.SUPPLEMENT_REQUESTED, Move.ANSWER): Status.PROCESSING,
    (Status.SUPPLEMENT_REQUESTED, Move.WITHDRAW): Status.WITHDRAWN,
    (Status.PROCESSED, Move.RETURN): Status.RESULT_RETURNED,
}

LIVE = frozenset(
    {
        Status.NEWLY_FILED,
        Status.RECEIVED,
        Status.PROCESSING,
        Status.SUPPLEMENT_REQUESTED,
        Status.FINANCIAL_OBLIGATION,
    }
)
"""Statuses in which the agency still works on the dossier and evidence may be opened."""


def next_state(status: Status, move: Move) -> Status:
    """Where `move` leads. Raises MoveNotAllowed."""
    reached = MOVES.get((status, move))
    if reached is None:
        raise MoveNotAllowed(status, move)
    return reached


def resume_state(asked_in: Status) -> Status:
    """Where an answered supplement returns to: processing, or the receiving desk if processing had not begun."""
    return Status.PROCESSING if asked_in is Status.PROCESSING else Status.RECEIVED


def available_moves(status: Status) -> tuple[Move, ...]:
    return tuple(move for move in Move if (status, move) in MOVES)
