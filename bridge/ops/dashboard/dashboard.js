/** Keeps the page true: the server draws its sections, and what changed is fitted into what stands
 *  here, so that focus, scrolling and what was opened stay as they are. */

const LOST_MILLISECONDS = 8000;
const UNDO_MILLISECONDS = 6000;
const AGAIN_MILLISECONDS = 3000;
const KEPT = new Set(["open", "disabled", "aria-busy"]);

const sections = trustedTypes("sections");
const connection = document.getElementById("connection");
const notice = document.getElementById("notice");
const title = document.title;
const say = document.body.dataset;
let source = null;
/** A decision that waits until it cannot be taken back any more. */
let pending = null;
let heardAt = 0;

/** The one place where text of the server becomes elements; it escapes what strangers wrote. */
function trustedTypes(name) {
  const rules = { createHTML: (html) => html };
  return globalThis.trustedTypes ? globalThis.trustedTypes.createPolicy(name, rules) : rules;
}

function listen() {
  source?.close();
  source = new EventSource("/live");
  source.onmessage = (event) => {
    heard();
    for (const [name, html] of Object.entries(JSON.parse(event.data))) {
      const place = document.getElementById(name);
      if (!place) continue;
      const fresh = place.cloneNode(false);
      fresh.innerHTML = sections.createHTML(html);
      fit(place, fresh);
    }
    const wrong = document.querySelectorAll(".alarm.bad").length;
    document.title = wrong ? `(${wrong}) ${title}` : title;
    document.body.dataset.ready = "";
  };
  source.onerror = lose;
}

function heard() {
  heardAt = Date.now();
  connection.dataset.state = "live";
  connection.textContent = say.live;
}

/** Says that nothing comes any more; whether the link has ended is asked, too. */
async function lose() {
  if (connection.dataset.state === "lost") return;
  connection.dataset.state = "lost";
  connection.textContent = say.lost;
  source?.close();
  for (;;) {
    await new Promise((done) => setTimeout(done, AGAIN_MILLISECONDS));
    const answer = await fetch("/", { cache: "no-store" }).catch(() => null);
    if (answer?.status === 403) {
      connection.textContent = say.ended;
    } else if (answer?.ok) {
      location.reload();
      return;
    }
  }
}

setInterval(() => {
  if (heardAt && Date.now() - heardAt > LOST_MILLISECONDS && !document.hidden) lose();
}, 1000);

/** Makes `old` what `fresh` is, moving and changing what stands there instead of replacing it. */
function fit(old, fresh) {
  const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let next = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    let found = key ? keyed.get(key) : next;
    if (!found || !alike(found, wanted) || (!key && keyOf(found))) found = null;
    if (!found) {
      old.insertBefore(wanted, next);
      continue;
    }
    if (found === next) next = next.nextSibling;
    else old.insertBefore(found, next);
    if (found.nodeType === Node.ELEMENT_NODE) {
      attributes(found, wanted);
      fit(found, wanted);
    } else if (found.nodeValue !== wanted.nodeValue) found.nodeValue = wanted.nodeValue;
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset?.key : undefined);
const alike = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName;

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches(".deciding")) return;
  event.preventDefault();
  settle();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const verb = fields.get("verb");
  if (verb === "allow") decide(form, fields);
  else wait(form, fields, say[verb]);
});

/** Says what is about to happen, and does it unless it is taken back: who is told cannot be untold. */
function wait(form, fields, sentence) {
  const undo = Object.assign(document.createElement("button"), { type: "button", textContent: say.undo });
  undo.addEventListener("click", () => {
    clearTimeout(pending?.timer);
    pending = null;
    notice.hidden = true;
    release(form);
  });
  hold(form);
  notice.replaceChildren(sentence.replace("{name}", () => form.dataset.name), " ", undo);
  notice.hidden = false;
  pending = { form, fields, timer: setTimeout(settle, UNDO_MILLISECONDS) };
}

/** Does now what waits; the page may be about to go. */
function settle() {
  if (!pending) return;
  const { form, fields, timer } = pending;
  clearTimeout(timer);
  pending = null;
  decide(form, fields);
}
addEventListener("pagehide", settle);

async function decide(form, fields) {
  hold(form);
  if (!pending) notice.hidden = true;
  const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual", keepalive: true })
    .catch(() => null);
  release(form);
  if (answer?.type === "opaqueredirect") return;
  const why = answer ? await reasonOf(answer) : say.silent;
  if (pending) notice.prepend(`${why} `); // behind it stands what can still be taken back
  else notice.textContent = why;
  notice.hidden = false;
}

function hold(form) {
  for (const button of form.querySelectorAll("button")) button.disabled = true;
}

function release(form) {
  for (const button of form.querySelectorAll("button")) button.disabled = false;
}

/** What the server says of a refusal, in its own words. */
async function reasonOf(answer) {
  const page = new DOMParser().parseFromString(
    sections.createHTML(await answer.text()),
    "text/html",
  );
  return page.querySelector("main p")?.textContent.trim() || `Refused (${answer.status}).`;
}

listen();
