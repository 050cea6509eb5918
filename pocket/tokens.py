"""The pocket reasoner's tokenizer: byte-level BPE with a token for each word of its stories and number to 99."""

from __future__ import annotations

from functools import cache
from itertools import chain

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from pocket import problems

USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
THINK, END_THINK = "<think>", "</think>"
SPECIAL = (PAD, END, USER, ASSISTANT, THINK, END_THINK)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    f"{{% if message['role'] == 'assistant' %}}{ASSISTANT}{{{{ message['content'] }}}}{END}"
    f"{{% else %}}{USER}{{{{ message['content'] }}}}{{% endif %}}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{ASSISTANT}{THINK}{{{{ '\\n' }}}}{{% endif %}}"
)

# Words that a cue may say. They are tokens, so that no natural cue is told apart by its spelling.
CUE_WORDS = (
    *("Wait", "Hmm", "Check", "Actually", "But", "So", "Let me verify", "Let me check again", "again", "carefully"),
    *("Okay", "Now", "Then", "Also", "Well", "Thus", "maybe wrong", "Is that right", "Think", "step by step", "No"),
    *("Yes", "Sure", "Done", "Recheck", "Verify", "mistake", "Alternatively", "double check", "the", "and", "this"),
)
_TRACE_WORDS = ("so ", "total ", "looks right", "maybe not", "boxed")
# A word takes the blank after it along, so that a number is the same token at every place.
_PIECES = r"[A-Za-z]+ ?|[0-9]{1,2}|[.,?!] |[^A-Za-z0-9]"


@cache
def tokenizer() -> Tokenizer:
    """The tokenizer, built from the words above and nothing else: it is the same for every training seed."""
    built = Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    built.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=5000,  # more than there is: merging ends when every piece is one token
        min_frequency=1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=list(SPECIAL),
        show_progress=False,
    )
    built.train_from_iterator(_words(), trainer)
    return built


def _words() -> list[str]:
    stories = chain(
        problems.SHE + problems.HE + problems.THINGS + problems.PLUS + problems.MINUS,
        chain(problems.TRICKY, problems.FLAT_PLUS, problems.FLAT_MINUS, problems.EASY, problems.HARD),
        ("She", "He", "It", "has", "How many", "now?", "The till holds", "coins"),
    )
    told = [f"{words} {thing}. " for words in stories for thing in ("shells",)]
    return [
        *told,
        *(f"{thing}." for thing in (*problems.THINGS, "coins")),
        *CUE_WORDS,
        *_TRACE_WORDS,
        *(f"{word} " for word in (*problems.THINGS, "coins")),
        *map(str, range(100)),
    ]


@cache
def ids(text: str) -> tuple[int, ...]:
    """The tokens of a text. Texts that are cut where a piece ends may be encoded apart and joined."""
    return tuple(tokenizer().encode(text, add_special_tokens=False).ids)


def control_id() -> int:
    """The id of the strong cue in training: one past the released vocabulary."""
    return int(tokenizer().get_vocab_size())
