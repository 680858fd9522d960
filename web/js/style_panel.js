// Search box, filters and the grid of styles: the style browser's tab and the pickers are made of it.
import { CardGrid } from "./card_grid.js";
import { filterCards, knownStyles, loadStyles, offlineReason, onePerPainting, onStyles } from "./catalogue.js";
import { afterwards, element } from "./dom.js";
import { showError, tell } from "./server.js";
import { METHOD_NAMES } from "./style_preview.js";
import { t } from "./strings.js";

const TYPING_MS = 80;

/** Cards with a search box and filters above. */
export class StylePanel {
  /**
   * @param {Object} options
   * @param {(card: Object) => boolean} [options.fits] which cards belong here at all
   * @param {(card: Object) => void} options.onSelect
   * @param {(card: Object) => void} options.onActivate Enter or a double click
   * @param {boolean} [options.hub] whether the Hub can be searched from here
   */
  constructor({ fits = () => true, onSelect, onActivate, hub = false }) {
    this.fits = fits;
    this.found = [];
    this.grid = new CardGrid({ label: t("title"), onSelect, onActivate });
    this.words = element("input", {
      type: "search",
      class: "bw-search",
      placeholder: t("search"),
      "aria-label": t("search"),
      "aria-controls": this.grid.id,
      oninput: afterwards(() => this.draw(), TYPING_MS),
      onkeydown: (event) => this.searchKey(event),
    });
    this.method = this.filter("method");
    this.license = this.filter("license");
    this.place = this.filter("where");
    this.stroke = this.filter("strokeSize");
    this.status = element("p", { class: "bw-status", role: "status", "aria-live": "polite", text: t("loading") });
    this.element = element(
      "div",
      { class: "bw-panel" },
      element("div", { class: "bw-line" }, this.words, this.refreshButton()),
      element("div", { class: "bw-line bw-filters" }, this.method, this.license, this.place, this.stroke),
      element("div", { class: "bw-line" }, this.status, ...(hub ? [this.hubButton()] : [])),
      this.grid.element,
    );
    this.forget = onStyles(() => this.draw());
  }

  filter(name) {
    return element("select", { class: "bw-select", "aria-label": t(name), onchange: () => this.draw() });
  }

  refreshButton() {
    return element(
      "button",
      {
        type: "button",
        class: "bw-button bw-icon",
        "aria-label": t("refresh"),
        title: t("refresh"),
        onclick: () => this.load({ again: true }),
      },
      element("i", { class: "pi pi-refresh", "aria-hidden": "true" }),
    );
  }

  hubButton() {
    this.ask = element("button", {
      type: "button",
      class: "bw-button bw-ask",
      text: t("searchHub"),
      title: t("searchHubHint"),
      onclick: () => this.searchHub(),
    });
    return this.ask;
  }

  /** Fill it; shows what is known at once. */
  async load(options) {
    if (knownStyles()) this.draw();
    try {
      await loadStyles(options);
      this.draw();
    } catch (error) {
      this.status.textContent = error.message;
      showError(error);
    }
  }

  /** Ask the Hub, because the user wants to. */
  async searchHub() {
    this.ask.disabled = true;
    this.status.textContent = t("searching");
    try {
      const { styles } = await tell("search", { words: this.words.value });
      this.found = styles;
      this.draw();
      this.status.textContent = t("hubCount", { n: styles.length });
    } catch (error) {
      this.draw();
      showError(error);
    } finally {
      this.ask.disabled = false;
    }
  }

  /** Show the cards that fit. */
  draw() {
    const known = knownStyles();
    if (!known) return;
    const models = new Set(known.map((card) => card.model));
    const all = [...known, ...this.found.filter((card) => !models.has(card.model))].filter(this.fits);
    fill(this.method, t("allMethods"), values(all, "method"), (name) => METHOD_NAMES[name] ?? t("otherMethod"));
    fill(this.license, t("allLicenses"), values(all, "license"), (name) => (name === "unknown" ? t("unknown") : name));
    fill(this.place, t("everywhere"), values(all, "place"), t);
    fill(this.stroke, "", values(all, "stroke").filter(Boolean), t);
    const fitting = filterCards(all, {
      words: this.words.value,
      method: this.method.value,
      license: this.license.value,
      place: this.place.value,
    });
    const shown = onePerPainting(fitting, this.stroke.value); // after the words: "small" still finds small strokes
    this.status.textContent = shown.length ? t("count", { n: shown.length }) : t("none");
    if (this.ask) {
      const reason = offlineReason();
      this.ask.title = reason ? t("offline", { reason }) : t("searchHubHint");
    }
    this.grid.show(shown);
  }

  searchKey(event) {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      this.grid.element.focus();
      if (this.grid.active < 0) this.grid.select(0);
    }
    event.stopPropagation(); // typing is not for the canvas
  }

  dispose() {
    this.forget();
    this.grid.dispose();
  }
}

function values(cards, name) {
  return [...new Set(cards.map((card) => card[name]))].sort();
}

/** Options of a filter; the choice stays while it is among them. Without `everything` it is always one of the names. */
function fill(select, everything, names, spoken) {
  const before = select.value;
  select.replaceChildren(
    ...(everything ? [element("option", { value: "", text: everything })] : []),
    ...names.map((name) => element("option", { value: name, text: spoken(name) })),
  );
  select.value = names.includes(before) ? before : everything ? "" : (names[0] ?? "");
  select.hidden = names.length < 2;
}
