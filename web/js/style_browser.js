// The sidebar tab: the panel above, the selected style in full below.
import { element, loadStyleSheet } from "./dom.js";
import { StylePanel } from "./style_panel.js";
import { StylePreview } from "./style_preview.js";

/** Fill the tab's element. Returns a function that takes it apart. */
export function renderStyleBrowser(parent) {
  loadStyleSheet();
  const preview = new StylePreview();
  const panel = new StylePanel({
    hub: true,
    onSelect: (card) => preview.show(card),
    onActivate: (card) => {
      if (preview.card !== card) preview.show(card);
      preview.activate();
    },
  });
  parent.style.height = "100%"; // ComfyUI leaves it as high as its content
  parent.replaceChildren(element("div", { class: "bw-browser" }, panel.element, preview.element));
  panel.load();
  requestAnimationFrame(() => panel.words.focus());
  return () => panel.dispose();
}
