/* A function as small as one can be: whatever comes to eth0 goes back, and it dies of one frame (see foreign.rs). */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(void) {
    static unsigned char frame[4096];
    static const unsigned char deadly[4] = {0, 255, 255, 255};
    int s = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    at.sll_ifindex = if_nametoindex("eth0");
    if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) < 0) return perror("eth0"), 1;
    for (;;) {
        struct sockaddr_ll from;
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(s, frame, sizeof frame, 0, (struct sockaddr *)&from, &size);
        if (n < 0) return perror("recvfrom"), 1;
        if (from.sll_pkttype == PACKET_OUTGOING) continue;
        if (n >= 18 && !memcmp(frame + 14, deadly, sizeof deadly)) {
            fprintf(stderr, "a frame that it cannot bear\n");
            abort();
        }
        send(s, frame, n, 0);
    }
}
