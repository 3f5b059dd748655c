/** What the bot is doing in each chat right now: its chat actions and its drafts. */

const ACTION_SHOWS = 5000;
const DRAFT_SHOWS = 30_000;

export class Activity {
  /** `actionEnded()` and `draftEnded(chatId)` are told when time ends one. */
  constructor({ actionEnded, draftEnded }) {
    this.actionEnded = actionEnded;
    this.draftEnded = draftEnded;
    this.actions = new Map();
    this.drafts = new Map();
  }

  /** The action in a chat, or undefined. */
  actionIn(chatId) {
    return this.actions.get(chatId)?.action;
  }

  /** The draft in a chat, or undefined. */
  draftIn(chatId) {
    return this.drafts.get(chatId)?.draft;
  }

  /** A chat action lasts five seconds, as in Telegram. */
  act(chatId, action) {
    clearTimeout(this.actions.get(chatId)?.timer);
    const timer = setTimeout(() => {
      this.actions.delete(chatId);
      this.actionEnded();
    }, ACTION_SHOWS);
    this.actions.set(chatId, { action, timer });
  }

  /** A draft is a preview of thirty seconds. */
  write(chatId, draft) {
    clearTimeout(this.drafts.get(chatId)?.timer);
    const timer = setTimeout(() => {
      this.drafts.delete(chatId);
      this.draftEnded(chatId);
    }, DRAFT_SHOWS);
    this.drafts.set(chatId, { draft, timer });
  }

  /** The bot did what it was about to do. */
  stopAction(chatId) {
    clearTimeout(this.actions.get(chatId)?.timer);
    this.actions.delete(chatId);
  }

  /** The draft has become a message. */
  endDraft(chatId) {
    clearTimeout(this.drafts.get(chatId)?.timer);
    this.drafts.delete(chatId);
  }
}
