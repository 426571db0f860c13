/* detail - of each row what is looked at seldom, kept in few bytes.
 *
 * Packed, a row begins with which of its parts there are; offset and length always are. Integers are
 * written seven bits a byte, the low ones first, with the eighth set but in the last. A double that
 * is a decimal number of few digits is written as that number; as dividing two exact numbers rounds
 * as reading the decimal does, the quotient is the same double, and that is tried before it is
 * trusted. Any other double stays its eight bytes.
 */
#include "detail.h"

#include "names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum part {
    SECONDS = 1 << 0,
    FIRST_TOKEN = 1 << 1,
    REASON = 1 << 2,
    SERVED = 1 << 3,
    RETRIES = 1 << 4,
    WARNINGS = 1 << 5,
    FIELDS = 1 << 6,
    TOKENS = 1 << 7, /* these three of the answering model, and JUDGE bits higher of the judge */
    PARTS = 1 << 8,
    COST = 1 << 9,
    JUDGE = 3,
};

static const double scale[] = {0, 1e3, 1e6, 1e9}; /* of a number's code; 0: eight bytes */
enum { SCALES = sizeof scale / sizeof *scale };

/* ---- numbers ---- */

static void put(struct kv_buf *out, uint64_t n)
{
    char bytes[10];
    size_t count = 0;
    for (; n > 0x7F; n >>= 7)
        bytes[count++] = (char)(n | 0x80);
    bytes[count++] = (char)n;
    kv_buf_add(out, bytes, count);
}

static uint64_t get(const char **at)
{
    uint64_t n = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte = (unsigned char)*(*at)++;
        n |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return n;
    }
}

static void put_bytes(struct kv_buf *out, const void *bytes)
{
    kv_buf_add(out, bytes, sizeof(uint64_t));
}

static void get_bytes(const char **at, void *bytes)
{
    memcpy(bytes, *at, sizeof(uint64_t));
    *at += sizeof(uint64_t);
}

static void put_double(struct kv_buf *out, double x)
{
    for (unsigned i = 1; i < SCALES && x < 1e6 && !signbit(x); i++) {
        uint64_t n = (uint64_t)(x * scale[i] + 0.5);
        if ((double)n / scale[i] == x) {
            put(out, n * SCALES + i);
            return;
        }
    }
    put(out, 0);
    put_bytes(out, &x);
}

static double get_double(const char **at)
{
    uint64_t n = get(at);
    double x;
    if (n % SCALES)
        return (double)(n / SCALES) / scale[n % SCALES];
    get_bytes(at, &x);
    return x;
}

/* ---- what a row has ---- */

static unsigned parts_of_calls(const struct kv_consumption *c)
{
    return (c->input | c->output ? TOKENS : 0u) | (c->cached | c->reasoning ? PARTS : 0u) |
           (isnan(c->cost) ? 0u : COST);
}

static unsigned parts_of(const struct kv_detail *d)
{
    unsigned parts = parts_of_calls(&d->answering) | parts_of_calls(&d->judging) << JUDGE;
    for (size_t i = 0; i < KV_RETRY_CLASSES; i++)
        parts |= d->retries[i] ? RETRIES : 0u;
    return parts | (isnan(d->seconds) ? 0u : SECONDS) | (isnan(d->first_token) ? 0u : FIRST_TOKEN) |
           (d->reason == KV_NO_NAME ? 0u : REASON) | (d->served == KV_NO_NAME ? 0u : SERVED) |
           (d->warning_count ? WARNINGS : 0u) | (d->field_count ? FIELDS : 0u);
}

static void put_calls(struct kv_buf *out, const struct kv_consumption *c, unsigned parts)
{
    if (parts & TOKENS) {
        put(out, c->input);
        put(out, c->output);
    }
    if (parts & PARTS) {
        put(out, c->cached);
        put(out, c->reasoning);
    }
    if (parts & COST)
        put_double(out, c->cost);
}

static void get_calls(const char **at, struct kv_consumption *c, unsigned parts)
{
    if (parts & TOKENS) {
        c->input = get(at);
        c->output = get(at);
    }
    if (parts & PARTS) {
        c->cached = get(at);
        c->reasoning = get(at);
    }
    if (parts & COST)
        c->cost = get_double(at);
}

