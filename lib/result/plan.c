/* plan - all tasks of a configuration over a list of questions.
 *
 * Tasks are numbers: the i-th one is taken apart by division, so a plan of a million tasks costs
 * what its questions and models cost. Ordering sorts by keys made once a question and model.
 */
#include "plan.h"

#include "json_out.h"

#include <stdlib.h>
#include <string.h>

/* ---- keys ---- */

static char **model_keys(const struct kv_model *models, size_t n, enum kv_role role)
{
    char **keys = kv_calloc(n + 1, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        struct kv_identity who;
        struct kv_buf key = {0};
        kv_identity_of(&models[i], role, &who);
        kv_identity_add_key(&key, &who);
        keys[i] = kv_buf_detach(&key);
    }
    return keys;
}

static int by_id(const void *a, const void *b, void *closure)
{
    const struct kv_plan *p = closure;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = kv_slice_cmp(kv_plan_question(p, x), kv_plan_question(p, y));
    return order ? order : (x > y) - (x < y);
}

void kv_plan_init(struct kv_plan *p, const struct kv_config *config, const char *ids)
{
    *p = (struct kv_plan){
        .ids = ids,
        .config = config,
        .answering = model_keys(config->answering, config->answering_count, KV_ANSWERING),
        .parsing = model_keys(config->parsing, config->parsing_count, KV_PARSING),
    };
}

void kv_plan_add_question(struct kv_plan *p, struct kv_slice id)
{
    p->own = kv_grow(p->own, p->question_count, sizeof *p->own);
    p->own[p->question_count] = (struct kv_span){(uint32_t)(id.p - p->ids), (uint32_t)id.n};
    kv_plan_take_questions(p, p->own, sizeof *p->own, p->question_count + 1);
}

void kv_plan_take_questions(struct kv_plan *p, const struct kv_span *first, size_t step, size_t n)
{
    p->id_of = first;
    p->step = step;
    p->question_count = n;
}

void kv_plan_ready(struct kv_plan *p)
{
    p->by_id = kv_array(NULL, p->question_count + 1, sizeof *p->by_id);
    for (size_t i = 0; i < p->question_count; i++)
        p->by_id[i] = (uint32_t)i;
    qsort_r(p->by_id, p->question_count, sizeof *p->by_id, by_id, p);
}

struct kv_slice kv_plan_question(const struct kv_plan *p, size_t question)
{
    const void *at = (const char *)p->id_of + question * p->step;
    const struct kv_span *id = at;
    return (struct kv_slice){p->ids + id->at, id->n};
}

static void free_keys(char **keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(keys[i]);
    free(keys);
}

void kv_plan_release(struct kv_plan *p)
{
    free_keys(p->answering, p->config->answering_count);
    free_keys(p->parsing, p->config->parsing_count);
    free(p->by_id);
    free(p->own);
    *p = (struct kv_plan){0};
}

/* ---- tasks ---- */

bool kv_plan_count(const struct kv_plan *p, size_t *count)
{
    size_t n = p->question_count;
    return !__builtin_mul_overflow(n, p->config->answering_count, &n) &&
           !__builtin_mul_overflow(n, p->config->parsing_count, &n) &&
           !__builtin_mul_overflow(n, (size_t)p->config->replicate_count, &n) &&
           (*count = n, n <= KV_PLAN_MAX);
}

struct kv_task kv_plan_task(const struct kv_plan *p, size_t i)
{
    size_t replicates = (size_t)p->config->replicate_count, judges = p->config->parsing_count;
    struct kv_task t = {.replicate = KV_NO_REPLICATE};
    if (replicates > 1)
        t.replicate = (int64_t)(i % replicates) + 1;
    i /= replicates;
    t.parsing = i % judges;
    i /= judges;
    t.answering = i % p->config->answering_count;
    t.question = i / p->config->answering_count;
    return t;
}

size_t kv_plan_number(const struct kv_plan *p, const struct kv_task *t)
{
    size_t replicates = (size_t)p->config->replicate_count;
    size_t n = t->question * p->config->answering_count + t->answering;
    n = n * p->config->parsing_count + t->parsing;
    return n * replicates + (replicates > 1 ? (size_t)t->replicate - 1 : 0);
}

void kv_plan_add_key(const struct kv_plan *p, const struct kv_task *t, struct kv_buf *out)
{
    kv_task_add_key(out, kv_plan_question(p, t->question), kv_slice(p->answering[t->answering]),
        kv_slice(p->parsing[t->parsing]), t->replicate);
}

/* Takes TAB and one of the keys off the end; tries from *model on. */
static bool cut_model(struct kv_slice *rest, char **keys, size_t n, size_t *model)
{
    for (; *model < n; ++*model) {
        size_t length = strlen(keys[*model]);
        if (rest->n > length && rest->p[rest->n - length - 1] == '\t' &&
            memcmp(rest->p + rest->n - length, keys[*model], length) == 0) {
            rest->n -= length + 1;
            return true;
        }
    }
    return false;
}

