"""How mail programs announce that what follows is an earlier letter, in the languages they speak.

A table and no pattern matching: each line is compared as a whole, so that no letter can make it slow.
"""

ATTRIBUTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("on ", (" wrote",)),
    ("am ", (" schrieb", " geschrieben")),
    ("le ", (" a écrit", " écrit")),
    ("el ", (" escribió", " escribio")),
    ("il ", (" ha scritto", " scritto")),
    ("op ", (" schreef", " geschreven")),
    ("em ", (" escreveu",)),
    ("den ", (" skrev",)),
    ("på ", (" skrev",)),
    ("dnia ", (" napisał", " pisze")),
    ("w dniu ", (" napisał", " pisze")),
    ("dne ", (" napsal",)),
    ("a ", (" írta",)),
    ("pe ", (" a scris",)),
    # "Ana <ana@example.com> wrote:", and languages in which the date comes first.
    ("", (" wrote", " schrieb", " a écrit", " skrev", " kirjoitti", " написал", " пишет", "写道", "のメッセージ")),
)
"""(how the announcement begins, words of which one is in it); it ends with a colon: "On 3 March 2025, Ana wrote:"."""

SEPARATORS = frozenset(
    {
        "original message",
        "original appointment",
        "reply message",
        "ursprüngliche nachricht",
        "originalnachricht",
        "ursprüngliche mail",
        "message d'origine",
        "message original",
        "mensaje original",
        "messaggio originale",
        "oorspronkelijk bericht",
        "origineel bericht",
        "mensagem original",
        "ursprungligt meddelande",
        "oprindelig meddelelse",
        "opprinnelig melding",
        "alkuperäinen viesti",
        "wiadomość oryginalna",
        "oryginalna wiadomość",
        "původní zpráva",
        "eredeti üzenet",
        "исходное сообщение",
        "原始邮件",
        "元のメッセージ",
    }
)
"""What stands between dashes: "-----Original Message-----"."""

FORWARDS = frozenset(
    {
        *(
            "forwarded message",
            "begin forwarded message",
            "weitergeleitete nachricht",
            "anfang der weitergeleiteten nachricht",
        ),
        *(
            "message transféré",
            "mensaje reenviado",
            "messaggio inoltrato",
            "doorgestuurd bericht",
            "mensagem encaminhada",
        ),
        *("vidarebefordrat meddelande", "videresendt melding", "videresendt besked", "пересылаемое сообщение"),
    }
)
"""What announces a letter that is passed on: it is what the author wants read, and no quote."""

FROM_HEADERS = frozenset(
    {
        *("from", "von", "de", "da", "van", "från", "fra", "lähettäjä", "od", "feladó", "от", "发件人", "差出人"),
    }
)
OTHER_HEADERS = frozenset(
    {
        *("sent", "date", "to", "cc", "subject", "reply-to", "importance"),
        *("gesendet", "datum", "an", "betreff", "kopie", "wichtigkeit"),
        *("envoyé", "à", "objet", "date d'envoi"),
        *("enviado", "enviado el", "para", "asunto", "fecha"),
        *("inviato", "data", "a", "oggetto"),
        *("verzonden", "aan", "onderwerp"),
        *("enviada em", "assunto"),
        *("skickat", "till", "ämne", "sendt", "til", "emne", "lähetetty", "vastaanottaja", "aihe"),
        *("wysłano", "do", "temat", "odesláno", "komu", "předmět", "elküldve", "címzett", "tárgy"),
        *("отправлено", "дата", "кому", "тема", "发送时间", "收件人", "主题", "送信日時", "宛先", "件名"),
    }
)
"""Names in the block with which Outlook begins a quoted letter; one of them must follow "From:" closely."""

SENT_FROM = (
    "sent from my ",
    "sent from outlook",
    "get outlook for ",
    "von meinem iphone gesendet",
    "von meinem ipad gesendet",
    "gesendet von mail für ",
    "gesendet mit der ",
    "envoyé de mon ",
    "enviado desde mi ",
    "inviato da ",
    "verstuurd vanaf mijn ",
    "enviado do meu ",
    "skickat från min ",
    "sendt fra min ",
    "wysłane z ",
)
"""How telephones sign."""
