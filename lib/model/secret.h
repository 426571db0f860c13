/* secret - keys of model providers: held where they do not leak, and recognised where they do.
 *
 * A ring owns the keys of a process. Each lies on pages of its own that are locked, left out of
 * core dumps and wiped at the end. Whatever is printed and may echo a key (a provider's error text,
 * a URL) passes through kv_secret_redact first, which knows the exact keys and the usual shapes of
 * others. The ring knows nothing of providers; http sees a key only inside a header line.
 *
 *     struct kv_secrets *ring = kv_secret_open();
 *     kv_secret_harden();
 *     if (kv_secret_find(ring, kv_cli_env, "OPENAI_API_KEY", &key, err) < 0) …
 *     … kv_secret_redact(ring, text, &out) …
 *     kv_secret_close(ring);
 */
#ifndef KV_SECRET_H
#define KV_SECRET_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct kv_secrets;

/* How a caller lets others look at the environment (kv_cli_env): NULL if unset or empty. */
typedef const char *kv_env_fn(const char *name);

struct kv_secrets *kv_secret_open(void);
void kv_secret_close(struct kv_secrets *ring); /* wipes every key */

/* No core dumps and no reading of this process by others of the same user, from here on. A leak
 * sanitizer cannot work in a process hardened so. Best effort, never fails. */
void kv_secret_harden(void);

/* Takes a key in: white space at its ends is cut, and a key that is empty or holds control or
 * non-ASCII bytes is refused (KV_INPUT; it could smuggle header lines). `name` says where it came
 * from and appears in messages; the key never does. The slice is the ring's, until close. */
int kv_secret_add(struct kv_secrets *ring, const char *name, struct kv_slice text,
    struct kv_slice *key, struct kv_err *err);

/* The key in the environment variable `name`, or in the file that NAME_FILE names, which must be a
 * regular file of this user that nobody else may read. The variable is overwritten and removed, so
 * that no child and no /proc/PID/environ shows it; asked again, the ring remembers. Returns 1 with
 * *key, 0 if there is none, -1 on failure. Call before threads or children start. */
int kv_secret_find(struct kv_secrets *ring, kv_env_fn *env, const char *name, struct kv_slice *key,
    struct kv_err *err);

/* True if kv_secret_find would find a key of this name. `ring` may be NULL. */
bool kv_secret_is_set(const struct kv_secrets *ring, kv_env_fn *env, const char *name);

/* Names, separated by commas, of variables that stay in the environment, for commands. Borrowed. */
void kv_secret_pass(struct kv_secrets *ring, const char *names);

/* Takes in the key of the variable `name`, or of all that begin with it if it ends in '_', and
 * appends ", NAME" for each that is gone from the environment. One that is no key stays. */
void kv_secret_gather(struct kv_secrets *ring, const char *name, struct kv_buf *gone);

/* Overwrites and removes a variable of the environment that should not travel further. */
void kv_secret_forget_env(const char *name);

/* Appends `text` with every key of the ring (also a part of at least 8 bytes of one), everything
 * shaped like a key (sk-…, Bearer …, key=… and such) and the user part of URLs replaced by
 * "[redacted]". `ring` may be NULL: then only the shapes are known. */
void kv_secret_redact(const struct kv_secrets *ring, struct kv_slice text, struct kv_buf *out);

#endif
