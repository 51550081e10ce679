# Front door. CMake does the work; this file knows the order of the steps and installs what is missing.
ARGS ?=
FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help run build test bench bench-overload bench-cluster bench-mesh bench-upgrade fmt fmt-check tidy asan tsan fuzz clean

help:
	@echo 'make run        build, then serve a demo auction on https://localhost:8443 (ARGS="--set key=value" go to sluice)'
	@echo 'make build      build/release/bin/'
	@echo 'make test       build and run every test'
	@echo 'make asan       every test under AddressSanitizer and UBSan'
	@echo 'make tsan       every test under ThreadSanitizer'
	@echo 'make fuzz       replay the corpora, then fuzz each target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make bench      requests, handshakes and memory of one processor, beside nginx where it is installed'
	@echo 'make bench-overload ARGS=EXPERIMENT   what overload does, beside rivals; ARGS=--help lists the experiments'
	@echo 'make bench-cluster   three members behind HAProxy: resumption, draining, delegation'
	@echo 'make bench-mesh   what the connections between idle members take, by their number'
	@echo 'make bench-upgrade   a server is replaced while it serves: who notices, beside nginx and HAProxy'
	@echo 'make fmt        format the code; make fmt-check only looks'
	@echo 'make tidy       clang-tidy over everything'
	@echo 'make clean      remove build/'

run: build
	@exec build/release/bin/sluice serve --dev $(ARGS)

build:
	@deploy/setup.sh build
	$(call compile,release,binaries)

test:
	@deploy/setup.sh build test
	$(call compile,release,all)
	ctest --preset release -j $(JOBS)

asan tsan:
	@deploy/setup.sh build test
	$(call compile,$@,all)
	ctest --preset $@ -j $(JOBS)

fuzz:
	@deploy/setup.sh build test
	$(call compile,$@,all)
	ctest --preset fuzz
	@mkdir -p build/fuzz/found; for target in build/fuzz/tests/fuzz_*; do \
	  name=$${target##*/fuzz_}; grown=build/fuzz/grown/$$name; mkdir -p $$grown; \
	  echo "fuzzing $$name for $(FUZZ_SECONDS) s; findings land in build/fuzz/found/"; \
	  $$target -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/fuzz/found/$$name- $$grown \
	    tests/fuzz/corpus/$$name || exit 1; \
	done

bench:
	@deploy/setup.sh build bench
	$(call compile,release,binaries handshakes)
	/usr/bin/python3 tests/bench/bench.py --bin build/release/bin $(ARGS)

bench-overload:
	@deploy/setup.sh build bench
	$(call compile,release,binaries sluice-worktop)
	/usr/bin/python3 tests/bench/overload.py --bin build/release/bin $(ARGS)

bench-cluster:
	@deploy/setup.sh build bench rivals
	$(call compile,release,binaries)
	SLUICE_BIN_DIR=$(CURDIR)/build/release/bin /usr/bin/python3 tests/bench/cluster.py $(ARGS)

bench-mesh:
	@deploy/setup.sh build bench
	$(call compile,release,binaries digests)
	build/release/tests/bench/digests
	SLUICE_BIN_DIR=$(CURDIR)/build/release/bin /usr/bin/python3 tests/bench/mesh.py $(ARGS)

bench-upgrade:
	@deploy/setup.sh build bench rivals
	$(call compile,release,binaries)
	/usr/bin/python3 tests/bench/upgrades.py --bin build/release/bin $(ARGS)

fmt:
	@/usr/bin/python3 tests/lint/format.py --fix

fmt-check:
	@/usr/bin/python3 tests/lint/format.py

tidy:
	@deploy/setup.sh build test
	$(call compile,dev,all)
	run-clang-tidy -p build/dev -quiet -j $(JOBS) '$(CURDIR)/(base|admission|server|cluster|node|apps|loadgen|tools|tests)/'

clean:
	rm -rf build

# Ninja uses all cores by itself and shows how far it is.
define compile
@cmake --preset $(1) --log-level=NOTICE
cmake --build --preset $(1) --target $(2)
endef
