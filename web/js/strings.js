// Every text of the style browser, the pickers and the mix pad. Nodes, settings and commands are in locales/.
import { app } from "../../../scripts/app.js";
import { TABLE } from "./string_table.js";

/** The language that ComfyUI is set to, among those of the table; English otherwise. */
export function language() {
  const set = app.extensionManager?.setting?.get("Comfy.Locale") || navigator.language || "en";
  const short = String(set).toLowerCase().split("-")[0];
  return short in TABLE ? short : "en";
}

/**
 * A text in the user's language.
 * @param {string} key
 * @param {Object} values what stands for {name} in it
 */
export function t(key, values = {}) {
  const text = TABLE[language()][key] ?? TABLE.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (mark, name) => values[name] ?? mark);
}

/** Bytes as people read them. */
export function size(bytes) {
  if (!bytes) return "";
  return `${new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(bytes / 1e6)} MB`;
}
