"""Ratios, goals and tables from what was measured. Nothing is asserted: a person reads this."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass

from tollbench.measure import Row

MISSING = "–"


@dataclass(frozen=True)
class Goal:
    """A figure to stay at or below; with a reference, the ratio of two targets' CPU time for each request."""

    what: str
    target: str
    limit: float
    reference: str = ""
    aim: float | None = None
    # A figure of `Row`, for goals without a reference.
    figure: str = ""
    unit: str = ""


GOALS = [
    Goal("API key ÷ nginx plain", "gate-key-off", 1.20, "nginx-plain", aim=1.06),
    Goal("key of the store and a rate ÷ key of the file", "gate-store-key-limit-off", 1.10, "gate-key-off"),
    Goal("key of the store and a rate ÷ nginx plain", "gate-store-key-limit-off", 1.25, "nginx-plain", aim=1.10),
    Goal("key, rate and journal ÷ nginx plain", "gate-key-limit", 1.35, "nginx-plain", aim=1.15),
    Goal("key, rate and journal ÷ envoy with key and rate", "gate-key-limit", 0.55, "envoy-key-limit"),
    Goal("10,000 routes and keys ÷ one", "gate-10000", 1.05, "gate-key-off"),
    Goal("repeated RS256 ÷ haproxy `jwt_verify`", "gate-rs256", 0.55, "haproxy-rs256", aim=0.47),
    Goal("fresh RS256 ÷ haproxy `jwt_verify`", "gate-rs256-fresh", 1.0, "haproxy-rs256-fresh"),
    Goal("API key ÷ envoy `api_key_auth`", "gate-key-off", 0.5, "envoy-key"),
    Goal("system calls for each request", "gate-key-off", 4.4, figure="syscalls"),
    Goal("memory of an idle connection", "gate-key", 16, aim=13, figure="kib_per_connection", unit="KiB"),
    Goal("memory of a fresh process", "gate-key", 15, figure="rss_fresh_mib", unit="MiB"),
]

Cells = list[list[str]]


def ratio(target: Row, reference: Row) -> float | None:
    """The median over rounds of (target ÷ reference in the same round) of CPU time; nothing without valid rounds."""
    if target.invalid or reference.invalid:
        return None
    pairs = zip(target.rounds, reference.rounds, strict=True)
    ratios = [one.cpu / other.cpu for one, other in pairs if other.cpu > 0]
    return statistics.median(ratios) if ratios else None


def reached(goal: Goal, rows: dict[str, Row]) -> float | None:
    """What was measured for a goal, or nothing."""
    target = rows.get(goal.target)
    if target is None or target.invalid:
        return None
    if goal.reference:
        reference = rows.get(goal.reference)
        return ratio(target, reference) if reference is not None else None
    value: float | None = getattr(target, goal.figure)
    return value


def rows_table(rows: list[Row], direct: tuple[float, float] | None) -> Cells:
    """One line for each target; the first line names the columns."""
    plain = next((row for row in rows if row.target.name == "nginx-plain"), None)
    table = [
        [
            "target",
            "",
            "CPU µs/request (min)",
            "÷ nginx plain",
            "requests/s",
            "p50 µs",
            "p99 µs",
            "added p50",
            "syscalls",
            "RSS MiB",
            "RSS idle",
            "KiB/connection",
        ]
    ]
    for row in rows:
        if row.invalid:
            table.append([row.target.name, f"INVALID: {_one_line(row.invalid)}", *[MISSING] * 10])
            continue
        cpu, p50 = row.median("cpu"), row.median("p50")
        least = min((one.cpu for one in row.rounds), default=None)
        table.append(
            [
                row.target.name,
                row.target.what,
                f"{_number(cpu, 1)} ({_number(least, 1)})" if cpu is not None else MISSING,
                _number(ratio(row, plain) if plain is not None else None, 2),
                _number(row.median("rate"), 0),
                _number(p50, 0),
                _number(row.median("p99"), 0),
                _number(p50 - direct[0] if p50 is not None and direct is not None else None, 0),
                _number(row.syscalls, 1),
                _number(row.rss_fresh_mib, 1),
                _number(row.rss_idle_mib, 1),
                _number(row.kib_per_connection, 1),
            ]
        )
    return table


def goals_table(rows: list[Row]) -> Cells:
    """One line for each goal; the first line names the columns."""
    by_name = {row.target.name: row for row in rows}
    table = [["goal", "measured", "at most", "aim", ""]]
    for goal in GOALS:
        value = reached(goal, by_name)
        verdict = "" if value is None else "reached" if value <= goal.limit else "MISSED"
        aim = MISSING if goal.aim is None else f"{goal.aim:g}"
        unit = f" {goal.unit}" if goal.unit else ""
        table.append([goal.what, _number(value, 2) + unit * (value is not None), f"{goal.limit:g}{unit}", aim, verdict])
    return table


def text(table: Cells) -> str:
    """A table in columns, for a terminal."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    )


def markdown(table: Cells) -> str:
    """A table to paste into a document."""
    rule = ["---" if column < 2 else "---:" for column in range(len(table[0]))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [table[0], rule, *table[1:]])


def to_json(rows: list[Row], direct: tuple[float, float] | None, machine: dict[str, str]) -> dict[str, object]:
    """Everything that was measured, round by round; microseconds, MiB and KiB as in `measure`."""
    by_name = {row.target.name: row for row in rows}
    return {
        "machine": machine,
        "direct": None if direct is None else {"p50": direct[0], "p99": direct[1]},
        "rows": {
            row.target.name: {
                "what": row.target.what,
                "invalid": row.invalid or None,
                "rounds": [asdict(one) for one in row.rounds],
                "syscalls": row.syscalls,
                "rss_fresh_mib": row.rss_fresh_mib,
                "rss_idle_mib": row.rss_idle_mib,
                "kib_per_connection": row.kib_per_connection,
            }
            for row in rows
        },
        "goals": [{**asdict(goal), "measured": reached(goal, by_name)} for goal in GOALS],
    }


def _number(value: float | None, digits: int) -> str:
    return MISSING if value is None else f"{value:,.{digits}f}"


def _one_line(message: str) -> str:
    return " ".join(message.split())[:120]
