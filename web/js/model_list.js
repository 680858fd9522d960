// A training has written a model: every list of models on this page is read anew, as pressing R does.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

app.registerExtension({
  name: "brushwork.model_list",
  setup() {
    api.addEventListener("brushwork.models_changed", () => app.refreshComboInNodes());
  },
});
