"""What goes wrong in the page, and what the user is told. Scenarios of page_driver.py."""

from __future__ import annotations

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
    page.card("Composition VII").click()
    page.page.wait_for_function(
        "document.querySelector('.bw-painted')?.alt.includes('Composition VII')", timeout=PAINT_MS
    )
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
