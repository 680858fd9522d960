"""Drives ComfyUI's page in Chromium. Run by test_page.py with ComfyUI's Python, which has playwright:

    page_driver.py SCENARIO URL FOLDER [JSON]

prints what it has seen as one line of JSON; screenshots go into FOLDER. What it ought to see is test_page.py's.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
READY_MS, PAINT_MS = 120_000, 90_000
READY = "window.app && window.app.graph && window.app.extensionManager && window.LiteGraph"


class Session:
    """One page, and what it complained of."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self.page, self.url, self.folder = page, url, folder
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        page.set_default_timeout(PAINT_MS)
        # else the first visit begins with a dialog over everything
        page.request.post(f"{url}/settings/Comfy.TutorialCompleted", data="true")
        self.reload()

    def _console(self, message) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} @ {message.location.get('url', '')}")

    def ours(self) -> list[str]:
        """Complaints that name us: our files, our routes, our words."""
        return [text for text in self.complaints if "brushwork" in text.lower()]

    def reload(self) -> None:
        self.page.goto(self.url)
        self.page.wait_for_function(READY, timeout=READY_MS)
        self.page.wait_for_function("app.extensionManager.getSidebarTabs().some(t => t.id === 'brushwork-styles')")
        self.page.wait_for_timeout(1500)  # the default workflow comes late and would land on top of ours

    def shot(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"{name}.png")

    def set(self, setting: str, value: object) -> None:
        self.page.evaluate("([id, value]) => app.extensionManager.setting.set(id, value)", [setting, value])

    def get(self, setting: str) -> object:
        return self.page.evaluate("id => app.extensionManager.setting.get(id)", setting)

    def open_styles(self) -> None:
        self.page.keyboard.press("Alt+b")
        self.page.wait_for_selector(".bw-browser .bw-card")

    def toasts(self) -> list[str]:
        return [text.strip() for text in self.page.locator(".p-toast-message").all_inner_texts()]

    def wait_for_toast(self, contains: str = "") -> str:
        self.page.locator(".p-toast-message", has_text=contains).first.wait_for()
        return next(text for text in self.toasts() if contains in text)

    def close_toasts(self) -> None:
        self.page.evaluate("app.extensionManager.toast.removeAll()")
        self.page.wait_for_timeout(400)

    def disk(self, *, full: bool) -> None:
        """Let the server's disk be full, or not; see probe/."""
        assert self.page.request.post(f"{self.url}/brushwork_probe/disk", data={"full": full}).ok

    def card(self, title: str) -> Locator:
        return self.page.locator(".bw-browser").get_by_role("option", name=title).first

    def preview(self) -> None:
        """Wait until the picture in the lower half is painted and nothing is under way."""
        self.page.wait_for_selector(".bw-detail .bw-painted")
        self.page.wait_for_selector(".bw-frame:not(.bw-busy)")

    def nodes(self) -> dict[str, dict]:
        """Type → widgets by name, of the graph as it would be queued."""
        prompt = self.page.evaluate("async () => (await app.graphToPrompt()).output")
        return {node["class_type"]: node["inputs"] for node in prompt.values()}

    def run(self) -> dict:
        """Press the button; the history entry of the finished prompt."""
        known = set(self.page.evaluate("async () => Object.keys(await (await fetch('/history')).json())"))
        self.page.locator("[data-testid=queue-button]").first.click()
        deadline = time.monotonic() + PAINT_MS / 1000
        while time.monotonic() < deadline:
            history = self.page.evaluate("async () => await (await fetch('/history')).json()")
            for name, entry in history.items():
                if name not in known and entry["status"]["completed"]:
                    return entry
            self.page.wait_for_timeout(200)
        raise TimeoutError("the prompt did not end")

    def template(self, name: str) -> None:
        """Open an example workflow as a user does."""
        self.page.evaluate("app.extensionManager.command.execute('Comfy.BrowseTemplates')")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text(re.compile("brushwork", re.IGNORECASE)).first.click()
        card = dialog.get_by_test_id(f"template-workflow-{name}")
        card.wait_for()
        self.page.wait_for_timeout(800)  # its pictures
        self.shot("templates")
        card.click()
        dialog.wait_for(state="detached")
        self.page.wait_for_function("app.graph.nodes.some(n => n.type.startsWith('Brushwork'))")


