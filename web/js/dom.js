// Making elements, and the pack's own style sheet.

/**
 * @param {string} tag
 * @param {Object} properties attributes; `class`, `text`, and `on…` listeners; undefined and false are left out
 * @param {...(Node|string)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false || value === null) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Load web/css/brushwork.css once, from wherever ComfyUI serves this pack. */
export function loadStyleSheet() {
  const href = new URL("../css/brushwork.css", import.meta.url).href;
  if (!document.querySelector(`link[href="${href}"]`)) {
    document.head.append(element("link", { rel: "stylesheet", href }));
  }
}

/** A function that runs `work` once, after the last of many calls. */
export function afterwards(work, milliseconds) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}