bool kv_plan_find_question(const struct kv_plan *p, struct kv_slice id, size_t *question)
{
    size_t low = 0, high = p->question_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kv_slice_cmp(kv_plan_question(p, p->by_id[middle]), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == p->question_count || !kv_slice_eq(kv_plan_question(p, p->by_id[low]), id))
        return false;
    *question = p->by_id[low];
    return true;
}

/* The replicate at the end: as many digits as the plan itself would write. */
static bool cut_replicate(const struct kv_plan *p, struct kv_slice *rest, int64_t *replicate)
{
    int64_t x = 0, power = 1;
    size_t n = rest->n;
    *replicate = KV_NO_REPLICATE;
    if (p->config->replicate_count == 1)
        return true;
    while (n && rest->p[n - 1] >= '0' && rest->p[n - 1] <= '9' && power < INT64_MAX / 100) {
        x += (rest->p[--n] - '0') * power;
        power *= 10;
    }
    if (n < 4 || n == rest->n || rest->p[n] == '0' || memcmp(rest->p + n - 4, "\trep", 4) != 0 ||
        x > p->config->replicate_count)
        return false;
    *replicate = x;
    rest->n = n - 4;
    return true;
}

bool kv_plan_find(const struct kv_plan *p, struct kv_slice key, struct kv_task *out)
{
    struct kv_task t;
    if (!cut_replicate(p, &key, &t.replicate))
        return false;
    for (t.parsing = 0;; t.parsing++) {
        struct kv_slice judged = key;
        if (!cut_model(&judged, p->parsing, p->config->parsing_count, &t.parsing))
            return false;
        for (t.answering = 0;; t.answering++) {
            struct kv_slice id = judged;
            if (!cut_model(&id, p->answering, p->config->answering_count, &t.answering))
                break;
            if (kv_plan_find_question(p, id, &t.question)) {
                *out = t;
                return true;
            }
        }
    }
}

void kv_plan_add_json(const struct kv_plan *p, const struct kv_task *t, struct kv_buf *out)
{
    struct kv_identity answering, parsing;
    struct kv_buf key = {0};
    kv_plan_add_key(p, t, &key);
    kv_identity_of(&p->config->answering[t->answering], KV_ANSWERING, &answering);
    kv_identity_of(&p->config->parsing[t->parsing], KV_PARSING, &parsing);
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "task_id", kv_slice_of(&key));
    kv_json_out_text(out, "question_id", kv_plan_question(p, t->question));
    kv_json_out_key(out, "answering");
    kv_identity_add_json(out, &answering);
    kv_json_out_key(out, "parsing");
    kv_identity_add_json(out, &parsing);
    if (t->replicate == KV_NO_REPLICATE)
        kv_json_out_null(out, "replicate");
    else
        kv_json_out_int(out, "replicate", t->replicate);
    kv_buf_add_char(out, '}');
    kv_buf_release(&key);
}

/* ---- orders of execution ---- */

/* What a model is sorted by: its id, else its name. */
static struct kv_slice sort_id(const struct kv_model *m)
{
    return m->id.n ? m->id : m->model_name;
}

/* How many models of the list sort before each: equal ids get equal ranks. */
static size_t *model_ranks(const struct kv_model *models, size_t n)
{
    size_t *ranks = kv_calloc(n + 1, sizeof *ranks);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            ranks[i] += kv_slice_cmp(sort_id(&models[k]), sort_id(&models[i])) < 0;
    return ranks;
}

/* The first model with the same key: models of one key make one group. */
static size_t group_of(const struct kv_plan *p, size_t answering)
{
    for (size_t i = 0; i < answering; i++)
        if (strcmp(p->answering[i], p->answering[answering]) == 0)
            return i;
    return answering;
}

static uint32_t *question_ranks(const struct kv_plan *p)
{
    uint32_t *ranks = kv_array(NULL, p->question_count + 1, sizeof *ranks);
    for (size_t i = 0; i < p->question_count; i++)
        ranks[p->by_id[i]] = (uint32_t)i;
    return ranks;
}

/* The number of each answering model's group, from 1: groups are numbered as they first appear among
 * the tasks. 0: it does not. */
static size_t *number_groups(
    const struct kv_plan *p, const uint64_t *tasks, size_t n, size_t *groups)
{
    size_t models = p->config->answering_count;
    size_t *first = kv_calloc(models + 1, sizeof *first); /* of the group of each model */
    size_t *numbers = kv_calloc(models + 1, sizeof *numbers);
    for (size_t i = 0; i < models; i++)
        first[i] = group_of(p, i);
    *groups = 0;
    for (size_t i = 0; i < n; i++) {
        size_t *number = &numbers[first[kv_plan_task(p, tasks[i]).answering]];
        if (!*number)
            *number = ++*groups;
    }
    for (size_t i = models; i-- > 0;) /* the first of a group is before the others */
        numbers[i] = numbers[first[i]];
    free(first);
    return numbers;
}

