"""What the store has booked, against what is known of the calls."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tollbench import blocks
from tollbench.calls import OK, Known
from tollbench.processes import BenchError

UNAVAILABLE = 503
# So many of a kind are named.
NAMED = 5
# Of roll-ups, in seconds.
SPANS = [60, 3600, 86400]


@dataclass(frozen=True)
class Event:
    """One booked event: what its call is known by, and how it ended."""

    call: str
    outcome: str
    status: int | None


@dataclass
class Verdict:
    """What is wrong between calls and events; nothing of it may be."""

    events: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    # Calls that must have an event and have none.
    lost: list[str] = field(default_factory=list)
    # Calls that have more than one.
    doubled: list[str] = field(default_factory=list)
    # Whatever else does not fit, in words.
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether each call is in the books exactly once, as it was."""
        return not (self.lost or self.doubled or self.wrong)

    def add(self, other: Verdict, prefix: str = "") -> None:
        """Count another verdict in; what is wrong there begins with `prefix`."""
        self.events += other.events
        self.outcomes += other.outcomes
        for kind in ("lost", "doubled", "wrong"):
            getattr(self, kind).extend(prefix + text for text in getattr(other, kind))

    def tell(self, name: str) -> None:
        """Print it; of what is wrong, the first few of each kind."""
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.most_common())
        print(
            f"{name}: {self.events:,} events ({outcomes}); lost {len(self.lost)}, doubled {len(self.doubled)}, "
            f"wrong {len(self.wrong)}",
            flush=True,
        )
        for kind in ("lost", "doubled", "wrong"):
            for text in getattr(self, kind)[:NAMED]:
                print(f"  {kind}: {text}", flush=True)


def judge(known: Known, events: Iterable[Event]) -> Verdict:
    """Each call that the model saw, or whose caller has the model's whole answer, is in the books once.

    A call that the model did not see may be there too, since its intent is written first; but not as served.
    """
    verdict = Verdict()
    booked: dict[str, Event] = {}
    for event in events:
        verdict.events += 1
        verdict.outcomes[event.outcome] += 1
        if event.call in booked:
            verdict.doubled.append(event.call)
        booked.setdefault(event.call, event)
    for call in known.seen.keys() | {call for call, status in known.whole.items() if status == OK}:
        if call not in booked:
            verdict.lost.append(call)
    verdict.wrong += [f"{call} went to the model {times} times" for call, times in known.seen.items() if times > 1]
    verdict.wrong += [
        f"{call} went to the model, and was refused"
        for call, status in known.whole.items()
        if status == UNAVAILABLE and call in known.seen
    ]
    for call, event in booked.items():
        is_served = event.outcome == "served"
        if call not in known.asked:
            verdict.wrong.append(f"nobody made {call}")
        elif known.whole.get(call) == OK and not (is_served and event.status == OK):
            verdict.wrong.append(f"{call} was answered, and is booked as {event.outcome}, {event.status}")
        elif is_served and call not in known.seen:
            verdict.wrong.append(f"{call} never went to the model, and is booked as served")
    return verdict


class Books:
    """A store, read without the gate: a file of SQLite, or the URL of a PostgreSQL."""

    def __init__(self, store: Path | str) -> None:
        self._store = store

    def rows(self, query: str) -> Iterator[tuple[str, ...]]:
        """The rows of a query, all values as text."""
        if isinstance(self._store, Path):
            with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True, timeout=30)) as store:
                for row in store.execute(query):
                    yield tuple("" if value is None else str(value) for value in row)
            return
        command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--field-separator=|", self._store]
        env = {**os.environ, "PGOPTIONS": "-c search_path=tollgate"}
        with subprocess.Popen([*command, "--command", query], stdout=subprocess.PIPE, text=True, env=env) as psql:
            assert psql.stdout is not None
            for line in psql.stdout:
                yield tuple(line.rstrip("\n").split("|"))
        if psql.returncode != 0:
            raise BenchError(f"psql could not be asked: {query}")

    def count(self) -> int:
        """How many events there are."""
        return int(next(self.rows("SELECT coalesce(sum(events), 0) FROM usage_blocks"))[0])

    def events(self, by: str) -> Iterator[Event]:
        """Every event, its call known by its `path` or its `id`."""
        body = "hex(body)" if isinstance(self._store, Path) else "encode(body, 'hex')"
        for (block,) in self.rows(f"SELECT {body} FROM usage_blocks"):
            for number, path, outcome, status in blocks.events(bytes.fromhex(block)):
                yield Event(number if by == "id" else path, outcome, status)

    def contradictions(self, events: int) -> list[str]:
        """Alarms, and roll-ups that do not add up to so many events."""
        found = [f"alarm: {' '.join(row)}" for row in self.rows("SELECT kind, stream, seq, last FROM usage_alarms")]
        # What is booked and not rolled up yet.
        waiting = "SELECT coalesce(sum(events), 0) FROM usage_blocks JOIN usage_waiting USING (stream, first)"
        waiting = int(next(self.rows(waiting))[0])
        sums = {int(span): int(sum) for span, sum in self.rows("SELECT span, sum(requests) FROM usage_rollups GROUP BY span")}
        for span in SPANS:
            if sums.get(span, 0) + waiting != events:
                found.append(
                    f"roll-ups of {span} s have {sums.get(span, 0)} requests, {waiting} wait, and there are {events} events"
                )
        return found
