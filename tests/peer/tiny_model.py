#!/usr/bin/env python3
"""tiny_model - makes a language model of 100 KB in the GGUF format: tiny_model.py FILE

It knows nothing: one layer of random weights over single characters, the same for everybody. Servers
load it in no time, and take it for a model: their templates, slots, grammars and limits are the real
ones. Bytes outside ASCII are read but hardly ever written, so that its text is text.
"""
import random
import struct
import sys

WIDTH, INNER, HEADS = 32, 64, 2
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def scalar(kind, value):
    if kind == STRING:
        return text(value)
    return struct.pack({U32: "<I", F32: "<f", I32: "<i"}[kind], value)


def entry(key, kind, value, of=None):
    if kind != ARRAY:
        return text(key) + struct.pack("<I", kind) + scalar(kind, value)
    return (text(key) + struct.pack("<IIQ", kind, of, len(value))
            + b"".join(scalar(of, v) for v in value))


def vocabulary():
    """Tokens, each with its type: 2 unknown, 3 control, 6 a byte, 1 text."""
    yield "<unk>", 2
    yield "<s>", 3
    yield "</s>", 3
    for byte in range(256):
        yield f"<0x{byte:02X}>", 6
    for c in map(chr, range(33, 127)):
        yield c, 1
    yield "\u2581", 1  # a blank


def tensors(tokens):
    rng = random.Random(1)

    def noise(n, size=0.5):
        return [rng.uniform(-size, size) for _ in range(n)]

    # The first dimension is 4 in every state, and counts against what shall not be written.
    embedding, output = [], []
    for _, kind in tokens:
        embedding += [4.0] + noise(WIDTH - 1)
        output += [0.0 if kind == 1 else -9.0] + noise(WIDTH - 1)
    yield "token_embd.weight", (WIDTH, len(tokens)), embedding
    yield "output.weight", (WIDTH, len(tokens)), output
    yield "output_norm.weight", (WIDTH,), [1.0] * WIDTH
    for name, shape in (("attn_q", (WIDTH, WIDTH)), ("attn_k", (WIDTH, WIDTH)),
                        ("attn_v", (WIDTH, WIDTH)), ("attn_output", (WIDTH, WIDTH)),
                        ("ffn_gate", (WIDTH, INNER)), ("ffn_up", (WIDTH, INNER)),
                        ("ffn_down", (INNER, WIDTH))):
        yield f"blk.0.{name}.weight", shape, noise(shape[0] * shape[1], 0.2)
    for name in ("attn_norm", "ffn_norm"):
        yield f"blk.0.{name}.weight", (WIDTH,), [1.0] * WIDTH


def main():
    tokens = list(vocabulary())
    entries = [
        entry("general.architecture", STRING, "llama"),
        entry("general.name", STRING, "tiny"),
        entry("general.alignment", U32, 32),
        entry("llama.context_length", U32, 65536),
        entry("llama.embedding_length", U32, WIDTH),
        entry("llama.block_count", U32, 1),
        entry("llama.feed_forward_length", U32, INNER),
        entry("llama.attention.head_count", U32, HEADS),
        entry("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        entry("llama.rope.dimension_count", U32, WIDTH // HEADS),
        entry("tokenizer.ggml.model", STRING, "llama"),
        entry("tokenizer.ggml.tokens", ARRAY, [t for t, _ in tokens], STRING),
        entry("tokenizer.ggml.scores", ARRAY, [0.0] * len(tokens), F32),
        entry("tokenizer.ggml.token_type", ARRAY, [k for _, k in tokens], I32),
        entry("tokenizer.ggml.unknown_token_id", U32, 0),
        entry("tokenizer.ggml.bos_token_id", U32, 1),
        entry("tokenizer.ggml.eos_token_id", U32, 2),
    ]
    infos, data = b"", b""
    all_tensors = list(tensors(tokens))
    for name, shape, values in all_tensors:
        infos += text(name) + struct.pack("<I", len(shape))
        infos += b"".join(struct.pack("<Q", n) for n in shape) + struct.pack("<IQ", 0, len(data))
        data += struct.pack(f"<{len(values)}f", *values)
        data += b"\0" * (-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(all_tensors), len(entries)) + b"".join(entries) + infos
    with open(sys.argv[1], "wb") as f:
        f.write(head + b"\0" * (-len(head) % 32) + data)


main()
