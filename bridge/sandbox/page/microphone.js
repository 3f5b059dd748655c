/** The button that records a voice message, and the bar shown while it does. */

import { el, iconButton } from "/dom.js";
import { record } from "/recorder.js";

export class Microphone {
  /** `send(blob)` with what was recorded, `complain(error)` when nothing can be. */
  constructor({ send, complain }) {
    this.send = send;
    this.complain = complain;
    this.recording = null;
    this.button = iconButton("mic", "Record a voice message", () => this.start(), { class: "icon-button", testid: "record" });
    this.time = el("span", { class: "recording-time", text: "0:00" });
    const dot = el("span", { class: "recording-dot", "aria-hidden": "true" });
    const cancel = el("button", { type: "button", class: "text-button", text: "Cancel", testid: "record-cancel", on: { click: () => this.cancel() } });
    const done = el("button", { type: "button", class: "text-button", text: "Send voice", testid: "record-send", on: { click: () => this.finish() } });
    this.root = el("div", { class: "recording", hidden: true, role: "status", testid: "recording" }, dot, this.time, el("span", { class: "grow" }), cancel, done);
  }

  async start() {
    if (this.busy) return;
    this.busy = true;
    try {
      this.recording = await record();
    } catch (error) {
      this.complain(error);
      return;
    } finally {
      this.busy = false;
    }
    const began = Date.now();
    const tick = () => {
      const seconds = Math.floor((Date.now() - began) / 1000);
      this.time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    };
    tick();
    this.ticking = setInterval(tick, 250);
    this.root.hidden = false;
    this.button.disabled = true;
  }

  /** Forget what was being recorded. */
  cancel() {
    this.end()?.cancel();
  }

  async finish() {
    const recording = this.end();
    if (!recording) return;
    try {
      await this.send(await recording.stop());
    } catch (error) {
      this.complain(error);
    }
  }

  end() {
    const { recording } = this;
    this.recording = null;
    clearInterval(this.ticking);
    this.root.hidden = true;
    this.button.disabled = false;
    return recording;
  }
}
