// The lower half of the style browser: a card in full, painted on the user's photo, and what can be done with it.
import { app } from "../../../scripts/app.js";
import { element } from "./dom.js";
import { picture } from "./card_grid.js";
import { offlineReason } from "./catalogue.js";
import { addCard, applyCard, photosInGraph, selectedTarget } from "./graph.js";
import { onDownload, send, showDone, showError, tell, upload } from "./server.js";
import { size, t } from "./strings.js";

const OTHER = "\u0000other";
const PREVIEWS_KEPT = 60;

/** Shows one card; `card` may change at any time, late answers are dropped. */
export class StylePreview {
  constructor() {
    this.card = undefined;
    this.photo = undefined; // not chosen yet; an empty name is the sample
    this.uploaded = [];
    this.stylePicture = "";
    this.painted = new Map();
    this.turn = 0;
    this.photos = element("select", { class: "bw-select", id: "brushwork-photo", onchange: () => this.choosePhoto() });
    this.body = element("div", { class: "bw-detail-body" });
    this.live = element("span", { class: "bw-unseen", role: "status" });
    this.element = element(
      "section",
      { class: "bw-detail", "aria-label": t("photo"), hidden: true },
      this.body,
      element(
        "div",
        { class: "bw-line" },
        element("label", { for: "brushwork-photo", text: t("photo") }),
        this.photos,
        this.live,
      ),
    );
  }

  /** Show a card. */
  show(card) {
    this.card = card;
    this.element.hidden = !card;
    if (!card) return;
    this.listPhotos();
    this.frame = element("div", { class: "bw-frame", role: "img", "aria-label": card.title }, picture(card, "bw-large"));
    this.note = element("p", { class: "bw-note" });
    this.actions = element("div", { class: "bw-line bw-actions" });
    this.body.replaceChildren(
      this.frame,
      element(
        "div",
        { class: "bw-facts" },
        element("h3", { text: card.title }),
        ...[card.attribution, card.stroke && t(card.stroke), this.about(card)]
          .filter(Boolean)
          .map((text) => element("p", { text })),
        this.note,
        this.actions,
      ),
    );
    this.drawActions();
    this.paint();
  }

  about(card) {
    const method = card.method === "unknown" ? t("otherMethod") : METHOD_NAMES[card.method];
    const license = card.license === "unknown" ? `${t("license")}: ${t("unknown")}` : card.license;
    return [method, license, t(card.place), card.place === "hub" && size(card.bytes)].filter(Boolean).join(" · ");
  }

  drawActions() {
    const { card } = this;
    const there = card.place !== "hub";
    const offline = there ? null : offlineReason();
    this.note.textContent = offline ? t("offline", { reason: offline }) : there ? "" : t("notHere");
    const buttons = [
      button(t(there ? "add" : "downloadAdd"), () => this.use((got) => this.add(got)), { main: true, disabled: !!offline }),
    ];
    if (selectedTarget()) buttons.push(button(t("apply"), () => this.use((got) => this.apply(got)), { disabled: !!offline }));
    if (card.any_style && there) {
      this.note.textContent = t("anyStyle");
      buttons.push(fileButton(t("stylePicture"), (file) => this.chooseStylePicture(file)));
    }
    this.actions.replaceChildren(...buttons);
  }

  add(card) {
    addCard(card);
    showDone(t("added", { title: card.title }));
  }

  apply(card) {
    const target = selectedTarget();
    if (!target) return;
    applyCard(card, target);
    showDone(t("applied", { title: card.title }));
  }

  /** The main action, as Enter in the list does it. */
  activate() {
    this.actions?.querySelector("button:not([disabled])")?.click();
  }

  /** Download where needed, then do something with the card. */
  async use(work) {
    const { card } = this;
    try {
      if (card.place === "hub" && !(await this.download(card))) return;
      work(card);
    } catch (error) {
      showError(error);
    }
    if (this.card === card) this.drawActions();
  }