def picture(page: Session, values: dict) -> dict:
    """Template → Run → another style from the tab → Run → see it."""
    page.template(values["template"])
    page.page.locator(".bw-face-text", has_text=values["title"]).wait_for()
    before = page.nodes()
    started = time.monotonic()
    first = page.run()
    seconds = time.monotonic() - started
    page.open_styles()
    page.page.get_by_role("searchbox", name="Search styles").fill("munch large")
    page.page.wait_for_function("document.querySelectorAll('.bw-browser .bw-card').length === 1")
    page.page.evaluate("app.canvas.selectNodes(app.graph.nodes.filter(n => n.type === 'BrushworkStylize'))")
    page.card("The Scream").click()
    page.preview()
    page.shot("picked")
    page.page.get_by_role("button", name="Use in selected node").click()
    page.wait_for_toast("selected node")
    after = page.nodes()
    entry = page.run()
    page.page.wait_for_timeout(1500)
    page.shot("painted")
    return {
        "before": before["BrushworkStylize"], "after": after["BrushworkStylize"], "first": first, "entry": entry,
        "seconds": seconds, "loader": after["BrushworkLoadStyleModel"],
        "shown": page.page.evaluate("app.graph.nodes.some(n => n.imgs?.some(i => i.complete && i.naturalWidth > 0))"),
    }  # fmt: skip


def fresh(page: Session, values: dict) -> dict:
    """Right after the install: the template, Run, other styles; then a style from the browser into an empty graph."""
    page.template(values["template"])
    page.page.evaluate(
        """values => {
            for (const node of app.graph.nodes) {
                for (const widget of node.widgets ?? []) if (widget.name in values) widget.value = values[widget.name];
            }
        }""",
        {"photo": values["photo"]},
    )
    seconds = []
    for style in values["styles"]:
        page.page.evaluate(
            """style => {
                const node = app.graph.nodes.find(n => n.type === 'BrushworkStylize');
                node.widgets.find(w => w.name === 'style').value = style;
            }""",
            style,
        )
        milliseconds = page.page.evaluate(
            """() => new Promise((done, fail) => {
                const start = performance.now();
                const { api } = app;
                api.addEventListener('execution_success', () => done(performance.now() - start), { once: true });
                api.addEventListener('execution_error', event => fail(event.detail.exception_message), { once: true });
                document.querySelector('[data-testid=queue-button]').click();
            })"""
        )
        seconds.append(milliseconds / 1000)
        page.page.wait_for_function("app.graph.nodes.some(n => n.imgs?.some(i => i.complete && i.naturalWidth > 0))")
    page.shot("fresh")
    page.page.evaluate("app.graph.clear()")
    page.open_styles()
    page.card("The Scream").click()
    page.preview()
    page.page.get_by_role("button", name="Add to graph").click()
    page.wait_for_toast("in the graph")
    entry = page.run()
    page.page.wait_for_timeout(800)
    page.shot("fresh-added")
    return {"seconds": seconds, "entry": entry, "nodes": page.nodes()}


def keyboard(page: Session, values: dict) -> dict:
    """Everything without a mouse: open, search, choose, put into an empty graph, run."""
    page.page.evaluate("app.graph.clear()")
    page.open_styles()
    page.page.wait_for_function("document.activeElement?.matches('.bw-search')")
    page.page.keyboard.type("lilies large")
    page.page.wait_for_function("document.querySelectorAll('.bw-browser .bw-card').length === 1")
    page.page.keyboard.press("ArrowDown")
    page.preview()
    grid = page.page.locator(".bw-browser .bw-grid")
    active = grid.get_attribute("aria-activedescendant")
    spoken = page.page.locator(f"#{active}").get_attribute("aria-label")
    page.page.keyboard.press("Enter")
    page.wait_for_toast("in the graph")
    page.page.evaluate("app.graph.nodes.find(n => n.type === 'LoadImage').widgets[0].value = 'example.png'")
    entry = page.run()
    page.page.wait_for_timeout(1000)
    page.shot("keyboard")
    roles = {
        role: page.page.locator(".bw-browser").get_by_role(role).count()
        for role in ("searchbox", "combobox", "listbox", "option", "button", "status")
    }
    unnamed = page.page.evaluate(
        """() => [...document.querySelectorAll('.bw-browser :is(button, input, select, [role])')]
            .filter(e => !['presentation', 'status'].includes(e.getAttribute('role')))
            .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
            .map(e => e.outerHTML.slice(0, 200))"""
    )
    return {"spoken": spoken, "nodes": page.nodes(), "entry": entry, "roles": roles, "unnamed": unnamed}


