// Thumbnails in rows, of which only those in view are in the page: 500 styles open as fast as 20.
import { painting } from "./catalogue.js";
import { element } from "./dom.js";
import { thumbnailUrl } from "./server.js";
import { t } from "./strings.js";

const CARD_WIDTH_PX = 96;
const ROW_HEIGHT_PX = 150;
const ROWS_BEYOND = 2;

let grids = 0;

/** A listbox of cards. Arrow keys move, Enter or a double click does. */
export class CardGrid {
  /**
   * @param {Object} options
   * @param {string} options.label for screen readers
   * @param {(card: Object) => void} options.onSelect
   * @param {(card: Object) => void} options.onActivate
   */
  constructor({ label, onSelect, onActivate }) {
    this.id = `brushwork-grid-${++grids}`;
    this.cards = [];
    this.active = -1;
    this.onSelect = onSelect;
    this.onActivate = onActivate;
    this.shown = new Map();
    this.rows = element("div", { class: "bw-rows", role: "presentation" });
    this.element = element(
      "div",
      {
        class: "bw-grid",
        id: this.id,
        role: "listbox",
        tabindex: "0",
        "aria-label": label,
        onscroll: () => this.draw(),
        onkeydown: (event) => this.key(event),
      },
      this.rows,
    );
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
  }

  /** Show other cards; the active one stays if it, or its painting with other strokes, is among them. */
  show(cards) {
    const before = this.cards[this.active];
    this.cards = cards;
    const again = before ? cards.findIndex((card) => painting(card) === painting(before)) : -1;
    this.active = again;
    for (const option of this.shown.values()) option.remove();
    this.shown.clear();
    if (again < 0) this.element.scrollTop = 0;
    this.draw();
    if (again >= 0 && cards[again].style !== before.style) this.onSelect(cards[again]);
  }

  get columns() {
    return Math.max(1, Math.floor((this.element.clientWidth || 2 * CARD_WIDTH_PX) / CARD_WIDTH_PX));
  }

  /** Bring the rows in view into the page and take the others out. */
  draw() {
    const { columns } = this;
    const rows = Math.ceil(this.cards.length / columns);
    const height = this.element.clientHeight || 4 * ROW_HEIGHT_PX;
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW_HEIGHT_PX) - ROWS_BEYOND);
    const last = Math.min(rows, Math.ceil((this.element.scrollTop + height) / ROW_HEIGHT_PX) + ROWS_BEYOND);
    this.rows.style.height = `${rows * ROW_HEIGHT_PX}px`;
    const wanted = new Set();
    for (let index = first * columns; index < Math.min(last * columns, this.cards.length); index++) wanted.add(index);
    if (this.active >= 0) wanted.add(this.active); // screen readers follow it out of view
    for (const [index, option] of this.shown) {
      if (!wanted.has(index)) {
        option.remove();
        this.shown.delete(index);
      }
    }
    const width = 100 / columns;
    for (const index of [...wanted].sort((a, b) => a - b)) {
      let option = this.shown.get(index);
      if (!option) {
        option = this.option(index);
        this.shown.set(index, option);
        this.rows.append(option);
      }
      option.style.cssText = `top:${Math.floor(index / columns) * ROW_HEIGHT_PX}px;left:${(index % columns) * width}%;width:${width}%`;
    }
    this.mark();
  }

  option(index) {
    const card = this.cards[index];
    return element(
      "div",
      {
        class: "bw-card",
        id: `${this.id}-${index}`,
        role: "option",
        "aria-posinset": index + 1,
        "aria-setsize": this.cards.length,
        "aria-label": [card.title, card.stroke && t(card.stroke), card.attribution, t(card.place)].filter(Boolean).join(", "),
        title: [card.title, card.attribution, card.model_title].filter(Boolean).join("\n"),
        onclick: () => this.select(index),
        ondblclick: () => this.onActivate(card),
      },
      picture(card),
      element("span", { class: "bw-card-title", text: card.title }),
      element("span", { class: "bw-card-note", text: card.stroke ? t(card.stroke) : t(card.place) }),
    );
  }

  /** Make a card the active one and show it. */
  select(index, { quiet = false } = {}) {
    if (index < 0 || index >= this.cards.length) return;
    this.active = index;
    const top = Math.floor(index / this.columns) * ROW_HEIGHT_PX;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (clientHeight && top + ROW_HEIGHT_PX > scrollTop + clientHeight) {
      this.element.scrollTop = top + ROW_HEIGHT_PX - clientHeight;
    }
    this.draw();
    if (!quiet) this.onSelect(this.cards[index]);
  }

  mark() {
    for (const [index, option] of this.shown) option.setAttribute("aria-selected", String(index === this.active));
    if (this.active >= 0) this.element.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const { columns, active, cards } = this;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT_PX)) * columns;
    const steps = {
      ArrowRight: active + 1,
      ArrowLeft: active - 1,
      ArrowDown: active < 0 ? 0 : active + columns,
      ArrowUp: active - columns,
      Home: 0,
      End: cards.length - 1,
      PageDown: Math.min(cards.length - 1, active + page),
      PageUp: Math.max(0, active - page),
    };
    if (event.key in steps) {
      this.select(Math.min(cards.length - 1, Math.max(0, steps[event.key])));
    } else if (event.key === "Enter" && active >= 0) {
      this.onActivate(cards[active]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // the canvas has shortcuts of its own
  }

  /** Stop watching the element's size. */
  dispose() {
    this.observer.disconnect();
  }
}

/** A card's picture, or its first letter where it has none. */
export function picture(card, className = "bw-card-picture") {
  const url = thumbnailUrl(card);
  if (url) return element("img", { class: className, src: url, alt: "", loading: "lazy", draggable: "false" });
  const letter = [...(card?.title ?? "")].find((sign) => /\p{L}|\p{N}/u.test(sign)) ?? "·";
  return element("span", { class: `${className} bw-blank`, "aria-hidden": "true", text: letter.toUpperCase() });
}
