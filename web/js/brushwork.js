// What ComfyUI's page gets from this pack: the style browser, faces of nodes, settings, commands.
import { app } from "../../../scripts/app.js";
import { followServer, loadStyles } from "./catalogue.js";
import { addFace, drawAll } from "./node_widgets.js";
import { settings } from "./settings.js";
import { renderStyleBrowser } from "./style_browser.js";
import { showError, tellNodeErrors } from "./server.js";
import { t } from "./strings.js";

const TAB = "brushwork-styles";

let takeApart;

const tab = () => ({
  id: TAB,
  icon: "pi pi-palette",
  title: t("title"),
  tooltip: t("title"),
  type: "custom",
  render: (parent) => {
    takeApart?.();
    takeApart = renderStyleBrowser(parent);
  },
  destroy: () => {
    takeApart?.();
    takeApart = undefined;
  },
});

app.registerExtension({
  name: "brushwork.styles",
  settings,
  commands: [
    {
      id: "Brushwork.OpenStyles",
      label: "Brushwork: open the style browser",
      icon: "pi pi-palette",
      function: () => app.extensionManager.sidebarTab.toggleSidebarTab(TAB),
    },
    {
      id: "Brushwork.RefreshStyles",
      label: "Brushwork: read the list of styles again",
      icon: "pi pi-refresh",
      function: () => loadStyles({ again: true }).catch(showError),
    },
  ],
  keybindings: [{ combo: { key: "b", alt: true }, commandId: "Brushwork.OpenStyles" }],
  menuCommands: [{ path: ["Extensions", "Brushwork"], commands: ["Brushwork.OpenStyles", "Brushwork.RefreshStyles"] }],
  setup() {
    app.extensionManager.registerSidebarTab(tab());
    followServer();
    tellNodeErrors();
    // the list is there when the tab is opened; nothing leaves this computer for it
    const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 500));
    idle(() => loadStyles().catch(() => undefined)); // the tab shows the error when it is opened
  },
  nodeCreated: addFace,
  afterConfigureGraph: drawAll,
});
