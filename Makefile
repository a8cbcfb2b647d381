# What one does with kiln. Each target is a script, so that it can be read and run by itself.

.DEFAULT_GOAL := help
.PHONY: help demo test interop interop-all bench fuzz lint docs install

help: ## This list
	@echo "usage: make TARGET"
	@echo
	@sed -n 's/^\([a-z-]*\): ## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## Build nginx from today's Debian packages and fetch its page
	@scripts/demo

test: ## All tests; those with containers where an engine is (CI=true starts one)
	@scripts/test

interop: ## Comparisons with peers and with Debian's own tools
	@scripts/interop/run

interop-all: ## The same, with the long ones: dev sessions, every image everywhere, other scanners
	@KILN_INTEROP=all scripts/interop/run

bench: ## Measure, and write docs/benchmarks.md
	@scripts/bench

fuzz: ## Feed every parser with hostile bytes, FUZZ_SECONDS (60) each
	@scripts/fuzz

lint: ## Format, clippy, licences, and the rules of the house
	@scripts/lint

docs: ## The documentation of the code, without warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

install: ## Install kiln for this user
	@scripts/build-start --release
	@KILN_START_DIR=$(CURDIR)/target/start cargo install --path crates/kiln --locked
