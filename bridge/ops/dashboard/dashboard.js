/** Keeps the page true: the server draws its sections, and what changed is fitted into what stands
 *  here, so that focus, scrolling and what was opened stay as they are. */

const LOST_MILLISECONDS = 8000;
const AGAIN_MILLISECONDS = 3000;
const KEPT = new Set(["open", "disabled", "aria-busy"]);

const sections = trustedTypes("sections");
const connection = document.getElementById("connection");
const notice = document.getElementById("notice");
let source = null;
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
    document.title = wrong ? `(${wrong}) Bridge` : "Bridge";
    document.body.dataset.ready = "";
  };
  source.onerror = lose;
}

function heard() {
  heardAt = Date.now();
  connection.dataset.state = "live";
  connection.textContent = "Live";
}

/** Says that nothing comes any more; whether the link has ended is asked, too. */
async function lose() {
  if (connection.dataset.state === "lost") return;
  connection.dataset.state = "lost";
  connection.textContent = "Connection lost, trying again …";
  source?.close();
  for (;;) {
    await new Promise((done) => setTimeout(done, AGAIN_MILLISECONDS));
    const answer = await fetch("/", { cache: "no-store" }).catch(() => null);
    if (answer?.status === 403) {
      connection.textContent = "This page has ended: open the newest link of “bridge run”";
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

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches(".deciding")) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  notice.hidden = true;
  const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" })
    .catch(() => null);
  if (answer?.type !== "opaqueredirect") {
    notice.textContent = answer ? await reasonOf(answer) : "The bridge does not answer.";
    notice.hidden = false;
  }
  for (const button of buttons) button.disabled = false;
});

/** What the server says of a refusal, in its own words. */
async function reasonOf(answer) {
  const page = new DOMParser().parseFromString(
    sections.createHTML(await answer.text()),
    "text/html",
  );
  return page.querySelector("main p")?.textContent.trim() || `Refused (${answer.status}).`;
}

listen();
