"""The looks of the workstation: three themes of our own, and our tokens for the themes that ship with Textual.

Our tokens say what a colour means, so that a screen never names a colour: `$approve, $reject, $skip, $edit, $judge,
$muted`. They are for text and marks; backgrounds use Textual's own (`$surface`, `$panel`, `$accent`).
"""

from __future__ import annotations

from textual.theme import Theme

TOKENS = ("approve", "reject", "skip", "edit", "judge", "muted")

_DARK = {
    "row-cursor": "#23404f",
    "approve": "#7fb77e",
    "reject": "#e07a74",
    "skip": "#9aa0aa",
    "edit": "#d9b36c",
    "judge": "#a99be0",
    "muted": "#8b919b",
    "border": "#3a404a",
    "border-blurred": "#3a404a",
    "footer-background": "#1b1e23",
    "block-cursor-text-style": "none",
    "scrollbar": "#3a404a",
    "scrollbar-background": "#17191d",
    "scrollbar-background-hover": "#17191d",
    "scrollbar-background-active": "#17191d",
    "scrollbar-corner-color": "#17191d",
    "scrollbar-hover": "#565d69",
    "scrollbar-active": "#5fafd7",
}
_LIGHT = {
    "row-cursor": "#cbe2f1",
    "approve": "#2a7a3b",
    "reject": "#b3362f",
    "skip": "#676d76",
    "edit": "#8a5a00",
    "judge": "#5f4bb6",
    "muted": "#646a73",
    "border": "#c9cdd3",
    "border-blurred": "#c9cdd3",
    "footer-background": "#eceef0",
    "block-cursor-text-style": "none",
    "scrollbar": "#c3c8cf",
    "scrollbar-background": "#f4f5f6",
    "scrollbar-background-hover": "#f4f5f6",
    "scrollbar-background-active": "#f4f5f6",
    "scrollbar-corner-color": "#f4f5f6",
    "scrollbar-hover": "#9aa2ac",
    "scrollbar-active": "#0b6ea8",
}
# Without colour the differences are brightness, bold and reverse: the words and glyphs carry the meaning.
_MONO = {
    "row-cursor": "#3a3a3a",
    **dict.fromkeys(("approve", "reject", "edit", "judge"), "#f0f0f0"),
    "skip": "#b0b0b0",
    "muted": "#a0a0a0",
    "border": "#606060",
    "border-blurred": "#606060",
    "footer-background": "#101010",
    "block-cursor-text-style": "reverse",
    "scrollbar": "#606060",
    "scrollbar-background": "#000000",
    "scrollbar-background-hover": "#000000",
    "scrollbar-background-active": "#000000",
    "scrollbar-corner-color": "#000000",
    "scrollbar-hover": "#909090",
    "scrollbar-active": "#f0f0f0",
}

THEMES: tuple[Theme, ...] = (
    Theme(
        "flywheel-dark",
        primary="#5fafd7",
        secondary="#4a7f9c",
        accent="#5fafd7",
        foreground="#d7dae0",
        background="#17191d",
        surface="#1b1e23",
        panel="#262a31",
        success="#7fb77e",
        warning="#d9b36c",
        error="#e07a74",
        variables=_DARK,
    ),
    Theme(
        "flywheel-light",
        primary="#0b6ea8",
        secondary="#3d86b0",
        accent="#0b6ea8",
        foreground="#1f2328",
        background="#fbfbfc",
        surface="#f4f5f6",
        panel="#e6e9ec",
        success="#2a7a3b",
        warning="#8a5a00",
        error="#b3362f",
        dark=False,
        variables=_LIGHT,
    ),
    Theme(
        "flywheel-mono",
        primary="#f0f0f0",
        secondary="#b0b0b0",
        accent="#f0f0f0",
        foreground="#d8d8d8",
        background="#000000",
        surface="#101010",
        panel="#2a2a2a",
        success="#f0f0f0",
        warning="#f0f0f0",
        error="#ffffff",
        variables=_MONO,
    ),
)

TOKEN_DEFAULTS = {
    "approve": "ansi_green",
    "reject": "ansi_red",
    "skip": "ansi_bright_black",
    "edit": "ansi_yellow",
    "judge": "ansi_magenta",
    "muted": "ansi_bright_black",
}
"""What our tokens are in a theme that does not know them."""

ROW_CURSOR = {True: "#33424e", False: "#cfdde8"}
"""The cursor's line in such a theme, where it is dark and where not."""