def opening(page: Session, values: dict) -> dict:
    """How long the tab takes from the click until its thumbnails are on the screen."""
    button = page.page.locator(".brushwork-styles-tab-button")
    times = []
    page.page.wait_for_timeout(2000)  # the list is fetched while the page is idle
    for _ in range(values["times"]):
        milliseconds = page.page.evaluate(
            """async () => {
                const start = performance.now();
                document.querySelector('.brushwork-styles-tab-button').click();
                while (document.querySelectorAll('.bw-browser .bw-card').length < 6) {
                    await new Promise(requestAnimationFrame);
                }
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                return performance.now() - start;
            }"""
        )
        times.append(milliseconds)
        count = page.page.locator(".bw-status").inner_text()
        in_page = page.page.locator(".bw-browser .bw-card").count()
        if len(times) == 1:
            page.page.wait_for_timeout(500)
            page.shot("five-hundred")
        button.click()
        page.page.wait_for_selector(".bw-browser", state="detached")
    page.open_styles()
    started = time.monotonic()
    page.page.locator(".bw-browser .bw-grid").focus()
    page.page.keyboard.press("End")
    last = page.page.locator(".bw-browser .bw-card[aria-selected=true]")
    last.wait_for()
    return {
        "times": times,
        "count": count,
        "in_page": in_page,
        "last": [last.get_attribute("aria-posinset"), last.get_attribute("aria-setsize")],
        "to_the_end_s": time.monotonic() - started,
        "list_s": page.page.evaluate(
            "async () => { const t = performance.now(); await (await fetch('/api/brushwork/styles')).json();"
            " return (performance.now() - t) / 1000 }"
        ),
    }


def looks(page: Session, values: dict) -> dict:
    """Tab, picker and mix pad in one palette and one kind of canvas; the pad is painted with."""
    page.set("Comfy.ColorPalette", values["palette"])
    page.set("Comfy.VueNodes.Enabled", values["vue"])
    page.page.wait_for_timeout(800)
    page.page.evaluate(
        """() => {
            app.graph.clear();
            const make = (type, x, y) => {
                const node = LiteGraph.createNode(type);
                node.pos = [x, y];
                app.graph.add(node);
                return node;
            };
            const loader = make('BrushworkLoadStyleModel', 420, 100), mix = make('BrushworkCINStyleMix', 800, 100);
            const photo = make('LoadImage', 420, 420), shown = make('PreviewImage', 1160, 100);
            photo.widgets[0].value = 'example.png';
            loader.connect(0, mix, 0);
            photo.connect(0, mix, mix.inputs.findIndex(i => i.name === 'image'));
            mix.connect(0, shown, 0);
        }"""
    )
    page.open_styles()
    name = f"{values['palette']}-{'nodes2' if values['vue'] else 'classic'}"
    dialog = page.page.get_by_role("dialog")
    for corner, title in enumerate(("The Starry Night", "The Scream", "Water Lilies")):
        page.page.locator(f".bw-corner-{corner}").click()
        one = dialog.get_by_role("option", name=f"{title}, small strokes")
        one.wait_for()
        if corner == 0:
            page.page.wait_for_timeout(500)
            page.shot(f"picker-{name}")
        one.click()
        dialog.wait_for(state="detached")
    slider = page.page.get_by_role("slider", name="Mix pad")
    slider.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.page.keyboard.press(key)
    by_keys = page.nodes()["BrushworkCINStyleMix"]
    box = slider.bounding_box()
    place = page.page.evaluate("app.graph.nodes.find(n => n.type === 'BrushworkCINStyleMix').pos.join()")
    page.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75, steps=4)
    page.page.mouse.up()
    by_mouse = page.nodes()["BrushworkCINStyleMix"]
    moved = page.page.evaluate("app.graph.nodes.find(n => n.type === 'BrushworkCINStyleMix').pos.join()") != place
    page.card("The Scream").click()
    page.preview()
    entry = page.run()
    page.page.wait_for_timeout(1200)
    page.shot(f"pad-{name}")
    saved = page.page.evaluate(
        "() => app.graph.serialize().nodes.find(n => n.type === 'BrushworkCINStyleMix').widgets_values"
    )
    spoken = slider.get_attribute("aria-valuetext")
    # the model's own picker: another model, by its face
    page.page.locator(".bw-face").first.click()
    dialog.get_by_role("searchbox").fill("tiny-conditional")
    page.page.wait_for_function("document.querySelectorAll('dialog .bw-card').length === 3")
    dialog.locator(".bw-card").first.click()
    dialog.wait_for(state="detached")
    return {
        "by_keys": by_keys, "by_mouse": by_mouse, "moved": moved, "entry": entry, "saved": saved, "spoken": spoken,
        "loader": page.nodes()["BrushworkLoadStyleModel"],
    }  # fmt: skip


