"""Painting in the page: templates, the style browser, blueprints, without a mouse. Scenarios of page_driver.py."""

from __future__ import annotations

import time

from page_session import Session


def picture(page: Session, values: dict) -> dict:
    """Template → Run → another style from the tab → Run → see it."""
    page.template(values["template"])
    page.page.locator(".bw-face-text", has_text=values["title"]).wait_for()
    before = page.nodes()
    started = time.monotonic()
    first = page.run()
    seconds = time.monotonic() - started
    page.open_styles()
    page.page.get_by_role("searchbox", name="Search styles").fill("munch")
    page.page.wait_for_function("document.querySelectorAll('.bw-browser .bw-card').length === 1")
    page.page.evaluate("app.canvas.selectNodes(app.graph.nodes.filter(n => n.type === 'BrushworkStylize'))")
    page.card("The Scream").click()
    page.preview()
    strokes = page.page.locator(".bw-browser").get_by_label("Stroke size")
    first_strokes = strokes.input_value()
    strokes.select_option("small")  # the card that is open changes with it
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
        "seconds": seconds, "first_strokes": first_strokes, "loader": after["BrushworkLoadStyleModel"],
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
    page.wait_for_nodes("BrushworkLoadStyleModel", "BrushworkStylize")
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
    page.wait_for_nodes("BrushworkLoadStyleModel", "BrushworkStylize")
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


def blueprints(page: Session, values: dict) -> dict:
    """Our subgraphs, found by the search for nodes as a user finds them; photos wired in, and painted."""
    entries = {}
    for name in values["names"]:
        page.page.evaluate("app.graph.clear()")
        page.page.evaluate("app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
        page.page.keyboard.type(name)
        page.page.get_by_text(name).first.wait_for()
        page.page.wait_for_timeout(600)
        page.shot(f"search-{name}")
        page.page.keyboard.press("Enter")
        page.page.wait_for_function("app.graph.nodes.some(node => node.subgraph)")
        page.page.evaluate(
            """() => {
                const node = app.graph.nodes.find(node => node.subgraph);
                const wired = node.inputs.filter(one => one.type.includes('IMAGE'));
                wired.forEach((input, index) => {
                    const photo = LiteGraph.createNode('BrushworkSamplePhoto');
                    photo.pos = [node.pos[0] - 340, node.pos[1] + 120 * index];
                    photo.widgets[0].value = index ? 'astronaut' : 'chelsea';
                    app.graph.add(photo);
                    photo.connect(0, node, node.inputs.indexOf(input));
                });
                const shown = LiteGraph.createNode('PreviewImage');
                shown.pos = [node.pos[0] + node.size[0] + 60, node.pos[1]];
                app.graph.add(shown);
                node.connect(0, shown, 0);
            }"""
        )
        entries[name] = page.run()
        page.page.wait_for_timeout(800)
        page.shot(f"blueprint-{name}")
    return {"entries": entries}
