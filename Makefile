# The commands of the project. Each says what it needs; `make run` and `make test` install it.
CARGO ?= cargo
SUDO  := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
# Tools that `run` and `test` use, by the program that shows whether they are there; then those that `bench` alone uses.
TOOLS := ip:iproute2 ping:iputils-ping iperf3:iperf3 tshark:tshark tcpdump:tcpdump ethtool:ethtool curl:curl cc:gcc valgrind:valgrind \
	clang:clang wasm-ld:lld python3:python3 ovs-vswitchd:openvswitch-switch snmpget:snmp snmpd:snmpd snmptrapd:snmptrapd \
	smilint:smitools
# Debian has dpdk-testpmd in dpdk-dev. Libraries come next, by what pkg-config or the file system knows them as.
BENCH_TOOLS := dpdk-testpmd:dpdk-dev ITGSend:d-itg
LIBRARIES := pkg-config:pkg-config libdpdk:libdpdk-dev libclang:libclang-dev
# What images are made, booted and tested with; files by their paths.
IMAGE_TOOLS := qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils flex:flex bison:bison bc:bc ld:binutils perl:perl xz:xz-utils \
	cpio:cpio genisoimage:genisoimage mformat:mtools grub-mkimage:grub-common mkfs.ext4:e2fsprogs setpriv:util-linux \
	dnsmasq:dnsmasq-base radvd:radvd xmllint:libxml2-utils busybox:busybox-static \
	/usr/lib/grub/i386-pc/boot.img:grub-pc-bin /usr/lib/grub/x86_64-efi/moddep.lst:grub-efi-amd64-bin \
	/usr/share/OVMF/OVMF_CODE.fd:ovmf /usr/share/libvirt/schemas/domain.rng:libvirt0 /usr/include/libelf.h:libelf-dev \
	/usr/src/linux-source-6.1.tar.xz:linux-source-6.1
ALL_TOOLS := $(TOOLS) $(BENCH_TOOLS) $(LIBRARIES) $(IMAGE_TOOLS)
# What the program is built with: DPDK where it is installed.
FEATURES = $(shell pkg-config --exists 'libdpdk >= 22.11' 2>/dev/null && echo --features sluice-agent/dpdk,sluice-bench/dpdk)
SLUICE = target/release/sluice

.PHONY: run demo image test test-xen test-boots soak fuzz-api tacker check bench bench-paper bench-wasm build guests manual openapi tools clean no-std miri

build:
	$(CARGO) build --release --quiet $(FEATURES)
	@echo "built $(SLUICE)"

# The image, booted between two hosts, as a firewall: real ping, iperf3 and a telnet attempt through it.
# ARGS="--for 20s" ends by itself.
run:
	@images/demo/run.sh --announce $(ARGS)
	@$(MAKE) --no-print-directory image IMAGES=full
	@images/demo/run.sh $(ARGS)

# The same without a virtual machine: two network namespaces joined by Sluice as an IPv4 router with a packet filter.
demo:
	@agent/demo/run.sh --announce $(ARGS)
	@$(MAKE) --no-print-directory tools NEED="ip ping iperf3 curl pkg-config libdpdk libclang"
	@echo "building (two minutes the first time; a dot every few seconds) ..."
	@(while sleep 4; do printf .; done) & dots=$$!; $(MAKE) --no-print-directory build; built=$$?; kill $$dots; echo; exit $$built
	@agent/demo/run.sh $(ARGS)

# Images of virtual machines in target/images: a kernel of Debian's sources (some six minutes, once), the program without
# shared libraries, and what their recipes (images/recipes) name beside.
IMAGES ?= full
image: tools
	$(CARGO) build --quiet -p sluice-images
	@for i in $(IMAGES); do target/debug/sluice-image build $$i || exit 1; done

# Everything that must pass.
test: tools
	@if [ -e /usr/src/linux-source-6.1.tar.xz ]; then $(MAKE) --no-print-directory image IMAGES="socket full" NEED=none; \
		else echo "skipped: images (they need Debian's package linux-source-6.1)"; fi
	$(CARGO) build --quiet $(FEATURES)
	$(CARGO) test --quiet $(FEATURES)
	$(CARGO) test --quiet -p sluice-wasm
	$(CARGO) test --quiet -p sluice-agent --features wasm --test ems mixed::
	@$(MAKE) --no-print-directory no-std
	@$(MAKE) --no-print-directory miri

# Every kind of DPDK's ports under load, with peers that fail and come back: no packet unaccounted for, no buffer lost.
# As root; SOAK_SECONDS is how long it takes in all.
SOAK_SECONDS ?= 3600
soak: tools
	@[ -n "$(FEATURES)" ] || { echo "soak: DPDK is not installed"; exit 1; }
	@SOAK_SECONDS=$(SOAK_SECONDS) timeout $$(($(SOAK_SECONDS) * 2 + 1800)) $(CARGO) test --quiet --release --features dpdk \
		-p sluice-agent --test dpdk -- buffers:: --nocapture --test-threads 1 \
		&& echo "soak: passed" || { echo "soak: FAILED"; exit 1; }

# The EMS against its own OpenAPI document, by Schemathesis (installed beneath target/). As root.
fuzz-api: build
	@agent/demo/fuzz-api.sh --checks all --max-examples $(or $(FUZZ_EXAMPLES),100) $(ARGS)

# OpenStack Tacker's own client for the coordination of life cycle operations (SOL 002) against the EMS; it is installed beneath
# target/ (two minutes, 450 MB). Without root.
tacker: build
	@agent/demo/tacker.sh

