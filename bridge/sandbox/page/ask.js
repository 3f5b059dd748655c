/** The dialogs that ask for something new: a person, a group, a topic. */

import { el } from "/dom.js";
import { fullName } from "/format.js";

const LANGUAGES = ["en", "ru", "zh-hans", "zh-hant", "es", "de", "fr", "pt-br", "ja", "ko", "ar", "fa", "hi", "id", "it", "tr", "uk", "vi"];

/** Ask for a new person's name and language; `add({first_name, language_code})` may reject. */
export function askPerson(add) {
  const name = field("Name", { name: "first_name", required: true, maxlength: 64, autocomplete: "off", placeholder: "Ann", testid: "person-name" });
  const language = field("Language", { name: "language_code", value: "en", maxlength: 16, list: "languages", autocomplete: "off", spellcheck: "false", testid: "person-language" });
  const known = el("datalist", { id: "languages" }, ...LANGUAGES.map((code) => el("option", { value: code, text: languageName(code) })));
  const values = () => ({ first_name: name.input.value.trim(), language_code: language.input.value.trim() });
  ask("Add person", "person-add", [name.label, language.label, known], () => add(values()));
}

/** Ask for a group's title and members besides `me`; `add({title, members, forum})` may reject. */
export function askGroup(me, people, add) {
  const title = field("Name", { name: "title", required: true, maxlength: 64, autocomplete: "off", placeholder: "Our team", testid: "group-title" });
  const boxes = people
    .filter((person) => person.id !== me)
    .map((person) => ({ person, input: el("input", { type: "checkbox", checked: true }) }));
  const forum = el("input", { type: "checkbox", testid: "group-forum" });
  const members = el("fieldset", { class: "field" }, el("legend", { text: "Members besides you" }), ...boxes.map(({ person, input }) => tick(input, fullName(person))));
  ask("New group", "group-add", [title.label, boxes.length ? members : null, tick(forum, "With topics")], () =>
    add({ title: title.input.value.trim(), forum: forum.checked, members: boxes.filter(({ input }) => input.checked).map(({ person }) => person.id) }),
  );
}

/** Ask for a topic's name; `add(name)` may reject. */
export function askTopic(add) {
  const name = field("Name", { name: "name", required: true, maxlength: 64, autocomplete: "off", placeholder: "Ideas", testid: "topic-name" });
  ask("New topic", "topic-add", [name.label], () => add(name.input.value.trim()));
}

function field(title, props) {
  const input = el("input", props);
  return { input, label: el("label", { class: "field" }, el("span", { text: title }), input) };
}

function tick(input, title) {
  return el("label", { class: "tick" }, input, el("span", { text: title }));
}

/** A dialog with a form; it stays open with the reason while `deliver` rejects. */
function ask(title, testid, fields, deliver) {
  const wrong = el("p", { class: "wrong", role: "alert", hidden: true });
  const cancel = el("button", { type: "button", class: "text-button quiet", text: "Cancel" });
  const submit = el("button", { type: "submit", class: "text-button", text: "Add", testid });
  const form = el("form", {}, el("h2", { text: title }), ...fields, wrong, el("div", { class: "dialog-buttons" }, cancel, submit));
  const dialog = el("dialog", { class: "dialog", "aria-label": title }, form);
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await deliver();
      dialog.close();
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("input").focus();
}

function languageName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