/* What each task is sorted by, as one number: its group or the rank of its answering model, and the
 * ranks of the rest, as digits. They are less than there are tasks in the plan. */
static uint64_t *rank(
    const struct kv_plan *p, const uint64_t *tasks, size_t n, const size_t *groups)
{
    const struct kv_config *c = p->config;
    uint32_t *questions = question_ranks(p);
    size_t *answering = model_ranks(c->answering, c->answering_count);
    size_t *parsing = model_ranks(c->parsing, c->parsing_count);
    uint64_t *ranks = kv_array(NULL, n + 1, sizeof *ranks);
    for (size_t i = 0; i < n; i++) {
        struct kv_task t = kv_plan_task(p, tasks[i]);
        uint64_t first = groups ? groups[t.answering] - 1 : answering[t.answering];
        uint64_t replicate = t.replicate == KV_NO_REPLICATE ? 0 : (uint64_t)t.replicate - 1;
        ranks[i] = first * p->question_count + questions[t.question];
        ranks[i] = ranks[i] * c->parsing_count + parsing[t.parsing];
        ranks[i] = ranks[i] * (uint64_t)c->replicate_count + replicate;
    }
    free(questions);
    free(answering);
    free(parsing);
    return ranks;
}

/* Of equal ranks the one that comes first among the tasks. */
static int by_rank(const void *a, const void *b, void *closure)
{
    const uint64_t *ranks = closure;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (ranks[x] != ranks[y])
        return ranks[x] < ranks[y] ? -1 : 1;
    return (x > y) - (x < y);
}

/* Sorts by ranks, which are overwritten. */
static void sort_by_rank(uint64_t *tasks, size_t n, uint64_t *ranks)
{
    uint32_t *order = kv_array(NULL, n + 1, sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, n, sizeof *order, by_rank, ranks);
    memcpy(ranks, tasks, n * sizeof *tasks);
    for (size_t i = 0; i < n; i++)
        tasks[i] = ranks[order[i]];
    free(order);
}

/* Takes one task of each group in turn until all are exhausted. `sorted` is by group. */
static void deal(const struct kv_plan *p, const size_t *numbers, size_t groups,
    const uint64_t *sorted, size_t n, uint64_t *tasks)
{
    size_t *at = kv_calloc(groups + 1, sizeof *at); /* where each group goes on */
    size_t *end = kv_calloc(groups + 1, sizeof *end);
    for (size_t i = 0; i < n; i++)
        end[numbers[kv_plan_task(p, sorted[i]).answering] - 1] = i + 1;
    for (size_t g = 1; g < groups; g++)
        at[g] = end[g - 1];
    for (size_t done = 0; done < n;)
        for (size_t g = 0; g < groups; g++)
            if (at[g] < end[g])
                tasks[done++] = sorted[at[g]++];
    free(at);
    free(end);
}

/* SplitMix64 (Steele, Lea and Flood 2014): small, and any seed will do. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void shuffle(uint64_t *tasks, size_t n, uint64_t seed)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = next_random(&seed) % i;
        uint64_t swap = tasks[i - 1];
        tasks[i - 1] = tasks[k];
        tasks[k] = swap;
    }
}

enum kv_ordering kv_plan_ordering(const struct kv_plan *p, enum kv_ordering ordering)
{
    if (ordering != KV_ORDER_AUTO)
        return ordering;
    for (size_t i = 1; i < p->config->answering_count; i++)
        if (strcmp(p->answering[0], p->answering[i]) != 0)
            return KV_ORDER_DISTRIBUTE;
    return KV_ORDER_PREFIX_CACHE;
}

void kv_plan_order(
    const struct kv_plan *p, enum kv_ordering ordering, uint64_t seed, uint64_t *tasks, size_t n)
{
    size_t groups = 0, *numbers = NULL;
    ordering = kv_plan_ordering(p, ordering);
    if (ordering == KV_ORDER_RANDOM)
        shuffle(tasks, n, seed);
    if (ordering != KV_ORDER_PREFIX_CACHE && ordering != KV_ORDER_DISTRIBUTE)
        return;
    if (ordering == KV_ORDER_DISTRIBUTE)
        numbers = number_groups(p, tasks, n, &groups);
    uint64_t *ranks = rank(p, tasks, n, numbers);
    sort_by_rank(tasks, n, ranks);
    if (numbers) {
        memcpy(ranks, tasks, n * sizeof *tasks);
        deal(p, numbers, groups, ranks, n, tasks);
    }
    free(ranks);
    free(numbers);
}
