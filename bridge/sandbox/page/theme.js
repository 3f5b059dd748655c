/** Light or dark: the system's choice until the toggle is pressed, then the reader's. */

import { iconButton, kept } from "/dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const chosen = kept("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;

/** The theme that shows now. */
export const theme = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");

/** The button that changes it. */
export function themeToggle() {
  const button = iconButton("moon", "Dark theme", () => {
    const next = theme() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    kept("theme", next);
    show();
  });
  button.dataset.testid = "theme-toggle";
  const fresh = { dark: iconButton("sun", "Light theme"), light: iconButton("moon", "Dark theme") };
  const show = () => {
    const face = fresh[theme()];
    button.replaceChildren(face.firstChild.cloneNode(true));
    button.title = face.title;
    button.setAttribute("aria-label", face.title);
  };
  dark.addEventListener("change", show);
  show();
  return button;
}
