/** Short notices over the page, and alerts that wait to be dismissed. */

import { el } from "/dom.js";

const SHOWN_FOR = 3500;
const MOST = 3;

/** Show one sentence for a few seconds. */
export function toast(text, kind = "note") {
  const root = document.getElementById("toasts");
  const element = el("div", { class: `toast ${kind}`, text, testid: "toast" });
  root.append(element);
  while (root.children.length > MOST) root.firstChild.remove();
  const longer = Math.min(6000, String(text).length * 40);
  setTimeout(() => element.classList.add("leaving"), SHOWN_FOR + longer);
  setTimeout(() => element.remove(), SHOWN_FOR + longer + 250);
}

/** Show what went wrong. */
export const complain = (error) => toast(error?.message ?? String(error), "error");

/** A callback answer with `show_alert`: stays until it is dismissed. */
export function alertBox(title, text) {
  const close = el("button", { type: "submit", class: "text-button", text: "OK" });
  const dialog = el(
    "dialog",
    { class: "dialog alert", "aria-label": title, testid: "alert" },
    el("h2", { text: title }),
    el("p", { text }),
    el("div", { class: "dialog-buttons" }, close),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
