// The four-corner pad of CIN Style Mix: a style in each corner, a point between them. It drives the node's own
// widgets `corners`, `pad_x` and `pad_y`, which remain what is saved and run.
import { picture } from "./card_grid.js";
import { findCard, onStyles } from "./catalogue.js";
import { element } from "./dom.js";
import { loaderBehind, setWidget, widget } from "./graph.js";
import { pickStyle } from "./picker.js";
import { showError } from "./server.js";
import { t } from "./strings.js";
import { chain, stop } from "./node_widgets.js";

const HEIGHT_PX = 230;
const MARK = "|";
const STEP = 0.05;
/** Who stands in for an empty corner, as in core/mix_pad.py. */
const NEIGHBOURS = [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]];

/** Put the pad on a node. */
export function addMixPad(node) {
  const pad = new MixPad(node);
  const added = node.addDOMWidget("brushwork_pad", "brushwork_pad", pad.element, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => HEIGHT_PX,
    getMaxHeight: () => HEIGHT_PX * 2,
    getValue: () => "",
    setValue: () => undefined,
  });
  added.serialize = false;
  node.brushworkDraw = () => pad.draw();
  const forget = onStyles(() => pad.draw());
  chain(node, "onRemoved", forget);
  chain(node, "onConfigure", () => pad.draw());
  chain(node, "onConnectionsChange", () => queueMicrotask(() => pad.draw()));
  for (const name of ["corners", "pad_x", "pad_y"]) {
    const one = widget(node, name);
    if (one) chain(one, "callback", () => pad.draw());
  }
  node.setSize?.([Math.max(node.size[0], 300), node.computeSize?.()[1] ?? node.size[1]]);
  pad.draw();
}

class MixPad {
  constructor(node) {
    this.node = node;
    this.handle = element("span", { class: "bw-pad-handle" });
    this.hint = element("span", { class: "bw-pad-hint" });
    this.field = element(
      "div",
      {
        class: "bw-pad-field",
        role: "slider",
        tabindex: "0",
        "aria-label": t("pad"),
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        onpointerdown: (event) => this.grab(event),
        onpointermove: (event) => this.drag(event),
        onkeydown: (event) => this.key(event),
      },
      this.hint,
      this.handle,
    );
    this.corners = [0, 1, 2, 3].map((corner) =>
      element("button", {
        type: "button",
        class: `bw-corner bw-corner-${corner}`,
        "aria-haspopup": "dialog",
        onpointerdown: stop,
        onclick: () => this.choose(corner).catch(showError),
      }),
    );
    this.element = element("div", { class: "bw-pad" }, this.field, ...this.corners);
  }

  get names() {
    const text = String(widget(this.node, "corners")?.value ?? "");
    const names = text.split(MARK).map((name) => name.trim());
    return [0, 1, 2, 3].map((corner) => names[corner] ?? "");
  }

  get point() {
    return ["pad_x", "pad_y"].map((name) => Number(widget(this.node, name)?.value ?? 0.5));
  }

  get model() {
    return widget(loaderBehind(this.node), "model")?.value;
  }

  async choose(corner) {
    const { model, names } = this;
    if (!model) throw new Error(t("noModel"));
    const card = await pickStyle({
      title: t(`corner${corner}`),
      fits: (one) => one.model === model && !one.any_style,
      empty: names[corner] ? t("emptyCorner") : undefined,
    });
    if (card === undefined) return;
    names[corner] = card?.style ?? "";
    setWidget(this.node, "corners", names.some(Boolean) ? names.join(` ${MARK} `) : "");
    this.draw();
  }

  grab(event) {
    stop(event);
    event.preventDefault();
    this.field.focus();
    this.field.setPointerCapture(event.pointerId);
    this.held = true;
    this.drag(event);
  }

  drag(event) {
    if (!this.held) return;
    stop(event);
    if (!event.buttons) {
      this.held = false;
      return;
    }
    const box = this.field.getBoundingClientRect(); // as it is on the screen, whatever the zoom
    this.move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  key(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const ends = { Home: [0, 0], End: [1, 1] };
    const [x, y] = this.point;
    if (event.key in steps) this.move(x + steps[event.key][0], y + steps[event.key][1]);
    else if (event.key in ends) this.move(...ends[event.key]);
    else return;
    event.preventDefault();
    stop(event);
  }

  move(x, y) {
    const inside = [x, y].map((value) => Math.round(Math.min(1, Math.max(0, value)) * 100) / 100);
    setWidget(this.node, "pad_x", inside[0]);
    setWidget(this.node, "pad_y", inside[1]);
    this.draw();
  }

  draw() {
    const [x, y] = this.point;
    this.handle.style.left = `${x * 100}%`;
    this.handle.style.top = `${y * 100}%`;
    const { names, model } = this;
    const shares = new Map();
    [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y].forEach((share, corner) => {
      const name = NEIGHBOURS[corner].map((other) => names[other]).find(Boolean);
      if (name) shares.set(name, (shares.get(name) ?? 0) + share);
    });
    names.forEach((name, corner) => {
      const card = name && model ? findCard(model, name) : undefined;
      const label = `${t(`corner${corner}`)}: ${card?.title ?? (name || t("anyOfModel"))}`;
      const shown = name ? picture(card ?? { title: name }, "bw-corner-picture") : element("i", { class: "pi pi-plus" });
      this.corners[corner].replaceChildren(shown);
      this.corners[corner].setAttribute("aria-label", label);
      this.corners[corner].title = label;
    });
    const spoken = [...shares].map(
      ([name, share]) => `${(model && findCard(model, name)?.title) || name} ${Math.round(share * 100)} %`,
    );
    this.hint.textContent = names.some(Boolean) ? "" : t("padEmpty");
    this.field.setAttribute("aria-valuenow", String(Math.round(x * 100)));
    this.field.setAttribute("aria-valuetext", spoken.join(", ") || t("padEmpty"));
  }
}