  async download(card) {
    const bar = element("progress", { class: "bw-progress", max: "1", "aria-label": t("downloadAdd") });
    const text = element("span", { class: "bw-note", role: "status" });
    const stop = button(t("cancel"), () => tell("cancel", { model: card.model }).catch(showError));
    this.actions.replaceChildren(bar, text, stop);
    const deaf = onDownload(card.model, (done, total) => {
      bar.value = total ? done / total : 0;
      text.textContent = t("downloading", { done: size(done), total: size(total) });
    });
    try {
      const { cancelled, model } = await tell("download", { model: card.model });
      if (cancelled) {
        showDone(t("cancelled"));
        return false;
      }
      await app.refreshComboInNodes?.();
      Object.assign(card, { place: "local", model: model ?? card.model });
      if (this.card === card) this.show(card);
      return true;
    } finally {
      deaf();
    }
  }

  listPhotos() {
    const names = [...new Set([...photosInGraph(), ...this.uploaded])];
    if (this.photo && !names.includes(this.photo)) names.unshift(this.photo);
    const shown = this.photo ?? names[0] ?? "";
    this.photos.replaceChildren(
      ...names.map((name) => element("option", { value: name, text: name })),
      element("option", { value: "", text: t("samplePhoto") }),
      element("option", { value: OTHER, text: t("otherPhoto") }),
    );
    this.photos.value = this.shown = shown;
  }

  choosePhoto() {
    if (this.photos.value !== OTHER) {
      this.photo = this.shown = this.photos.value;
      this.paint();
      return;
    }
    this.photos.value = this.shown;
    chooseFile((file) => this.takePhoto(file));
  }

  async takePhoto(file) {
    try {
      const name = await upload(file);
      this.uploaded.push(name);
      this.photo = name;
      this.listPhotos();
      this.paint();
    } catch (error) {
      showError(error);
    }
  }

  async chooseStylePicture(file) {
    try {
      this.stylePicture = await upload(file);
      this.paint();
    } catch (error) {
      showError(error);
    }
  }

  /** Paint the preview, if this card can be painted with now. */
  async paint() {
    const { card, shown: photo } = this;
    const stylePicture = card.any_style ? this.stylePicture : "";
    if (card.place === "hub" || (card.any_style && !stylePicture)) return;
    const turn = ++this.turn;
    const key = JSON.stringify([card.model, card.style, photo, stylePicture]);
    this.frame.classList.add("bw-busy");
    this.frame.setAttribute("aria-busy", "true");
    this.live.textContent = t("painting");
    try {
      if (!this.painted.has(key)) {
        const asked = { model: card.model, style: card.style, photo, style_picture: stylePicture };
        const answer = await send("preview", asked);
        this.painted.set(key, URL.createObjectURL(await answer.blob()));
        this.forgetOld();
      }
      if (turn !== this.turn || this.card !== card) return;
      const label = t("previewOf", { title: card.title, photo: photo || t("samplePhoto") });
      this.frame.setAttribute("aria-label", label);
      this.live.textContent = label;
      this.frame.replaceChildren(element("img", { class: "bw-large bw-painted", src: this.painted.get(key), alt: label }));
    } catch (error) {
      if (turn === this.turn) showError(error);
    } finally {
      if (turn === this.turn) {
        this.frame.classList.remove("bw-busy");
        this.frame.removeAttribute("aria-busy");
      }
    }
  }

  forgetOld() {
    while (this.painted.size > PREVIEWS_KEPT) {
      const [oldest, url] = this.painted.entries().next().value;
      URL.revokeObjectURL(url);
      this.painted.delete(oldest);
    }
  }
}

/** Names of the methods are the same in every language. */
export const METHOD_NAMES = {
  vanilla: "Vanilla",
  in: "IN",
  cin: "CIN",
  comatch: "CoMatch",
  adain: "AdaIN",
  microast: "MicroAST",
};

function button(text, onclick, { main = false, disabled = false } = {}) {
  return element("button", { type: "button", class: main ? "bw-button bw-main" : "bw-button", text, disabled, onclick });
}

function fileButton(text, onFile) {
  return button(text, () => chooseFile(onFile));
}

function chooseFile(onFile) {
  const input = element("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", () => input.files[0] && onFile(input.files[0]));
  input.click();
}
