// The other end of nodes/_routes.py. Errors come in four parts and are shown as a toast.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { t } from "./strings.js";

const TOAST_MS = 12000;

/** What went wrong, as the server's errors say it. */
export class ServerError extends Error {
  constructor({ what, expected = "", got = "", do: advice = "" }) {
    super(what);
    Object.assign(this, { what, expected, got, advice });
  }
}

async function request(path, options) {
  let response;
  try {
    response = await api.fetchApi(`/brushwork/${path}`, options);
  } catch (error) {
    throw new ServerError({ what: t("noServer"), got: String(error), do: t("noServerDo") });
  }
  if (response.ok) return response;
  let parts;
  try {
    parts = (await response.json()).error;
  } catch {
    parts = undefined;
  }
  throw new ServerError(parts ?? { what: t("noAnswer"), got: `HTTP ${response.status}`, do: t("noServerDo") });
}

/** JSON of a GET. */
export async function ask(path) {
  return (await request(path)).json();
}

/** The response of a POST. */
export async function send(path, values = {}) {
  return request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(values),
  });
}

/** JSON of a POST. */
export async function tell(path, values) {
  return (await send(path, values)).json();
}

/** Address of a card's thumbnail, or undefined. */
export function thumbnailUrl(card) {
  return card?.thumbnail ? api.apiURL(`/brushwork/thumbnail?digest=${card.thumbnail}`) : undefined;
}

/** Show an error; the page goes on. */
export function showError(error) {
  const lines = error instanceof ServerError ? [error.got, error.advice] : [String(error?.message ?? error)];
  if (!(error instanceof ServerError)) console.error("Brushwork:", error);
  app.extensionManager.toast.add({
    severity: "error",
    summary: error instanceof ServerError ? error.what : t("noAnswer"),
    detail: lines.filter(Boolean).join("\n"),
    life: TOAST_MS,
  });
}

/** Tell what to do when one of our nodes fails: the page itself hides a node's message behind a button. */
export function tellNodeErrors() {
  api.addEventListener("execution_error", ({ detail }) => {
    const [what, ...lines] = String(detail?.exception_message ?? "").trim().split("\n");
    const parts = Object.fromEntries(
      lines.map((line) => line.match(/^ {2}(expected|got|do): (.*)$/)).filter(Boolean).map(([, key, text]) => [key, text]),
    );
    if (String(detail?.node_type).startsWith("Brushwork") && parts.do) showError(new ServerError({ what, ...parts }));
  });
}

/** Show good news. */
export function showDone(text) {
  app.extensionManager.toast.add({ severity: "success", summary: text, life: 3000 });
}

/** Put a file of the user's into ComfyUI's input folder; its name as Load Image shows it. */
export async function upload(file) {
  const form = new FormData();
  form.append("image", file);
  const response = await api.fetchApi("/upload/image", { method: "POST", body: form });
  if (!response.ok) throw new ServerError({ what: t("noUpload"), got: `HTTP ${response.status}` });
  const { name, subfolder } = await response.json();
  return subfolder ? `${subfolder}/${name}` : name;
}

/** Call `report(done, total)` while `model` is downloaded; returns a function that stops listening. */
export function onDownload(model, report) {
  const listener = ({ detail }) => {
    if (detail.model === model) report(detail.done, detail.total);
  };
  api.addEventListener("brushwork.download", listener);
  return () => api.removeEventListener("brushwork.download", listener);
}
