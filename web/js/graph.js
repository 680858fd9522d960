// Putting styles into the graph, and finding the user's photos in it.
import { app } from "../../../scripts/app.js";

const LOADER = "BrushworkLoadStyleModel";
const PAINTERS = { comatch: "BrushworkCoMatchStylize", adain: "BrushworkAdaINStylize", microast: "BrushworkAdaINStylize" };
const NAMED = "BrushworkStylize";
const PHOTOS = ["LoadImage", "BrushworkSamplePhoto"];
const GAP_PX = 60;

/** The graph that the user looks at: the root, or the inside of a subgraph. */
function graphInView() {
  return app.canvas?.graph ?? app.graph;
}

function nodesOf(graph) {
  return graph?.nodes ?? graph?._nodes ?? [];
}

/** Photos that are loaded in the graph: names as Load Image shows them. */
export function photosInGraph() {
  const names = nodesOf(graphInView())
    .filter((node) => node.type === "LoadImage")
    .map((node) => widget(node, "image")?.value)
    .filter((name) => typeof name === "string" && name);
  return [...new Set(names)];
}

export function widget(node, name) {
  return node?.widgets?.find((one) => one.name === name);
}

/** Set a widget as a click would. */
export function setWidget(node, name, value) {
  const one = widget(node, name);
  if (!one) return;
  one.value = value;
  one.callback?.(value, app.canvas, node);
  node.graph?.setDirtyCanvas?.(true, true);
}

/** The Load Style Model node behind an input, through reroutes; undefined where there is none. */
export function loaderBehind(node, input = "style_model") {
  let slot = node?.inputs?.findIndex((one) => one.name === input) ?? -1;
  for (let steps = 0; slot >= 0 && steps < 20; steps++) {
    node = node.getInputNode?.(slot);
    if (!node) return undefined;
    if (node.type === LOADER) return node;
    slot = node.inputs?.length === 1 ? 0 : -1; // a reroute
  }
  return undefined;
}

/** What a style could be given to: the selected loader, or the selected painter and its loader. */
export function selectedTarget() {
  for (const node of Object.values(app.canvas?.selected_nodes ?? {})) {
    if (node.type === LOADER) return { loader: node };
    const loader = loaderBehind(node);
    if (loader) return { loader, painter: node };
  }
  return undefined;
}

/** Give a card's model to a loader, and its style to the painter, or to those that the loader feeds. */
export function applyCard(card, { loader, painter }) {
  grouped(loader.graph, () => {
    setWidget(loader, "model", card.model);
    const painters = painter ? [painter] : fedBy(loader);
    for (const node of painters) if (node.type === NAMED) setWidget(node, "style", card.style);
  });
}

/** Nodes that get the style model of a loader. */
function fedBy(loader) {
  return nodesOf(loader.graph).filter((node) => loaderBehind(node) === loader);
}

/** Put a ready chain into the graph: photo → loader and painter → preview. Returns the painter. */
export function addCard(card) {
  const graph = graphInView();
  let painter;
  grouped(graph, () => {
    const [left, top] = freePlace(graph);
    const loader = add(graph, LOADER, [left, top]);
    setWidget(loader, "model", card.model);
    painter = add(graph, PAINTERS[card.method] ?? NAMED, [left + loader.size[0] + GAP_PX, top]);
    loader.connect(0, painter, inputIndex(painter, "style_model"));
    if (!(card.method in PAINTERS)) setWidget(painter, "style", card.style);
    const photo = nodesOf(graph).find((node) => PHOTOS.includes(node.type)) ?? addPhoto(graph, [left, top + 200]);
    photo.connect(0, painter, inputIndex(painter, "image"));
    if (card.method in PAINTERS) {
      const style = addPhoto(graph, [left, top + 560]);
      style.title = "Style";
      style.connect(0, painter, painter.inputs.findIndex((one) => one.name.endsWith("style_image0")));
    }
    const shown = add(graph, "PreviewImage", [painter.pos[0] + painter.size[0] + GAP_PX, top]);
    painter.connect(0, shown, 0);
    shown.setSize?.([320, 320]);
    app.canvas?.selectNodes?.([loader, painter]);
    app.canvas?.centerOnNode?.(painter);
  });
  graph.setDirtyCanvas?.(true, true);
  return painter;
}

function add(graph, type, position) {
  const node = window.LiteGraph.createNode(type);
  if (!node) throw new Error(`ComfyUI has no node ${type}`);
  node.pos = position;
  graph.add(node);
  return node;
}

/** Load Image; where the input folder has no picture yet, on which it would fail, a sample photo. */
function addPhoto(graph, position) {
  const node = add(graph, "LoadImage", position);
  if (widget(node, "image")?.options?.values?.length) return node;
  graph.remove(node);
  return add(graph, "BrushworkSamplePhoto", position);
}

function inputIndex(node, name) {
  return node.inputs.findIndex((one) => one.name === name);
}

/** Below everything that is there, at the left of what is in view when the graph is empty. */
function freePlace(graph) {
  const nodes = nodesOf(graph);
  if (!nodes.length) {
    const [x, y, width, height] = app.canvas?.ds?.visible_area ?? [0, 0, 1000, 800];
    return [x + width * 0.15, y + height * 0.25];
  }
  const left = Math.min(...nodes.map((node) => node.pos[0]));
  const bottom = Math.max(...nodes.map((node) => node.pos[1] + node.size[1]));
  return [left, bottom + 2 * GAP_PX];
}

/** One step of undo. */
function grouped(graph, work) {
  graph?.beforeChange?.();
  try {
    work();
  } finally {
    graph?.afterChange?.();
  }
}
