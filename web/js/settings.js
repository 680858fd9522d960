// The pack's page in ComfyUI's settings. ComfyUI stores them; nodes/_settings.py reads them on the server.
import { app } from "../../../scripts/app.js";
import { element, loadStyleSheet } from "./dom.js";
import { loadStyles } from "./catalogue.js";
import { ask, showError, tell } from "./server.js";
import { t } from "./strings.js";

const FOLDERS = "Brushwork.ModelFolders";

const renew = () => loadStyles({ again: true }).catch(showError);

/** Called with each change, and once when ComfyUI starts; the list is only read again for real changes. */
function renewed(value, before) {
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(value)) renew();
}

export const settings = [
  {
    id: "Brushwork.Offline",
    category: ["Brushwork", "Hub", "Offline"],
    name: "Offline: never ask the Hugging Face Hub",
    tooltip: "Models that are not on this computer cannot be downloaded then. HF_HUB_OFFLINE=1 does the same.",
    type: "boolean",
    defaultValue: false,
    onChange: renewed,
  },
  {
    id: FOLDERS,
    category: ["Brushwork", "Models", "Folders"],
    name: "Models folders",
    tooltip: "Downloads and trained models go into the first. Further folders are only read.",
    type: foldersSetting,
    defaultValue: [],
    onChange: renewed,
  },
  {
    id: "Brushwork.MaxMemoryGiB",
    category: ["Brushwork", "Painting", "Memory"],
    name: "Memory for painting, in GiB (0: no bound)",
    tooltip: "Large pictures are painted in parts that fit into this much memory beside the model.",
    type: "number",
    defaultValue: 0,
    attrs: { min: 0, max: 4096, step: 0.5, maxFractionDigits: 2 },
  },
  {
    id: "Brushwork.Precision",
    category: ["Brushwork", "Painting", "Precision"],
    name: "What precision auto means",
    tooltip: "auto: fast on NVIDIA cards, exact elsewhere. Nodes that are set to exact or fast stay so.",
    type: "combo",
    options: ["auto", "exact", "fast"],
    defaultValue: "auto",
  },
];

/** The folders that are read, and a field to add one. */
function foldersSetting() {
  loadStyleSheet();
  const list = element("ul", { class: "bw-folders" });
  const path = element("input", {
    type: "text",
    class: "bw-search",
    placeholder: t("folderPath"),
    "aria-label": t("folderPath"),
    onkeydown: (event) => event.key === "Enter" && add(),
  });
  const more = element("button", { type: "button", class: "bw-button", text: t("addFolder"), onclick: () => add() });

  const own = () => app.extensionManager.setting.get(FOLDERS) ?? [];
  const store = async (folders) => {
    await app.extensionManager.setting.set(FOLDERS, folders);
    await draw();
  };
  const add = async () => {
    try {
      const { path: found } = await tell("folder", { path: path.value });
      path.value = "";
      if (!own().includes(found)) await store([...own(), found]);
    } catch (error) {
      showError(error);
    }
  };
  const draw = async () => {
    try {
      const { folders } = await ask("facts");
      list.replaceChildren(...folders.map(row));
    } catch (error) {
      showError(error);
    }
  };
  const row = (folder) => {
    const line = element("li", {}, element("code", { text: folder }));
    if (own().includes(folder)) {
      const label = t("removeFolder", { path: folder });
      line.append(
        element(
          "button",
          {
            type: "button",
            class: "bw-button bw-icon",
            "aria-label": label,
            title: label,
            onclick: () => store(own().filter((one) => one !== folder)).catch(showError),
          },
          element("i", { class: "pi pi-times", "aria-hidden": "true" }),
        ),
      );
    }
    return line;
  };
  draw();
  return element("div", { class: "bw-setting" }, list, element("div", { class: "bw-line" }, path, more));
}
