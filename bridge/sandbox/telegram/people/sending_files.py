"""What people send beside words: files, albums, places, contacts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge.sandbox.telegram.content import attachments
from bridge.sandbox.telegram.content.attachments import (
    OLD_SIZE,
    StickerKind,
)
from bridge.sandbox.telegram.content.file_types import UNKNOWN
from bridge.sandbox.telegram.content.rich import read_rich
from bridge.sandbox.telegram.inspection import Place, chat_id_of
from bridge.sandbox.telegram.people import people_actions
from bridge.sandbox.telegram.people.actors import Person
from bridge.sandbox.telegram.people.albums import AlbumItem, share_album
from bridge.sandbox.telegram.people.people_actions import Where
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Attachment, Json, World


class Sharing:
    """What people can send beside words. Each method returns the id of the message.

    `chat`, `thread_id` and `reply_to` say where, as in `send`. A `file_size` makes a file that is
    only said to be so many bytes large, and has none. Raises ValueError for what Telegram's apps
    would not send.
    """

    world: World
    updates: UpdateQueue

    def send_photo(
        self,
        person: Person,
        content: bytes,
        caption: str = "",
        size: tuple[int, int] = OLD_SIZE,
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
        file_size: int | None = None,
    ) -> int:
        """Send a photo: a picture in all its sizes, as JPEG; or any bytes, said to be of this `size`."""
        photo = attachments.photo(self.world, content, size, file_size)
        return self._share(person, photo, caption, chat, thread_id, reply_to)

    def send_document(
        self,
        person: Person,
        name: str,
        content: bytes,
        mime: str = UNKNOWN,
        caption: str = "",
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
        file_size: int | None = None,
    ) -> int:
        """Send a file."""
        document = attachments.document(self.world, name, content, mime, file_size)
        return self._share(person, document, caption, chat, thread_id, reply_to)

    def send_audio(
        self,
        person: Person,
        name: str,
        content: bytes,
        mime: str = "audio/mpeg",
        caption: str = "",
        *,
        seconds: int = 1,
        title: str = "",
        performer: str = "",
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
        file_size: int | None = None,
    ) -> int:
        """Send music, and return the id of the message."""
        audio = attachments.audio(
            self.world,
            name,
            content,
            mime,
            seconds,
            title=title,
            performer=performer,
            size=file_size,
        )
        return self._share(person, audio, caption, chat, thread_id, reply_to)

    def send_video(
        self,
        person: Person,
        content: bytes,
        caption: str = "",
        name: str = "video.mp4",
        *,
        mime: str = "video/mp4",
        seconds: int = 1,
        size: tuple[int, int] = OLD_SIZE,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
        file_size: int | None = None,
    ) -> int:
        """Send a film of this width and height."""
        video = attachments.video(self.world, name, content, mime, seconds, size, file_size)
        return self._share(person, video, caption, chat, thread_id, reply_to)

    def send_video_note(
        self,
        person: Person,
        content: bytes,
        seconds: int = 1,
        *,
        length: int = 240,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
        file_size: int | None = None,
    ) -> int:
        """Send a round film."""
        note = attachments.video_note(self.world, content, seconds, length, file_size)
        return self._share(person, note, "", chat, thread_id, reply_to)

    def send_voice(
        self,
        person: Person,
        content: bytes,
        seconds: int | None = None,
        caption: str = "",
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
        file_size: int | None = None,
    ) -> int:
        """Send a voice message, as long as its OGG/Opus says unless it is said here."""
        voice = attachments.voice(self.world, content, seconds, size=file_size)
        return self._share(person, voice, caption, chat, thread_id, reply_to)

    def send_sticker(
        self,
        person: Person,
        content: bytes,
        emoji: str = "👍",
        kind: StickerKind = "static",
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Send a sticker: WebP, or packed Lottie if `animated`, or WebM if `video`."""
        sticker = attachments.sticker(self.world, content, emoji, kind)
        return self._share(person, sticker, "", chat, thread_id, reply_to)

    def send_location(
        self,
        person: Person,
        latitude: float,
        longitude: float,
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Send a point on the map."""
        location = attachments.location(latitude, longitude)
        return self._share(person, location, "", chat, thread_id, reply_to)

    def send_venue(
        self,
        person: Person,
        latitude: float,
        longitude: float,
        title: str,
        address: str,
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Send a point on the map with a name and an address."""
        venue = attachments.venue(latitude, longitude, title, address)
        return self._share(person, venue, "", chat, thread_id, reply_to)

    def send_contact(
        self,
        person: Person,
        phone: str,
        first_name: str,
        last_name: str = "",
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Send somebody's telephone number, and return the id of the message."""
        contact = attachments.contact(phone, first_name, last_name)
        return self._share(person, contact, "", chat, thread_id, reply_to)

    def send_dice(
        self,
        person: Person,
        value: int = 6,
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Send a die that showed this."""
        return self._share(person, attachments.dice(value), "", chat, thread_id, reply_to)

    def send_poll(
        self,
        person: Person,
        question: str,
        options: Iterable[str],
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Send a question to all."""
        poll = attachments.poll(self.world, question, list(options))
        return self._share(person, poll, "", chat, thread_id, reply_to)

    def send_rich(
        self,
        person: Person,
        blocks: list[Json],
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Let a person paste formatted text, which is a rich message. Raises Refused for bad blocks."""
        where = _where(chat, thread_id, reply_to)
        rich = read_rich({"blocks": blocks})
        sent = people_actions.write(self.world, self.updates, person, "", where, rich=rich)
        return sent.message_id

    def send_album(
        self,
        person: Person,
        photos: Iterable[bytes | AlbumItem],
        caption: str = "",
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        reply_to: int | None = None,
    ) -> list[int]:
        """Send 2 to 10 files as one album; the first has the caption. Return the messages' ids.

        Bytes alone are a photo. Documents stand only with documents, music only with music.
        """
        items = [AlbumItem("photo", it) if isinstance(it, bytes) else it for it in photos]
        if caption and items:
            items[0] = replace(items[0], caption=caption)
        where = _where(chat, thread_id, reply_to)
        return share_album(self.world, self.updates, person, where, items)

    def refuse_voice(self, person: Person, refuses: bool = True) -> None:
        """Let a person refuse voice messages (`VOICE_MESSAGES_FORBIDDEN`), or take them again."""
        if refuses:
            self.world.refusing_voice.add(person.id)
        else:
            self.world.refusing_voice.discard(person.id)

    def _share(
        self,
        person: Person,
        attachment: Attachment,
        caption: str,
        chat: Place | None,
        thread_id: int,
        reply_to: int | None,
    ) -> int:
        where = _where(chat, thread_id, reply_to)
        world, updates = self.world, self.updates
        sent = people_actions.write(world, updates, person, caption, where, attachment=attachment)
        return sent.message_id


def _where(chat: Place | None, thread_id: int, reply_to: int | None) -> Where:
    return Where(None if chat is None else chat_id_of(chat), thread_id, reply_to)
