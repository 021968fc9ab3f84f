"""The keys of each screen, a list each, and the footer that is made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from textual.binding import ActiveBinding, Binding
from textual.geometry import Size

from burnmon.frame import Scene
from burnmon.frame.box import SIDES_FROM, bottom
from burnmon.frame.burn import NARROW
from burnmon.frame.day_view import DayScene, beside, rows_of
from burnmon.frame.events import nothing_found
from burnmon.frame.plan import LOW
from burnmon.frame.segments import Line, Segment, width_of
from burnmon.frame.view import keys_of, rested, sessions_of
from burnmon.frame.why_view import WhyScene, turns_of
from burnmon.tui.lines import Lines
from burnmon.tui.signals import Signalling


def _key(
    keys: str, action: str, word: str, tooltip: str, shown: str | None = None
) -> Binding:
    """A key; ``shown`` is how the footer writes it, None keeps it out of there."""
    name = keys.split(",")[0]
    return Binding(
        keys,
        action,
        word,
        show=shown is not None,
        key_display=shown,
        tooltip=tooltip,
        id=name,
    )


def _unlisted(binding: Binding) -> Binding:
    """A key that another row of the list of keys speaks for."""
    return replace(binding, system=True)


def _first(binding: Binding) -> Binding:
    """A key that acts before the next one is looked at, so that focus can move."""
    return replace(binding, priority=True)


BINDINGS = [
    _key("tab", "focus_next", "", "next pane"),
    _key("shift+tab", "focus_previous", "", "previous pane"),
    _key("1", "pane('limits')", "pane", "Limits, Burn, Sessions, Events", "1-4"),
    _unlisted(_key("2", "pane('burn')", "", "go to Burn")),
    _unlisted(_key("3", "pane('sessions')", "", "go to Sessions")),
    _unlisted(_key("4", "pane('events')", "", "go to Events")),
    _key("enter", "open", "why", "a session burns; other rows: explain", "enter"),
    _key("d", "day", "day", "what the money of the day turned into", "d"),
    _first(
        _key("slash", "filter", "filter", "project, branch, model, title, state", "/")
    ),
    _key("s", "order", "sort", "next order of the sessions", "s"),
    _key("space", "freeze", "freeze", "hold still; the first line stays live", "space"),
    _key("e", "enlarge", "enlarge", "give the pane the whole height", "e"),
    _key("plus,equals_sign", "span(1)", "span", "next span of the chart", "+ −"),
    _key("y", "copy", "copy", "the selected row and its reasons", "y"),
    _key("question_mark", "help", "keys", "show or hide this list", "?"),
    _key("q,ctrl+q", "quit", "quit", "end burnmon; agents are not touched", "q"),
    # It ends burnmon from every screen, also from a line that is being typed.
    _first(_key("ctrl+c", "interrupt", "", "end burnmon as an interrupted command")),
    _key("escape", "undo", "", "back: filter off, small pane, live again"),
    _key("minus", "span(-1)", "", "previous span of the chart"),
    _key("r", "reverse", "", "reverse the order of the sessions"),
    _key("i", "explain", "", "explain: source, age, formula, counts"),
    _key("j,down", "move(1)", "", "next row"),
    _key("k,up", "move(-1)", "", "previous row"),
    _key("g,home", "move(-9999)", "", "first row"),
    _key("G,end", "move(9999)", "", "last row"),
    _key("ctrl+f,pagedown", "move(8)", "", "eight rows down"),
    _key("ctrl+b,pageup", "move(-8)", "", "eight rows up"),
    _key("t", "change_theme", "", "choose a theme"),
]
DAY_BINDINGS = [
    _key("escape", "back", "Burn", "back to Burn", "esc"),
    _key("left", "step(-1)", "day", "the day before", "← →"),
    _unlisted(_key("right", "step(1)", "", "the day after")),
    _first(_key("d", "pick", "pick", "pick a day: yesterday, 3d, 2026-11-17", "d")),
    _key("enter", "evidence", "evidence", "what stands behind the row", "enter"),
    _key("b", "group", "group", "next kind of groups", "b"),
    _key("m", "write", "markdown", "write the day as Markdown into a file", "m"),
    _key("y", "copy", "copy", "copy the day as Markdown", "y"),
    _key("question_mark", "app.help", "keys", "show or hide this list", "?"),
    _key("q,ctrl+q", "app.quit", "quit", "end burnmon; agents are not touched", "q"),
    _key("ctrl+c", "app.interrupt", "", "end burnmon as an interrupted command"),
    _key("j,down", "move(1)", "", "next row"),
    _key("k,up", "move(-1)", "", "previous row"),
    _key("g,home", "move(-9999)", "", "first row"),
    _key("G,end", "move(9999)", "", "last row"),
    _key("ctrl+f,pagedown", "move(8)", "", "eight rows down"),
    _key("ctrl+b,pageup", "move(-8)", "", "eight rows up"),
    _key("t", "app.change_theme", "", "choose a theme"),
]
WHY_BINDINGS = [
    _key("escape", "dismiss", "Burn", "back to Burn", "esc"),
    _key("j,down", "move(1)", "turn", "next turn, which is older", "j k"),
    _unlisted(_key("k,up", "move(-1)", "", "the turn before, which is newer")),
    _key("enter,i", "explain", "explain", "the turn and its figures", "enter"),
    _key("y", "copy", "copy", "copy the session explained as text", "y"),
    _key("question_mark", "app.help", "keys", "show or hide this list", "?"),
    _key("q,ctrl+q", "app.quit", "quit", "end burnmon; agents are not touched", "q"),
    _key("ctrl+c", "app.interrupt", "", "end burnmon as an interrupted command"),
    _key("g,home", "move(-9999)", "", "the newest turn"),
    _key("G,end", "move(9999)", "", "the first turn"),
    _key("ctrl+f,pagedown", "move(8)", "", "eight turns down"),
    _key("ctrl+b,pageup", "move(-8)", "", "eight turns up"),
    _key("t", "app.change_theme", "", "choose a theme"),
]
_ALWAYS = 2
"""Keys at the end of the footer that stay when there is room for few."""


class CommonKeys(Signalling):
    """An app with the keys that do the same on each of its screens."""

    def action_interrupt(self) -> None:
        """End with the exit code of a command that was interrupted."""
        self.exit(return_code=130)

    def action_help(self) -> None:
        """Show the keys, or hide them."""
        panel = self.screen.query("HelpPanel")  # by name: its import is slow
        if panel:
            panel.remove()
        else:
            self.action_show_help_panel()


def works(action: str, scene: Scene | None, size: Size) -> bool | None:
    """Whether a key can do anything now; None dims it."""
    if action not in _NEEDS:
        return True
    return True if scene is not None and _NEEDS[action](scene, size) else None


def _found(scene: Scene, _: Size) -> bool:
    return not nothing_found(scene.snapshot)


def _several(scene: Scene, _: Size) -> bool:
    return len(scene.snapshot.sessions) > 1


def _filtered(scene: Scene) -> bool:
    """There is something to filter, and a ``/`` is not one of the words."""
    return bool(scene.snapshot.sessions) and not scene.view.typing


_NEEDS: dict[str, Callable[[Scene, Size], bool]] = {
    "explain": _found,
    "open": _found,
    "copy": _found,
    "order": _several,
    "reverse": _several,
    "freeze": lambda scene, size: True,
    "day": lambda scene, size: True,
    "filter": lambda scene, size: _filtered(scene) and size.height > LOW,
    "enlarge": lambda scene, size: _found(scene, size) and size.height > LOW,
    "pane": lambda scene, size: _found(scene, size) and size.height > LOW,
    "span": lambda scene, size: len(scene.snapshot.charts) > 1 and size.width > NARROW,
    "move": lambda scene, size: len(keys_of(scene.snapshot, scene.view)) > 1,
    "undo": lambda scene, size: scene.view != rested(scene.view),
}
"""What each action needs; one that is not named here works always. Of a scene they
look at no more than ``Footer.look`` compares."""


def works_on_day(
    action: str, parameters: tuple[object, ...], scene: DayScene
) -> bool | None:
    """Whether a key of the day can do anything now; None dims it."""
    day, typing = scene.day, scene.typing
    if action == "step":
        (days,) = parameters
        assert isinstance(days, int)
        return beside(scene, days) is not None or None
    needs = {
        "pick": not typing,
        "evidence": bool(rows_of(day)),
        "move": len(rows_of(day)) > 1,
        "group": day is not None and any(day.groups.values()),
        "write": day is not None,
        "copy": day is not None,
    }
    return needs.get(action, True) or None


def works_on_session(action: str, scene: WhyScene) -> bool | None:
    """Whether a key of a session can do anything now; None dims it."""
    needs = {"move": len(turns_of(scene.why)) > 1, "copy": scene.why is not None}
    return needs.get(action, True) or None


def footer(bindings: list[ActiveBinding], width: int) -> Line:
    """As many keys as fit; the way to the others and the way out always."""
    words = [_words(active) for active in bindings if active.binding.show]
    kept, ends = words[:-_ALWAYS], words[-_ALWAYS:]
    room = width - (8 if width >= SIDES_FROM else 2)
    while kept and sum(width_of(word) + 2 for word in [*kept, *ends]) > room:
        kept.pop()
    line: Line = []
    for word in [*kept, *ends]:
        line += [Segment("  ", "faint"), *word] if line else word
    return bottom(line, width)


def _words(active: ActiveBinding) -> Line:
    binding = active.binding
    key = Segment(
        binding.key_display or binding.key, "accent" if active.enabled else "faint"
    )
    return [
        key,
        Segment(f" {binding.description}", "dim" if active.enabled else "faint"),
    ]


class Footer(Lines):
    """The last line: the keys that work now, the others dimmed."""

    _rests_on: object = None

    def look(self, scene: Scene) -> None:
        """What can be done depends on what is shown, but seldom changes with it."""
        shown, view = scene.snapshot, scene.view
        rows = sessions_of(shown, view) if view.query else shown.sessions
        counted = rows, shown.sessions, shown.limits, shown.charts
        events = len(shown.events) + len(shown.commits)
        found = tuple(map(len, counted)), events, nothing_found(shown)
        rests_on = found, view, self.app.size, self.screen.focused, self.app.screen
        if rests_on != self._rests_on:
            self._rests_on = rests_on
            self.draw()

    def draw(self) -> None:
        """Show the keys of the screen this footer is on."""
        unique = {
            active.binding.id or active.binding.action: active
            for active in reversed(self.screen.active_bindings.values())
        }
        self.show([footer(list(reversed(unique.values())), self.area[0])])
