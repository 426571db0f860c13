/* consumption - what the models used: tokens, money where the service said it, retries. */
#include "consumption.h"

#include <math.h>
#include <stdlib.h>

static void add(struct kv_consumption *sum, const struct kv_consumption *one)
{
    sum->input += one->input;
    sum->output += one->output;
    sum->cached += one->cached;
    sum->reasoning += one->reasoning;
    if (!isnan(one->cost))
        sum->cost = (isnan(sum->cost) ? 0 : sum->cost) + one->cost;
}

static void take_row(struct kv_consumer *c, const struct kv_fact *f, const struct kv_detail *d)
{
    const struct kv_consumption *used = c->judges ? &d->judging : &d->answering;
    c->rows++;
    c->estimated += (f->flags & KV_FACT_ESTIMATED) != 0;
    c->uncosted += used->input + used->output > 0 && isnan(used->cost);
    add(&c->used, used);
    for (size_t i = 0; !c->judges && i < KV_RETRY_CLASSES; i++)
        c->retries[i] += d->retries[i];
}

static bool has_used(const struct kv_consumer *c)
{
    return c->estimated || c->used.input + c->used.output > 0 || !isnan(c->used.cost);
}

bool kv_consumptions_counted(const struct kv_consumer *of)
{
    bool said = !of->judges && of->estimated < of->rows; /* a row says it of its answer alone */
    return said || of->used.input + of->used.output > 0;
}

static void list(struct kv_consumptions *c, const struct kv_rowset *set,
    struct kv_consumer *by_model, bool judges)
{
    uint32_t *order = kv_names_sorted(&set->models);
    for (size_t i = 0; i < set->models.n; i++) {
        struct kv_consumer *one = &by_model[order[i]];
        bool nameless = !kv_rowset_model(set, order[i]).n;
        if (!one->rows || (nameless && (judges || !has_used(one))))
            continue;
        one->model = order[i];
        c->items[c->n++] = *one;
        add(&c->total, &one->used);
        c->counted |= kv_consumptions_counted(one);
    }
    free(order);
}

static struct kv_consumer *begin(size_t models, bool judges)
{
    struct kv_consumer *all = kv_calloc(models ? models : 1, sizeof *all);
    for (size_t i = 0; i < models; i++) {
        all[i].judges = judges;
        all[i].used.cost = NAN;
    }
    return all;
}

void kv_consumptions_make(struct kv_consumptions *c, const struct kv_rowset *set)
{
    size_t models = set->models.n;
    struct kv_consumer *answering = begin(models, false), *judging = begin(models, true);
    struct kv_detail d = {0};
    *c = (struct kv_consumptions){.total.cost = NAN};
    c->items = kv_calloc(2 * models + 1, sizeof *c->items);
    for (size_t i = 0; i < set->n; i++) {
        const struct kv_fact *f = &set->facts[i];
        const struct kv_line *line = &set->lines[f->line];
        answering[line->answering].passed += f->outcome == KV_RESULT_PASSED;
        judging[line->judge].passed += f->outcome == KV_RESULT_PASSED;
        kv_rowset_detail(set, f, &d);
        if (!(f->flags & KV_FACT_REPEATED))
            take_row(&answering[line->answering], f, &d);
        take_row(&judging[line->judge], f, &d);
    }
    list(c, set, answering, false);
    list(c, set, judging, true);
    kv_detail_release(&d);
    free(answering);
    free(judging);
}

double kv_consumptions_per_pass(const struct kv_consumptions *c, const struct kv_consumer *of)
{
    size_t judges = 0;
    for (size_t i = 0; i < c->n; i++)
        judges += c->items[i].judges;
    if (of->judges || of->uncosted || !of->passed || judges > 1)
        return NAN;
    return of->used.cost / (double)of->passed;
}

void kv_consumptions_release(struct kv_consumptions *c)
{
    free(c->items);
    *c = (struct kv_consumptions){0};
}