def upload(page: Session, values: dict) -> dict:
    """An empty file as photo: a toast, and the page goes on."""
    page.open_styles()
    page.card("The Scream").click()
    page.preview()
    with page.page.expect_file_chooser() as chooser:
        page.page.locator("#brushwork-photo").select_option("\0other")
    chooser.value.set_files(values["file"])
    toast = page.wait_for_toast()
    page.shot("empty-upload")
    page.close_toasts()
    page.page.locator("#brushwork-photo").select_option("")
    page.card("Composition VII").click()
    page.page.wait_for_function(
        "document.querySelector('.bw-painted')?.alt.includes('Composition VII')", timeout=PAINT_MS
    )
    page.preview()
    return {"toast": toast, "after": page.toasts()}


def settings(page: Session, values: dict) -> dict:
    """The pack's page in the settings dialog: folders, and what is stored."""
    page.page.evaluate("app.extensionManager.command.execute('Comfy.ShowSettingsDialog')")
    page.page.get_by_text("Brushwork", exact=True).first.click()
    field = page.page.get_by_label("Full path of a folder with style models")
    field.fill("/no/such/folder")
    page.page.get_by_role("button", name="Add folder").click()
    toast = page.wait_for_toast("/no/such/folder")
    page.close_toasts()
    field.fill(values["folder"])
    page.page.get_by_role("button", name="Add folder").click()
    page.page.get_by_role("button", name=f"Remove {values['folder']}").wait_for()
    page.shot("settings")
    stored = page.get("Brushwork.ModelFolders")
    page.set("Brushwork.Precision", "fast")
    page.page.wait_for_timeout(500)
    styles = page.page.evaluate("async () => (await (await fetch('/api/brushwork/styles')).json()).styles")
    page.page.get_by_role("button", name=f"Remove {values['folder']}").click()
    page.page.get_by_role("button", name=f"Remove {values['folder']}").wait_for(state="detached")
    page.set("Brushwork.Precision", "auto")
    return {
        "toast": toast,
        "stored": stored,
        "models": sorted({card["model"] for card in styles}),
        "removed": page.get("Brushwork.ModelFolders"),
    }


def languages(page: Session, values: dict) -> dict:
    """The tab in another language."""
    page.set("Comfy.Locale", values["locale"])
    page.page.wait_for_timeout(500)
    page.reload()
    page.page.evaluate("app.graph.clear()")
    page.open_styles()
    page.card("Great Wave").click()
    page.preview()
    page.shot(f"language-{values['locale']}")
    texts = page.page.locator(".bw-browser").inner_text()
    page.set("Comfy.Locale", "en")
    page.page.wait_for_timeout(300)
    return {"texts": texts}