static void put_lists(struct kv_buf *out, const struct kv_detail *d)
{
    if (d->warning_count)
        put(out, d->warning_count);
    for (size_t i = 0; i < d->warning_count; i++)
        put(out, d->warnings[i]);
    if (d->field_count)
        put(out, d->field_count);
    for (size_t i = 0; i < d->field_count; i++) {
        const struct kv_field_fact *field = &d->fields[i];
        put(out, (uint64_t)field->field << 2 | field->verdict);
        if (field->verdict != KV_FIELD_PASSED)
            put_bytes(out, &field->value);
    }
}

static void get_lists(const char **at, struct kv_detail *d, unsigned parts)
{
    for (uint64_t n = parts & WARNINGS ? get(at) : 0; n > 0; n--)
        kv_detail_add_warning(d, (uint32_t)get(at));
    for (uint64_t n = parts & FIELDS ? get(at) : 0; n > 0; n--) {
        uint64_t code = get(at);
        struct kv_field_fact field = {
            .field = (uint32_t)(code >> 2), .verdict = (enum kv_field_verdict)(code & 3)};
        if (field.verdict != KV_FIELD_PASSED)
            get_bytes(at, &field.value);
        kv_detail_add_field(d, &field);
    }
}

/* ---- a row ---- */

uint64_t kv_detail_pack(struct kv_buf *out, const struct kv_detail *d)
{
    uint64_t at = out->n;
    unsigned parts = parts_of(d);
    put(out, parts);
    put(out, d->offset);
    put(out, d->length);
    if (parts & SECONDS)
        put_double(out, d->seconds);
    if (parts & FIRST_TOKEN)
        put_double(out, d->first_token);
    if (parts & REASON)
        put(out, d->reason);
    if (parts & SERVED)
        put(out, d->served);
    for (size_t i = 0; i < KV_RETRY_CLASSES && parts & RETRIES; i++)
        put(out, d->retries[i]);
    put_calls(out, &d->answering, parts);
    put_calls(out, &d->judging, parts >> JUDGE);
    put_lists(out, d);
    return at;
}

void kv_detail_place(const char *from, uint64_t *offset, uint32_t *length)
{
    get(&from);
    *offset = get(&from);
    *length = (uint32_t)get(&from);
}

void kv_detail_unpack(struct kv_detail *d, const char *from)
{
    kv_detail_clear(d);
    unsigned parts = (unsigned)get(&from);
    d->offset = get(&from);
    d->length = (uint32_t)get(&from);
    if (parts & SECONDS)
        d->seconds = get_double(&from);
    if (parts & FIRST_TOKEN)
        d->first_token = get_double(&from);
    if (parts & REASON)
        d->reason = (uint32_t)get(&from);
    if (parts & SERVED)
        d->served = (uint32_t)get(&from);
    for (size_t i = 0; i < KV_RETRY_CLASSES && parts & RETRIES; i++)
        d->retries[i] = (uint16_t)get(&from);
    get_calls(&from, &d->answering, parts);
    get_calls(&from, &d->judging, parts >> JUDGE);
    get_lists(&from, d, parts);
}

void kv_detail_clear(struct kv_detail *d)
{
    const struct kv_consumption nothing = {.cost = NAN};
    *d = (struct kv_detail){.reason = KV_NO_NAME,
        .served = KV_NO_NAME,
        .seconds = NAN,
        .first_token = NAN,
        .answering = nothing,
        .judging = nothing,
        .fields = d->fields,
        .field_room = d->field_room,
        .warnings = d->warnings,
        .warning_room = d->warning_room};
}

void kv_detail_add_field(struct kv_detail *d, const struct kv_field_fact *field)
{
    if (d->field_count == d->field_room) {
        d->field_room = 2 * d->field_room + 8;
        d->fields = kv_array(d->fields, d->field_room, sizeof *d->fields);
    }
    d->fields[d->field_count++] = *field;
}

void kv_detail_add_warning(struct kv_detail *d, uint32_t warning)
{
    if (d->warning_count == d->warning_room) {
        d->warning_room = 2 * d->warning_room + 8;
        d->warnings = kv_array(d->warnings, d->warning_room, sizeof *d->warnings);
    }
    d->warnings[d->warning_count++] = warning;
}

void kv_detail_release(struct kv_detail *d)
{
    free(d->fields);
    free(d->warnings);
    *d = (struct kv_detail){0};
}
