#!/bin/sh
# Builds the examples of guests: build.sh FOLDER puts flow-counter.wasm, payload-filter.wasm and swap-mac.wasm there. Those
# whose tools are missing are left out, with a line that says so. The first needs Rust's target wasm32-unknown-unknown, the
# last clang and wasm-ld (Debian: clang, lld).
set -eu
[ $# = 1 ] || { echo "usage: build.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cargo=${CARGO:-cargo}

rustc=${RUSTC:-rustc}
if [ -d "$("$rustc" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ] \
	|| rustup target add wasm32-unknown-unknown >/dev/null 2>&1; then
	cd "$here"
	"$cargo" build --quiet --offline --release --target wasm32-unknown-unknown --target-dir "$out/build"
	for guest in flow_counter payload_filter; do
		cp "$out/build/wasm32-unknown-unknown/release/$guest.wasm" "$out/$(echo $guest | tr _ -).wasm"
	done
else
	echo "skipped: guests in Rust (the target wasm32-unknown-unknown is not installed)"
fi

if command -v clang >/dev/null && command -v wasm-ld >/dev/null; then
	clang --target=wasm32 -O2 -Wall -Wextra -Werror -nostdlib -ffreestanding -Wl,--no-entry -I "$here/../sdk" \
		-o "$out/swap-mac.wasm" "$here/swap-mac/swap-mac.c"
else
	echo "skipped: the guest in C (clang or wasm-ld is not installed)"
fi
