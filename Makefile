# The one door. Every target installs what it needs or says the one command that does; `make help` lists them.
#
# Clones share one build cache per user, so that a second clone is fast. Set CARGO_TARGET_DIR to choose another.

cache := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)
export CARGO_TARGET_DIR ?= $(cache)/hermes/target

ADDR ?= 127.0.0.1:8787
ARGS ?=
run := @sh xtask/run.sh

.DEFAULT_GOAL := help
.PHONY: help serve watch check test e2e bench budget build

help: ## List the targets
	@echo "Hermes: make <target>"
	@echo
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-10s %s\n", $$1, $$2 }'
	@echo
	@echo "  ADDR=127.0.0.1:8787   where serve and watch listen      HERMES_HOME=~/.hermes   where data lies"
	@echo "  ARGS=\"--ui\"           passed on to Playwright by e2e    CARGO_TARGET_DIR        $(CARGO_TARGET_DIR)"

serve: ## Build what changed and run Hermes
	$(run) 4 serve --addr $(ADDR)

watch: ## Run an unoptimised server, rebuilt and restarted at every change
	$(run) 1 watch --addr $(ADDR)

check: ## Format, lints, documentation, file sizes, dependency arrows
	$(run) 8 check

test: ## Every test, in a browser as well, and the budgets
	$(run) 8 test

e2e: ## The browser tests alone
	$(run) 5 e2e $(ARGS)

bench: ## The benchmarks
	$(run) 4 bench

budget: ## What Hermes costs to load, to keep and to start, against its limits
	$(run) 4 budget

build: ## Build target/bin/hermes: one file that holds everything
	$(run) 3 build
