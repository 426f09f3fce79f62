"""Secrets: what is never remembered, whoever asks for it."""

import re

_NAMED = re.compile(
    r"pass(?:word|code|phrase|wort)|passwd|\bpwd\b|kennwort|contrase\w*|mot[ _]de[ _]passe|\bpins?\b|\bcv[vc]2?\b|security[ _-]?code|sicherheitscode"
    r"|pr[uü]fnummer|(?:credit|debit|bank|kredit)[ _-]?(?:card|karte)|card[ _-]?(?:number|no\b)|kartennummer|tarjeta|carte[ _](?:bancaire|bleue|de[ _]cr)"
    r"|\biban\b|\bssn\b|social[ _-]?security|\bsecret\b|api[ _-]?key|access[ _-]?key|private[ _-]?key|\b(?:access|auth|bearer)[ _-]?token|\botp\b|one[ _-]?time"
    r"|\b2fa\b|recovery[ _-]?(?:code|phrase)|seed[ _-]?phrase|\btan\b",
    re.IGNORECASE,
)
_KEY = re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA|eyJ)[-_]?[A-Za-z0-9_-]{12,}|-----BEGIN ")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_LONG_NUMBER = re.compile(r"(?<![\d+])[2-6](?:[ -]?\d){12,18}(?!\d)")


def is_secret(label: str, value: str) -> bool:
    """Say whether something is a password, a card's number or code, a bank account, or a key."""
    if _NAMED.search(label.replace("_", " ")) or _NAMED.search(value):
        return True
    return bool(_KEY.search(value) or _IBAN.search(value) or any(map(_is_card, _LONG_NUMBER.findall(value))))


def _is_card(number: str) -> bool:
    """Say whether a number has the check digit of payment cards (Luhn, ISO/IEC 7812-1 annex B)."""
    digits = [int(character) for character in reversed(number) if character.isdigit()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
