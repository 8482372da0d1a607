"""The shell: tabs, go to, neighbours, back, help, palette, keymap, dead keys, banners, too small."""

from __future__ import annotations

import re

import pytest
from fixtures_workspace import StillApp, say
from pilots import settle, until

from flywheel_tui.errors import InputError, NotFoundError
from flywheel_tui.workspace import Workspace
from screens.bindings import GROUPS, all_acts, check_keymap, show_key
from screens.glyphs import Glyphs
from screens.goto import GotoScreen
from screens.help import HelpScreen
from screens.places import PLACES
from screens.themes import THEMES, TOKEN_DEFAULTS, TOKENS
from screens.widgets.status_line import FooterLine, HeaderLine


def line(app: StillApp, y: int) -> str:
    """A line of the screen as a person sees it."""
    return app.screen._compositor.render_strips()[y].text


async def test_starts_on_the_list_and_with_a_data_set_in_browse(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert pilot.app.current_mode == "datasets"
        assert "Datasets" in line(pilot.app, 0)
        assert "reviewer ana" in line(pilot.app, 0)
    async with StillApp(workspace, dataset="prefs").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert pilot.app.current_mode == "browse"
        assert "prefs" in line(pilot.app, 0)


def test_an_unknown_data_set_is_refused_before_the_screen_opens(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="demo, prefs"):
        StillApp(workspace, dataset="nowhere")


async def test_g_and_a_letter_go_there_and_escape_comes_back(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.press("g")
        await pilot.pause()
        assert isinstance(pilot.app.screen, GotoScreen)
        await pilot.press("b")
        await pilot.pause()
        assert pilot.app.current_mode == "browse"
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.current_mode == "datasets"
        await pilot.press("escape")
        await pilot.pause()
        assert "nowhere" in pilot.app.screen.query_one(FooterLine).message


async def test_brackets_go_round_the_tabs(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        seen = []
        for _ in PLACES:
            await pilot.press("]")
            await pilot.pause()
            seen.append(pilot.app.current_mode)
        assert sorted(seen) == sorted(place.name for place in PLACES)
        await pilot.press("[")
        await pilot.pause()
        assert pilot.app.current_mode == seen[-2]


async def test_a_click_on_a_tab_goes_there(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.click(HeaderLine, offset=(line(pilot.app, 0).index("Browse") + 1, 0))
        await pilot.pause()
        assert pilot.app.current_mode == "browse"


@pytest.mark.parametrize("place", ["browse", "label", "calibrate", "gate", "workers"])
async def test_the_header_tells_what_changed_while_another_place_was_shown(workspace: Workspace, place: str) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(160, 30)) as pilot:
        app = pilot.app
        await app.go(place)
        for there, words in ((place, "judge under way"), ("train", "")):
            await app.go(there)
            app.jobs_under_way = words
            app.refresh_chrome()
            await until(pilot, lambda: ("judge under way" in line(app, 0)) is bool(app.jobs_under_way))
        await app.go(place)
        await until(pilot, lambda: "judge under way" not in line(app, 0), seconds=3)


@pytest.mark.parametrize("place", ["datasets", "label"])
async def test_ctrl_c_says_what_leaves(workspace: Workspace, place: str) -> None:
    async with StillApp(workspace, dataset="demo", start=place).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "q or ^q leaves" in line(pilot.app, 23), seconds=3)


async def test_a_click_on_a_hint_is_its_key(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.click(FooterLine, offset=(line(pilot.app, 23).index("? keys"), 0))
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)


async def test_help_lists_every_key_that_works_here(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(120, 60)) as pilot:
        await pilot.pause()
        enabled = {
            active.binding.id
            for active in pilot.app.screen.active_bindings.values()
            if active.enabled and active.binding.id
        }
        await pilot.press("question_mark")
        await pilot.pause()
        shown = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        known = {act.id for act in all_acts()}
        for name in enabled & known:
            assert name in shown, name
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, HelpScreen)


async def test_the_ids_of_help_stand_in_one_column_where_the_screen_is_narrow(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("question_mark")
        await pilot.pause()
        strips = pilot.app.screen._compositor.render_strips()[2:21]
        lines = [strip.text.split("│")[1].rstrip(" ▁▂▃▄▅▆▇█") for strip in strips]
        ends = {len(words) for words in lines if re.search(r" browse\.[a-z_]+$", words)}
        assert len(ends) == 1, lines
        assert any(re.search("marked pairs +browse.label$", words) for words in lines), "what fits is on one line"


async def test_every_binding_of_the_table_of_keys_has_its_action(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test() as pilot:
        owners = {"app": pilot.app}
        for place in PLACES:
            await pilot.app.go(place.name)
            await pilot.pause()
            owners[place.name] = pilot.app.screen
        for group, (_, acts) in GROUPS.items():
            if group in owners:
                for act in acts:
                    name = act.action.partition("(")[0]
                    assert hasattr(owners[group], f"action_{name}"), act.id


async def test_a_dead_key_is_seen(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.press("f9")
        await pilot.pause()
        assert "f9 does nothing here" in line(pilot.app, 23)
        await pilot.press("down")
        await pilot.press("Z")
        await pilot.pause()
        assert "Z does nothing here" in line(pilot.app, 23)


async def test_the_palette_offers_what_keys_do(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"theme flywheel-light")
        await pilot.pause(0.2)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert pilot.app.theme == "flywheel-light"


async def test_the_keymap_of_the_settings_holds(workspace: Workspace) -> None:
    (workspace.root / "flywheel.toml").write_text('[keymap]\n"app.help" = "f7"\n"browse.filter" = "ctrl+t,F"\n')
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "F filter" in line(pilot.app, 23)
        await pilot.press("f7")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape")
        await pilot.press("f")
        await pilot.pause()
        assert "f does nothing here" in line(pilot.app, 23)


def test_a_keymap_with_an_unknown_id_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"browse\.nonsense.*browse\.filter"):
        check_keymap({"browse.nonsense": "x"})


def test_ids_and_keys_are_used_once() -> None:
    ids = [act.id for act in all_acts()]
    assert len(ids) == len(set(ids))
    everywhere = {key for group in ("app", "table") for act in GROUPS[group][1] for key in act.keys.split(",")}
    for place in ("datasets", "browse"):
        keys = [key for act in GROUPS[place][1] for key in act.keys.split(",")]
        assert len(keys) == len(set(keys)), place
        assert not set(keys) & everywhere, place


def test_keys_are_shown_as_people_write_them() -> None:
    shown = ("slash", "ctrl+p", "question_mark", "pagedown", "shift+tab")
    assert [show_key(key) for key in shown] == ["/", "^p", "?", "pgdn", "shift+tab"]


async def test_a_banner_stays_until_its_cause_is_gone(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        pilot.app.show_banner("label", "not saved: [b]disk full[/b]; free some space")
        await pilot.pause()
        assert "not saved: [b]disk full[/b]" in line(pilot.app, 0)
        await pilot.press("right_square_bracket")
        await pilot.pause()
        assert "not saved" in line(pilot.app, 0)
        pilot.app.clear_banner("other")
        assert pilot.app.banner
        pilot.app.clear_banner("label")
        await pilot.pause()
        assert "Datasets" in line(pilot.app, 0)


@pytest.mark.parametrize("size", [(59, 24), (80, 15), (20, 5)])
async def test_too_small_says_what_to_do_and_loses_nothing(workspace: Workspace, size: tuple[int, int]) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=size) as pilot:
        await pilot.pause()
        shown = " ".join(" ".join(strip.text for strip in pilot.app.screen._compositor.render_strips()).split())
        assert "too small" in shown
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "too small" not in "".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        await pilot.press("down")
        await pilot.pause()
        assert pilot.app.screen.table.cursor == 1


async def test_what_others_write_is_seen(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(100, 24)) as pilot:
        await pilot.pause()
        assert "· open" in line(pilot.app, 3)
        with Workspace.open(workspace.root) as other:
            say(other, 1, "rejected", reviewer="bo")
        await until(pilot, lambda: "✗ rejected" in line(pilot.app, 3), "what others write is not seen")


async def test_no_color_is_monochrome(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from screens.app import FlywheelApp

    monkeypatch.setenv("NO_COLOR", "1")
    assert FlywheelApp(workspace).theme == "flywheel-mono"


def test_an_unknown_theme_falls_back_and_is_said(workspace: Workspace) -> None:
    from screens.app import FlywheelApp

    (workspace.root / "flywheel.toml").write_text('theme = "no-such"\n')
    app = FlywheelApp(workspace)
    assert app.theme == "flywheel-dark"
    assert "no-such" in app._problem


def test_every_theme_knows_our_tokens() -> None:
    for theme in THEMES:
        assert set(TOKENS) <= set(theme.variables)
    assert set(TOKEN_DEFAULTS) == set(TOKENS)


def test_glyphs_are_one_cell_and_the_ascii_set_is_ascii() -> None:
    from rich.cells import cell_len

    for state in ("open", "approved", "rejected", "skipped", "edited", "disputed", "flagged", "no verdict", "marked"):
        assert cell_len(Glyphs().mark(state).glyph) == 1
        assert Glyphs(ascii_only=True).mark(state).glyph.isascii()
    assert Glyphs(ascii_only=True).bar(0.5, 8) == "####...."
    assert Glyphs().bar(0.001, 8).startswith("▏")
    assert Glyphs().bar(1, 4) == "████"


async def test_q_leaves(workspace: Workspace) -> None:
    app = StillApp(workspace)
    async with app.run_test() as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert app.return_code == 0
