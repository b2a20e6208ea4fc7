"""Tables that follow the code, as Markdown: each function writes one from the values the engine runs on."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, get_args

import msgspec

from api.problems import FRAMEWORK_CODES, STATUSES
from app.documents.words import EVENTS, KNOBS, POLICY, SETTINGS, WEIGHTS
from app.settings import Settings
from domain.rules import catalogue
from domain.rules.errors import every_refusal
from domain.rules.events import EventType
from domain.rules.states import ENGAGEMENT_MOVES, VERB_ROLES
from domain.usecases import identity, leftovers, messages, pushes
from domain.usecases.dispatch import POLICY as DISPATCH_POLICY
from domain.usecases.work import Knobs
from geo.live import GONE_AFTER, STALE_AFTER
from matching.policy import CALL_PRIORS
from matching.reasons import SENTENCES, Reason
from matching.tours.answer import WORDS, Unplanned
from realtime.commands import COMMANDS
from realtime.effects import CloseCode

VARIABLES: Final = {"environment": "COUDMAIN_ENV", "database_url": "DATABASE_URL"}  # others: COUDMAIN_<NAME>

Row = tuple[str, ...]


def _table(head: Row, rows: Iterator[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(value: object) -> str:
    return f"`{value}`"


def settings_table() -> str:
    """The environment, but for the durations."""
    base = Settings()

    def rows() -> Iterator[Row]:
        for name, words in SETTINGS.items():
            default = getattr(base, name)
            yield _code(VARIABLES.get(name, f"COUDMAIN_{name.upper()}")), _default(default), words
        yield (
            "`COUDMAIN_DATA`",
            "`.data` in the checkout",
            "where cities, the private database and logs are kept",
        )
        yield (
            "`COUDMAIN_PG_BIN`",
            "the newest found",
            "the `bin` directory of the PostgreSQL the private database runs on",
        )

    return _table(("variable", "default", "what it does"), rows())


def _default(value: object) -> str:
    return "not set" if value is None else _code(f"{value:g}" if isinstance(value, float) else value)


def knobs_table() -> str:
    """Durations and limits."""
    base = Knobs()
    rows = (
        (_code(f"COUDMAIN_{name.upper()}"), _code(getattr(base, name)), words)
        for name, words in KNOBS.items()
    )
    return _table(("variable", "default", "what it does"), rows)


def errors_table() -> str:
    """Every code a client may meet, from the refusals of the house and the framework's own."""

    def rows() -> Iterator[Row]:
        for refusal in every_refusal():
            if refusal.code != "refused":
                yield _code(refusal.code), str(STATUSES[refusal.code]), refusal.title
        for status, code in FRAMEWORK_CODES.items():
            if code not in STATUSES:
                yield _code(code), str(status), "The HTTP request itself is at fault"
        yield "`internal`", "500", "A bug on our side; tell us the `request_id`"

    return _table(("code", "status", "title"), rows())


def events_table() -> str:
    """The types of the stream."""
    return _table(("type", "told to"), ((_code(kind.value), EVENTS[kind]) for kind in EventType))


def moves_table() -> str:
    """What can be done with an engagement in each state, and by whom."""
    rows = (
        (_code(state.value), _code(verb.value), _code(to.value), ", ".join(sorted(VERB_ROLES[verb])))
        for state, moves in ENGAGEMENT_MOVES.items()
        for verb, to in moves.items()
    )
    return _table(("state", "verb", "next state", "who (ops may too)"), rows)


def commands_table() -> str:
    """Operations of the socket's `do`."""
    rows = (
        (
            _code(op),
            ", ".join(
                _code(field.name + ("" if field.required else "?"))
                for field in msgspec.structs.fields(one.args)
            ),
        )
        for op, one in COMMANDS.items()
    )
    return _table(("op", "args"), rows)


def closes_table() -> str:
    """The socket's close codes."""
    codes = sorted((code, name) for name, code in vars(CloseCode).items() if name.isupper())
    rows = (
        (
            str(code),
            name.lower().replace("_", " "),
            "come back, with jitter" if 4000 <= code < 4500 else "stop",
        )
        for code, name in codes
    )
    return _table(("code", "why", "then"), rows)


def fields_table() -> str:
    """A service's fields with their defaults, part by part."""
    parts: list[type[msgspec.Struct]] = [
        catalogue.ServiceSpec, catalogue.Tariff, catalogue.Fixed, catalogue.Hourly, catalogue.Proposed,
        catalogue.Option, catalogue.Inventory, catalogue.Completion, catalogue.FormField, catalogue.DispatchRule,
        catalogue.Wave, catalogue.CallRule, catalogue.Cancellation,
    ]  # fmt: skip
    return "\n\n".join(f"**{_part_name(part)}**: {_summary(part)}\n\n{_fields(part)}" for part in parts)


def _part_name(part: type[msgspec.Struct]) -> str:
    tag = part.__struct_config__.tag
    return f'price_rule, kind "{tag}"' if tag else PART_NAMES[part.__name__]


PART_NAMES: Final = {
    "ServiceSpec": "the service",
    "Option": "an option",
    "Inventory": "inventory",
    "Completion": "completion",
    "FormField": "a field of the form",
    "DispatchRule": "dispatch",
    "Wave": "a wave",
    "CallRule": "call",
    "Cancellation": "cancellation",
}


def _summary(part: type[msgspec.Struct]) -> str:
    return " ".join((part.__doc__ or "").split())


def _fields(part: type[msgspec.Struct]) -> str:
    rows = (
        (
            _code(field.name),
            _type_words(field.type) + _bounds_words(part, field.name),
            "required" if field.required else _code(_field_default(field)),
        )
        for field in msgspec.structs.fields(part)
    )
    return _table(("field", "type", "default"), rows)


