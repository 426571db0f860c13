# kv - resumable LLM benchmark runs. GNU make; the two lists below are the architecture.

# A module includes only headers of modules to its left (tests/shape.bats checks it). The first line
# is what a C program gets as libkv.so: it needs no HTTP and no jq.
MODULES_FILES = err buf io json num digest doc config task template bench result index state
MODULES_RUN   = jq verify prompt http provider sched pipeline cli
MODULES       = $(MODULES_FILES) $(MODULES_RUN)
# One bin/NAME.c each; bin/kv is a shell script.
PROGRAMS      = kv-manifest kv-run kv-append kv-status kv-check-compat kv-finalize kv-verify

VERSION = 0.1.0
SOVER   = 0
CC     ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BATS   ?= bats

# make SAN=address, SAN=undefined, SAN=thread, SAN=address,undefined: a tree of its own under build/
SAN ?=
OUT  = build$(if $(SAN),/$(subst $(comma),-,$(SAN)))
BIN  = $(if $(SAN),$(OUT)/bin,bin)
TBIN = $(if $(SAN),$(OUT)/tests,tests/bin)
comma = ,

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla $(WERROR)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DKV_VERSION='"$(VERSION)"' -Ilib $(WARN) -MMD -MP -fPIC \
	-fvisibility=default $(CFLAGS) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_LDFLAGS = -Wl,--as-needed $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN))
LIBS_FILES = -lnettle -lunistring -lm
LIBS       = $(LIBS_FILES) -ljq -lcurl

LIB_SRC   = $(wildcard $(MODULES:%=lib/%.c))
LIB_OBJ   = $(LIB_SRC:lib/%.c=$(OUT)/%.o)
FILES_OBJ = $(patsubst lib/%.c,$(OUT)/%.o,$(wildcard $(MODULES_FILES:%=lib/%.c)))
PROG_SRC  = $(wildcard $(PROGRAMS:%=bin/%.c))
PROG      = $(PROG_SRC:bin/%.c=$(BIN)/%)

all: $(OUT)/libkv.a $(OUT)/libkv.so $(PROG)

$(OUT) $(OUT)/bin $(OUT)/tests:
	mkdir -p $@

$(OUT)/%.o: lib/%.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(OUT)/libkv.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(OUT)/libkv.so: $(FILES_OBJ)
	$(CC) -shared -Wl,-soname,libkv.so.$(SOVER) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_FILES)

$(BIN)/kv-%: bin/kv-%.c $(OUT)/libkv.a | $(OUT) $(if $(SAN),$(OUT)/bin)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MF $(OUT)/kv-$*.d -o $@ $< $(OUT)/libkv.a $(LIBS)

-include $(wildcard $(OUT)/*.d)

clean:
	rm -rf build $(PROGRAMS:%=bin/%)

.PHONY: all clean
.DELETE_ON_ERROR:
