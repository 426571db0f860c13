/* protocol_kind - the protocols in which services are asked, and say what a call used. */
#ifndef KV_PROTOCOL_KIND_H
#define KV_PROTOCOL_KIND_H

enum kv_protocol_kind {
    KV_PROTOCOL_OPENAI, /* chat completions */
    KV_PROTOCOL_ANTHROPIC,
    KV_PROTOCOL_RESPONSES, /* OpenAI's other one */
    KV_PROTOCOL_GEMINI,    /* generateContent */
};

#endif
