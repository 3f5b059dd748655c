"""Every setting once: its name, type, default and sentence; all faults are told at once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from bridge.coze.regions import deployment
from bridge.preferences import (
    AccessMode,
    Answers,
    Memory,
    Preferences,
    Reasoning,
    Speech,
    Streaming,
)
from bridge.proxies import proxy_address
from bridge.settings.agents import DeclaredAgent
from bridge.settings.types import (
    AgentId,
    BotToken,
    CozeToken,
    DashboardToken,
    HostNames,
    ListenAddress,
    Lower,
    Operators,
    Pace,
    Positive,
    PublicAddress,
    ServerAddress,
    Upper,
    choice,
    listed,
)
from bridge.store.dialects.database import checked, is_postgresql
from bridge.store.dialects.sqlite import database_file
from bridge.texts import languages

TITLES = (
    "Whether a conversation is called by its first question in `/conversations`; else by its date."
)
LISTENS = "The address of this machine on which that listens; `0.0.0.0` for all, as in a container."
NAMES = "Host names by which the dashboard may be opened besides localhost, comma-separated."


class Settings(BaseModel):
    """What the operator decides. Field names are the variables' names in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    _agents: tuple[DeclaredAgent, ...] = PrivateAttr(default=())

    telegram_bot_token: BotToken = Field(description="The bot's token from @BotFather. Required.")
    telegram_api_base_url: ServerAddress = Field(
        "https://api.telegram.org",
        description="The Bot API server; `/bot<token>` is appended.",
    )
    telegram_proxy: str | None = Field(
        None,
        description="Proxy towards Telegram: `http://`, `https://` or `socks5://`; without one, that "
        "of `HTTPS_PROXY` or `ALL_PROXY`, if any.",
    )
    coze_api_base: str = Field(
        "https://api.coze.com",
        description="`https://api.coze.com`, `https://api.coze.cn` or your coze-studio.",
    )
    coze_bot_id: AgentId = Field(
        "",
        description="The agent's id: the number behind `/bot/` in its web address. Required without "
        "`BRIDGE_CONFIG`.",
    )
    coze_api_token: CozeToken | None = Field(
        None, description="A personal or service access token; or use the JWT settings."
    )
    coze_jwt_oauth_client_id: str | None = Field(
        None, description="The OAuth service app's id (`iss`)."
    )
    coze_jwt_oauth_public_key_id: str | None = Field(
        None, description="The fingerprint of the app's public key (`kid`)."
    )
    coze_jwt_oauth_private_key: SecretStr | None = Field(
        None, description="The app's private key as PEM text; `\\n` may stand for line ends."
    )
    coze_jwt_oauth_private_key_file_path: Path | None = Field(
        None, description="A file that holds the private key instead."
    )
    coze_jwt_oauth_audience: str | None = Field(
        None, description="`aud` of the JWT, when it is not the host of `COZE_API_BASE`."
    )
    coze_proxy: str | None = Field(None, description="The same towards Coze.")
    bridge_config: Path | None = Field(
        None,
        description="A file, such as `bridge.toml`, that declares several agents: see docs/agents.md.",
    )
    database_url: str = Field(
        "sqlite+aiosqlite:///bridge.db",
        description=(
            "Where chats and turns are kept: a file of SQLite, or PostgreSQL, such as "
            "`postgresql://user@host/name`."
        ),
    )
    bridge_log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Upper] = Field(
        "INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`."
    )
    bridge_log_format: Annotated[Literal["console", "json"], Lower] = Field(
        "console", description="`console` for people, `json` for machines."
    )
    bridge_pace_private: Pace = Field(
        {},
        description=(
            "Limits of a private chat, such as `burst=10,every=2.5`; empty, they are learned. "
            "`burst`: calls at once; `every`: seconds until one more; `gap`: least seconds between "
            "edits; `kept`: calls kept back for final texts; `quick`: final texts in a row; "
            "`minute`: most calls in a minute."
        ),
    )
    bridge_pace_group: Pace = Field({}, description="The same for a group; its topics share it.")
    bridge_quiet_seconds: float = Field(
        0.25, ge=0, le=10, description="Pause after which a burst of messages is answered as one."
    )
    bridge_reasoning: Reasoning = Field(
        Reasoning.OFF,
        description="How much of the agent's reasoning is shown: `off`, `brief` or `on`.",
    )
    bridge_suggestions: bool = Field(
        True, description="Whether the agent's suggested questions become buttons."
    )
    bridge_streaming: Streaming = Field(
        Streaming.EDITS,
        description="How answers grow: by `edits`, as `drafts` (private chats), or not (`whole`).",
    )
    bridge_rich: bool = Field(
        False,
        description=(
            "Whether answers with tables, tasks or formulas become rich messages, which older "
            "Telegram clients cannot show."
        ),
    )
    bridge_transcripts: bool = Field(
        True, description="Show the transcript of a voice message above its answer."
    )
    bridge_local_files: bool = Field(
        False,
        description="Whether `TELEGRAM_API_BASE_URL` is a server of yours with `--local` on this "
        "machine: then files over 20 MB can be read, from its disk.",
    )
    bridge_file_characters: int = Field(
        3000,
        ge=0,
        description="Blocks of code and tables of more characters than this come as files, too; "
        "0 for none.",
    )
    bridge_picture_hosts: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        (),
        description="Hosts on your own network (`name` or `name:port`, comma-separated) from "
        "which pictures in answers may be fetched, such as the storage of a coze-studio.",
    )
    bridge_speech: Speech = Field(
        Speech.OFF,
        description="Whether answers are spoken, too: `off`, those to `voice` messages, or "
        "`always`.",
    )
    coze_voice_id: str | None = Field(
        None, description="The voice that speaks; without one, a voice of the chat's language."
    )
    bridge_language: str | None = Field(
        None, description="Language of the bridge's own sentences, when not the person's."
    )
    bridge_feedback: bool = Field(
        True, description="Whether 👍 and 👎 stand under answers, for Coze's feedback."
    )
    bridge_grace_seconds: float = Field(
        8.0, ge=0, le=600, description="How long running answers may go on when the bridge stops."
    )

    bridge_open_chats: int = Field(
        500, ge=1, description="How many chats are answered at once; others wait in the database."
    )
    bridge_waiting_messages: int = Field(
        20, ge=1, description="How many messages of a chat may wait for one answer."
    )
    bridge_group_stale_seconds: float = Field(
        600.0,
        ge=0,
        description="Messages in groups that are older, as after an outage, are skipped.",
    )
    bridge_group_answers: Answers = Field(
        Answers.MENTION,
        description=(
            "Which messages groups get answered: those that `mention` the bot or answer it, also "
            "those with the `wake` word, or `everything`."
        ),
    )
    bridge_group_wake_word: str | None = Field(
        None, max_length=32, description="The wake word; without one, the bot's name."
    )
    bridge_group_memory: Memory = Field(
        Memory.CHAT,
        description="Whether a group shares one conversation (`chat`) or each `member` has one.",
    )
    bridge_group_context: int = Field(
        0,
        ge=0,
        le=50,
        description=(
            "How many earlier lines of a group, not meant for the bot, the agent reads with a "
            "question."
        ),
    )
    bridge_operators: Operators = Field(
        (),
        description=(
            "Telegram ids of the operators, comma-separated; empty: whoever sends the code that "
            "is printed at the start becomes one."
        ),
    )
    bridge_access: AccessMode = Field(
        AccessMode.APPROVAL,
        description="`approval`: people and groups wait for an operator's yes; or `open`.",
    )
    bridge_flood: Annotated[tuple[Positive, Positive], BeforeValidator(listed)] = Field(
        (20.0, 3.0),
        description="How many messages a person may send at once, and after how many seconds one "
        "more; further ones are not answered. Commands, pressed buttons and edits are counted apart, "
        "by the same numbers.",
    )
    bridge_titles: bool = Field(True, description=TITLES)
    bridge_retention_days: float = Field(
        90.0,
        gt=0,
        description="How many days finished turns are kept, without their words; numbers for "
        "quotas are kept for two months.",
    )
    bridge_health_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port of `/healthz`, `/readyz` and `/metrics`; 0 for none.",
    )
    bridge_health_host: ListenAddress = Field("127.0.0.1", description=LISTENS)
    bridge_dashboard_port: int = Field(
        0, ge=0, le=65535, description="Port of the dashboard; 0 for none."
    )
    bridge_dashboard_host: ListenAddress = Field("127.0.0.1", description=LISTENS)
    bridge_dashboard_names: HostNames = Field((), description=NAMES)
    bridge_dashboard_token: DashboardToken | None = Field(
        None,
        description="What opens the dashboard, 16 characters or more; without one it is made anew at "
        "each start.",
    )

    bridge_public_url: PublicAddress | None = Field(
        None,
        description="Where the world reaches `BRIDGE_PUBLIC_PORT`, such as `https://files.example.org`: "
        "agents that fetch files by themselves get an address there.",
    )
    bridge_public_port: int = Field(
        8089,
        ge=0,
        le=65535,
        description="Port of people's files on 127.0.0.1, for a web server in front.",
    )

    @property
    def agents(self) -> tuple[DeclaredAgent, ...]:
        """The agents that `BRIDGE_CONFIG` declares."""
        return self._agents

    def with_agents(self, agents: tuple[DeclaredAgent, ...]) -> "Settings":
        """Return the settings with the agents of a file."""
        made = self.model_copy()
        made._agents = agents
        return made

    @property
    def opens_coze(self) -> bool:
        """Whether they hold a credential of Coze themselves."""
        return self.coze_api_token is not None or self.coze_jwt_oauth_client_id is not None

    @property
    def preferences(self) -> Preferences:
        """What counts in chats that have chosen nothing."""
        return Preferences(
            reasoning=self.bridge_reasoning,
            suggestions=self.bridge_suggestions,
            streaming=self.bridge_streaming,
            language=self.bridge_language,
            answers=self.bridge_group_answers,
            wake_word=self.bridge_group_wake_word,
            memory=self.bridge_group_memory,
            context=self.bridge_group_context,
            speech=self.bridge_speech,
        )

    @field_validator("telegram_proxy", "coze_proxy")
    @classmethod
    def _proxy(cls, address: str | None) -> str | None:
        if address and "://" not in address:
            raise ValueError("is not a proxy's address; it begins with http:// or socks5://")
        return proxy_address(address) if address else None

    @field_validator("*", mode="before")
    @classmethod
    def _word(cls, word: object, info: ValidationInfo) -> object:
        """Read one of a few words as people write it."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if not isinstance(word, str) or not isinstance(kind, type) or not issubclass(kind, StrEnum):
            return word
        if word.lower() not in set(kind):
            raise ValueError(f"must be {choice(kind)}")
        return word.lower()

    @field_validator("bridge_language")
    @classmethod
    def _language(cls, language: str | None) -> str | None:
        language = language.lower() if language else None
        if language and language not in languages():
            raise ValueError(f"is not a language of the bridge; choose {choice(languages())}")
        return language

    @field_validator("coze_api_base")
    @classmethod
    def _base(cls, address: str) -> str:
        return deployment(address).base

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str) -> str:
        if database_file(checked(url)) is None and not is_postgresql(url):
            raise ValueError("keeps nothing; name a file, e.g. sqlite+aiosqlite:///bridge.db")
        return url
