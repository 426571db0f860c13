/* own_program - where the other programs of this toolkit are. */
#ifndef KV_OWN_PROGRAM_H
#define KV_OWN_PROGRAM_H

/* The program of this name beside ours; where that cannot be told, its name, to be looked for on
 * PATH. The caller frees it. */
char *kv_own_program(const char *name);

#endif
