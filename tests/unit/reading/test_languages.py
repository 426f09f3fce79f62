"""Languages of documents."""

import pytest

from libs.reading.languages import language_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "You can return an item within 30 days for a full refund if it is unused and in its original condition."),
        ("de", "Sie können einen Artikel innerhalb von 30 Tagen zurückgeben, wenn er nicht benutzt ist und Sie die Rechnung haben."),
        ("fr", "Vous pouvez retourner un article dans les 30 jours pour un remboursement complet si le produit est dans son état."),
        ("es", "Puede devolver un artículo en un plazo de 30 días para obtener el reembolso completo si no está usado."),
        ("it", "È possibile restituire un articolo entro 30 giorni per il rimborso completo se non è stato usato."),
        ("pt", "Você pode devolver um artigo em até 30 dias para obter o reembolso completo se não estiver usado."),
        ("nl", "U kunt een artikel binnen 30 dagen terugsturen voor een volledige terugbetaling als het niet is gebruikt."),
        ("pl", "Możesz zwrócić produkt w ciągu 30 dni, jeśli nie był używany i jest w oryginalnym opakowaniu, a my go przyjmiemy."),
        ("sv", "Du kan lämna tillbaka en vara inom 30 dagar för full återbetalning om den inte har använts och är hel."),
        ("cs", "Zboží můžete vrátit do 30 dnů, pokud není použité a je v původním obalu, nebo se na nás obraťte."),
        ("tr", "Bir ürünü 30 gün içinde iade edebilirsiniz ve bu ürün için ödeme daha sonra size geri verilir."),
        ("ru", "Вы можете вернуть товар в течение 30 дней, если он не был в употреблении и у вас есть чек."),
        ("uk", "Ви можете повернути товар протягом 30 днів, якщо він не був у вжитку та є чек на цей товар."),
        ("ja", "商品は到着から30日以内であれば返品できます。"),
        ("zh", "您可以在三十天内退回未使用的商品并获得全额退款。"),
        ("ko", "사용하지 않은 상품은 30일 이내에 반품할 수 있습니다."),
        ("ar", "يمكنك إرجاع المنتج في غضون 30 يوما إذا لم يكن هذا المنتج مستعملا أو عليك الاتصال بنا من هذا الموقع."),
        ("el", "Μπορείτε να επιστρέψετε το προϊόν εντός 30 ημερών."),
        ("he", "ניתן להחזיר מוצר בתוך שלושים יום."),
        ("", "ok"),
        ("", "A-1042 B-77 XR-9 SKU 4711 4712"),
        ("", "| Cup | 4.5 | Pan | 7 | Teapot | 3 |"),
        ("", ""),
    ],
)  # fmt: skip
def test_languages(language: str, text: str) -> None:
    assert language_of(text) == language
