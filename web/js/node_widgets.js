// Pictures on the nodes: what Load Style Model and Stylize are set to, and a click that opens the picker.
import { app } from "../../../scripts/app.js";
import { picture } from "./card_grid.js";
import { findCard, knownStyles, loadStyles, onePerPainting, onStyles } from "./catalogue.js";
import { element, loadStyleSheet } from "./dom.js";
import { applyCard, loaderBehind, setWidget, widget } from "./graph.js";
import { addMixPad } from "./mix_pad.js";
import { pickStyle } from "./picker.js";
import { t } from "./strings.js";

const HEIGHT_PX = 60;
const PICTURES = 5;
const FACES = { BrushworkLoadStyleModel: addModelFace, BrushworkStylize: addStyleFace, BrushworkCINStyleMix: addMixPad };

/** Give a new node of ours its face. */
export function addFace(node) {
  const face = FACES[node.comfyClass ?? node.type];
  if (!face) return;
  loadStyleSheet();
  face(node);
  if (!knownStyles()) loadStyles().catch(() => undefined); // opening the picker shows the error
}

function addModelFace(node) {
  faceButton(node, t("chooseModel"), () => {
    const cards = (knownStyles() ?? []).filter((card) => card.model === widget(node, "model")?.value);
    return { cards, text: cards[0]?.model_title };
  }, async () => {
    const card = await pickStyle({ title: t("chooseModel") });
    if (card) applyCard(card, { loader: node });
  });
  follow(node, "model");
}

function addStyleFace(node) {
  const model = () => widget(loaderBehind(node), "model")?.value;
  faceButton(node, t("choose"), () => {
    const card = model() ? findCard(model(), widget(node, "style")?.value ?? "") : undefined;
    return { cards: card ? [card] : [], text: card?.title };
  }, async () => {
    const loader = loaderBehind(node);
    const card = await pickStyle({ title: t("choose"), fits: (one) => !one.any_style });
    if (!card) return;
    if (loader) applyCard(card, { loader, painter: node });
    else setWidget(node, "style", card.style);
  });
  follow(node, "style");
}

/** A button with thumbnails as a widget that is not saved. */
function faceButton(node, label, look, choose) {
  const pictures = element("span", { class: "bw-face-pictures" });
  const text = element("span", { class: "bw-face-text" });
  const face = element(
    "button",
    { type: "button", class: "bw-face", "aria-haspopup": "dialog", title: label, onclick: choose, onpointerdown: stop },
    pictures,
    text,
  );
  const draw = () => {
    const { cards, text: name } = look();
    pictures.replaceChildren(...onePerPainting(cards, "").slice(0, PICTURES).map((card) => picture(card, "bw-face-picture")));
    text.textContent = name ?? t("anyOfModel");
    face.setAttribute("aria-label", [label, name].filter(Boolean).join(": "));
  };
  const added = node.addDOMWidget("brushwork_face", "brushwork_face", face, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => HEIGHT_PX,
    getMaxHeight: () => HEIGHT_PX,
    getValue: () => "",
    setValue: () => undefined,
  });
  added.serialize = false; // of the saved workflow; the option above is of the prompt
  node.brushworkDraw = draw;
  const forget = onStyles(draw);
  chain(node, "onRemoved", forget);
  chain(node, "onConfigure", draw);
  chain(node, "onConnectionsChange", () => queueMicrotask(draw));
  draw();
}

/** Draw anew when the user changes a widget, and the nodes that this loader feeds. */
function follow(node, name) {
  const one = widget(node, name);
  if (!one) return;
  chain(one, "callback", () => {
    for (const other of node.graph?.nodes ?? node.graph?._nodes ?? [node]) other.brushworkDraw?.();
  });
}

/** Call `after` behind a method that may or may not be there. */
export function chain(object, name, after) {
  const before = object[name];
  object[name] = function (...values) {
    const result = before?.apply(this, values);
    after(...values);
    return result;
  };
}

/** The canvas must not drag the node by its buttons. */
export function stop(event) {
  event.stopPropagation();
}

/** Redraw what does not change by itself, e.g. after a workflow was loaded. */
export function drawAll() {
  for (const node of app.graph?.nodes ?? app.graph?._nodes ?? []) node.brushworkDraw?.();
}
