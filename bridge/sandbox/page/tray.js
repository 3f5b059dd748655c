/** The files that wait to be sent: picked, dropped or pasted. */

import { el, icon, iconButton } from "/dom.js";
import { fileSize } from "/format.js";

const WAYS = { media: "as photo or video", file: "as file", voice: "as voice message" };
const isMedia = (file) => /^(image\/(jpeg|png|webp|gif|bmp)|video\/(mp4|webm|quicktime))$/u.test(file.type);
const isOgg = (file) => file.type === "audio/ogg" || /\.(ogg|oga|opus)$/iu.test(file.name);

/** In which ways these files can be sent, the usual first. */
function waysOf(files) {
  const ways = files.every(isMedia) ? ["media", "file"] : ["file"];
  return files.length === 1 && isOgg(files[0]) ? [...ways, "voice"] : ways;
}

export class Tray {
  /** `zone`: where files may be dropped. `changed()` is called whenever files come or go. */
  constructor(zone, input, changed) {
    this.changed = changed;
    this.files = [];
    this.picker = el("input", { type: "file", multiple: true, hidden: true, testid: "file-picker", "aria-label": "Files" });
    this.button = iconButton("clip", "Attach files", () => this.picker.click(), { class: "icon-button", testid: "attach" });
    this.list = el("ul", { class: "tray-files" });
    this.way = el("select", { class: "tray-way", "aria-label": "Send", testid: "send-as" });
    this.root = el("div", { class: "tray", hidden: true, testid: "tray" }, this.list, this.way);
    this.picker.addEventListener("change", () => {
      this.add([...this.picker.files]);
      this.picker.value = "";
    });
    input.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      this.add(files);
    });
    this.listenTo(zone);
  }

  listenTo(zone) {
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    zone.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      zone.classList.add("dropping");
    });
    zone.addEventListener("dragleave", (event) => {
      if (!zone.contains(event.relatedTarget)) zone.classList.remove("dropping");
    });
    zone.addEventListener("drop", (event) => {
      zone.classList.remove("dropping");
      if (!carries(event)) return;
      event.preventDefault();
      if (!this.button.disabled) this.add([...event.dataTransfer.files]);
    });
  }

  get empty() {
    return this.files.length === 0;
  }

  add(files) {
    this.files.push(...files);
    this.show();
  }

  /** Give the waiting files away: `{ files, way }`. */
  take() {
    const taken = { files: this.files, way: this.way.value };
    this.clear();
    return taken;
  }

  clear() {
    this.files = [];
    this.show();
  }

  show() {
    const ways = waysOf(this.files);
    const before = this.way.value;
    this.way.replaceChildren(...ways.map((way) => el("option", { value: way, text: WAYS[way] })));
    if (ways.includes(before) && this.files.length > 1) this.way.value = before;
    this.root.hidden = this.empty;
    this.list.replaceChildren(...this.files.map((file) => this.item(file)));
    this.changed();
  }

  item(file) {
    const drop = () => {
      this.files = this.files.filter((one) => one !== file);
      this.show();
    };
    return el(
      "li",
      { class: "tray-file", testid: "tray-file" },
      icon(isMedia(file) ? "picture" : "file"),
      el("span", { class: "tray-name", text: file.name }),
      el("span", { class: "file-size", text: fileSize(file.size) }),
      iconButton("close", `Leave out ${file.name}`, drop),
    );
  }
}
