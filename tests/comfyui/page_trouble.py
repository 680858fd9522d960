"""What goes wrong in the page, and what the user is told. Scenarios of page_driver.py."""

from __future__ import annotations

from pathlib import Path

from page_session import PAINT_MS, Session


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
    page.card("Water Lilies").click()
    page.page.wait_for_function("document.querySelector('.bw-painted')?.alt.includes('Water Lilies')", timeout=PAINT_MS)
    page.preview()
    return {"toast": toast, "after": page.toasts()}


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
    search.fill("poppies")
    ask.click()
    page.card("wild poppies").click()
    page.shot("hub-found")
    page.page.get_by_role("button", name="Download and add").click()
    page.wait_for_nodes("BrushworkLoadStyleModel", "BrushworkStylize")
    page.shot("hub-added")
    added = page.nodes()
    page.close_toasts()
    values["stop"]()
    search.fill("anything")
    ask.click()
    away = page.wait_for_toast("could not be searched")
    page.close_toasts()
    search.fill("hokusai")
    page.page.wait_for_function("document.querySelectorAll('.bw-browser .bw-card').length === 1")
    page.card("The Great Wave").click()
    page.preview()
    return {
        "before": before, "wrong": wrong, "full": full, "added": added, "away": away,
        "after": page.toasts(),
    }  # fmt: skip


def licence(page: Session, values: dict) -> dict:
    """A gated repository, from no login to an accepted licence: in the browser, Get Style and Load Style Model."""
    told: dict[str, list[str]] = {}
    login = Path(values["login"])
    login.parent.mkdir(parents=True, exist_ok=True)
    page.page.evaluate("app.graph.clear()")
    page.open_styles()
    page.page.get_by_role("searchbox", name="Search styles").fill("gated")
    ask = page.page.get_by_role("button", name="Search the Hub")
    ask.click()
    page.card("gated").click()
    download = page.page.get_by_role("button", name="Download and add")
    for account, token in values["accounts"].items():
        login.write_text(token, encoding="utf-8")
        says = values["says"][account]
        download.click()
        told[account] = [page.wait_for_toast(says)]
        page.shot(f"licence-{account}")
        page.close_toasts()
        for node, widgets in values["nodes"].items():
            told[account].append(failing(page, node, widgets, says))
            page.shot(f"licence-{account}-{node}")
            page.close_toasts()
        if account == "expired":
            ask.click()
            told[account].append(page.wait_for_toast("could not be searched"))
            page.close_toasts()
    login.write_text(values["accepted"], encoding="utf-8")
    page.page.evaluate("app.graph.clear()")
    download.click()
    page.wait_for_nodes("BrushworkLoadStyleModel", "BrushworkStylize")
    page.page.evaluate("app.graph.nodes.find(n => n.type === 'LoadImage').widgets[0].value = 'example.png'")
    return {"told": told, "entry": page.run(), "nodes": page.nodes()}


def failing(page: Session, node: str, widgets: dict, says: str) -> str:
    """The toast of a node that cannot do what it is told, alone in the graph and run."""
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
    page.page.locator("[data-testid=queue-button]").first.click()
    return page.wait_for_toast(says)


def node_errors(page: Session, values: dict) -> dict:
    """What a user sees when a node fails; then the same page paints."""
    told = {}
    for name, (node, widgets, disk_full) in values["failures"].items():
        page.disk(full=disk_full)
        told[name] = failing(page, node, widgets, values["says"][name])
        page.shot(f"node-error-{name}")
        page.close_toasts()
        page.disk(full=False)
    page.template("first_steps")
    return {"told": told, "entry": page.run()}
