/* Swaps source and destination of Ethernet frames; what is shorter than that goes to output 1, or is dropped.
 * Statistics: swapped, short. */
#include "sluice.h"

SLUICE_MODULE;

static uint64_t swapped, too_short;

void sluice_process(struct sluice_packet *packets, uint32_t count, uint32_t outputs) {
    for (struct sluice_packet *p = packets; p < packets + count; p++) {
        if (p->length < 12) {
            p->output = outputs > 1 ? 1 : SLUICE_DROP;
            too_short++;
            continue;
        }
        uint8_t *b = sluice_data(p);
        for (int i = 0; i < 6; i++) {
            uint8_t t = b[i];
            b[i] = b[i + 6];
            b[i + 6] = t;
        }
        p->flags = SLUICE_MODIFIED;
        swapped++;
    }
}

static char *put(char *to, const char *name, uint64_t n) {
    char digits[20];
    int i = 0;
    while (*name)
        *to++ = *name++;
    do
        digits[i++] = (char)('0' + n % 10);
    while (n /= 10);
    while (i > 0)
        *to++ = digits[--i];
    *to++ = '\n';
    return to;
}

SLUICE_EXPORT(sluice_statistics) uint64_t sluice_statistics(void) {
    static char text[80];
    char *end = put(put(text, "swapped=", swapped), "short=", too_short);
    return sluice_bytes(text, (size_t)(end - text));
}
