/** Which inline buttons wait for the bot's answer to their callback query. */

import { complain } from "/toast.js";

/** Telegram's clients give up on a callback query that nobody answers. */
const PATIENCE = 30_000;

export class Presses {
  /** `changed(messageId)` is told when a button begins or ceases to wait. */
  constructor(changed) {
    this.changed = changed;
    this.waiting = new Map();
    this.queries = new Map();
    this.early = new Set();
  }

  waits(chatId, messageId, row, column) {
    return this.waiting.has([chatId, messageId, row, column].join("/"));
  }

  /** Press a button with `ask`, which answers `{query_id}`; a button that waits is not pressed again. */
  async press(chatId, messageId, row, column, ask) {
    const key = [chatId, messageId, row, column].join("/");
    if (this.waiting.has(key)) return;
    this.waiting.set(key, setTimeout(() => this.end(key, messageId), PATIENCE));
    this.pending = (this.pending ?? 0) + 1;
    this.changed(messageId);
    try {
      const { query_id: queryId } = await ask();
      const query = String(queryId);
      // The answer may come through the feed before the reply to the press itself.
      if (this.early.has(query)) this.end(key, messageId);
      else this.queries.set(query, { key, messageId });
    } catch (error) {
      this.end(key, messageId);
      complain(error);
    } finally {
      this.pending -= 1;
      if (!this.pending) this.early.clear();
    }
  }

  /** A callback query was answered. Returns whether it may be one pressed on this page. */
  answered(queryId) {
    const query = String(queryId);
    const found = this.queries.get(query);
    if (found) {
      this.queries.delete(query);
      this.end(found.key, found.messageId);
      return true;
    }
    if (!this.pending) return false;
    this.early.add(query);
    return true;
  }

  end(key, messageId) {
    clearTimeout(this.waiting.get(key));
    this.waiting.delete(key);
    this.changed(messageId);
  }
}
