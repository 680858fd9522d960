"""How the page looks and answers: many styles, palettes, canvases, settings, languages. Scenarios of page_driver.py."""

from __future__ import annotations

import time

from page_session import Session

OPEN = """async ([button, shown, count]) => {
    const start = performance.now();
    document.querySelector(button).click();
    while (document.querySelectorAll(shown).length < count) await new Promise(requestAnimationFrame);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}"""
"""Milliseconds from the click until what is looked for has been drawn."""


def opening(page: Session, values: dict) -> dict:
    """How long the tab takes until its thumbnails are on the screen, and how long one with nothing in it takes."""
    page.page.evaluate(
        """() => app.extensionManager.registerSidebarTab({
            id: 'probe', icon: 'pi pi-box', title: 'probe', type: 'custom',
            render: parent => { parent.innerHTML = '<b class="probe"></b>'; },
        })"""
    )
    page.page.wait_for_timeout(2000)  # the list is fetched while the page is idle
    times: dict[str, list[float]] = {"probe": [], "brushwork-styles": []}
    told, in_page = "", 0
    for _ in range(values["times"]):
        for name, shown, count in (("probe", ".probe", 1), ("brushwork-styles", ".bw-browser .bw-card", 6)):
            button = f".{name}-tab-button"
            times[name].append(page.page.evaluate(OPEN, [button, shown, count]))
            if count > 1:
                told = page.page.locator(".bw-status").inner_text()
                in_page = page.page.locator(shown).count()
            if count > 1 and len(times[name]) == 1:
                page.page.wait_for_timeout(500)
                page.shot("five-hundred")
            page.page.locator(button).click()
            page.page.wait_for_selector(shown, state="detached")
    page.open_styles()
    started = time.monotonic()
    page.page.locator(".bw-browser .bw-grid").focus()
    page.page.keyboard.press("End")
    last = page.page.locator(".bw-browser .bw-card[aria-selected=true]")
    last.wait_for()
    return {
        "times": times["brushwork-styles"],
        "empty_times": times["probe"],
        "count": told,
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
        dialog.get_by_label("Stroke size").select_option("small")
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
