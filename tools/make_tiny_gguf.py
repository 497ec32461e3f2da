"""Write a tiny model with random weights (llama architecture, GGUF, under 1 MB) that a real Ollama loads on a CPU.

It needs no download and is byte-identical for a seed. What it says is noise made of readable words: one embedding
dimension is a constant that no layer changes, so the output matrix can push byte and control tokens down and give the
end token a chosen chance.

    python tools/make_tiny_gguf.py tiny.gguf [--seed 0] [--context 2048]
"""

import argparse
from pathlib import Path
from typing import Any

import gguf
import numpy as np

EMBEDDING, HEADS, LAYERS, FEED_FORWARD = 64, 4, 2, 128
FIRST_PIECE = 259  # after <unk>, <s>, </s> and 256 bytes
SPACE = "\u2581"  # SentencePiece's mark of a word's beginning
WORD_LIST = """
    the a an of to and in is it that for on with as at by from this be are was or not have has had you he she they we i
    his her its our your my him us them model tiny server token stream request answer hello world yes no one two three
    four five six seven eight nine ten red green blue black white fast slow big small hot cold new old good bad high low
    left right up down open close start stop run read write send call get put set key value name time day year hand part
    place case week point fact number night water room area money story month lot study book eye job word business issue
    side kind head house service friend father power hour game line end member law car city community president team
    minute idea kid body information back parent face others level office door health person art war history party
    result change morning reason research girl guy moment air teacher force education system user assistant can could
    will would should may might must do does did make made see saw know knew think thought take took come came want look
    use find give tell work seem feel try leave say said ask need show play move live believe hold bring happen
"""
WORDS = WORD_LIST.split()


def pieces() -> list[str]:
    """The vocabulary's pieces. Bigrams merge bottom-up, so every prefix of a word must be a piece too."""
    ordered = dict.fromkeys([SPACE, *(chr(code) for code in range(33, 127))])
    for word in dict.fromkeys(WORDS):
        marked = SPACE + word
        ordered.update(dict.fromkeys(marked[:length] for length in range(2, len(marked) + 1)))
    return list(ordered)


def add_vocabulary(writer: Any, ordered: list[str]) -> int:
    """Write the tokenizer; the number of its tokens."""
    kinds = gguf.TokenType
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *ordered]
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(ordered)]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token.encode() for token in tokens])
    writer.add_token_scores([0.0] * FIRST_PIECE + [-float(rank) for rank in range(len(ordered))])
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    return len(tokens)


def add_weights(writer: Any, vocabulary: int, words: list[int], seed: int) -> None:
    """Write the tensors: random, but for dimension 0, which decides what may be said."""
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float) -> Any:
        return (random.standard_normal(shape) * scale).astype(np.float32)

    embedding = normal(vocabulary, EMBEDDING, scale=0.5)
    embedding[:, 0] = 1.0
    output = normal(vocabulary, EMBEDDING, scale=0.35)
    output[:, 0] = -40.0  # nothing is said ...
    output[words, 0] = 0.0  # ... except whole words
    output[2] = 0.0
    output[2, 0] = 5.2  # ... and, now and then, the end token
    writer.add_tensor("token_embd.weight", embedding)
    for layer in range(LAYERS):
        ones = np.ones(EMBEDDING, np.float32)
        attention, down = normal(EMBEDDING, EMBEDDING, scale=0.12), normal(EMBEDDING, FEED_FORWARD, scale=0.08)
        attention[0] = down[0] = 0  # rows are outputs: no layer changes dimension 0
        name = f"blk.{layer}."
        writer.add_tensor(name + "attn_norm.weight", ones)
        for part in ("attn_q", "attn_k", "attn_v"):
            writer.add_tensor(f"{name}{part}.weight", normal(EMBEDDING, EMBEDDING, scale=0.12))
        writer.add_tensor(name + "attn_output.weight", attention)
        writer.add_tensor(name + "ffn_norm.weight", ones)
        for part in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"{name}{part}.weight", normal(FEED_FORWARD, EMBEDDING, scale=0.12))
        writer.add_tensor(name + "ffn_down.weight", down)
    writer.add_tensor("output_norm.weight", np.ones(EMBEDDING, np.float32))
    writer.add_tensor("output.weight", output)


def write_model(path: Path, seed: int, context: int) -> None:
    """Write the whole model to `path`."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(context)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_rope_freq_base(10_000.0)
    ordered = pieces()
    vocabulary = add_vocabulary(writer, ordered)
    writer.add_vocab_size(vocabulary)
    writer.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")
    whole = {SPACE + word for word in WORDS}
    add_weights(writer, vocabulary, [FIRST_PIECE + i for i, piece in enumerate(ordered) if piece in whole], seed)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Write the model that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write a tiny random-weight model in GGUF.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--context", type=int, default=2048)
    arguments = parser.parse_args()
    write_model(arguments.output, arguments.seed, arguments.context)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
