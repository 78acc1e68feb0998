"""The fields that event types are made of, as JSON Schemas.

Money is integer minor units, at most 10**15 of them an event; other integers are at most 10**12, so that sums of any
number of events stay exact everywhere.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from citygoals.shared.money import AMOUNT_MINOR_MAX

CHANNELS = ("web", "app", "phone", "counter", "mail", "email", "sms", "social", "kiosk", "bus", "unknown")
CLOSE_REASONS = ("resolved", "duplicate", "invalid", "referred", "no_action")
PROJECT_KINDS = ("software", "web", "licensing", "customization", "upgrade")
INFRASTRUCTURE_KINDS = ("hardware", "network", "cabling", "other")
ANIMAL_OUTCOMES = ("adoption", "return_to_owner", "transfer", "release", "euthanasia", "died", "other")

# ISO 4217 without metals and codes for tests, and with some that were withdrawn of late, which backfills have.
CURRENCIES = (  # noqa: SIM905 - as literals they would take a line each
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD "
    "FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS "
    "KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR "
    "SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD "
    "USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XDR XOF XPF XSU XUA YER ZAR ZMW ZWG ZWL"
).split()

COUNT_MAX = 10**12

Field = Mapping[str, Any]


class EventTypeDef(NamedTuple):
    """One event type: its required and optional data fields as JSON Schemas, and rules between them."""

    description: str
    required: Mapping[str, Field]
    optional: Mapping[str, Field] = {}
    rules: Mapping[str, Any] = {}
    is_city_type: bool = False


ID: Field = {"type": "string", "minLength": 1, "maxLength": 200}
CODE: Field = {"type": "string", "minLength": 1, "maxLength": 200}
TEXT: Field = {"type": "string", "maxLength": 2000}
FLAG: Field = {"type": "boolean"}
COUNT: Field = {"type": "integer", "minimum": 0, "maximum": COUNT_MAX}
WHOLE: Field = {"type": "integer", "minimum": -COUNT_MAX, "maximum": COUNT_MAX}
DECIMAL: Field = {
    "type": ["number", "string"],
    "minimum": -COUNT_MAX,
    "maximum": COUNT_MAX,
    "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,12})?$",
    "description": "A decimal; as a string it is exact beyond 15 digits too",
}
AMOUNT: Field = {"type": "integer", "minimum": 1, "maximum": AMOUNT_MINOR_MAX}
CURRENCY: Field = {"enum": list(CURRENCIES), "description": "ISO 4217, for example USD"}
DEPARTMENT: Field = {"type": "string", "maxLength": 80, "format": "department"}
DISTRICT: Field = {"type": "integer", "minimum": 1, "maximum": 8}
CHANNEL: Field = {"enum": list(CHANNELS)}
RATING: Field = {"type": "integer", "minimum": 1, "maximum": 5}
INSTANT: Field = {"type": "string", "format": "instant"}
PERIOD: Field = {"type": "string", "format": "city-period"}

MONEY = {"amount_minor": AMOUNT, "currency": CURRENCY}
REASON = {"reason": TEXT}
NODES: Field = {"type": "array", "items": ID, "minItems": 1, "maxItems": 100}
