/* pricing - the models of a configuration with their prices: without network, without keys.
 *
 * Opens the price file and says for each model where it lives and by which habits it is priced, so
 * that a run, a preview and whoever looks at rows later count alike.
 *
 *     struct kv_pricing p;
 *     kv_pricing_open(&p, path, config, moves, kv_cli_env, &err);    path NULL: no file
 *     cost = kv_pricing_cost(&p, &p.answering[i], &usage, served, tier);
 *     kv_pricing_close(&p);
 */
#ifndef KV_PRICING_H
#define KV_PRICING_H

#include "base_url.h"
#include "config.h"
#include "prices.h"
#include "secret.h"

struct kv_pricing_model {
    const struct kv_model *model;
    char *name;             /* display string */
    const char *moved_to;   /* base URL in place of that of the configuration; NULL: none */
    struct kv_buf asked_at; /* the same as a JSON string; n == 0: none */
    struct kv_priced priced;
    bool by_command; /* costs nothing */
};

struct kv_pricing {
    const char *path; /* borrowed; NULL: no file */
    struct kv_buf text;
    struct kv_prices *prices;
    struct kv_pricing_model *answering, *judging;
    size_t answering_count, judging_count;
};

/* "MODEL=URL": models of this id or name are asked there. */
struct kv_moves {
    const char *const *items;
    size_t n;
};

/* What a model says of where it is asked; borrowed from it and its configuration. */
struct kv_choice kv_pricing_choice(const struct kv_pricing_model *m);

/* The configuration and the moves are borrowed until the close. KV_USAGE for a move of no model.
 * KV_INPUT if the file is no price file, or what it
 * has for a model of the configuration cannot be read. */
int kv_pricing_open(struct kv_pricing *p, const char *path, const struct kv_config *config,
    struct kv_moves moves, kv_env_fn *env, struct kv_err *err);
void kv_pricing_close(struct kv_pricing *p);

/* The model of a display string; NULL if there is none. */
const struct kv_pricing_model *kv_pricing_find(
    const struct kv_pricing *p, bool judge, struct kv_slice name);

/* What a call of a model cost that answered under the name `served` (empty: its own); NAN if that
 * is not known. */
double kv_pricing_cost(const struct kv_pricing *p, const struct kv_pricing_model *m,
    const struct kv_usage *used, struct kv_slice served, struct kv_slice tier);

/* The name in the file of what prices a call that answered under the name `served`; empty: none. */
void kv_pricing_entry(const struct kv_pricing *p, const struct kv_pricing_model *m,
    struct kv_slice served, struct kv_slice *entry);

/* Appends one line for people on what is assumed of its price: that it is free where it is, or that
 * cached tokens cost what others do. False if nothing is. */
bool kv_pricing_add_note(
    const struct kv_pricing *p, const struct kv_pricing_model *m, struct kv_buf *out);

/* The tier its configuration asks for. */
enum kv_tier kv_pricing_tier(const struct kv_model *m);

/* True if there is a price for it, at the tier its configuration asks for. A limit of money needs
 * one. *entry gets its name in the file; empty with true: it costs nothing where it is. */
bool kv_pricing_known(
    const struct kv_pricing *p, const struct kv_pricing_model *m, struct kv_slice *entry);

#endif
