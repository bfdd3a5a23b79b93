"""Made-up news whose label can be told from their words."""

from __future__ import annotations

WORDS = {
    "Sports": ["the coach praised the team", "a late goal won the match", "the league title race", "a striker scored"],
    "Business": ["shares fell on the market", "the bank raised its profit", "oil prices and stocks", "a merger of two"],
    "World": ["the minister met the president", "troops crossed the border", "voters at the polls", "a treaty signed"],
}


def rows(n: int) -> list[dict[str, str]]:
    """So many of them, the labels in turns."""
    names, made = list(WORDS), []
    for number in range(n):
        text = WORDS[names[number % 3]][number // 3 % 4]
        headline = f"{text.capitalize()} {number}"
        made.append({"id": f"r{number}", "headline": headline, "body": f"{text} on day {number}"})
    return made
