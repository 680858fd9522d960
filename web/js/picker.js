// A popup of thumbnails to choose one style from.
import { loadStyles } from "./catalogue.js";
import { element, loadStyleSheet } from "./dom.js";
import { showError } from "./server.js";
import { StylePanel } from "./style_panel.js";
import { t } from "./strings.js";

/**
 * Let the user choose.
 * @param {Object} options
 * @param {string} options.title
 * @param {(card: Object) => boolean} [options.fits]
 * @param {string} [options.empty] text of a button that chooses nothing
 * @returns {Promise<Object|null|undefined>} the card; null: nothing, on purpose; undefined: closed
 */
export async function pickStyle({ title, fits, empty }) {
  loadStyleSheet();
  try {
    await loadStyles();
  } catch (error) {
    showError(error);
    return undefined;
  }
  return new Promise((resolve) => {
    let chosen;
    const finish = (card) => {
      chosen = card;
      dialog.close();
    };
    const panel = new StylePanel({ fits, onSelect: () => undefined, onActivate: finish });
    // a click chooses; moving with the arrow keys only looks
    panel.grid.element.addEventListener("click", (event) => {
      const card = event.target.closest(".bw-card") && panel.grid.cards[panel.grid.active];
      if (card) finish(card);
    });
    const dialog = element(
      "dialog",
      {
        class: "bw-picker",
        "aria-label": title,
        onclose: () => {
          panel.dispose();
          dialog.remove();
          resolve(chosen);
        },
        onclick: (event) => event.target === dialog && dialog.close(),
        onkeydown: (event) => event.stopPropagation(),
      },
      element(
        "header",
        { class: "bw-line" },
        element("h2", { text: title }),
        ...(empty ? [element("button", { type: "button", class: "bw-button", text: empty, onclick: () => finish(null) })] : []),
        element(
          "button",
          { type: "button", class: "bw-button bw-icon", "aria-label": t("close"), title: t("close"), onclick: () => dialog.close() },
          element("i", { class: "pi pi-times", "aria-hidden": "true" }),
        ),
      ),
      panel.element,
    );
    document.body.append(dialog);
    dialog.showModal();
    panel.draw();
    panel.words.focus();
  });
}
