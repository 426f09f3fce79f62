"""The documents that a development system begins with: well-formed, and with the facts that they must hold."""

from __future__ import annotations

import pytest

from services.knowledge import domain
from tests.support.embedding import seed_documents

# The facts, as the words that the first sentence of the text must have: an extractive answer is made of it.
FACTS = {
    "doc_support_contact": ["chat", "day and night", "phone", "weekdays", "9:00 to 18:00 EST"],
    "doc_password_reset": ["four steps", "Forgot", "email", "inbox", "follow the link"],
    "doc_refunds": ["30 days", "full refund", "unused", "original condition"],
    "doc_shipping": ["3-5 business days", "1-2 business days"],
    "doc_account_verification": ["email", "phone", "some features", "government ID"],
    "doc_technical_support": ["24 hours", "phone", "weekdays", "9:00 to 18:00 EST"],
    "doc_premium_membership": ["free shipping", "priority support", "exclusive discounts", "early access"],
    "doc_payment_methods": ["Visa", "MasterCard", "American Express", "PayPal", "Apple Pay", "Google Pay"],
    "doc_order_tracking": ["order number", "tracking page"],
    "doc_privacy": ["encrypted", "never shared", "consent"],
}

DOCUMENTS = {document.document_id: document for document in seed_documents("acme")}


def test_there_are_ten_and_each_is_one_passage() -> None:
    assert set(DOCUMENTS) == set(FACTS)
    assert all(len(domain.split(document)) == 1 for document in DOCUMENTS.values())


@pytest.mark.parametrize("document_id", FACTS)
def test_the_first_sentence_carries_the_fact(document_id: str) -> None:
    first_sentence = DOCUMENTS[document_id].body.replace("\n", " ").partition(". ")[0]
    assert [fact for fact in FACTS[document_id] if fact not in first_sentence] == []
