// The list of styles, fetched once and shared by the sidebar, the pickers and the nodes.
import { api } from "../../../scripts/api.js";
import { ask } from "./server.js";

const listeners = new Set();
let cards;
let offline = null;
let loading;

/** All cards; the same promise for everybody who asks while it is under way. */
export function loadStyles({ again = false } = {}) {
  if (cards && !again) return Promise.resolve(cards);
  loading ??= ask("styles")
    .then((answer) => {
      cards = answer.styles;
      offline = answer.offline;
      for (const listener of listeners) listener(cards);
      return cards;
    })
    .finally(() => {
      loading = undefined;
    });
  return loading;
}

/** What is known now, without asking; undefined before the first answer. */
export function knownStyles() {
  return cards;
}

/** Why the Hub may not be asked, or null. */
export function offlineReason() {
  return offline;
}

/** Call `listener` with every new list; returns a function that stops it. */
export function onStyles(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Follow what happens on the server: downloads, trainings, files that came and went. */
export function followServer() {
  const renew = () => loadStyles({ again: true }).catch(() => undefined); // the next opening shows the error
  api.addEventListener("brushwork.models_changed", renew);
  api.addEventListener("reconnected", renew);
}

/** The card of a model's style; an empty style is the model's first, a bare name the painting's largest strokes. */
export function findCard(model, style = "") {
  const own = (cards ?? []).filter((card) => card.model === model);
  if (!style) return own[0];
  return own.find((card) => card.style === style) ?? own.findLast((card) => card.style.split("--")[0] === style);
}

/** Cards that fit the words and the filters. */
export function filterCards(list, { words = "", method = "", license = "", place = "" }) {
  const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return list.filter(
    (card) =>
      (!method || card.method === method) &&
      (!license || card.license === license) &&
      (!place || card.place === place) &&
      (!wanted.length || includesAll(searchText(card), wanted)),
  );
}

/** One card a painting of a model, where they were: the one with the wanted strokes, else with its largest. */
export function onePerPainting(list, stroke) {
  const chosen = new Map();
  for (const card of list) {
    const name = painting(card);
    if (!chosen.has(name) || chosen.get(name).stroke !== stroke) chosen.set(name, card);
  }
  return [...chosen.values()];
}

/** What a card's stroke sizes have in common: the model, and the painting's bare name. */
export function painting({ model, style }) {
  return `${model}\n${style.split("--")[0]}`;
}

const texts = new WeakMap();

function searchText(card) {
  let text = texts.get(card);
  if (text === undefined) {
    text = [card.title, card.attribution, card.style, card.model, card.model_title, card.stroke, card.method]
      .join(" ")
      .toLocaleLowerCase();
    texts.set(card, text);
  }
  return text;
}

function includesAll(text, words) {
  return words.every((word) => text.includes(word));
}
