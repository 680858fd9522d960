"""Opens a node in ComfyUI's page as an older version of the pack would have saved it: without its last widget.

Run with ComfyUI's Python, which needs playwright: old_workflow_driver.py URL NODE CHROMIUM. Prints JSON.
"""

import json
import sys

from playwright.sync_api import sync_playwright

SCENARIO = """
async (type) => {
  const app = window.app;
  app.graph.clear();
  const node = LiteGraph.createNode(type);
  app.graph.add(node);
  const widgets = node.widgets.filter((w) => w.options?.serialize !== false && w.type !== "button");
  const names = widgets.map((w) => w.name);
  const last = widgets[widgets.length - 1];
  const before = { default: last.value, set: {}, widgets: names };
  for (const w of widgets.slice(0, -1)) {
    if (w.type === "text" || w.type === "customtext" || w.type === "string") w.value = "changed " + w.name;
    else if (w.type === "number" || w.type === "slider") w.value = 0.25;
    else if (w.type === "toggle") w.value = !w.value;
    else if (w.type === "combo") w.value = w.options.values[w.options.values.length - 1];
    before.set[w.name] = w.value;
  }
  last.value = last.type === "combo" ? last.options.values[last.options.values.length - 1] : last.value;
  const saved = JSON.parse(JSON.stringify(app.graph.serialize()));
  const row = saved.nodes[0];
  row.widgets_values = row.widgets_values.slice(0, names.length - 1);
  row.inputs = row.inputs.filter((slot) => slot.widget?.name !== last.name);
  await app.loadGraphData(saved, true, true, "old");
  const opened = {};
  for (const w of app.graph._nodes[0].widgets) opened[w.name] = w.value;
  return { ...before, opened };
}
"""


def main(url: str, node: str, chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        ready = "() => window.app && window.app.graph && window.app.extensionManager && window.LiteGraph"
        page.wait_for_function(ready, timeout=120_000)
        page.wait_for_function(f"() => LiteGraph.registered_node_types[{node!r}]", timeout=60_000)
        print(json.dumps(page.evaluate(SCENARIO, node)))
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
