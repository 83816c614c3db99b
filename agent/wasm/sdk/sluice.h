/* Functions for Sluice in C, by version 1 of the interface in agent/wasm/ABI.md.
 *
 *   clang --target=wasm32 -O2 -nostdlib -ffreestanding -Wl,--no-entry -I agent/wasm/sdk -o f.wasm f.c
 *
 * A module defines sluice_process, and what else of the functions below it wants, each behind SLUICE_EXPORT. One of its
 * files says SLUICE_MODULE; outside of a function. */
#ifndef SLUICE_H
#define SLUICE_H

#include <stddef.h>
#include <stdint.h>

#define SLUICE_VERSION 1u
#define SLUICE_DROP 0xffffu     /* output: drops the packet */
#define SLUICE_MODIFIED 1u      /* flag: bytes were changed */
#define SLUICE_UNKNOWN 0xffffu  /* network: not known */

enum sluice_level { SLUICE_ERROR = 0, SLUICE_WARNING = 1, SLUICE_INFO = 2 };

struct sluice_packet {
    uint32_t offset;      /* address of the first byte; may be moved within the room */
    uint32_t length;      /* bytes; may be changed within the room */
    uint16_t headroom;    /* free bytes before the first, as handed over */
    uint16_t tailroom;    /* free bytes behind the last, as handed over */
    uint16_t input;       /* input that it came from */
    uint16_t output;      /* to be written: output, or SLUICE_DROP */
    uint16_t flags;       /* to be written: SLUICE_MODIFIED */
    uint16_t network;     /* offset of the network header, or SLUICE_UNKNOWN */
    uint8_t paint;        /* annotation */
    uint8_t reserved[3];
};

_Static_assert(sizeof(struct sluice_packet) == 24, "layout");

#define SLUICE_EXPORT(name) __attribute__((export_name(#name)))
#define SLUICE_IMPORT(name) __attribute__((import_module("sluice"), import_name(#name)))

/* Of the host. */
SLUICE_IMPORT(log) void sluice_log(uint32_t level, const char *text, size_t length);
SLUICE_IMPORT(clock) uint64_t sluice_clock(void); /* nanoseconds since the epoch, the same within a batch */

static inline uint8_t *sluice_data(const struct sluice_packet *p) { return (uint8_t *)(uintptr_t)p->offset; }

/* What sluice_statistics and sluice_snapshot return. */
static inline uint64_t sluice_bytes(const void *at, size_t length) {
    return (uint64_t)(uintptr_t)at << 32 | (uint32_t)length;
}

/* The two functions that are the same in every module. The area is memory that nothing else uses: new pages. */
#define SLUICE_MODULE                                                                 \
    SLUICE_EXPORT(sluice_abi) uint32_t sluice_abi(void) { return SLUICE_VERSION; }    \
    SLUICE_EXPORT(sluice_area) uint32_t sluice_area(uint32_t bytes) {                 \
        size_t page = __builtin_wasm_memory_grow(0, ((size_t)bytes + 65535) / 65536); \
        return page == (size_t)-1 ? 0 : (uint32_t)(page * 65536);                     \
    }                                                                                 \
    _Static_assert(1, "")

/* To be defined. */
SLUICE_EXPORT(sluice_process) void sluice_process(struct sluice_packet *packets, uint32_t count, uint32_t outputs);

#endif
