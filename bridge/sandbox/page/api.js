/** What the page asks of the emulator, and the events it follows. */

const EVENTS = ["message", "edited", "deleted", "action", "draft", "commands", "answer", "person", "chat", "journal"];
const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;
const MOST_IN_ALBUM = 10;
const STATE = "/sandbox/state";

const post = (path, body) =>
  answered(() => fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));

async function answered(ask) {
  let response;
  try {
    response = await ask();
  } catch {
    throw new Error("The sandbox cannot be reached");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer?.error ?? `The sandbox answered ${response.status}`);
  return answer ?? {};
}

/** Send files, as many as Telegram shows together at a time; the first message has the caption. */
export async function upload(wish, files) {
  let { caption } = wish;
  for (let at = 0; at < files.length; at += MOST_IN_ALBUM) {
    const form = new FormData();
    form.append("wish", JSON.stringify({ ...wish, caption }));
    for (const file of files.slice(at, at + MOST_IN_ALBUM)) form.append("file", file, file.name || "voice.ogg");
    await answered(() => fetch("/sandbox/upload", { method: "POST", headers: { "X-Sandbox": "upload" }, body: form }));
    caption = "";
  }
}

export const send = (body) => post("/sandbox/send", body);
export const edit = (body) => post("/sandbox/edit", body);
export const press = (body) => post("/sandbox/press", body);
export const addPerson = (body) => post("/sandbox/people", body);
export const block = (body) => post("/sandbox/block", body);

export const stop = (body) => post("/sandbox/stop", body);
export const addGroup = (body) => post("/sandbox/groups", body);
export const addTopic = (body) => post("/sandbox/topics", body);
export const deleteTopic = (body) => post("/sandbox/topics/delete", body);
export const openLink = (body) => post("/sandbox/links", body);
export const setBot = (body) => post("/sandbox/bot", body);

/**
 * Follow the emulator for as long as the page lives.
 *
 * Events are held back while the state is read, then given in order: nothing that happens in
 * between is lost, and what is in both is the same when applied twice. `onState(state)`,
 * `onEvent(kind, payload)`, `onLost()`.
 */
export function follow({ onState, onEvent, onLost }) {
  let wait = FIRST_WAIT;
  const connect = () => {
    const source = new EventSource("/sandbox/feed");
    let held = [];
    let ended = false;
    const lose = () => {
      if (ended) return;
      ended = true;
      source.close();
      onLost();
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
    for (const kind of EVENTS) {
      source.addEventListener(kind, (event) => {
        const payload = parsed(event.data);
        if (ended || payload === undefined) return;
        if (held) held.push([kind, payload]);
        else onEvent(kind, payload);
      });
    }
    source.addEventListener("error", lose);
    source.addEventListener("open", async () => {
      try {
        const response = await fetch(STATE, { cache: "no-store" });
        if (!response.ok) throw new Error(String(response.status));
        onState(await response.json());
      } catch {
        lose();
        return;
      }
      wait = FIRST_WAIT;
      const waiting = held;
      held = null;
      for (const [kind, payload] of waiting) onEvent(kind, payload);
    });
  };
  connect();
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
