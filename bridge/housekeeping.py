"""Forget what nothing can ask for any more: words by the minute, the rest by the hour."""

import asyncio
import time

import structlog

from bridge.errors import StoreTrouble
from bridge.store import erasure, inbox, orphans, outbox
from bridge.store.coze import uploads
from bridge.store.engine import Store
from bridge.store.operators import access, audit, broadcasts, invites
from bridge.store.turns import lifecycle, suggestions
from bridge.telegram.files import tempfiles

log = structlog.get_logger(__name__)
CLEANUP_SECONDS = 3600.0
WORDS_SECONDS = 60.0


async def clean_up(store: Store, days: float) -> None:
    """Forget what is too old; finished turns after so many days."""
    await asyncio.to_thread(tempfiles.sweep)
    try:
        async with store.writing(of=(), long=True) as tx:
            await inbox.prune(tx)
            await lifecycle.forget_all_words(tx)
            await outbox.prune(tx)
            await orphans.prune(tx)
            await suggestions.forget_old_offers(tx)
            await uploads.prune(tx)
            await audit.prune(tx)
            await broadcasts.prune(tx)
            await invites.prune(tx)
            await access.forget_words(tx, time.time() - days * 86400)
        async with store.writing(long=True) as tx:  # it counts what it deletes
            await erasure.retire(tx, days)
        await store.wipe_log()
    except StoreTrouble as trouble:
        log.warning("cleanup failed", trouble=str(trouble))


async def keep_clean(store: Store, days: float, *, begin: bool = False) -> None:
    """Forget words within a minute of their time, the rest each hour, perhaps to `begin` with; for ever."""
    if begin:
        await clean_up(store, days)
    while True:
        for _ in range(round(CLEANUP_SECONDS / WORDS_SECONDS)):
            await asyncio.sleep(WORDS_SECONDS)
            try:
                async with store.writing(of=(), long=True) as tx:
                    await lifecycle.forget_all_words(tx, since=time.time() - 86400)
                await store.wipe_log()
            except StoreTrouble as trouble:
                log.warning("words not forgotten", trouble=str(trouble))
        await clean_up(store, days)