# The image under real Xen 4.17, in QEMU without KVM, as PV and as PVH guest. Debian's packages of Xen (75 MB) are unpacked in
# the cache, nothing is installed.
test-xen: image
	SLUICE_TEST_XEN=1 SLUICE_TEST_KERNEL=$(CURDIR)/target/images/full/bzImage \
		SLUICE_TEST_INITRAMFS=$(CURDIR)/target/images/full/initramfs \
		$(CARGO) test --quiet -p sluice-images --test xen -- --nocapture

# The image booted 50 times in a row, and 20 machines side by side; and one with programs of others as functions, which takes a
# kernel of its own (some six minutes, once).
test-boots:
	@$(MAKE) --no-print-directory image IMAGES="socket foreign"
	$(CARGO) test --quiet -p sluice-images --test vm -- --include-ignored --nocapture many:: foreign::

# Format, lints, documentation, dependencies, bare metal.
check: no-std
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --all-targets -- -D warnings
	$(CARGO) clippy --quiet -p sluice-agent --no-default-features -- -D warnings
	cd agent/wasm/guests && $(CARGO) fmt --all --check -- --config-path ../../../rustfmt.toml
	$(CARGO) clippy --quiet -p sluice-wasm --all-targets -- -D warnings
	$(CARGO) clippy --quiet -p sluice-agent --features wasm -- -D warnings
	@[ -z "$(FEATURES)" ] || $(CARGO) clippy --quiet --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps $(FEATURES)
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps -p sluice-wasm
	@command -v cargo-deny >/dev/null || $(CARGO) install --quiet --locked cargo-deny
	$(CARGO) deny --log-level error check bans licenses sources
	@$(CARGO) deny --log-level error check advisories || { \
		ls -d "$${CARGO_HOME:-$$HOME/.cargo}"/advisory-dbs/*/ >/dev/null 2>&1 && exit 1; \
		echo "skipped: advisories (their database cannot be reached)"; }

# The core and the elements build without the standard library.
no-std:
	@if rustup target add x86_64-unknown-none >/dev/null 2>&1; then \
		echo "no_std: building for x86_64-unknown-none"; \
		$(CARGO) check --quiet -p sluice-elements --no-default-features --target x86_64-unknown-none --target-dir target/none; \
	else \
		echo "no_std: target x86_64-unknown-none cannot be had; building the same features for the host"; \
		$(CARGO) check --quiet -p sluice-elements --no-default-features --target-dir target/none; \
	fi

# Undefined behaviour in the unsafe code of packets and the pool.
miri:
	@if rustup component add miri rust-src --toolchain nightly >/dev/null 2>&1; then \
		MIRIFLAGS="-Zmiri-disable-isolation" $(CARGO) +nightly miri test --quiet -p sluice-dataplane --lib \
			--target-dir target/miri -- packet:: pool:: batch::; \
	else echo "skipped: miri (no nightly toolchain)"; fi

# Every figure of the README; needs no root but for the packet sockets. ARGS="--only router" limits it.
# Lines whose tool cannot be had are left out, with a note.
bench:
	@$(MAKE) --no-print-directory tools NEED="ip valgrind dpdk-testpmd pkg-config libdpdk libclang" || true
	$(CARGO) build --quiet --release $(FEATURES)
	target/release/sluice-bench $(ARGS)

# The experiment of Click-on-OSv: TCP streams and D-ITG's flows through guests of QEMU and Xen, and without them; target/paper.html.
# As root. Some half an hour with 10 runs of 1 s; ARGS="--runs 30 --seconds 10 --only qemu".
bench-paper:
	@$(MAKE) --no-print-directory image IMAGES="full socket"
	$(CARGO) build --quiet --release $(FEATURES)
	target/release/sluice-bench paper $(ARGS)

# What a WebAssembly function costs a packet. Building it takes ten minutes on two cores.
bench-wasm:
	$(CARGO) bench --quiet -p sluice-wasm

# The examples of WebAssembly functions, in target/guests.
guests:
	@$(MAKE) --no-print-directory tools NEED="clang wasm-ld"
	@agent/wasm/guests/build.sh target/guests

# elements/MANUAL.md, from the elements themselves.
manual:
	$(CARGO) run --quiet --bin sluice -- elements --manual > elements/MANUAL.md.new
	mv elements/MANUAL.md.new elements/MANUAL.md

# mgmt/openapi.json, from the routes themselves.
openapi:
	UPDATE=1 $(CARGO) test --quiet -p sluice-mgmt --test openapi

# Installs what is missing, by name. NEED limits it to some programs.
tools:
	@missing=""; for t in $(ALL_TOOLS); do \
		p=$${t%%:*}; case " $(or $(NEED),$(foreach t,$(ALL_TOOLS),$(firstword $(subst :, ,$(t))))) " in *" $$p "*) ;; *) continue;; esac; \
		PATH="$$PATH:/usr/sbin:/sbin" command -v $$p >/dev/null || [ -e "$$p" ] || pkg-config --exists $$p 2>/dev/null \
			|| ls /usr/lib/llvm-*/lib/$$p* >/dev/null 2>&1 || missing="$$missing $${t#*:}"; done; \
	if [ -n "$$missing" ]; then \
		echo "installing$$missing"; \
		if [ "$$(id -u)" != 0 ] && [ -z "$(SUDO)" ]; then echo "skipped: needs root to install$$missing"; exit 0; fi; \
		$(SUDO) apt-get update -qq && for p in $$missing; do \
			$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$p >/dev/null \
				|| echo "skipped: what needs $$p (it cannot be installed)"; done; \
	fi

clean:
	$(CARGO) clean
