"""Which methods this server knows; their names are case-insensitive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.sandbox.telegram.calls import MethodCall
from bridge.sandbox.telegram.methods import (
    drafts,
    leaving,
    media,
    members,
    posting,
    profile,
    receiving,
    topics,
)

Method = Callable[[MethodCall], Awaitable[object]]

METHODS: dict[str, Method] = {
    "getMe": profile.get_me,
    "getChat": profile.get_chat,
    "getChatMember": members.get_chat_member,
    "getChatAdministrators": members.get_chat_administrators,
    "leaveChat": leaving.leave_chat,
    "setMyCommands": profile.set_my_commands,
    "getMyCommands": profile.get_my_commands,
    "deleteMyCommands": profile.delete_my_commands,
    "setMyDescription": profile.set_my_description,
    "setMyShortDescription": profile.set_my_short_description,
    "getUpdates": receiving.get_updates,
    "setWebhook": receiving.set_webhook,
    "deleteWebhook": receiving.delete_webhook,
    "getWebhookInfo": receiving.get_webhook_info,
    "answerCallbackQuery": receiving.answer_callback_query,
    "getFile": receiving.get_file,
    "createForumTopic": topics.create_forum_topic,
    "editForumTopic": topics.edit_forum_topic,
    "deleteForumTopic": topics.delete_forum_topic,
    "closeForumTopic": topics.close_forum_topic,
    "reopenForumTopic": topics.reopen_forum_topic,
    "unpinAllForumTopicMessages": topics.unpin_all_forum_topic_messages,
    "getForumTopicIconStickers": topics.get_forum_topic_icon_stickers,
    "sendMessage": posting.send_message,
    "sendPhoto": media.send_photo,
    "sendDocument": media.send_document,
    "sendVoice": media.send_voice,
    "sendAudio": media.send_audio,
    "sendVideo": media.send_video,
    "sendAnimation": media.send_animation,
    "sendMediaGroup": media.send_media_group,
    "editMessageCaption": media.edit_message_caption,
    "editMessageText": posting.edit_message_text,
    "editMessageReplyMarkup": posting.edit_message_reply_markup,
    "deleteMessage": posting.delete_message,
    "sendChatAction": posting.send_chat_action,
    "setMessageReaction": posting.set_message_reaction,
    "sendRichMessage": posting.send_rich_message,
    "sendMessageDraft": drafts.send_message_draft,
    "sendRichMessageDraft": drafts.send_rich_message_draft,
}


@dataclass(frozen=True)
class Feature:
    """What a server that is too old for something does not know."""

    methods: frozenset[str]
    parameters: frozenset[str]
    """Ignored, as every unknown parameter is."""


FEATURES: dict[str, Feature] = {
    "rich messages": Feature(
        frozenset({"sendRichMessage", "sendRichMessageDraft"}), frozenset({"rich_message"})
    ),
    "drafts": Feature(
        frozenset({"sendMessageDraft", "sendRichMessageDraft"}),
        frozenset({"can_stop", "keep_on_stop"}),
    ),
    "stop button": Feature(frozenset(), frozenset({"can_stop", "keep_on_stop"})),
}
NAMES = {name.lower(): name for name in METHODS}


def proper_name(method: str) -> str | None:
    """Return the method's name as documented; None for a method that does not exist."""
    return NAMES.get(method.lower())
