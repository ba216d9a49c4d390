#!/usr/bin/env python3
r"""Draw a terminal as SVG: text with ANSI colours on standard input, the picture on standard output.

The picture of the demonstration, from the root of the repository; \003 is Ctrl-C:

(sleep 4; printf '\003') | script -qec 'target/release/tollgate demo' /dev/null | sed '/^Ctrl-C/q; s,[^ "]*/target/release/,,' |
    docs/pictures/terminal.py '$ cargo run --release -- demo' > docs/pictures/demo.svg
"""

import re
import sys
from html import escape

COLOURS = {"1": ("#f0f3f6", "bold"), "31": ("#ff7b72", "bold"), "32": ("#56d364", "bold"), "2": ("#8b949e", "normal")}
PLAIN = ("#c9d1d9", "normal")
SIZE, LINE, COLUMN, LEFT, TOP = 14, 20, 8.43, 20, 56
WIDEST = 100


def spans(line):
    """Pieces of a line with the column where each starts and its style."""
    style, column = PLAIN, 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if code := re.fullmatch(r"\x1b\[([0-9;]*)m", piece):
            style = COLOURS.get(code[1], PLAIN)
        elif piece:
            yield column, piece[: max(0, WIDEST - column)], style
            column += len(piece)
    if column > WIDEST:
        yield WIDEST, "…", COLOURS["2"]


def draw(lines):
    """The whole picture."""
    width, height = LEFT * 2 + (WIDEST + 1) * COLUMN, TOP + LINE * len(lines) + 6
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}">'
    yield '<rect width="100%" height="100%" rx="10" fill="#0d1117"/>'
    for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        yield f'<circle cx="{LEFT + 6 + at * 20}" cy="20" r="6" fill="{colour}"/>'
    yield f'<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="{SIZE}" xml:space="preserve">'
    for row, line in enumerate(lines):
        for column, text, (colour, weight) in spans(line):
            # The length is fixed, so that columns stand under each other in every font.
            place = f'x="{LEFT + column * COLUMN:.1f}" y="{TOP + row * LINE}" textLength="{len(text) * COLUMN:.1f}"'
            yield f'<text {place} fill="{colour}" font-weight="{weight}">{escape(text)}</text>'
    yield "</g></svg>"


lines = [f"\x1b[1m{sys.argv[1]}\x1b[0m", ""] if sys.argv[1:] else []
lines += [line.rstrip() for line in sys.stdin.read().replace("\r", "").splitlines()]
print("\n".join(draw(lines)))