def hub(page: Session, values: dict) -> dict:
    """Search, a wrong name, a download of a published style; then the network goes away."""
    page.page.evaluate("app.graph.clear()")
    page.open_styles()
    search = page.page.get_by_role("searchbox", name="Search styles")
    ask = page.page.get_by_role("button", name="Search the Hub")
    before = values["asked"]()
    search.fill("nobody/nothing")
    ask.click()
    wrong = page.wait_for_toast("nobody/nothing")
    page.shot("wrong-repo")
    page.close_toasts()
    search.fill("poppies")
    ask.click()
    page.card("wild poppies").click()
    page.disk(full=True)
    page.page.get_by_role("button", name="Download and add").click()
    full = page.wait_for_toast("no room")
    page.shot("full-disk")
    page.disk(full=False)
    page.close_toasts()
    search.fill("gated")
    ask.click()
    page.card("gated").click()
    page.page.get_by_role("button", name="Download and add").click()
    gated = page.wait_for_toast("gated")
    page.close_toasts()
    search.fill("poppies")
    ask.click()
    page.card("wild poppies").click()
    page.shot("hub-found")
    page.page.get_by_role("button", name="Download and add").click()
    page.wait_for_toast("in the graph")
    page.shot("hub-added")
    added = page.nodes()
    page.close_toasts()
    values["stop"]()
    search.fill("anything")
    ask.click()
    away = page.wait_for_toast("could not be searched")
    page.close_toasts()
    search.fill("hokusai")
    page.page.wait_for_function("document.querySelectorAll('.bw-browser .bw-card').length === 2")
    page.card("The Great Wave").click()
    page.preview()
    return {
        "before": before, "wrong": wrong, "full": full, "gated": gated, "added": added, "away": away,
        "after": page.toasts(),
    }  # fmt: skip


def node_errors(page: Session, values: dict) -> dict:
    """What a user sees when a node fails; then the same page paints."""
    told = {}
    for name, (node, widgets, disk_full) in values["failures"].items():
        page.page.evaluate(
            """([type, widgets]) => {
                app.graph.clear();
                const make = (type, x) => {
                    const node = LiteGraph.createNode(type);
                    node.pos = [x, 120];
                    app.graph.add(node);
                    return node;
                };
                const set = (node, values) => {
                    for (const [name, value] of Object.entries(values)) {
                        node.widgets.find((widget) => widget.name === name).value = value;
                    }
                };
                const node = make(type, 520);
                set(node, widgets);
                if (node.inputs.some((input) => input.name === "style_model")) {
                    const loader = make("BrushworkLoadStyleModel", 60);
                    set(loader, { model: "cin-starter" });
                    loader.connect(0, node, node.inputs.findIndex((input) => input.name === "style_model"));
                } else {
                    node.connect(1, make("PreviewAny", 960), 0);
                }
            }""",
            [node, widgets],
        )
        page.disk(full=disk_full)
        page.page.locator("[data-testid=queue-button]").first.click()
        told[name] = page.wait_for_toast(values["says"][name])
        page.shot(f"node-error-{name}")
        page.close_toasts()
        page.disk(full=False)
    page.template("first_steps")
    return {"told": told, "entry": page.run()}


EVERY = (picture, fresh, keyboard, opening, looks, upload, settings, languages, hub, node_errors)
SCENARIOS = {one.__name__: one for one in EVERY}


def main(scenario: str, url: str, folder: str, values: str = "{}") -> None:
    parsed = json.loads(values)
    if scenario == "hub":  # the test's Hub is steered through two files
        control = Path(parsed["control"])
        parsed["asked"] = lambda: int(control.with_suffix(".count").read_text(encoding="utf-8") or 0)

        def stop() -> None:
            control.touch()
            while control.exists():
                time.sleep(0.05)

        parsed["stop"] = stop
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        session = Session(browser.new_page(viewport={"width": 1500, "height": 950}), url, Path(folder))
        try:
            seen = SCENARIOS[scenario](session, parsed)
        except BaseException:
            session.shot(f"failed-{scenario}")
            sys.stderr.write(f"toasts: {session.toasts()}\ncomplaints: {session.complaints[-20:]}\n")
            raise
        finally:
            ours = session.ours()
            browser.close()
    sys.stdout.write("\n" + json.dumps({**seen, "complaints": ours}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
