"""A bot as one writes it in an afternoon: an edit a second, the library's own rate limiter."""

import asyncio
import os
import time

from cozepy import AsyncCoze, AsyncTokenAuth, ChatEventType, Message
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import AIORateLimiter, Application, ContextTypes, MessageHandler, filters


def main() -> None:
    """Run until a signal."""
    coze = AsyncCoze(
        auth=AsyncTokenAuth(os.environ["COZE_API_TOKEN"]), base_url=os.environ["COZE_API_BASE"]
    )
    root = os.environ["TELEGRAM_API_BASE_URL"]
    application = (
        Application.builder()
        .token(os.environ["TELEGRAM_BOT_TOKEN"])
        .base_url(f"{root}/bot")
        .base_file_url(f"{root}/file/bot")
        .rate_limiter(AIORateLimiter(max_retries=5))
        .concurrent_updates(True)
        .connection_pool_size(512)
        .pool_timeout(60)
        .build()
    )

    async def answer(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.effective_message
        if message is None or not message.text:
            return
        text, post, shown, edited = "", None, "", 0.0
        stream = coze.chat.stream(
            bot_id=os.environ["COZE_BOT_ID"],
            user_id=str(message.chat_id),
            additional_messages=[Message.build_user_question_text(message.text)],
        )
        async for event in stream:
            if event.event != ChatEventType.CONVERSATION_MESSAGE_DELTA or event.message is None:
                continue
            text += event.message.content
            if time.monotonic() - edited < 1.0:
                continue
            edited, shown = time.monotonic(), text
            if post is None:
                post = await message.reply_text(text)
            else:
                await _edit(post.edit_text, text)
        if post is None:
            await message.reply_text(text)
        elif shown != text:
            await _edit(post.edit_text, text)

    application.add_handler(MessageHandler(filters.TEXT, answer))
    asyncio.set_event_loop(asyncio.new_event_loop())
    application.run_polling()


async def _edit(edit: object, text: str) -> None:
    try:
        await edit(text)  # type: ignore[operator]  # the library's bound method
    except TelegramError as error:
        print(f"edit failed: {error}", flush=True)


if __name__ == "__main__":
    main()
