"""What `vivavoce selftest` says and asks, in each language it knows."""

from typing import NamedTuple


class Sentences(NamedTuple):
    """Of one language."""

    said: tuple[str, ...]
    """To be said and heard."""
    asked: str
    """To be answered."""


SENTENCES = {
    "en": Sentences(
        (
            "What is the capital of France?",
            "The train to the city leaves at seven in the morning.",
            "Please turn off the lights when you leave the room.",
        ),
        "What is the capital of Spain?",
    ),
    "de": Sentences(
        (
            "Wie heißt die Hauptstadt von Frankreich?",
            "Der Zug in die Stadt fährt um sieben Uhr am Morgen.",
            "Bitte mach das Licht aus, wenn du gehst.",
        ),
        "Wie heißt die Hauptstadt von Spanien?",
    ),
    "fr": Sentences(
        (
            "Quelle est la capitale de la France ?",
            "Le train pour la ville part à sept heures du matin.",
            "Éteins la lumière quand tu sors, s'il te plaît.",
        ),
        "Quelle est la capitale de l'Espagne ?",
    ),
    "es": Sentences(
        (
            "¿Cuál es la capital de Francia?",
            "El tren a la ciudad sale a las siete de la mañana.",
            "Por favor, apaga la luz cuando salgas.",
        ),
        "¿Cuál es la capital de España?",
    ),
    "it": Sentences(
        (
            "Qual è la capitale della Francia?",
            "Il treno per la città parte alle sette di mattina.",
            "Per favore, spegni la luce quando esci.",
        ),
        "Qual è la capitale della Spagna?",
    ),
    "nl": Sentences(
        (
            "Wat is de hoofdstad van Frankrijk?",
            "De trein naar de stad vertrekt om zeven uur in de ochtend.",
            "Doe het licht uit als je weggaat.",
        ),
        "Wat is de hoofdstad van Spanje?",
    ),
    "pt": Sentences(
        (
            "Qual é a capital da França?",
            "O trem para a cidade sai às sete da manhã.",
            "Por favor, apague a luz quando sair.",
        ),
        "Qual é a capital da Espanha?",
    ),
    "pl": Sentences(
        (
            "Jaka jest stolica Francji?",
            "Pociąg do miasta odjeżdża o siódmej rano.",
            "Zgaś światło, kiedy będziesz wychodzić.",
        ),
        "Jaka jest stolica Hiszpanii?",
    ),
    "ru": Sentences(
        (
            "Какая столица Франции?",
            "Поезд в город отправляется в семь часов утра.",
            "Пожалуйста, выключи свет, когда будешь уходить.",
        ),
        "Какая столица Испании?",
    ),
    "zh": Sentences(
        (
            "法国的首都是哪里？",
            "去城里的火车明天早上出发。",
            "离开房间的时候，请把灯关上。",
        ),
        "西班牙的首都是哪里？",
    ),
    "ja": Sentences(
        (
            "フランスの首都はどこですか。",
            "町へ行く電車は、明日の朝に出ます。",
            "部屋を出るときは、電気を消してください。",
        ),
        "スペインの首都はどこですか。",
    ),
}
