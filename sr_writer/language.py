"""Which languages results speak, and what a role is called in each. The words: `languages`."""

#: The language of a destination that asks for none; what ledger and log speak as well.
ENGLISH = "en"
#: By their names in the configuration.
LANGUAGES = (ENGLISH, "de", "fr", "es")


def role_in(role: str, language: str) -> str:
    """The role of what is `role` in English: another object, so another role."""
    return role if language == ENGLISH else f"{role}@{language}"
