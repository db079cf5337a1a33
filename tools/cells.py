# SPDX-License-Identifier: MIT
"""Cells of a terminal, as tmux capture-pane -e gives them, to an HTML page. stdin to stdout."""
import html
import re
import sys
import unicodedata

COLOURS = {31: "#ff7b72", 32: "#7ee787", 36: "#79c0ff", 33: "#e3b341", 37: "#e6edf3"}
SGR = re.compile(r"\x1b\[([0-9;:]*)m")


def style(state):
    fore, back = state["fore"], state["back"]
    if state["reverse"]:
        fore, back = back or "#0d1117", fore or "#e6edf3"
    out = []
    if fore:
        out.append("color:" + fore)
    if back:
        out.append("background:" + back)
    if state["bold"]:
        out.append("font-weight:700")
    return ";".join(out)


def apply(state, codes):
    for code in [int(c or 0) for c in re.split("[;:]", codes)]:
        if code == 0:
            state.update(fore=None, back=None, bold=False, reverse=False)
        elif code == 1:
            state["bold"] = True
        elif code == 7:
            state["reverse"] = True
        elif code == 27:
            state["reverse"] = False
        elif code == 22:
            state["bold"] = False
        elif code in COLOURS:
            state["fore"] = COLOURS[code]
        elif code == 39:
            state["fore"] = None
        elif code == 41:
            state["back"] = "#b62324"
        elif code == 49:
            state["back"] = None


def main():
    state = dict(fore=None, back=None, bold=False, reverse=False)
    print("<!doctype html><meta charset=utf-8><style>body{margin:0;background:#0d1117;padding:14px}"
          "pre{margin:0;color:#e6edf3;font:14px/18px 'DejaVu Sans Mono','Liberation Mono',monospace}"
          "span{display:inline-block;height:18px;vertical-align:top;white-space:pre}</style><pre>")
    for line in sys.stdin.read().rstrip("\n").split("\n"):
        out = []
        for i, part in enumerate(SGR.split(line)):
            if i % 2:
                apply(state, part)
            elif part:
                columns = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in part)
                out.append('<span style="%s;width:%dch">%s</span>' % (style(state), columns, html.escape(part)))
        print("".join(out))
    print("</pre>")


main()