def _bounds_words(part: type[msgspec.Struct], field: str) -> str:
    least, most = catalogue.BOUNDS.get(part, {}).get(field, (None, None))
    return "" if least is None else f", {least} to {most}"


def _field_default(field: msgspec.structs.FieldInfo) -> str:
    made: object = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return json.dumps(msgspec.to_builtins(made), ensure_ascii=False)


def _type_words(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "object"
    literals = [one for one in get_args(kind) if isinstance(one, str)]
    if literals:
        return " / ".join(map(_code, literals))
    if hasattr(kind, "__members__"):
        return " / ".join(_code(one.value) for one in kind)
    return TYPE_WORDS.get(str(kind), "object" if "|" in str(kind) else "list")


TYPE_WORDS: Final = {
    "<class 'str'>": "text",
    "<class 'int'>": "integer",
    "<class 'bool'>": "true or false",
    "dict[str, str]": "text by language",
    "dict[str, int]": "integer by zone",
    "tuple[str, ...]": "list of texts",
}


def policy_table() -> str:
    """The numbers a dispatch round is solved under, as it is solved today."""
    rows = (
        (
            _code(name),
            _default(getattr(DISPATCH_POLICY, name)) if name != "wave_reach_s" else "each service's own",
            words,
        )
        for name, words in POLICY.items()
    )
    return _table(("parameter", f"value in `{DISPATCH_POLICY.version}`", "what it does"), rows)


def weights_table() -> str:
    """The weights proposals are ordered by."""
    rows = ((_code(name), _default(getattr(CALL_PRIORS, name)), words) for name, words in WEIGHTS.items())
    return _table(("weight", f"value in `{CALL_PRIORS.version}`", "of what"), rows)


def waves_table() -> str:
    """How the default service asks, wave by wave."""
    rule = catalogue.DispatchRule()
    rows = (
        (str(number), str(wave.size), f"{wave.within_s // 60} min")
        for number, wave in enumerate(rule.waves, 1)
    )
    return _table(("wave", "providers asked at once", "within (approach)"), rows)


def reasons_table() -> str:
    """Every reason a provider may be told."""
    rows = ((_code(one.value), " *or* ".join(SENTENCES["en"][one])) for one in Reason)
    return _table(("reason", "in words"), rows)


def unplanned_table() -> str:
    """Every reason an errand may be left over for."""
    rows = ((_code(one.value), WORDS["en"][one]) for one in Unplanned)
    return _table(("reason", "in words"), rows)


def retention_table() -> str:
    """What is kept for how long, from the numbers that the code deletes by."""
    knobs = Knobs()

    def rows() -> Iterator[Row]:
        yield (
            "a provider's newest position",
            "memory only",
            f"{GONE_AFTER:g} s after the last fix (stale after {STALE_AFTER:g} s)",
        )
        yield (
            "the track of an engagement",
            "rows, from setting off to the end",
            f"erased {_span(knobs.track_kept)} after the end, with a receipt (`COUDMAIN_TRACK_KEPT`)",
        )
        yield (
            "the numbered events of an account",
            "rows",
            f"{_span(knobs.events_kept)} (`COUDMAIN_EVENTS_KEPT`)",
        )
        yield "rounds and decisions (why who was asked)", "rows", _span(leftovers.ROUNDS_KEPT.total_seconds())
        yield "answers kept for an `Idempotency-Key`", "rows", _span(leftovers.ANSWERS_KEPT.total_seconds())
        yield (
            "one-time codes",
            "a keyed hash",
            f"valid {_span(knobs.otp_ttl)}; the row {_span(leftovers.CHALLENGES_KEPT.total_seconds())} more",
        )
        yield (
            "sign-ins (families of refresh tokens)",
            "a keyed hash",
            f"{_span(knobs.refresh_ttl)}; the row {_span(leftovers.FAMILIES_KEPT.total_seconds())} more",
        )
        yield (
            "a quote that nobody took up",
            "its stops as they were given",
            f"valid {_span(knobs.quote_ttl)}; the row {_span(leftovers.QUOTES_KEPT.total_seconds())} more",
        )
        yield "socket tickets", "a keyed hash", f"{_span(knobs.ticket_ttl)}, or until used"
        yield (
            "settled pushes",
            "ids and a number, no fare, no place",
            _span(leftovers.PUSHES_KEPT.total_seconds()),
        )
        yield (
            "a device that has not been seen",
            "its push token",
            f"no push after {_span(pushes.STALE.total_seconds())}",
        )
        yield "a share link", "the hash of its token", "answers until the trip ends"
        yield (
            "messages between the two",
            "rows",
            f"writable until {_span(messages.OPEN_AFTER_S)} after the end; kept",
        )
        yield (
            "development outbox",
            "development only",
            f"codes {_span(identity.OUTBOX_KEPT.total_seconds())}, the newest {pushes.OUTBOX_KEPT} pushes of a number",
        )
        yield (
            "accounts, requests with their places (and their quotes), engagements, deeds, reviews, payments, ledger",
            "rows",
            "kept: no rule deletes them yet",
        )

    return _table(("what", "how", "for how long"), rows())


def _span(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds % unit == 0 and seconds >= 2 * unit:
            return f"{seconds / unit:g} {name}"
    return {86_400.0: "1 day", 3_600.0: "1 hour", 60.0: "1 minute"}.get(float(seconds), f"{seconds:g} s")


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "settings": settings_table,
    "knobs": knobs_table,
    "errors": errors_table,
    "events": events_table,
    "moves": moves_table,
    "commands": commands_table,
    "closes": closes_table,
    "fields": fields_table,
    "policy": policy_table,
    "weights": weights_table,
    "waves": waves_table,
    "reasons": reasons_table,
    "unplanned": unplanned_table,
    "retention": retention_table,
}
